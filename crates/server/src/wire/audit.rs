//! Events as the API writes them.

use keyward::{ExecuteError, Keyward, storage::AuditRow};
use keyward_lifecycle::{id::ActorId, time::Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Names;

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub(crate) struct EventDocument {
    /// Its place in the log.
    pub(crate) seq: u64,
    event_id: String,
    event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anchor_id: Option<String>,
    /// A pseudonym.
    actor: String,
    /// The name behind it, unless it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_name: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    #[schema(value_type = Object)]
    details: Value,
}

impl EventDocument {
    /// A row, with the name behind its actor.
    pub(crate) fn of(
        keyward: &Keyward,
        row: AuditRow,
        names: &mut Names,
    ) -> Result<Self, ExecuteError> {
        let AuditRow { seq, event_id, event_type, key_id, anchor_id, actor, timestamp, details } =
            row;
        let actor_name = name(keyward, &actor, names)?;
        Ok(Self {
            seq,
            event_id: event_id.to_string(),
            event_type,
            key_id,
            anchor_id: anchor_id.map(|id| id.to_string()),
            actor,
            actor_name,
            timestamp,
            details: serde_json::from_str(&details).unwrap_or(Value::Null),
        })
    }
}

fn name(keyward: &Keyward, actor: &str, names: &mut Names) -> Result<Option<String>, ExecuteError> {
    if let Some(known) = names.get(actor) {
        return Ok(known.clone());
    }
    let name = match ActorId::parse(actor) {
        Ok(id) => keyward.actor_identity(&id)?,
        Err(_) => None,
    };
    names.insert(actor.to_owned(), name.clone());
    Ok(name)
}
