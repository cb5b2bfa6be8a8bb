//! A slot that a password opens.
//!
//! Argon2id (RFC 9106) turns the password into 64 bytes: 32 derive the slot's key pair, 32
//! authenticate what the slot says about itself, the root id among it. Whoever can write the
//! store but does not know the password can therefore neither lead it to a root of his own nor
//! swap the public part for his own (`docs/format/slot.md` §2).

use keyward_crypto::{
    hpke::WrapKeyPair,
    kdf::{self, Argon2Cost, DerivationFailed},
    mac, random,
    secret::Password,
};
use zeroize::Zeroizing;

use super::{OpenFailed, SecretPart, SlotFailed, SlotId};
use crate::root::RootId;

/// Bytes of a salt (RFC 9106 §3.1 recommends 16).
pub(super) const SALT_BYTES: usize = 16;
/// Bytes of the authenticator.
pub(super) const MAC_BYTES: usize = 32;

/// What opening a password slot costs whoever tries: memory, passes, lanes of Argon2id.
///
/// Only costs within the limits exist, so that a header from elsewhere asks neither for all
/// memory nor for hours, and no store is made that is cheap to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(Argon2Cost);

/// A cost outside the limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} of {value} is outside {least} to {most}; choose a cost within")]
#[non_exhaustive]
pub struct CostRefused {
    /// Which cost.
    pub name: &'static str,
    /// What was given.
    pub value: u32,
    /// Least allowed.
    pub least: u32,
    /// Most allowed.
    pub most: u32,
}

impl Cost {
    /// 64 MiB, 3 passes, 4 lanes: the second recommended option of RFC 9106 §4 (RK-011).
    pub const STANDARD: Self = Self(Argon2Cost::RECOMMENDED);

    /// Least memory: 8 MiB.
    pub const MEMORY_KIB_MIN: u32 = 8 * 1024;
    /// Most memory: 1 GiB.
    pub const MEMORY_KIB_MAX: u32 = 1024 * 1024;
    /// Most passes.
    pub const PASSES_MAX: u32 = 16;
    /// Most lanes.
    pub const LANES_MAX: u32 = 16;

    /// A cost of `memory_kib` KiB, `passes` and `lanes`.
    ///
    /// # Errors
    /// [`CostRefused`] names what is outside its limits.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, CostRefused> {
        within("Argon2id memory in KiB", memory_kib, Self::MEMORY_KIB_MIN, Self::MEMORY_KIB_MAX)?;
        within("Argon2id passes", passes, 1, Self::PASSES_MAX)?;
        within("Argon2id lanes", lanes, 1, Self::LANES_MAX)?;
        // Within these limits the derivation's own, which are wider, always hold.
        Argon2Cost::new(memory_kib, passes, lanes).map(Self).map_err(|_| CostRefused {
            name: "Argon2id memory in KiB",
            value: memory_kib,
            least: Self::MEMORY_KIB_MIN,
            most: Self::MEMORY_KIB_MAX,
        })
    }

    /// Memory in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.0.memory_kib()
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.0.passes()
    }

    /// Lanes.
    #[must_use]
    pub const fn lanes(self) -> u32 {
        self.0.lanes()
    }
}

fn within(name: &'static str, value: u32, least: u32, most: u32) -> Result<(), CostRefused> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(CostRefused { name, value, least, most })
    }
}

/// What a password slot stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PasswordWay {
    pub(super) cost: Cost,
    pub(super) salt: [u8; SALT_BYTES],
    pub(super) mac: [u8; MAC_BYTES],
}

impl PasswordWay {
    /// A way with a fresh salt, and the public part that goes with it.
    pub(super) fn make(
        password: &Password,
        cost: Cost,
        root: RootId,
        slot: SlotId,
    ) -> Result<(Self, Box<[u8]>), SlotFailed> {
        let salt = *random::bytes::<SALT_BYTES>()?;
        let derived = Derived::new(password, &salt, cost)?;
        let public: Box<[u8]> = derived.pair().public().into();
        let said = Said { root, slot, cost, salt: &salt, public: &public };
        let mac = mac::hmac_sha256(derived.mac_key(), &said.bytes());
        Ok((Self { cost, salt, mac }, public))
    }

    /// The secret part, once the authenticator has shown that the password is right and that
    /// the slot belongs to `root`.
    pub(super) fn open(
        &self,
        password: &Password,
        root: RootId,
        slot: SlotId,
        public: &[u8],
    ) -> Result<SecretPart, OpenFailed> {
        let Self { cost, salt, mac } = self;
        let derived = Derived::new(password, salt, *cost)?;
        let said = Said { root, slot, cost: *cost, salt, public };
        mac::verify_hmac_sha256(derived.mac_key(), &said.bytes(), mac)
            .map_err(|_| OpenFailed::WrongPassword)?;
        Ok(SecretPart(derived.pair()))
    }
}

/// The 64 bytes of Argon2id: key pair secret, then authenticator key.
struct Derived(Zeroizing<[[u8; 32]; 2]>);

impl Derived {
    fn new(password: &Password, salt: &[u8], cost: Cost) -> Result<Self, DerivationFailed> {
        let mut halves = Zeroizing::new([[0; 32]; 2]);
        kdf::argon2id_into(password.expose(), salt, cost.0, halves.as_flattened_mut())?;
        Ok(Self(halves))
    }

    fn pair(&self) -> WrapKeyPair {
        let [pair, _] = &*self.0;
        WrapKeyPair::derive(pair)
    }

    fn mac_key(&self) -> &[u8] {
        let [_, mac] = &*self.0;
        mac
    }
}

/// What the authenticator covers: all of the slot that whoever writes the store must not
/// change. Not the wrapped key, since a new epoch is wrapped without the password.
struct Said<'a> {
    root: RootId,
    slot: SlotId,
    cost: Cost,
    salt: &'a [u8; SALT_BYTES],
    public: &'a [u8],
}

impl Said<'_> {
    fn bytes(&self) -> Vec<u8> {
        let Self { root, slot, cost, salt, public } = self;
        [
            MAC_LABEL,
            &root.bytes(),
            &slot.0,
            &cost.memory_kib().to_be_bytes(),
            &cost.passes().to_be_bytes(),
            &cost.lanes().to_be_bytes(),
            *salt,
            public,
        ]
        .concat()
    }
}

const MAC_LABEL: &[u8] = b"keyward/password-slot/v1\0";

#[cfg(test)]
impl Cost {
    /// The cheapest cost within the limits.
    pub(crate) const LEAST: Self = match Argon2Cost::new(Self::MEMORY_KIB_MIN, 1, 1) {
        Ok(cost) => Self(cost),
        Err(_) => Self::STANDARD,
    };
}
