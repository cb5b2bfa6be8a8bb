//! What lies in the store, which whoever can write the database chooses: records, headers,
//! snapshots, frontiers, leaves as a whole.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyward_barrier::{
    Backup, Cost, EpochHeader, FieldName, KeeperName, KeeperShare, NextKeepers, RecordId,
    RecordKind, RecordName, RecordVersion, RecoveryShare, Sealed, Sharing, SlotLabel, Terms,
    Unsealed, create,
};
use keyward_crypto::secret::{LockPolicy, Password};
use keyward_lifecycle::{
    audit::{
        proof::{verify_consistency, verify_inclusion},
        tree::Frontier,
    },
    canonical,
    event::Event,
    id::Digest,
    state::State,
    time::Timestamp,
};
use serde_json::Value;

/// A store's root, made once a run; nothing that is sealed under it lasts.
pub(crate) fn unsealed() -> &'static Unsealed {
    static UNSEALED: OnceLock<Unsealed> = OnceLock::new();
    UNSEALED.get_or_init(|| {
        let password = Password::new(b"six words that nobody else has".to_vec());
        let terms = Terms {
            cost: Cost::new(Cost::MEMORY_KIB_MIN, 1, 1).expect("within the limits"),
            label: SlotLabel::parse("password").expect("a good label"),
            memory: LockPolicy::AllowUnlocked,
            now: Timestamp::from_seconds(1_735_689_600),
        };
        create(&password.expect("it is short"), terms).expect("there is memory for it").unsealed
    })
}

/// The name of the record that [`record`] opens.
pub(crate) fn record_name() -> RecordName {
    let id = RecordId::parse("key-2025-prod").expect("a good id");
    RecordName::new(RecordKind::PrivateKey, id, RecordVersion::FIRST)
}

/// Bytes as a record, and as the names that stand in one.
pub(crate) fn record(bytes: &[u8]) {
    let unsealed = unsealed();
    let opened = unsealed.open(&record_name(), unsealed.epoch(), bytes);
    assert!(opened.is_err(), "nobody sealed this");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = RecordId::parse(text);
        let _ = SlotLabel::parse(text);
        let _ = FieldName::parse(text);
    }
}

/// Bytes as a header, and as one that the identity signed: the signing key is ours here.
pub(crate) fn epoch_header(bytes: &[u8]) {
    header(bytes);
    if let Some(signed) = signed(bytes) {
        header(&signed);
    }
}

fn header(bytes: &[u8]) {
    if let Ok(read) = EpochHeader::read(bytes, None) {
        assert_eq!(read.bytes(), bytes);
        assert!(EpochHeader::read(bytes, Some(&read.root_id())).is_ok());
        assert!(Sealed::read(bytes, None).is_ok());
    }
}

/// The header with our identity in it and its signature over it (`docs/format/epoch.md` §2).
fn signed(bytes: &[u8]) -> Option<Vec<u8>> {
    let [identity, ..] = crate::keys::signers();
    let mut document: Value = serde_json::from_slice(bytes).ok()?;
    let header = document.get_mut("header")?;
    let members = header.as_object_mut()?;
    let print = keyward_crypto::spki::fingerprint(identity.spki());
    members.insert("identity".to_owned(), BASE64.encode(identity.spki()).into());
    members.insert("rootId".to_owned(), print.to_string().into());
    let body = canonical::to_bytes(header).ok()?;
    let signature = identity.sign(&[b"keyward/epoch-header/v1\0", &body[..]].concat()).ok()?;
    document.as_object_mut()?.insert("signature".to_owned(), BASE64.encode(signature).into());
    canonical::to_bytes(&document).ok()
}

/// Bytes as a snapshot: whatever is accepted is a state that answers and folds on.
pub(crate) fn snapshot(bytes: &[u8]) {
    let Ok(mut state) = State::from_snapshot(bytes) else { return };
    let written = state.to_snapshot().expect("there is memory for it");
    let again = State::from_snapshot(&written).expect("what was written can be read");
    assert_eq!(again.to_snapshot().ok(), Some(written));
    exercise(&state);
    state.apply(&crate::seed::events()[0]);
    let _ = state.to_snapshot();
}

/// Every question that needs one thing to point at another.
fn exercise(state: &State) {
    for key in state.keys() {
        let _ = state.key(&key.record.key_id);
        let _ = state.key_of(&key.record.fingerprint);
        let _ = state.composite_with_half(&key.record.fingerprint);
        let _ = state.signer(&key.record.profile, &key.record.purpose);
        for member in key.memberships() {
            let _ = state.anchor_at(member.anchor);
        }
    }
    for (_, anchor) in state.anchors() {
        let _ = state.anchor(&anchor.record.anchor_id);
        for key in &anchor.keys {
            let _ = state.key_at(*key);
        }
    }
    for token in state.tokens() {
        let _ = state.token_of(&token.digest);
    }
}

/// A backup as it would be written: of a store whose rotation is open, with slots of two kinds
/// and keepers.
pub(crate) fn made_backup() -> Vec<u8> {
    let names = ["a", "b", "c"].map(|name| KeeperName::parse(name).expect("a good name"));
    let sharing = Sharing::new(2, 3).expect("good terms");
    let label = SlotLabel::parse("paper").expect("a good label");
    let added = unsealed().add_recovery(sharing, label, Timestamp::EPOCH).expect("randomness");
    let set = added.unsealed.set_keepers(2, &names).expect("randomness");
    let next = set.unsealed.begin_rotation(NextKeepers::AsBefore, Timestamp::EPOCH);
    let next = next.expect("randomness").unsealed;
    let backup = Backup::of(next.header(), Timestamp::EPOCH).expect("a header has JSON");
    backup.bytes().to_vec()
}

/// Shares of both kinds, as bytes and as text.
pub(crate) fn shares() -> Vec<(Vec<u8>, Vec<u8>)> {
    let names = ["a", "b"].map(|name| KeeperName::parse(name).expect("a good name"));
    let sharing = Sharing::new(2, 2).expect("good terms");
    let label = SlotLabel::parse("paper").expect("a good label");
    let paper = unsealed().add_recovery(sharing, label, Timestamp::EPOCH).expect("randomness");
    let held = unsealed().set_keepers(2, &names).expect("randomness").shares;
    let paper =
        paper.shares.iter().map(|s| (s.to_bytes().to_vec(), s.to_text().as_bytes().to_vec()));
    let held = held.iter().map(|s| (s.to_bytes().to_vec(), s.to_text().as_bytes().to_vec()));
    paper.chain(held).collect()
}

/// Bytes as a backup, whoever made it.
pub(crate) fn backup(bytes: &[u8]) {
    if let Ok(backup) = Backup::read(bytes, None) {
        assert_eq!(backup.bytes(), bytes, "a backup has one form");
        let again = Backup::of(backup.header(), backup.created()).expect("it was read");
        assert_eq!(again.bytes(), bytes, "the same backup is made again");
    }
}

/// Bytes as shares of both kinds. Nobody made shares of this run's store with these bytes.
pub(crate) fn share(bytes: &[u8]) {
    if let Ok(share) = RecoveryShare::read(bytes) {
        assert_eq!(share.to_bytes().as_slice(), bytes, "a share has one form");
        assert!(RecoveryShare::parse(&share.to_text()).is_ok(), "its text reads");
        assert!(unsealed().header().check_recovery_share(&share).is_err(), "nobody made it");
    }
    if let Ok(share) = KeeperShare::read(bytes) {
        assert_eq!(share.to_bytes().as_slice(), bytes, "a share has one form");
        assert!(unsealed().header().check_keeper_share(&share).is_err(), "nobody made it");
    }
}

/// Text as a share on paper.
pub(crate) fn share_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(share) = RecoveryShare::parse(text) {
        let again = RecoveryShare::parse(&share.to_text()).expect("its own text reads");
        assert_eq!(again.digest(), share.digest(), "the text says the same share");
    }
    if let Ok(share) = KeeperShare::parse(text) {
        let again = KeeperShare::parse(&share.to_text()).expect("its own text reads");
        assert_eq!(again.digest(), share.digest(), "the text says the same share");
    }
}

/// Leaves, one a line, folded whatever they say: the log of a store that somebody edited.
pub(crate) fn fold(bytes: &[u8]) {
    let mut state = State::default();
    for leaf in bytes.split(|byte| *byte == b'\n') {
        let seq = serde_json::from_slice::<Value>(leaf).ok();
        let seq = seq.and_then(|leaf| leaf.get("seq")?.as_u64()).unwrap_or(0);
        if let Ok(event) = Event::from_leaf(seq, leaf) {
            state.apply(&event);
        }
    }
    exercise(&state);
    if let Ok(written) = state.to_snapshot()
        && let Ok(again) = State::from_snapshot(&written)
    {
        assert_eq!(again.to_snapshot().ok(), Some(written));
    }
}

/// Bytes as the right edge of a tree.
pub(crate) fn frontier(bytes: &[u8]) {
    let Ok(mut frontier) = Frontier::from_bytes(bytes) else { return };
    assert_eq!(frontier.to_bytes(), bytes, "a frontier has one form");
    let _ = frontier.root();
    let _ = frontier.append(Digest::of(b"leaf"), &mut |_, _| {});
    let _ = frontier.root();
}

/// Two sizes and a path, as proofs of inclusion and of consistency.
pub(crate) fn merkle(bytes: &[u8]) {
    let Some((one, rest)) = bytes.split_first_chunk::<8>() else { return };
    let Some((other, rest)) = rest.split_first_chunk::<8>() else { return };
    let (one, other) = (u64::from_be_bytes(*one), u64::from_be_bytes(*other));
    let (path, _) = rest.as_chunks::<32>();
    let path: Vec<Digest> = path.iter().copied().map(Digest::from_bytes).collect();
    let (leaf, root) = (Digest::of(b"leaf"), Digest::of(b"root"));
    assert!(verify_inclusion(&leaf, one, other, &path, &root).is_err(), "nobody made this");
    assert!(verify_consistency(one, &leaf, other, &root, &path).is_err(), "nobody made this");
}
