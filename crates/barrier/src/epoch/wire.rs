//! The JSON of an epoch header (`docs/format/epoch.md` §1).

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyward_lifecycle::{
    id::{Digest, Fingerprint},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Body, HeaderRefused, Previous, SLOTS_MAX};
use crate::{
    keepers::{KeeperName, Keepers},
    root::{Epoch, HeaderCounter, RootId},
    share::Sharing,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<PreviousWire>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keepers: Option<KeepersWire>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    abandoned: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PreviousWire {
    epoch: u32,
    check: String,
    record: String,
    emergency: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeepersWire {
    share_set: String,
    threshold: u8,
    count: u8,
    names: Vec<String>,
    digests: Vec<Digest>,
    shares: String,
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
        let Body {
            root,
            identity,
            identity_record,
            epoch,
            counter,
            created,
            check_value,
            slots,
            previous,
            keepers,
            abandoned,
        } = body;
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
            previous: previous.as_ref().map(PreviousWire::from),
            keepers: keepers.as_ref().map(KeepersWire::from),
            abandoned: abandoned.map(Epoch::number),
        }
    }
}

impl From<&Previous> for PreviousWire {
    fn from(previous: &Previous) -> Self {
        let Previous { epoch, check_value, record, emergency } = previous;
        Self {
            epoch: epoch.number(),
            check: BASE64.encode(check_value),
            record: BASE64.encode(record),
            emergency: *emergency,
        }
    }
}

impl From<&Keepers> for KeepersWire {
    fn from(keepers: &Keepers) -> Self {
        let Keepers { set, sharing, names, digests, sealed } = keepers;
        Self {
            share_set: set.to_string(),
            threshold: sharing.threshold(),
            count: sharing.count(),
            names: names.iter().map(ToString::to_string).collect(),
            digests: digests.clone(),
            shares: BASE64.encode(sealed),
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
            previous,
            keepers,
            abandoned,
        } = wire;
        let epoch = Epoch::new(epoch).ok_or(malformed("epoch", "1 or more"))?;
        Ok(Self {
            root,
            identity,
            identity_record: BASE64
                .decode(identity_record)
                .map_err(|_| malformed("identityRecord", "a sealed record in base64"))?
                .into(),
            epoch,
            counter: HeaderCounter::new(counter).ok_or(malformed("counter", "1 or more"))?,
            created,
            check_value: check_value(&check).ok_or(malformed("check", "32 bytes in base64"))?,
            slots: read_slots(slots)?,
            previous: previous.map(|wire| read_previous(&wire, epoch)).transpose()?,
            keepers: keepers.map(read_keepers).transpose()?,
            abandoned: abandoned.map(|number| read_abandoned(number, epoch)).transpose()?,
        })
    }
}

fn check_value(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

fn read_previous(wire: &PreviousWire, current: Epoch) -> Result<Previous, HeaderRefused> {
    let PreviousWire { epoch, check, record, emergency } = wire;
    let record = BASE64.decode(record).ok().filter(|record| !record.is_empty());
    Ok(Previous {
        epoch: Epoch::new(*epoch)
            .filter(|epoch| *epoch < current)
            .ok_or(malformed("previous.epoch", "an epoch before this one"))?,
        check_value: check_value(check).ok_or(malformed("previous.check", "32 bytes in base64"))?,
        record: record.ok_or(malformed("previous.record", "a sealed record in base64"))?.into(),
        emergency: *emergency,
    })
}

fn read_keepers(wire: KeepersWire) -> Result<Keepers, HeaderRefused> {
    let KeepersWire { share_set, threshold, count, names, digests, shares } = wire;
    let names: Option<Vec<KeeperName>> =
        names.iter().map(|name| KeeperName::parse(name).ok()).collect();
    let names = names.filter(|names| {
        let different: BTreeSet<&KeeperName> = names.iter().collect();
        names.len() == usize::from(count) && different.len() == names.len()
    });
    Ok(Keepers {
        set: share_set
            .parse()
            .map_err(|_| malformed("keepers.shareSet", "32 lower-case hex digits"))?,
        sharing: Sharing::new(threshold, count)
            .map_err(|_| malformed("keepers.threshold", "2 or more of at most 32 shares"))?,
        names: names.ok_or(malformed("keepers.names", "a different name for each share"))?,
        digests: Some(digests)
            .filter(|digests| digests.len() == usize::from(count))
            .ok_or(malformed("keepers.digests", "one for each share"))?,
        sealed: BASE64
            .decode(shares)
            .map_err(|_| malformed("keepers.shares", "a sealed record in base64"))?
            .into(),
    })
}

fn read_abandoned(number: u32, current: Epoch) -> Result<Epoch, HeaderRefused> {
    Epoch::new(number)
        .filter(|epoch| *epoch > current)
        .ok_or(malformed("abandoned", "an epoch after this one"))
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
