//! Documents that this build writes, each as whole as the real one.

#[path = "../../../crates/lifecycle/tests/it/event/sample.rs"]
mod sample;

use keyward_barrier::{RecordId, RecordKind, RecordName, RecordVersion};
use keyward_crypto::{signing::PrivateKey, spki};
use keyward_lifecycle::{
    audit::{
        checkpoint::{Checkpoint, TreeHead},
        note::{Note, SignatureLine, vkey::VerifierKey},
        tree::{Frontier, leaf_hash},
    },
    authority::{AUTHORITY_PAYLOAD_TYPE, Authority, AuthorityKey},
    bundle::Bundle,
    canonical,
    envelope::{Envelope, Signature},
    event::Event,
    id::{Digest, KeyId},
    state::State,
    trust::{foot_line, head_line},
};

use super::request;
use crate::{anchor, keys, metadata, store, svid};

/// What this build writes.
pub(super) fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "event" => leaves(),
        "fold" => vec![leaves().join(&b'\n')],
        "trust" => vec![trust()],
        "anchor" => anchor::made(),
        "authority" | "envelope" => vec![json(&authority())],
        "bundle" => {
            let bundle = Bundle::new(authority(), Vec::new()).expect("within the limits");
            vec![bundle.to_json().expect("a bundle has a canonical form")]
        }
        "note" => vec![note().to_string().into_bytes()],
        "checkpoint" => vec![note().text().as_bytes().to_vec()],
        "verifier_key" => log_keys().iter().map(|key| key.to_string().into_bytes()).collect(),
        "snapshot" => snapshots(),
        "config" => config(),
        "frontier" => frontiers(),
        "http" => request::made(),
        "epoch_header" => vec![store::unsealed().header().bytes().to_vec()],
        "record" => vec![record()],
        "backup" => vec![store::made_backup()],
        "keeper_share" => store::shares().iter().map(|(bytes, _)| bytes.clone()).collect(),
        "share" => store::shares().iter().map(|(bytes, _)| bytes.clone()).collect(),
        "share_text" => store::shares().into_iter().map(|(_, text)| text).collect(),
        "key_metadata" => vec![metadata::document().to_string().into_bytes()],
        "private_key" => keys::signers().iter().map(|key| key.to_pkcs8_der().to_vec()).collect(),
        "spki" => {
            let of =
                |key: &PrivateKey| [key.spki().to_vec(), spki::to_pem(key.spki()).into_bytes()];
            keys::signers().iter().flat_map(of).collect()
        }
        "signature" => (0..)
            .zip(keys::signers())
            .map(|(which, key)| {
                [vec![which], key.sign(keys::MESSAGE).expect("a good key signs")].concat()
            })
            .collect(),
        "svid" => svid::made(),
        "time" => [
            "2025-02-01T00:00:00Z",
            "2025-02-01t23:59:59.999999999-23:59",
            "1677-09-21T00:12:43.145224192Z",
            "2262-04-11T23:47:16.854775807Z",
        ]
        .map(|text| text.as_bytes().to_vec())
        .into(),
        _ => Vec::new(),
    }
}

/// An event of every type, with and without its optional members, as one log.
pub(crate) fn events() -> Vec<Event> {
    let number = |seq: usize| u64::try_from(seq).expect("few samples");
    (0..sample::SAMPLES * 2)
        .map(|seq| {
            let event = sample::event(seq / 2, number(seq % 2));
            Event { seq: number(seq), ..event }
        })
        .collect()
}

fn leaves() -> Vec<Vec<u8>> {
    events().iter().map(|event| event.to_leaf().expect("a sample is a leaf")).collect()
}

/// The fold of each beginning of the log.
fn snapshots() -> Vec<Vec<u8>> {
    let mut state = State::default();
    let mut fold = |event: &Event| {
        state.apply(event);
        state.to_snapshot().expect("there is memory for it")
    };
    events().iter().map(&mut fold).collect()
}

fn frontiers() -> Vec<Vec<u8>> {
    let mut frontier = Frontier::new();
    let mut append = |leaf: &Vec<u8>| {
        frontier.append(leaf_hash(leaf), &mut |_, _| {}).expect("a short log");
        frontier.to_bytes()
    };
    leaves().iter().map(&mut append).collect()
}

/// A record under another name than the one that the target asks for.
fn record() -> Vec<u8> {
    let id = RecordId::parse("another").expect("a good id");
    let name = RecordName::new(RecordKind::PrivateKey, id, RecordVersion::FIRST);
    store::unsealed().seal(&name, b"seed").expect("there is randomness")
}

const ORIGIN: &str = "keyward.example/log";

fn log_keys() -> [VerifierKey; 2] {
    let [key, ..] = keys::signers();
    let raw = spki::raw(key.algorithm(), key.spki()).expect("a good key");
    let raw = raw.try_into().expect("Ed25519 keys have 32 bytes");
    [VerifierKey::ed25519(ORIGIN, raw), VerifierKey::cosigner(ORIGIN, raw)]
        .map(|key| key.expect("a good name"))
}

/// An authority of one key. Signatures are placeholders: these targets believe every one.
fn authority() -> Envelope {
    let [key, ..] = keys::signers();
    let authority = Authority {
        v: 1,
        version: 1,
        root_id: spki::fingerprint(key.spki()),
        threshold: 1,
        keys: vec![AuthorityKey {
            key_id: KeyId::parse("authority-1").expect("a good id"),
            public_key: spki::to_pem(key.spki()),
        }],
        origin: ORIGIN.to_owned(),
        log_keys: log_keys().iter().map(ToString::to_string).collect(),
        expires_at: None,
    };
    let payload = canonical::to_bytes(&authority).expect("it has a canonical form");
    let first = Signature { key_id: Some("authority-1".to_owned()), signature: vec![0; 64] };
    Envelope::new(AUTHORITY_PAYLOAD_TYPE, payload, first).expect("within the limits")
}

fn json(envelope: &Envelope) -> Vec<u8> {
    envelope.to_json().expect("an envelope has a canonical form")
}

/// The checkpoint of the log of [`events`].
fn note() -> Note {
    let mut frontier = Frontier::new();
    for leaf in leaves() {
        frontier.append(leaf_hash(&leaf), &mut |_, _| {}).expect("a short log");
    }
    let head = TreeHead { size: frontier.size(), root: frontier.root() };
    let ledger = TreeHead { size: 1, root: Digest::of(b"ledger") };
    let checkpoint = Checkpoint::new(ORIGIN, head, Some(ledger)).expect("a good origin");
    let [key, cosigner] = log_keys();
    let signature = SignatureLine::of(&key, &[0; 64]);
    let mut note = Note::new(checkpoint.to_string(), signature).expect("a good text");
    let cosignature = SignatureLine::of_cosigner(&cosigner, 1_735_689_600, &[0; 64]);
    note.push(cosignature).expect("two signatures");
    note
}

fn trust() -> Vec<u8> {
    let head = head_line(&[authority()]).expect("it has a canonical form");
    let foot = foot_line(&note().to_string()).expect("it has a canonical form");
    [vec![head], leaves(), vec![foot]].concat().join(&b'\n')
}

/// Every section of a configuration at once; the pages have them one by one.
fn config() -> Vec<Vec<u8>> {
    vec![CONFIG.as_bytes().to_vec()]
}

const CONFIG: &str = r##"signer:
  profiles:
    default:
      algorithm: SHA256-ED25519
      keyStore: "hsm://pkcs11/slot/0"
      rotation: {enabled: false, maxAgeMonths: 24, warningMonths: 3, onMaxAge: warn}
      ledger: buffered
      policy: strict
      moduleCertificate: {standard: FIPS 140-2, number: "4282", status: active, sunset: 2026-09-21}
  rotation:
    warningMonths: 4
    alerts:
    - {type: slack, channel: "#security-ops"}
    - {type: email, recipients: [security@example.com]}
server:
  listen: "[::1]:8230"
  tls: {certificate: /etc/keyward/tls.crt, key: /etc/keyward/tls.key}
  clientAuth: spiffe
identity:
  trustDomain: example.org
  workloadApi: unix:///run/spire/agent.sock
  operators: {alice: admin, bob: viewer}
keeper:
  listen: 127.0.0.1:8231
rootKey:
  rotation:
    everyDays: 90
    window: {days: [saturday, sunday], from: "22:00", to: "02:30"}
    recordsPerSecond: 500
    finaliseAfterHours: 48
  backup: {file: /var/backups/keyward.json, verifyEveryDays: 3}
  keepers:
    threshold: 2
    pollSeconds: 9
    members:
    - {name: a, address: "keeper-1.example:8231"}
    - {name: b, address: "[::1]:8231"}
    - {name: c, address: "192.0.2.1:8231"}
"##;
