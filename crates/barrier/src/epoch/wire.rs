//! The JSON of an epoch header (`docs/format/epoch.md` §1).

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyward_lifecycle::{id::Fingerprint, time::Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Body, HeaderRefused, SLOTS_MAX};
use crate::{
    root::{Epoch, HeaderCounter, RootId},
    slot::{Slot, SlotWire},
};

const TYPE: &str = "keyward/epoch-header";
const VERSION: u64 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignedWire {
    pub(super) header: BodyWire,
    pub(super) signature: String,
}

impl SignedWire {
    pub(super) fn new(header: BodyWire, signature: &[u8]) -> Self {
        Self { header, signature: BASE64.encode(signature) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BodyWire {
    #[serde(rename = "type")]
    kind: String,
    version: u64,
    root_id: Fingerprint,
    identity: String,
    identity_record: String,
    epoch: u32,
    counter: u64,
    created: Timestamp,
    check: String,
    slots: Vec<SlotWire>,
}

impl BodyWire {
    pub(super) const fn root_id(&self) -> RootId {
        RootId::from_fingerprint(self.root_id)
    }

    pub(super) fn identity(&self) -> Result<Vec<u8>, HeaderRefused> {
        BASE64.decode(&self.identity).map_err(|_| malformed("identity", "base64"))
    }
}

/// Refuses another type or version, before the members are looked at: other versions have
/// other members.
pub(super) fn version(document: &Value) -> Result<(), HeaderRefused> {
    let header = document.get("header");
    let member = |name| header.and_then(|header| header.get(name));
    if member("type").and_then(Value::as_str) != Some(TYPE) {
        return Err(malformed("type", "`keyward/epoch-header`"));
    }
    match member("version").and_then(Value::as_u64) {
        Some(VERSION) => Ok(()),
        Some(other) => Err(HeaderRefused::UnknownVersion(other)),
        None => Err(malformed("version", "a number")),
    }
}

pub(super) fn signature(text: &str) -> Result<Vec<u8>, HeaderRefused> {
    BASE64.decode(text).map_err(|_| malformed("signature", "base64"))
}

impl From<&Body> for BodyWire {
    fn from(body: &Body) -> Self {
        let Body { root, identity, identity_record, epoch, counter, created, check_value, slots } =
            body;
        Self {
            kind: TYPE.to_owned(),
            version: VERSION,
            root_id: root.fingerprint(),
            identity: BASE64.encode(identity),
            identity_record: BASE64.encode(identity_record),
            epoch: epoch.number(),
            counter: counter.number(),
            created: *created,
            check: BASE64.encode(check_value),
            slots: slots.iter().map(SlotWire::from).collect(),
        }
    }
}

impl TryFrom<BodyWire> for Body {
    type Error = HeaderRefused;

    fn try_from(wire: BodyWire) -> Result<Self, HeaderRefused> {
        let root = wire.root_id();
        let identity = wire.identity()?.into();
        let BodyWire {
            kind: _,
            version: _,
            root_id: _,
            identity: _,
            identity_record,
            epoch,
            counter,
            created,
            check,
            slots,
        } = wire;
        Ok(Self {
            root,
            identity,
            identity_record: BASE64
                .decode(identity_record)
                .map_err(|_| malformed("identityRecord", "a sealed record in base64"))?
                .into(),
            epoch: Epoch::new(epoch).ok_or(malformed("epoch", "1 or more"))?,
            counter: HeaderCounter::new(counter).ok_or(malformed("counter", "1 or more"))?,
            created,
            check_value: BASE64
                .decode(check)
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or(malformed("check", "32 bytes in base64"))?,
            slots: read_slots(slots)?,
        })
    }
}

fn read_slots(wires: Vec<SlotWire>) -> Result<Vec<Slot>, HeaderRefused> {
    if wires.is_empty() || wires.len() > SLOTS_MAX {
        return Err(malformed("slots", "1 to 32 slots"));
    }
    let mut slots: Vec<Slot> = Vec::with_capacity(wires.len());
    for (index, wire) in wires.into_iter().enumerate() {
        let slot = Slot::try_from(wire).map_err(|why| HeaderRefused::Slot { index, why })?;
        if slots.iter().any(|other| other.id() == slot.id()) {
            return Err(malformed("slots", "slots with different ids"));
        }
        slots.push(slot);
    }
    Ok(slots)
}

const fn malformed(member: &'static str, expected: &'static str) -> HeaderRefused {
    HeaderRefused::Member { member, expected }
}
