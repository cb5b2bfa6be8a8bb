//! `keyward root slot add keepers` and `keyward root slot remove keeper`.

use serde_json::json;

use super::rotate::forth;
use crate::{
    exit::{Exit, Failure},
    render,
    session::Session,
    transport::Request,
};

/// Splits the root key among the keepers of the configuration.
pub(super) fn add(session: &mut Session<'_>, threshold: Option<u8>) -> Result<(), Failure> {
    super::open(session)?;
    let body = match threshold {
        Some(threshold) => json!({"threshold": threshold}),
        None => json!({}),
    };
    let split = session.ask(&Request::post("/root-key/keepers", body))?;
    session.emit(&split, render::root::keepers)
}

/// Rotates the root key among the other keepers.
pub(super) fn remove(session: &mut Session<'_>, kind: &str, name: &str) -> Result<Exit, Failure> {
    if kind != "keeper" {
        return Err(Failure::error(format!("`{name}` is too much behind a slot's id"))
            .hint("a keeper is removed with `keyward root slot remove keeper NAME`"));
    }
    let slots = session.ask(&Request::get("/root-key/slots"))?;
    let keepers = slots.inner("keepers");
    let names = keepers.as_ref().map(|keepers| keepers.texts("names")).unwrap_or_default();
    let threshold = keepers.as_ref().and_then(|keepers| keepers.number("threshold")).unwrap_or(0);
    let others: Vec<_> = names.iter().filter(|known| known.as_str() != name).collect();
    if others.len() == names.len() {
        return Err(Failure::refused(format!("`{name}` holds no share of the root key"))
            .hint("`keyward root slot list` shows who does"));
    }
    let left = u64::try_from(others.len()).unwrap_or(u64::MAX);
    if left < 2 {
        return Err(Failure::refused("one keeper alone would have the root key")
            .hint("`keyward root rotate --keepers none` goes on without any"));
    }
    let keepers = json!({"threshold": threshold.min(left), "names": others});
    let begin = Request::post("/root-key/rotation/begin", json!({ "keepers": keepers }));
    session.ask(&begin)?;
    session.note(format_args!(
        "hint: take {name} out of the configuration (rootKey.keepers) once the rotation is final"
    ))?;
    forth(session, None)
}
