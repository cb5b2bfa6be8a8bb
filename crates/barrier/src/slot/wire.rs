//! A slot as it stands in the JSON of an epoch header (`docs/format/slot.md` §1).

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyward_crypto::hpke;
use keyward_lifecycle::{id::Digest, time::Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Cost, ExternalWay, PasswordWay, RecoveryWay, Slot, SlotId, SlotLabel, SlotRefused, Way,
    external::{BLOB_BYTES_MAX, is_address},
};
use crate::{root::ROOT_KEY_BYTES, share::Sharing};

/// The one set of primitives by which keys are wrapped.
const SUITE: &str = "X-Wing/HKDF-SHA256/AES-256-GCM";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SlotWire {
    id: String,
    label: String,
    created: Timestamp,
    suite: String,
    public: String,
    wrapped: String,
    way: WayWire,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
enum WayWire {
    Password { memory_kib: u32, passes: u32, lanes: u32, salt: String, mac: String },
    Recovery { threshold: u8, count: u8, digests: Vec<Digest> },
    External { address: String, blob: String, mac: String },
}

impl From<&Slot> for SlotWire {
    fn from(slot: &Slot) -> Self {
        let Slot { id, label, created, public, wrapped, way } = slot;
        let way = way.into();
        Self {
            id: id.to_string(),
            label: label.as_str().to_owned(),
            created: *created,
            suite: SUITE.to_owned(),
            public: BASE64.encode(public),
            wrapped: BASE64.encode(wrapped),
            way,
        }
    }
}

impl From<&Way> for WayWire {
    fn from(way: &Way) -> Self {
        match way {
            Way::Password(PasswordWay { cost, salt, mac }) => Self::Password {
                memory_kib: cost.memory_kib(),
                passes: cost.passes(),
                lanes: cost.lanes(),
                salt: BASE64.encode(salt),
                mac: BASE64.encode(mac),
            },
            Way::Recovery(RecoveryWay { sharing, digests }) => Self::Recovery {
                threshold: sharing.threshold(),
                count: sharing.count(),
                digests: digests.clone(),
            },
            Way::External(ExternalWay { address, blob, mac }) => Self::External {
                address: address.as_ref().to_owned(),
                blob: BASE64.encode(blob),
                mac: BASE64.encode(mac),
            },
        }
    }
}

impl TryFrom<SlotWire> for Slot {
    type Error = SlotRefused;

    fn try_from(wire: SlotWire) -> Result<Self, SlotRefused> {
        let SlotWire { id, label, created, suite, public, wrapped, way } = wire;
        if suite != SUITE {
            return Err(malformed("suite", SUITE));
        }
        let mut id_bytes = [0; 16];
        hex::decode_to_slice(&id, &mut id_bytes)
            .map_err(|_| malformed("id", "32 lower-case hex digits"))?;
        let slot = Self {
            id: SlotId(id_bytes),
            label: SlotLabel::parse(&label)?,
            created,
            public: bytes(&public, hpke::PUBLIC_BYTES)
                .ok_or(malformed("public", "1216 bytes in base64"))?,
            wrapped: bytes(&wrapped, ROOT_KEY_BYTES.saturating_add(hpke::OVERHEAD_BYTES))
                .ok_or(malformed("wrapped", "1168 bytes in base64"))?,
            way: way.try_into()?,
        };
        if slot.id.to_string() != id {
            return Err(malformed("id", "32 lower-case hex digits"));
        }
        Ok(slot)
    }
}

impl TryFrom<WayWire> for Way {
    type Error = SlotRefused;

    fn try_from(wire: WayWire) -> Result<Self, SlotRefused> {
        match wire {
            WayWire::Password { memory_kib, passes, lanes, salt, mac } => {
                Ok(Self::Password(PasswordWay {
                    cost: Cost::new(memory_kib, passes, lanes)?,
                    salt: array(&salt).ok_or(malformed("salt", "16 bytes in base64"))?,
                    mac: array(&mac).ok_or(malformed("mac", "32 bytes in base64"))?,
                }))
            }
            WayWire::Recovery { threshold, count, digests } => {
                let sharing = Sharing::new(threshold, count)?;
                if digests.len() != usize::from(count) {
                    return Err(malformed("digests", "one for each share"));
                }
                Ok(Self::Recovery(RecoveryWay { sharing, digests }))
            }
            WayWire::External { address, blob, mac } => {
                if !is_address(&address) {
                    return Err(malformed("address", "1 to 512 printable ASCII characters"));
                }
                let blob = BASE64.decode(blob).ok();
                let blob = blob.filter(|blob| (1..=BLOB_BYTES_MAX).contains(&blob.len()));
                Ok(Self::External(ExternalWay {
                    address: address.into(),
                    blob: blob.ok_or(malformed("blob", "1 to 1024 bytes in base64"))?.into(),
                    mac: array(&mac).ok_or(malformed("mac", "32 bytes in base64"))?,
                }))
            }
        }
    }
}

fn bytes(text: &str, length: usize) -> Option<Box<[u8]>> {
    BASE64.decode(text).ok().filter(|bytes| bytes.len() == length).map(Into::into)
}

fn array<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

const fn malformed(member: &'static str, expected: &'static str) -> SlotRefused {
    SlotRefused::Member { member, expected }
}
