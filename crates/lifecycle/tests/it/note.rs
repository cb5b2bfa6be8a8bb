//! Signed notes, verifier keys, checkpoints and proofs that travel alone.

use keyward_crypto::STANDARD;
use keyward_crypto::signing::PrivateKey;
use keyward_lifecycle::{
    algorithm::Algorithm,
    audit::{
        checkpoint::{Checkpoint, EXTENSION_LINES_MAX, MalformedCheckpoint, TreeHead},
        note::{
            MalformedNote, NOTE_SIGNATURES_MAX, Note, NoteDoubt, NoteSigner, NoteVerifier,
            SignatureLine,
            vkey::{MalformedVerifierKey, UnusableKey, VerifierKey, cosigned_message},
        },
        tlog_proof::{MalformedTlogProof, PATH_HASHES_MAX, TlogProof},
        tree::{empty_root, leaf_hash},
    },
    time::Timestamp,
};
use proptest::prelude::*;

/// A verifier for a line `name+hash+key`.
pub(crate) fn verifier(vkey: &str) -> NoteVerifier {
    NoteVerifier::new(vkey.parse().unwrap(), STANDARD.ed25519.unwrap()).unwrap()
}

/// The private key of a seed, and the 32 bytes of its public key.
pub(crate) fn key_pair(seed: &[u8; 32]) -> (PrivateKey, [u8; 32]) {
    let key = PrivateKey::from_material(Algorithm::Ed25519, seed).unwrap();
    let raw = *key.spki().last_chunk().unwrap();
    (key, raw)
}

const TEXT: &str = "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
const TIME: u64 = 1_738_368_000;

struct Log {
    key: PrivateKey,
    log: VerifierKey,
    cosigner: VerifierKey,
}

impl Log {
    fn new() -> Self {
        let (key, raw) = key_pair(&[7; 32]);
        let name = "example.com/log";
        let log = VerifierKey::ed25519(name, &raw).unwrap();
        Self { key, log, cosigner: VerifierKey::cosigner(name, &raw).unwrap() }
    }

    fn line(&self) -> SignatureLine {
        SignatureLine::of(&self.log, &self.key.sign(TEXT.as_bytes()).unwrap())
    }

    fn cosignature(&self, seconds: u64) -> SignatureLine {
        let signature = self.key.sign(&cosigned_message(TEXT, seconds)).unwrap();
        SignatureLine::of_cosigner(&self.cosigner, seconds, &signature)
    }

    fn verifiers(&self) -> Vec<NoteVerifier> {
        [&self.log, &self.cosigner].map(|key| verifier(&key.to_string())).to_vec()
    }
}

#[test]
fn one_key_signs_and_cosigns_a_note() {
    let log = Log::new();
    let mut note = Note::new(TEXT.to_owned(), log.line()).unwrap();
    note.push(log.cosignature(TIME)).unwrap();
    let read = Note::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(read, note);
    let verifiers = log.verifiers();
    let opened = read.verified_by(&verifiers).unwrap();
    assert_eq!(opened.text(), TEXT);
    let signer = |key: &VerifierKey, cosigned_at| NoteSigner {
        name: key.name().to_owned(),
        key_hash: key.key_hash(),
        cosigned_at,
    };
    let time = Timestamp::from_seconds(i64::try_from(TIME).unwrap());
    let expected = [signer(&log.log, None), signer(&log.cosigner, Some(time))];
    assert_eq!(opened.signers(), expected);
}

#[test]
fn a_cosignature_covers_its_time_and_is_none_of_the_log() {
    let log = Log::new();
    let signature = log.key.sign(&cosigned_message(TEXT, TIME)).unwrap();
    let invalid = Err(NoteDoubt::InvalidSignature { name: "example.com/log".to_owned() });
    for line in [
        SignatureLine::of_cosigner(&log.cosigner, TIME + 1, &signature),
        SignatureLine::of(&log.cosigner, &signature),
        SignatureLine::of(&log.cosigner, &[0; 7]),
        SignatureLine::of(&log.log, &signature),
    ] {
        let note = Note::new(TEXT.to_owned(), line).unwrap();
        assert_eq!(note.verified_by(&log.verifiers()), invalid);
    }
}

#[test]
fn of_several_lines_of_one_key_the_first_counts() {
    let log = Log::new();
    let mut note = Note::new(TEXT.to_owned(), log.cosignature(TIME)).unwrap();
    note.push(log.cosignature(TIME + 9)).unwrap();
    let verifiers = log.verifiers();
    let opened = note.verified_by(&verifiers).unwrap();
    assert_eq!(opened.signers().len(), 1);
    let time = Timestamp::from_seconds(i64::try_from(TIME).unwrap());
    assert_eq!(opened.signers()[0].cosigned_at, Some(time));
    assert_eq!(note.verified_by(&verifiers[..1]), Err(NoteDoubt::Unverified));
}

#[test]
fn the_wrong_shape_of_a_note_is_named() {
    let line = Log::new().line();
    let check = |bytes: &str, expected| {
        assert_eq!(Note::parse(bytes.as_bytes()).unwrap_err(), expected, "{bytes:?}");
    };
    check("text\n", MalformedNote::NoSignature);
    check("text\n\n", MalformedNote::NoSignature);
    check(&format!("text\n\n{line}"), MalformedNote::NoSignature);
    check(&format!("text\n\n{line}\nmore\n"), MalformedNote::SignatureLine);
    check(&format!("te\rxt\n\n{line}\n"), MalformedNote::Text);
    check("text\n\n\u{2014} a+b AAAAAAA=\n", MalformedNote::SignatureLine);
    check("text\n\n\u{2014} name AAAAAA==\n", MalformedNote::SignatureLine);
    let lines = format!("{line}\n").repeat(NOTE_SIGNATURES_MAX + 1);
    check(&format!("text\n\n{lines}"), MalformedNote::TooManySignatures);
    check(&"x".repeat(1_000_001), MalformedNote::TooLong);
    assert_eq!(Note::new("no end".to_owned(), line), Err(MalformedNote::Text));
}

#[test]
fn verifier_keys_are_refused_with_the_part_that_is_wrong() {
    let check = |text: &str, expected| {
        assert_eq!(text.parse::<VerifierKey>().unwrap_err(), expected, "{text}");
    };
    check("name", MalformedVerifierKey::Shape);
    check("name+00000000", MalformedVerifierKey::Shape);
    check("name+00000000+AQ==", MalformedVerifierKey::Key);
    check("name+00000000+", MalformedVerifierKey::Key);
    check("name+00000000+ZQAA", MalformedVerifierKey::Algorithm);
    let key = Log::new().log.to_string();
    check(&key.replace("example.com", "example.org"), MalformedVerifierKey::Hash);
    check(&key.replace("example.com", "example com"), MalformedVerifierKey::Name);
    check(&"x".repeat(10_000), MalformedVerifierKey::Shape);
    assert_eq!(VerifierKey::ed25519("a+b", &[1; 32]), Err(MalformedVerifierKey::Name));
}

#[test]
fn keys_that_cannot_be_trusted_verify_nothing() {
    let ed25519 = STANDARD.ed25519.unwrap();
    let small_order = VerifierKey::ed25519("name", &[0; 32]).unwrap();
    let refused = NoteVerifier::new(small_order, ed25519).unwrap_err();
    assert!(matches!(refused, UnusableKey::Malformed(_)), "{refused}");
    let rekor = "rekor.sigstore.dev+c0d23d6a+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNhtmPtrWm3U1e\
                 QXBogSMdGvXwBcK5AW5i0hrZLOC96l+smGNM7nwZ4QvFK/4sueRoVj//QP22Ni4Qt9DPfkWLc=";
    let refused = NoteVerifier::new(rekor.parse().unwrap(), ed25519).unwrap_err();
    assert_eq!(refused, UnusableKey::Algorithm);
}

#[test]
fn a_checkpoint_binds_the_ledger_in_one_line() {
    let head = TreeHead { size: 42, root: leaf_hash(b"log") };
    let ledger = TreeHead { size: u64::MAX, root: empty_root() };
    let checkpoint = Checkpoint::new("example.com/log", head, Some(ledger)).unwrap();
    let text = checkpoint.to_string();
    let line = "ledger 18446744073709551615 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    assert!(text.ends_with(line), "{text}");
    let read = Checkpoint::parse(&text).unwrap();
    assert_eq!(read, checkpoint);
    assert_eq!((read.head(), read.ledger_head()), (head, Ok(Some(ledger))));
    let without = Checkpoint::new("example.com/log", head, None).unwrap();
    assert_eq!(without.ledger_head(), Ok(None));

    let ledger_of =
        |more: &str| Checkpoint::parse(&(without.to_string() + more)).unwrap().ledger_head();
    assert_eq!(ledger_of("ledgers 1 x\n"), Ok(None));
    for bad in [line.repeat(2).as_str(), "ledger \n", "ledger 01 x\n", "ledger 1 AAAA\n"] {
        assert_eq!(ledger_of(bad), Err(MalformedCheckpoint::Ledger), "{bad}");
    }
}

#[test]
fn a_checkpoint_takes_extension_lines_up_to_its_limit() {
    let head = TreeHead { size: 0, root: empty_root() };
    let mut checkpoint = Checkpoint::new("example.com/log", head, None).unwrap();
    for number in 0..EXTENSION_LINES_MAX {
        checkpoint = checkpoint.with_line(format!("line {number}")).unwrap();
    }
    assert_eq!(Checkpoint::parse(&checkpoint.to_string()), Ok(checkpoint.clone()));
    let refused = Err(MalformedCheckpoint::Extension);
    assert_eq!(checkpoint.with_line("one more".to_owned()), refused);
    let empty = Checkpoint::new("example.com/log", head, None).unwrap();
    assert_eq!(empty.clone().with_line(String::new()), refused);
    assert_eq!(empty.with_line("a\nb".to_owned()), refused);
}

#[test]
fn the_wrong_line_of_a_checkpoint_is_named() {
    let check = |text: String, expected| {
        assert_eq!(Checkpoint::parse(&text), Err(expected), "{text:?}");
    };
    check(TEXT.trim_end().to_owned(), MalformedCheckpoint::NoLineFeed);
    check(TEXT.replace("example.com/log", ""), MalformedCheckpoint::Origin);
    check(TEXT.replace("\n0\n", "\n00\n"), MalformedCheckpoint::Size);
    check(TEXT.replace("\n0\n", "\n\n"), MalformedCheckpoint::Size);
    check(TEXT.replace("\n0\n", "\n18446744073709551616\n"), MalformedCheckpoint::Size);
    check(TEXT.replace("FU=", "FV="), MalformedCheckpoint::Root);
    check(TEXT.replace("FU=", "FU"), MalformedCheckpoint::Root);
    check(format!("{TEXT}\n"), MalformedCheckpoint::Extension);
    check(TEXT.to_owned() + &"x\n".repeat(EXTENSION_LINES_MAX + 1), MalformedCheckpoint::Extension);
    check("x".repeat(20_000), MalformedCheckpoint::TooLong);
    let head = TreeHead { size: 0, root: empty_root() };
    assert_eq!(Checkpoint::new("a\nb", head, None), Err(MalformedCheckpoint::Origin));
}

#[test]
fn a_proof_that_travels_alone_reads_as_it_was_written() {
    let proof = TlogProof {
        extra: Some(vec![1, 2, 3]),
        index: 5,
        path: vec![leaf_hash(b"a"), leaf_hash(b"b")],
        checkpoint: Note::new(TEXT.to_owned(), Log::new().line()).unwrap().to_string(),
    };
    let text = proof.to_string();
    assert_eq!(text.parse(), Ok(proof));
    let check = |text: String, expected| assert_eq!(text.parse::<TlogProof>(), Err(expected));
    check(text.replace("@v1", "@v2"), MalformedTlogProof::Header);
    check(text.replace("AQID", "AQI"), MalformedTlogProof::Extra);
    check(text.replace("index 5", "index 05"), MalformedTlogProof::Index);
    check(text.replace("\n\n", "\n"), MalformedTlogProof::Checkpoint);
    let path = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".repeat(PATH_HASHES_MAX + 1);
    let long = format!("c2sp.org/tlog-proof@v1\nindex 0\n{path}\nx\n");
    check(long, MalformedTlogProof::Hash);
}

proptest! {
    #[test]
    fn what_is_read_is_written_alike(
        origin in "[a-z./]{1,20}", size in any::<u64>(), lines in prop::collection::vec("[ -~]{1,30}", 0..5),
    ) {
        let mut text = format!("{origin}\n{size}\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
        lines.iter().for_each(|line| text.extend([line, "\n"]));
        prop_assert_eq!(Checkpoint::parse(&text).unwrap().to_string(), text);
    }

    #[test]
    fn arbitrary_bytes_never_panic_a_parser(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        text in "(a|\n|\u{2014} |\\+|AAAA|=|index |0|9|c2sp.org/tlog-proof@v1\n|ledger ){0,40}",
    ) {
        let _ = Note::parse(&bytes);
        for text in [String::from_utf8_lossy(&bytes).as_ref(), &text] {
            if let Ok(note) = Note::parse(text.as_bytes()) {
                prop_assert_eq!(note.to_string(), text);
            }
            if let Ok(checkpoint) = Checkpoint::parse(text) {
                let _ = checkpoint.ledger_head();
                prop_assert_eq!(checkpoint.to_string(), text);
            }
            if let Ok(key) = text.parse::<VerifierKey>() {
                prop_assert_eq!(key.to_string(), text);
            }
            if let Ok(proof) = text.parse::<TlogProof>() {
                prop_assert_eq!(proof.to_string(), text);
            }
        }
    }
}
