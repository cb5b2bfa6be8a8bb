//! The OpenAPI document.

use std::path::Path;

use serde_json::Value;

/// The golden file; `KEYWARD_BLESS=1` writes it anew.
#[test]
fn the_openapi_document_is_the_one_that_was_agreed_on() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let document = keyward_server::document().expect("a document");
    if std::env::var_os("KEYWARD_BLESS").is_some() {
        let mut file = std::fs::File::create(&path).expect("the golden file");
        std::io::Write::write_all(&mut file, document.as_bytes()).expect("written");
    }
    let golden = std::fs::read_to_string(&path).expect("crates/server/openapi.json");
    assert!(
        document == golden,
        "the API is not that of {}; see the difference after KEYWARD_BLESS=1 cargo test",
        path.display()
    );
}

#[test]
fn every_route_of_the_runbook_is_in_the_document() {
    let document: Value =
        serde_json::from_str(&keyward_server::document().expect("a document")).expect("JSON");
    for (method, path) in [
        ("post", "/signer/keys"),
        ("post", "/anchors/{id}/keys"),
        ("post", "/anchors/{id}/keys/{keyId}/revoke"),
        ("get", "/anchors/{id}/keys/{keyId}/validity"),
        ("get", "/anchors/{id}/keys/history"),
    ] {
        assert!(document["paths"][path][method].is_object(), "{method} {path}");
    }
    let mut names: Vec<&Value> = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|item| item.as_object().expect("methods").values())
        .map(|operation| &operation["operationId"])
        .collect();
    let all = names.len();
    names.sort_by_key(|name| name.to_string());
    names.dedup();
    assert_eq!(names.len(), all, "each operation has a name of its own");
    assert_eq!(document["servers"][0]["url"], "/v1");
    assert_eq!(document["servers"][1]["url"], "/api/v1");
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn no_path_deletes_a_key_an_anchor_or_an_event() {
    // SO-002
    let document: Value =
        serde_json::from_str(&keyward_server::document().expect("a document")).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").iter();
    let deleting: Vec<&String> =
        paths.filter(|(_, item)| item.get("delete").is_some()).map(|(path, _)| path).collect();
    assert_eq!(deleting, ["/policies/{name}", "/root-key/slots/{id}", "/secrets/data/{path}"]);
}
