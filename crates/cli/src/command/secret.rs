//! `keyward secret …` and `keyward policy …`.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use keyward::secret::{VALUE_BYTES_MAX, path::SecretPath};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use zeroize::Zeroizing;

use super::key::put;
use crate::{
    args::{PolicyVerb, SecretGet, SecretMetadata, SecretPut, SecretVerb, SecretVersions},
    exit::Failure,
    input,
    render::{self, Document},
    session::Session,
    transport::{Body, Request, segment},
};

/// How often a change of metadata is tried that others are faster than.
const METADATA_TRIES_MAX: usize = 8;

pub(super) fn run(session: &mut Session<'_>, verb: SecretVerb) -> Result<(), Failure> {
    match verb {
        SecretVerb::Put(secret) => put_value(session, secret),
        SecretVerb::Get(secret) => get(session, &secret),
        SecretVerb::List { prefix } => {
            let request = || Request::get("/secrets/list").with("prefix", prefix.as_ref());
            let secrets = session.list(request, ("secrets", "after"), None)?;
            session.emit(&secrets, render::secret::paths)
        }
        SecretVerb::Delete(SecretVersions { path, versions }) => {
            let numbers: Vec<String> = versions.iter().map(ToString::to_string).collect();
            let numbers = (!numbers.is_empty()).then(|| numbers.join(","));
            let request = Request::delete(place("data", &path)?).with("versions", numbers);
            let changed = session.ask(&request)?;
            session.emit(&changed, |changed| render::secret::changed("Deleted", changed))
        }
        SecretVerb::Undelete(of) => change(session, of, "/secrets/undelete", "Restored"),
        SecretVerb::Purge(of) => change(session, of, "/secrets/purge", "Purged"),
        SecretVerb::Metadata(change) => metadata(session, &change),
    }
}

pub(super) fn policy(session: &mut Session<'_>, verb: PolicyVerb) -> Result<(), Failure> {
    let place = |name: &str| format!("/policies/{}", segment(name));
    match verb {
        PolicyVerb::Set { name, file } => {
            let bytes = input::read(session, &file, input::DOCUMENT_BYTES_MAX)?;
            let policy = input::json(&bytes, &file)?;
            let set = session.ask(&Request::put(place(&name), Body::Json(policy)))?;
            session.emit(&set, render::secret::policy_set)
        }
        PolicyVerb::Show { name } => {
            let known = session.ask(&Request::get(place(&name)))?;
            session.emit(&known, render::secret::policy)
        }
        PolicyVerb::List => {
            let policies = session.ask(&Request::get("/policies"))?;
            session.emit(&policies, render::secret::policies)
        }
        PolicyVerb::Delete { name } => {
            let removed = session.ask(&Request::delete(place(&name)))?;
            session.emit(&removed, render::secret::policy_removed)
        }
    }
}

fn put_value(session: &mut Session<'_>, secret: SecretPut) -> Result<(), Failure> {
    let SecretPut { path, file, fields, cas } = secret;
    let place = place("data", &path)?;
    let value = if fields.is_empty() {
        let file = file.as_deref().unwrap_or(Path::new("-"));
        read_value(session, file)?
    } else {
        object(session, &fields)?
    };
    let cas = cas.map_or(String::new(), |cas| format!(r#","cas":{cas}"#));
    let mut body = Zeroizing::new(Vec::with_capacity(value.len().saturating_mul(2)));
    body.extend_from_slice(br#"{"value":""#);
    let text = Zeroizing::new(input::base64(&value));
    body.extend_from_slice(text.as_bytes());
    body.extend_from_slice(format!("\"{cas}}}").as_bytes());
    let written = session.ask(&Request::put(place, Body::Secret(body)))?;
    session.emit(&written, render::secret::written)
}

/// A JSON object of fields, each read from where it is.
fn object(session: &mut Session<'_>, fields: &[String]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut texts: BTreeMap<&str, Zeroizing<String>> = BTreeMap::new();
    for field in fields {
        let (name, source) = field.split_once('=').unwrap_or((field, ""));
        if name.is_empty() {
            return Err(Failure::error("a field has no name").hint("say NAME=@FILE or NAME=-"));
        }
        let file = match source {
            "-" => Path::new("-"),
            _ => Path::new(source.strip_prefix('@').ok_or_else(|| {
                Failure::error(format!("the field `{name}` names no file"))
                    .hint("values are not taken from the command line: say NAME=@FILE or NAME=-")
            })?),
        };
        let mut bytes = read_value(session, file)?;
        let not_text = || Failure::error(format!("the field `{name}` is not text in UTF-8"));
        let text = String::from_utf8(std::mem::take(&mut bytes)).map_err(|_| not_text())?;
        if texts.insert(name, Zeroizing::new(text)).is_some() {
            return Err(Failure::error(format!("the field `{name}` is given twice")));
        }
    }
    let borrowed: BTreeMap<&str, &str> =
        texts.iter().map(|(name, text)| (*name, &***text)).collect();
    serde_json::to_vec(&borrowed).map(Zeroizing::new).map_err(|error| Failure::of(&error))
}

fn read_value(session: &mut Session<'_>, file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if file == Path::new("-") && session.surroundings.terminal.stdin {
        let line = (session.surroundings.ask)("Value (not shown): ");
        let line =
            line.map_err(|error| Failure::error(format!("no value can be read: {error}")))?;
        return Ok(Zeroizing::new(line.as_bytes().to_vec()));
    }
    let limit = u64::try_from(VALUE_BYTES_MAX).unwrap_or(u64::MAX);
    input::read(session, file, limit).map(Zeroizing::new)
}

/// The document of a value; what it borrows is wiped.
#[derive(Deserialize)]
struct Got<'g> {
    value: &'g str,
}

fn get(session: &mut Session<'_>, secret: &SecretGet) -> Result<(), Failure> {
    let SecretGet { path, version, field } = secret;
    let request = Request::get(place("data", path)?).with("version", *version);
    let answer = Zeroizing::new(session.send(&request)?);
    if session.is_json() && field.is_none() {
        session.print_bytes(&answer)?;
        return session.print("\n");
    }
    let malformed = || Failure::error("the answer holds no value");
    let got: Got<'_> = serde_json::from_slice(&answer).map_err(|_| malformed())?;
    let value = BASE64_STANDARD.decode(got.value).map_err(|_| malformed())?;
    let value = Zeroizing::new(value);
    match field {
        None => session.print_bytes(&value),
        Some(name) => {
            let text = self::field(&value, name)?;
            session.print_bytes(text.as_bytes())
        }
    }
}

/// A field of a JSON object: a text as it is, anything else as JSON.
fn field(value: &[u8], name: &str) -> Result<Zeroizing<String>, Failure> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(value).map_err(|_| {
        Failure::refused("the value is not a JSON object, so it has no fields")
            .hint("leave --field out to get all of it")
    })?;
    let raw = fields.get(name).ok_or_else(|| {
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        Failure::refused(format!("the value has no field `{name}`"))
            .hint(format!("it has {}", names.join(", ")))
    })?;
    let text = serde_json::from_str::<String>(raw.get());
    Ok(Zeroizing::new(text.unwrap_or_else(|_| raw.get().to_owned())))
}

fn change(
    session: &mut Session<'_>,
    SecretVersions { path, versions }: SecretVersions,
    place: &str,
    done: &'static str,
) -> Result<(), Failure> {
    let path = checked(&path)?;
    let mut body = json!({ "path": path.as_str() });
    if !versions.is_empty() {
        put(&mut body, "versions", Some(versions));
    }
    let changed = session.ask(&Request::post(place, body))?;
    session.emit(&changed, |changed| render::secret::changed(done, changed))
}

fn metadata(session: &mut Session<'_>, change: &SecretMetadata) -> Result<(), Failure> {
    let SecretMetadata { path, set, unset, versions_max } = change;
    let place = place("metadata", path)?;
    let mut known = session.ask(&Request::get(place.as_str()))?;
    if set.is_empty() && unset.is_empty() && versions_max.is_none() {
        return session.emit(&known, render::secret::metadata);
    }
    for tries in 1..=METADATA_TRIES_MAX {
        let mut body = json!({});
        put(&mut body, "versionsMax", *versions_max);
        if !(set.is_empty() && unset.is_empty()) {
            put(&mut body, "metadata", Some(texts(&known, set, unset)?));
            put(&mut body, "cas", known.number("metadataVersion"));
        }
        match session.ask(&Request::put(place.as_str(), Body::Json(body))) {
            Ok(changed) => return session.emit(&changed, render::secret::metadata),
            // Somebody else was faster: what he wrote is kept.
            Err(failure) if tries == METADATA_TRIES_MAX => return Err(failure),
            Err(failure) => {
                let now = session.ask(&Request::get(place.as_str()))?;
                if now.number("metadataVersion") == known.number("metadataVersion") {
                    return Err(failure);
                }
                known = now;
            }
        }
    }
    Ok(())
}

/// The texts beside a secret after the change.
fn texts(known: &Document, set: &[String], unset: &[String]) -> Result<Value, Failure> {
    let mut texts = known.texts_by_name("metadata");
    for name in unset {
        texts.remove(name);
    }
    for pair in set {
        let (name, text) = pair.split_once('=').ok_or_else(|| {
            Failure::error(format!("`{pair}` sets nothing")).hint("write it as --set NAME=TEXT")
        })?;
        texts.insert(name.to_owned(), text.to_owned());
    }
    Ok(json!(texts))
}

/// The route of a path. It is checked here, since a URL with `..` in it is another one.
fn place(route: &str, path: &str) -> Result<String, Failure> {
    let path = checked(path)?;
    let segments: Vec<String> = path.segments().map(segment).collect();
    Ok(format!("/secrets/{route}/{}", segments.join("/")))
}

fn checked(path: &str) -> Result<SecretPath, Failure> {
    SecretPath::parse(path).map_err(|error| Failure::error(error.to_string()).hint(error.hint()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_the_exact_text_of_an_object() {
        let value = br#"{"user":"app","password":"p\u00e4\"ss\n","port":5432,"more":{"a":[1]}}"#;
        let of = |name| field(value, name).map(|text| text.to_string());
        assert_eq!(of("password"), Ok("pä\"ss\n".to_owned()));
        assert_eq!(of("port"), Ok("5432".to_owned()));
        assert_eq!(of("more"), Ok(r#"{"a":[1]}"#.to_owned()));
        let refused = of("none").map_err(|failure| failure.to_string());
        let expected =
            "error: the value has no field `none`\nhint: it has more, password, port, user";
        assert_eq!(refused, Err(expected.to_owned()));
        assert!(field(b"plain", "user").is_err());
    }
}
