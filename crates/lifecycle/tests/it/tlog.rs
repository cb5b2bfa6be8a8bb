//! The conformance vectors of logs: proofs, notes, keys, checkpoints and whole logs.

mod folder;

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use keyward_lifecycle::{
    audit::{
        checkpoint::{Checkpoint, MalformedCheckpoint},
        note::{
            Note, NoteDoubt, NoteVerifier, SignatureLine,
            vkey::{UnusableKey, VerifierKey},
        },
        proof::{verify_consistency, verify_inclusion},
        tlog_proof::TlogProof,
        tree::leaf_hash,
    },
    id::Digest,
};
use serde_json::Value;

use crate::{
    note::{key_pair, verifier},
    part::Part,
    tree::{check_consistency, check_inclusion},
};

#[test]
fn tlog_vectors_are_judged_as_their_sources_say() {
    let mut part = Part::open("tlog");
    if !part.is_there() {
        return;
    }
    let entries = part.entries();
    let documents: Vec<_> = entries.iter().map(|path| (path, Part::json(path))).collect();
    let known = |document: &Value| texts(&document["vkeys"]);
    let vkeys: Vec<_> =
        documents.iter().filter_map(|(_, json)| json.as_ref()).flat_map(known).collect();
    for (path, document) in &documents {
        match document {
            Some(document) => run_document(&mut part, path, document),
            None if path.is_dir() => folder::run(&mut part, path, &vkeys),
            None => part.unknown(path, ""),
        }
    }
    part.finish(&[(OTHER_HASH, 4)]);
}

/// Why a case is not for our interface: every hash of ours is a SHA-256.
const OTHER_HASH: &str = "a hash that is not 32 bytes is accepted there";

fn run_document(part: &mut Part, path: &Path, document: &Value) {
    let has = |member: &str| document.get(member).is_some();
    if let Some(tests) = document["tests"].as_array() {
        tests.iter().for_each(|case| run_case(part, path, case));
    } else if has("inclusion") && has("consistency") && has("vkeys") {
        run_log_proofs(part, document);
    } else if has("valid_ed25519") {
        run_vkeys(part, document);
    } else {
        part.unknown(path, "");
    }
}

fn run_case(part: &mut Part, path: &Path, case: &Value) {
    let has = |member: &str| case.get(member).is_some();
    if has("leafIdx") && has("treeSize") {
        run_proof(part, case, "leafHash", inclusion_verdict(case));
    } else if has("size1") && has("root1") {
        run_proof(part, case, "root1", consistency_verdict(case));
    } else if has("note_base64") {
        run_note(part, case);
    } else if has("body") {
        run_checkpoint(part, case);
    } else if has("proof") && has("syntax_valid") {
        let text = case["proof"].as_str().unwrap();
        let written = text.parse::<TlogProof>().ok().map(|proof| proof.to_string());
        let expected = (case["syntax_valid"] == true).then(|| text.to_owned());
        assert_eq!(written, expected, "{case}");
        part.count(1);
    } else {
        part.unknown(path, &case.to_string());
    }
}

/// Whether the proof of a case verifies; nothing when a member is no size or no hash of ours.
fn inclusion_verdict(case: &Value) -> Option<bool> {
    let (leaf, root) = (hash(&case["leafHash"])?, hash(&case["root"])?);
    let (index, size) = (case["leafIdx"].as_u64()?, case["treeSize"].as_u64()?);
    Some(verify_inclusion(&leaf, index, size, &hashes(&case["proof"])?, &root).is_ok())
}

fn consistency_verdict(case: &Value) -> Option<bool> {
    let (old, new) = (hash(&case["root1"])?, hash(&case["root2"])?);
    let (old_size, new_size) = (case["size1"].as_u64()?, case["size2"].as_u64()?);
    Some(verify_consistency(old_size, &old, new_size, &new, &hashes(&case["proof"])?).is_ok())
}

fn run_proof(part: &mut Part, case: &Value, first_hash: &str, verdict: Option<bool>) {
    let good = case["wantErr"] == false;
    if good && hash(&case[first_hash]).is_none() {
        part.not_for_us(1, OTHER_HASH);
    } else {
        assert_eq!(verdict.unwrap_or(false), good, "{case}");
        part.count(1);
    }
}

fn run_note(part: &mut Part, case: &Value) {
    let bytes = BASE64_STANDARD.decode(case["note_base64"].as_str().unwrap()).unwrap();
    let verifiers = verifiers(&texts(&case["vkeys"]));
    let note = Note::parse(&bytes);
    let opened = note.as_ref().map(|note| note.verified_by(&verifiers));
    let outcome = match opened {
        Ok(Ok(opened)) => Ok(opened.signers().iter().map(|signer| signer.name.clone()).collect()),
        Ok(Err(NoteDoubt::Unverified)) => Err("unverified"),
        Ok(Err(NoteDoubt::InvalidSignature { .. })) => Err("invalid signature"),
        Err(_) => Err("malformed"),
    };
    let expected = case["error"].as_str().map_or_else(|| Ok(texts(&case["verified"])), Err);
    assert_eq!(outcome, expected, "{}", case["name"]);
    part.count(1);
}

fn run_checkpoint(part: &mut Part, case: &Value) {
    let body = case["body"].as_str().unwrap();
    let read = Checkpoint::parse(body);
    if case["valid"] == true && case["root_is_32_bytes"] == false {
        assert_eq!(read, Err(MalformedCheckpoint::Root), "{case}");
        part.not_for_us(1, OTHER_HASH);
    } else {
        let expected = (case["valid"] == true).then(|| body.to_owned());
        assert_eq!(read.ok().map(|read| read.to_string()), expected, "{case}");
        part.count(1);
    }
}

fn run_log_proofs(part: &mut Part, document: &Value) {
    let size = document["size"].as_u64().unwrap();
    let root = hash(&document["root"]).unwrap();
    let verifiers = verifiers(&texts(&document["vkeys"]));
    for case in document["inclusion"].as_array().unwrap() {
        let index = case["index"].as_u64().unwrap();
        let entry = BASE64_STANDARD.decode(case["entry_base64"].as_str().unwrap()).unwrap();
        let leaf = leaf_hash(&entry);
        assert_eq!(hash(&case["leafHash"]), Some(leaf));
        let path = hashes(&case["proof"]).unwrap();
        check_inclusion(&leaf, index, size, &path, &root);
        let alone: TlogProof = case["tlog_proof"].as_str().unwrap().parse().unwrap();
        assert_eq!((alone.index, alone.path), (index, path));
        let note = Note::parse(alone.checkpoint.as_bytes()).unwrap();
        let opened = note.verified_by(&verifiers).unwrap();
        assert_eq!(opened.signers().len(), verifiers.len());
        let head = Checkpoint::parse(opened.text()).unwrap().head();
        assert_eq!((head.size, head.root), (size, root));
        part.count(1);
    }
    for case in document["consistency"].as_array().unwrap() {
        let (old, new) = (hash(&case["root1"]).unwrap(), hash(&case["root2"]).unwrap());
        let (old_size, new_size) =
            (case["size1"].as_u64().unwrap(), case["size2"].as_u64().unwrap());
        let path = hashes(&case["proof"]).unwrap();
        check_consistency((old_size, &old), (new_size, &new), &path);
        part.count(1);
    }
}

fn run_vkeys(part: &mut Part, document: &Value) {
    for vkey in texts(&document["valid_ed25519"]) {
        assert_eq!(verifier(&vkey).key().to_string(), vkey);
        for at in 1..vkey.len() {
            for cut in [&vkey[..at], &vkey[at..]] {
                cut.parse::<VerifierKey>().expect_err("a part of a key");
            }
        }
        for at in 0..vkey.len() {
            let mut bytes = vkey.clone().into_bytes();
            bytes[at] += 1;
            let changed = String::from_utf8(bytes).unwrap();
            changed.parse::<VerifierKey>().expect_err("a changed key");
        }
        part.count(1);
    }
    for vkey in texts(&document["valid_other_types"]) {
        let key: VerifierKey = vkey.parse().unwrap();
        assert_eq!(key.to_string(), vkey);
        let ed25519 = keyward_crypto::STANDARD.ed25519.unwrap();
        assert_eq!(NoteVerifier::new(key, ed25519).unwrap_err(), UnusableKey::Algorithm);
        part.count(1);
    }
    for case in document["invalid"].as_array().unwrap() {
        case["vkey"].as_str().unwrap().parse::<VerifierKey>().expect_err("an invalid key");
        part.count(1);
    }
    let members = document.as_object().unwrap().values();
    for signer in members.filter(|member| member.get("skey").is_some()) {
        run_signer(signer);
        part.count(1);
    }
}

/// `PRIVATE+KEY+name+hash+base64` makes the verifier key and, deterministically, the note.
fn run_signer(signer: &Value) {
    let skey = signer["skey"].as_str().unwrap();
    let [_, _, name, _, encoded] = skey.splitn(5, '+').collect::<Vec<_>>().try_into().unwrap();
    let seed = BASE64_STANDARD.decode(encoded).unwrap();
    let (key, raw) = key_pair(seed[1..].try_into().unwrap());
    let vkey = VerifierKey::ed25519(name, &raw).unwrap();
    assert_eq!(signer["vkey"], vkey.to_string());
    if let Some(text) = signer["text"].as_str() {
        let line = SignatureLine::of(&vkey, &key.sign(text.as_bytes()).unwrap());
        let note = Note::new(text.to_owned(), line).unwrap();
        assert_eq!(signer["note"], note.to_string());
    }
}

/// The verifiers of those keys that can be used; the others are as good as unknown.
fn verifiers(vkeys: &[String]) -> Vec<NoteVerifier> {
    let ed25519 = keyward_crypto::STANDARD.ed25519.unwrap();
    let usable = |vkey: &String| NoteVerifier::new(vkey.parse().ok()?, ed25519).ok();
    vkeys.iter().filter_map(usable).collect()
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    list.map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn hash(value: &Value) -> Option<Digest> {
    let bytes = BASE64_STANDARD.decode(value.as_str()?).ok()?;
    bytes.try_into().ok().map(Digest::from_bytes)
}

/// A list of hashes; none is an empty list.
fn hashes(value: &Value) -> Option<Vec<Digest>> {
    value.as_array().into_iter().flatten().map(hash).collect()
}
