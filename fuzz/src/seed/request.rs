//! Requests: a life of keys, anchors and secrets, and every operation that the API describes.

use keyward_server::document;
use serde_json::{Map, Value, json};

/// Inputs of the target `http`.
pub(super) fn made() -> Vec<Vec<u8>> {
    let life = LIFE.join("\n");
    let mut made = vec![life.clone().into_bytes()];
    let api: Value = serde_json::from_str(&document().expect("a document")).expect("JSON");
    let paths = api["paths"].as_object().expect("paths");
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            for asked in of(&api, path, operation) {
                let line = format!("{} /v1{asked}", method.to_uppercase());
                made.push(line.clone().into_bytes());
                made.push(format!("{life}\n{line}\n={line}").into_bytes());
            }
        }
    }
    made
}

/// An operation with everything that it takes, and with nothing that it can do without.
fn of(api: &Value, path: &str, operation: &Value) -> [String; 2] {
    let mut path = path.to_owned();
    let mut query = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().expect("a name");
        let sample = value(api, &parameter["schema"], (name, &path), 0);
        let sample = sample.as_str().map_or_else(|| sample.to_string(), str::to_owned);
        match parameter["in"].as_str() {
            Some("query") => query.push(format!("{name}={sample}")),
            Some(_) | None => path = path.replace(&format!("{{{name}}}"), &sample),
        }
    }
    let path = path.replace("{*", "{").replace("{path}", "app/db");
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let body = if schema.is_null() { Value::Null } else { value(api, schema, ("", &path), 0) };
    let body = if body.is_null() { String::new() } else { format!(" {body}") };
    [format!("{path}?{}{body}", query.join("&")), format!("{path}{body}")]
}

/// A value of a schema, with every member.
fn value(api: &Value, schema: &Value, (name, path): (&str, &str), depth: u8) -> Value {
    if depth > 6 {
        return Value::Null;
    }
    if let Some(place) = schema["$ref"].as_str() {
        let schema = api.pointer(place.trim_start_matches('#')).expect("a schema");
        return value(api, schema, (name, path), depth + 1);
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[choice].as_array() {
            let good = choices.iter().find(|choice| choice["type"] != "null");
            let good = good.unwrap_or(&Value::Null);
            return value(api, good, (name, path), depth + 1);
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind {
        Some("object") => {
            let members = schema["properties"].as_object().into_iter().flatten();
            let members = members
                .map(|(name, schema)| (name.clone(), value(api, schema, (name, path), depth + 1)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Some("array") => json!([value(api, &schema["items"], (name, path), depth + 1)]),
        Some("boolean") => json!(true),
        Some("integer" | "number") => json!(1),
        Some(_) | None => match &schema["enum"][0] {
            Value::Null => sample(name, path),
            first => first.clone(),
        },
    }
}

/// A text that a member or a parameter of that name may have.
fn sample(name: &str, path: &str) -> Value {
    json!(match name {
        "keyId" | "keyIds" | "key_id" | "parent" | "successor" => "k1",
        "id" if path.contains("anchors") => ANCHOR,
        "anchorId" | "trustAnchorId" => ANCHOR,
        "name" => "web",
        "path" | "prefix" => "app/db",
        "profile" => "default",
        "purlPattern" => "pkg:npm/*",
        "purl" => "pkg:npm/left-pad@1.3.0",
        "reason" => "superseded",
        "role" => "viewer",
        "scopes" => "keys.read",
        "timePolicy" => "claimed",
        "who" => "token:ci",
        "may" | "capabilities" => "read",
        "under" => "app",
        "payload" => "aGVsbG8=",
        "algorithm" | "algorithms" => "SHA256-ED25519",
        "password" => crate::http::PASSWORD,
        "limit" | "from" | "index" | "version" => "1",
        _ if name.ends_with("At") || name.ends_with("Time") || name == "asOf" || name == "to" => {
            "2025-02-01T00:00:00Z"
        }
        _ => "text",
    })
}

const ANCHOR: &str = "550e8400-e29b-41d4-a716-446655440000";

/// What a store goes through; other requests find something after it.
const LIFE: [&str; 9] = [
    r#"POST /v1/signer/keys {"profile":"default","keyId":"k1"}"#,
    r#"POST /v1/signer/keys {"profile":"default","keyId":"k2","stage":true}"#,
    r#"POST /v1/anchors {"anchorId":"550e8400-e29b-41d4-a716-446655440000","purlPattern":"pkg:npm/*","keyIds":["k1"]}"#,
    r#"POST /v1/anchors/550e8400/keys {"keyId":"k2"}"#,
    r#"POST /v1/sign {"keyIds":["k1"],"payload":"aGVsbG8="}"#,
    r#"PUT /v1/policies/web {"rules":[{"who":["token:ci"],"may":["read","list"],"under":["app"]}]}"#,
    r#"PUT /v1/secrets/data/app/db {"value":"aGVsbG8="}"#,
    r#"POST /v1/signer/keys/k1/revoke {"reason":"superseded","effectiveAt":"2025-02-14T00:00:00Z"}"#,
    r#"POST /v1/anchors/import {"trustAnchorId":"550e8400-e29b-41d4-a716-446655440001","purlPattern":"pkg:maven/a*","allowedKeyids":["k1","k2"],"allowedPredicateTypes":[],"keyHistory":[{"keyid":"k2","addedAt":null,"revokedAt":"2025-02-14T00:00:00Z","revokeReason":"retired"}],"status":"inactive"}"#,
];
