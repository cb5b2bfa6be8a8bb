//! An event of every type, with every optional member in half of them.

use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
};

use keyward_lifecycle::{
    access::{Role, Scope, Token},
    algorithm::Algorithm,
    anchor::{AnchorRecord, AssertedKey},
    event::{Event, Fact, RootFact, SecretFact, VERSION},
    id::{ActorId, AnchorId, ContentId, Digest, Fingerprint, KeyId},
    key::{CompromiseScope, Custody, KeyOrigin, KeyRecord, KeyTerms, Reason},
    profile::{LedgerMode, OnMaxAge, Profile, Strictness},
    root::{EpochNumber, HeaderMark, KeeperSeen, Outcome, RotationKind, UnsealedBy},
    secret::{PolicyName, SecretId, SecretVersion},
    statement::PredicateType,
    time::Timestamp,
};

/// How many types there are.
pub(super) const SAMPLES: usize = Fact::TYPES.len();

/// The event of the `kind`-th type; its optional members are there for an odd seed.
pub(super) fn event(kind: usize, seed: u64) -> Event {
    let actor = ActorId::parse(&format!("a-{seed}")).unwrap();
    let time = Timestamp::from_seconds(i64::try_from(seed % 1_000_000_000).unwrap());
    let fact = of_keys(kind, seed).unwrap_or_else(|kind| of_others(kind, seed));
    Event { v: VERSION, seq: seed % (1 << 53), time, actor, fact }
}

fn key(seed: u64) -> KeyId {
    KeyId::parse(&format!("key-{seed}")).unwrap()
}

fn digest(seed: u64) -> Digest {
    Digest::of(&seed.to_be_bytes())
}

fn content(seed: u64) -> ContentId {
    ContentId::from_digest(digest(seed))
}

fn text(seed: u64) -> Arc<str> {
    let odd = ["plain", "ütf-8 \u{1f511}", "\"quoted\"\\", "\u{0}\u{1f}\n", ""];
    odd[usize::try_from(seed % 5).unwrap()].into()
}

fn time(seed: u64) -> Timestamp {
    Timestamp::from_nanos(i64::from_be_bytes(
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes(),
    ))
}

fn count(seed: u64) -> u64 {
    seed % (1 << 53)
}

fn maybe<T>(seed: u64, value: T) -> Option<T> {
    (seed % 2 == 1).then_some(value)
}

fn pick<T: Copy>(seed: u64, all: &[T]) -> T {
    all[usize::try_from(seed % u64::try_from(all.len()).unwrap()).unwrap()]
}

/// The facts between the profile and the anchors; the others' number otherwise.
fn of_keys(kind: usize, seed: u64) -> Result<Fact, usize> {
    let (key_id, successor) = (key(seed), key(seed.wrapping_add(1)));
    Ok(match kind {
        4 => Fact::KeyGenerated { key: record(seed), active: seed.is_multiple_of(3) },
        5 => Fact::KeyImported { key: record(seed), active: seed.is_multiple_of(3) },
        6 => Fact::KeyPromoted { key_id },
        7 => Fact::KeyRetired { key_id, not_after: time(seed) },
        8 => Fact::RotationBegun { key_id, successor },
        9 => Fact::KeySucceeded { key_id, successor, statement: content(seed) },
        10 => Fact::RotationCompleted { key_id, successor },
        11 => Fact::RotationAborted { key_id, successor },
        12 => Fact::KeyRevoked {
            key_id,
            anchor_id: maybe(seed, anchor_id(seed)),
            reason: pick(seed, &Reason::ALL),
            effective_at: time(seed),
            invalidity_date: maybe(seed, time(!seed)),
            scope: pick(seed, &[CompromiseScope::Key, CompromiseScope::Server]),
        },
        13 => Fact::KeyDestroyed { key_id },
        14 => Fact::KeyUsageGranted { key_id, granted: count(seed) },
        other => return Err(other),
    })
}

fn of_others(kind: usize, seed: u64) -> Fact {
    let actor_id = ActorId::parse(&format!("b-{seed}")).unwrap();
    let (size, root, key_id) = (count(seed), digest(seed), key(seed));
    match kind {
        0 => {
            let root_id = Fingerprint::from_digest(digest(seed));
            Fact::StoreCreated { root_id, authority: digest(!seed), log_key: text(seed) }
        }
        1 => Fact::ActorRegistered { actor_id, commitment: digest(seed) },
        2 => Fact::ActorForgotten { actor_id },
        3 => Fact::ProfileDefined { profile: profile(seed) },
        15 => Fact::AnchorCreated { anchor: anchor(seed), imported: seed.is_multiple_of(3) },
        16 => Fact::AnchorDeactivated { anchor_id: anchor_id(seed) },
        17 => Fact::KeyAdded { anchor_id: anchor_id(seed), key_id },
        18 => Fact::LedgerHead { size, root },
        19 => Fact::LedgerOpened { size },
        20 => Fact::LedgerClosed { size },
        21 => Fact::LedgerGap { from: time(seed), to: time(!seed) },
        22 => Fact::TokenCreated { token: token(seed) },
        23 => Fact::TokenRevoked { token_id: text(seed) },
        24 => Fact::CommandRefused {
            command: text(seed),
            refusal: text(!seed),
            key_id: maybe(seed, key_id),
            count: size,
        },
        25 => {
            let (old, new) = (content(seed), content(!seed));
            Fact::ProofResigned { old, new, key_id, reason: pick(seed, &Reason::ALL) }
        }
        26 => Fact::IncidentReported { key_id, report: content(seed) },
        27 => Fact::RollbackAccepted { kept_size: size, kept_root: root, found_size: size / 2 },
        28 => Fact::AuthorityReplaced { version: size, digest: root },
        other if other < Fact::TABLE.len() + RootFact::TABLE.len() => {
            Fact::Root(of_the_root_key(other - Fact::TABLE.len(), seed))
        }
        other => Fact::Secret(of_secrets(other - Fact::TABLE.len() - RootFact::TABLE.len(), seed)),
    }
}

fn header(seed: u64) -> HeaderMark {
    let epoch = EpochNumber::new(u32::try_from(seed % 1_000).unwrap() + 1).unwrap();
    HeaderMark { epoch, counter: count(seed), digest: digest(seed) }
}

fn of_the_root_key(kind: usize, seed: u64) -> RootFact {
    let (slot_id, header, moved) = (text(seed), header(seed), count(seed));
    let outcome = pick(seed, &[Outcome::Good, Outcome::Bad]);
    let by = pick(seed, &[UnsealedBy::Password, UnsealedBy::Recovery, UnsealedBy::Keepers]);
    match kind {
        0 => RootFact::SlotAdded { slot_id, kind: text(!seed), header },
        1 => RootFact::SlotRemoved { slot_id, header },
        2 => RootFact::PasswordChanged { slot_id, header },
        3 => RootFact::KeepersSet {
            share_set: maybe(seed, text(seed)),
            threshold: u8::try_from(seed % 256).unwrap(),
            keepers: vec![text(seed), text(!seed)],
            header,
        },
        4 => RootFact::RotationBegun {
            from: header.epoch,
            kind: pick(seed, &[RotationKind::Ordinary, RotationKind::Emergency]),
            records: moved,
            header,
        },
        5 => RootFact::Resealed {
            up_to: maybe(seed, text(seed)),
            moved,
            failed: vec![text(!seed)],
            settled: maybe(seed, text(seed)).into_iter().collect(),
        },
        6 => RootFact::RotationPaused { why: text(seed) },
        7 => RootFact::RotationResumed {},
        8 => RootFact::RotationTurnedBack {},
        9 => RootFact::RotationRolledBack { moved, header },
        10 => RootFact::RotationFinalised { moved, lost: vec![text(seed)], header },
        11 => RootFact::RotationRefused { check: text(seed) },
        12 => RootFact::Unsealed { by },
        13 => RootFact::Sealed {},
        14 => RootFact::AccessRefused { by, count: moved },
        15 => RootFact::BackedUp { header },
        16 => RootFact::BackupChecked { outcome },
        17 => RootFact::Restored { header },
        18 => RootFact::Drilled { outcome, records: moved },
        19 => RootFact::KeeperSeen {
            keeper: text(seed),
            seen: pick(seed, &[KeeperSeen::Refilled, KeeperSeen::Foreign]),
        },
        20 => RootFact::BackupHandedOut { header },
        21 => RootFact::PasswordVerified { slot_id },
        22 => RootFact::RotationChecked { outcome },
        other => unreachable!("no type of the root key has the number {other}"),
    }
}

fn anchor_id(seed: u64) -> AnchorId {
    AnchorId::from_bytes((u128::from(seed) << 17).to_be_bytes())
}

fn record(seed: u64) -> KeyRecord {
    let public_key: Arc<[u8]> = seed.to_be_bytes()[..usize::try_from(seed % 9).unwrap()].into();
    let stores = ["software:", "keyring:x", "hsm://pkcs11/slot/0", "kms://aws/key/y"];
    KeyRecord {
        key_id: key(seed),
        expires_at: maybe(seed, time(seed)),
        terms: Arc::new(KeyTerms {
            algorithm: pick(seed, &Algorithm::ALL),
            profile: profile(seed).name,
            purpose: text(seed),
            store: pick(seed, &stores).parse().unwrap(),
            custody: pick(seed, &[Custody::Exclusive, Custody::Shared, Custody::Foreign]),
            max_usage: maybe(seed, NonZeroU64::new(count(seed)).unwrap_or(NonZeroU64::MIN)),
        }),
        origin: KeyOrigin::of(maybe(seed, key(!seed)), maybe(seed, "m/44'/0'".into())),
        fingerprint: Fingerprint::of_spki(&public_key),
        public_key: public_key.into(),
        version: u32::try_from(seed % 1_000).unwrap(),
    }
}

fn profile(seed: u64) -> Profile {
    let [mut one, ..] = Profile::built_in();
    one.algorithm = pick(seed, &Algorithm::ALL);
    one.rotation.max_age_months = u16::try_from(seed % 60_000).unwrap();
    one.rotation.on_max_age = pick(seed, &[OnMaxAge::Warn, OnMaxAge::RefuseSign]);
    one.ledger = pick(seed, &[LedgerMode::Durable, LedgerMode::Buffered]);
    one.policy = pick(seed, &[Strictness::Standard, Strictness::Strict]);
    one
}

fn anchor(seed: u64) -> AnchorRecord {
    let asserted = AssertedKey {
        key_id: text(seed).to_string(),
        added_at: maybe(seed, time(seed)),
        revoked_at: maybe(seed, time(!seed)),
        revoke_reason: maybe(seed, text(seed).to_string()),
    };
    AnchorRecord {
        anchor_id: anchor_id(seed),
        pattern: pick(seed, &["*", "pkg:npm/*", "pkg:npm/lodash@4.17.21"]).parse().unwrap(),
        predicate_types: maybe(seed, PredicateType::parse("evidence.stella/v1").unwrap())
            .into_iter()
            .collect(),
        threshold: u32::try_from(seed % 65).unwrap(),
        algorithms: maybe(seed, Algorithm::MlDsa65).into_iter().collect(),
        policy_version: maybe(seed, "v2.3.1".into()),
        asserted: maybe(seed, asserted).into_iter().collect(),
    }
}

fn token(seed: u64) -> Token {
    Token {
        token_id: text(seed),
        digest: digest(seed),
        role: pick(seed, &Role::ALL),
        scopes: maybe(seed, pick(seed, &Scope::ALL)).into_iter().collect(),
        expires_at: time(seed),
    }
}

fn of_secrets(kind: usize, seed: u64) -> SecretFact {
    let [a, b, c, d, ..] = seed.to_be_bytes();
    let secret_id = SecretId::from_bytes([a ^ b ^ c ^ d; 16]);
    let version = SecretVersion::new(u32::try_from(seed % 1_000).unwrap() + 1).unwrap();
    let name = PolicyName::parse(&format!("policy-{}", seed % 100)).unwrap();
    let versions = vec![version, SecretVersion::after(Some(version))];
    let dropped = maybe(seed, versions.clone()).unwrap_or_default();
    match kind {
        0 => SecretFact::Begun {},
        1 => {
            let metadata_version = maybe(seed, version);
            SecretFact::Written { secret_id, version, metadata_version, dropped }
        }
        2 => SecretFact::Deleted { secret_id, versions },
        3 => SecretFact::Undeleted { secret_id, versions },
        4 => SecretFact::Purged { secret_id, versions, whole: seed.is_multiple_of(3) },
        5 => SecretFact::MetadataSet {
            secret_id,
            metadata_version: version,
            versions_max: maybe(seed, NonZeroU32::new(7).unwrap()),
            dropped,
        },
        6 => SecretFact::PolicySet { name, version },
        7 => SecretFact::PolicyRemoved { name },
        8 => SecretFact::Read { secret_id, version, count: count(seed) },
        other => panic!("no fact has the number {other}"),
    }
}
