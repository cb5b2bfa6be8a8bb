//! The story: a key's whole life, in the order of the runbook.

use std::path::Path;

use super::Stage;
use crate::exit::{Exit, Failure};

/// The artifact, and the package that it is.
struct Artifact {
    file: String,
    purl: String,
}

/// A proof that was made on the way.
struct Proof {
    /// The envelope's file.
    file: String,
    /// Its bundle's id.
    id: String,
}

const OLD: &str = "key-2024-prod";
const NEW: &str = "key-2025-prod";

pub(super) fn play(stage: &mut Stage<'_, '_>, artifact: &Path) -> Result<(), Failure> {
    let artifact = Artifact { file: artifact.display().to_string(), purl: purl(artifact) };
    let before = stage.time(-SECONDS_PER_HOUR);
    let (anchor, old) = begin(stage, &artifact)?;
    let new = rotate(stage, &artifact, &anchor)?;
    revoke(stage, &anchor, &old)?;
    look_back(stage, &before, [&old, &new])?;
    emergency(stage, &new)?;
    check(stage, &artifact, &old)?;
    let dir = stage.file("");
    stage.tell(&format!(
        "Done. The store in {dir} is yours to play with: the commands above work on it."
    ))
}

fn begin(stage: &mut Stage<'_, '_>, artifact: &Artifact) -> Result<(String, Proof), Failure> {
    stage.tell("Make a store: a root key, a log, the built-in profiles.")?;
    stage.run(&["init"], Exit::Done)?;
    stage.run(&["root", "status"], Exit::Done)?;
    stage.tell("Make a signing key. The profile has no signer, so it signs at once.")?;
    stage.run(&["key", "generate", "--profile", "default", "--key-id", OLD], Exit::Done)?;
    stage.tell("Say who is believed: this key, for every package of this type.")?;
    let types = "evidence.stella/v1,reasoning.stella/v1";
    let create = [
        "anchor",
        "create",
        "--purl-pattern",
        "pkg:cargo/*",
        "--key-ids",
        OLD,
        "--predicate-types",
        types,
    ];
    let anchor = stage.run(&create, Exit::Done)?.after("Anchor")?;
    stage.tell("Sign a statement about a real file.")?;
    let old = sign(stage, artifact, OLD, "proof-2024.json")?;
    stage.tell("Judge it: is the file the one that was signed, by a key that was good?")?;
    stage.run(&["verify", &old.file, "--artifact", &artifact.file], Exit::Done)?;
    Ok((anchor, old))
}

fn rotate(stage: &mut Stage<'_, '_>, artifact: &Artifact, anchor: &str) -> Result<Proof, Failure> {
    stage.wait()?;
    stage.tell("A year later, so to say: make the successor. It does not sign yet.")?;
    stage.run(&["key", "generate", "--profile", "default", "--key-id", NEW], Exit::Done)?;
    stage.tell("Let the anchor believe both.")?;
    stage.run(&["anchor", "add-key", "--anchor-id", anchor, "--key-id", NEW], Exit::Done)?;
    stage.tell("Rotate: both keys sign the succession statement, then the new one signs.")?;
    stage.run(&["key", "rotate", "--key-id", OLD, "--new-key-id", NEW], Exit::Done)?;
    let new = sign(stage, artifact, NEW, "proof-2025.json")?;
    stage.tell("In the transition, proofs by either key are good.")?;
    let old = stage.file("proof-2024.json");
    stage.run(&["verify", &old, &new.file, "--artifact", &artifact.file], Exit::Done)?;
    let short: String = anchor.chars().take(8).collect();
    stage.run(&["anchor", "status", "--anchor-id", &format!("{short}...")], Exit::Done)?;
    stage.run(&["key", "list"], Exit::Done)?;
    Ok(new)
}

fn revoke(stage: &mut Stage<'_, '_>, anchor: &str, old: &Proof) -> Result<(), Failure> {
    stage.wait()?;
    stage.tell("The transition is over: end the old key.")?;
    let revoke = [
        "anchor",
        "revoke-key",
        "--anchor-id",
        anchor,
        "--key-id",
        OLD,
        "--reason",
        "annual-rotation",
        "--effective-at",
        "NOW",
    ];
    stage.run(&revoke, Exit::Done)?;
    stage.tell("What it signed before stays good, since the ledger proves that it was before.")?;
    stage.run(&["verify", &old.file], Exit::Done).map(drop)
}

fn look_back(stage: &mut Stage<'_, '_>, before: &str, proofs: [&Proof; 2]) -> Result<(), Failure> {
    stage
        .tell("An hour before, the keys were not there: neither proof can have been made then.")?;
    for proof in proofs {
        let verify = ["verify", "--proof-bundle", &proof.id, "--at-time", before];
        stage.run(&verify, Exit::No)?;
    }
    stage.tell("Now, both are good.")?;
    let now = stage.time(0);
    for proof in proofs {
        stage.run(&["verify", "--proof-bundle", &proof.id, "--at-time", &now], Exit::Done)?;
    }
    stage.tell("And the keys themselves, now.")?;
    stage.run(&["key", "check-validity", "--key-id", OLD], Exit::No)?;
    stage.run(&["key", "check-validity", "--key-id", NEW], Exit::Done)?;
    stage.run(&["key", "rotation-warnings"], Exit::Done).map(drop)
}

fn emergency(stage: &mut Stage<'_, '_>, new: &Proof) -> Result<(), Failure> {
    stage.wait()?;
    stage.tell("Emergency: the new key is in other hands. End it everywhere, at once.")?;
    let revoke = [
        "anchor",
        "revoke-key",
        "--anchor-id",
        "ALL",
        "--key-id",
        NEW,
        "--reason",
        "compromise",
        "--effective-at",
        "NOW",
    ];
    stage.run(&revoke, Exit::Done)?;
    stage.tell("Nobody knows since when, so what it signed is not believed any more.")?;
    stage.run(&["verify", &new.file], Exit::No)?;
    stage.tell("Make another key, and let every anchor believe it.")?;
    let emergency = format!("emergency-key-{}", stage.today().replace('-', ""));
    let generate = ["key", "generate", "--profile", "default", "--key-id", &emergency];
    stage.run(&generate, Exit::Done)?;
    let add = ["anchor", "add-key", "--anchor-id", "ALL", "--key-id", &emergency];
    stage.run(&add, Exit::Done)?;
    stage.tell("Review what the lost key signed.")?;
    stage.run(&["incident", "report", "--key", NEW], Exit::Done)?;
    stage.tell("Sign the statement again with a good key; the old envelope stays as it is.")?;
    let again = stage.file("proof-again.json");
    let resign = [
        "proof",
        "re-sign",
        &new.id,
        "--key-id",
        &emergency,
        "--reason",
        "compromise",
        "--out",
        &again,
    ];
    stage.run(&resign, Exit::Done)?;
    stage.run(&["verify", &again], Exit::Done).map(drop)
}

fn check(stage: &mut Stage<'_, '_>, artifact: &Artifact, old: &Proof) -> Result<(), Failure> {
    stage.tell("Who did what, and when?")?;
    let today = stage.today();
    stage.run(
        &["audit", "query", "--type", "KEY_*", "--from", &today, "--to", &today],
        Exit::Done,
    )?;
    stage.tell("Give a verifier the log and a proof, in an empty directory, and nothing else.")?;
    let (trust, bundle) = (stage.file("offline/trust.jsonl"), stage.file("offline/bundle.json"));
    let empty = Path::new(&trust).parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(empty)
        .map_err(|error| Failure::error(format!("{}: {error}", empty.display())))?;
    stage.run(&["audit", "export", "--out", &trust], Exit::Done)?;
    stage.run(&["proof", "export", &old.id, "--out", &bundle], Exit::Done)?;
    let offline =
        ["verify", "--trust", &trust, "--proof-bundle", &bundle, "--artifact", &artifact.file];
    stage.run_bare(&offline, Exit::Done)?;
    stage.tell("Replay the whole log, and compare every row of the database.")?;
    stage.run(&["audit", "verify"], Exit::Done).map(drop)
}

fn sign(
    stage: &mut Stage<'_, '_>,
    artifact: &Artifact,
    key: &str,
    name: &str,
) -> Result<Proof, Failure> {
    let file = stage.file(name);
    let sign = [
        "sign",
        "--key-id",
        key,
        "--artifact",
        &artifact.file,
        "--purl",
        &artifact.purl,
        "--predicate-type",
        "evidence.stella/v1",
        "--out",
        &file,
    ];
    let id = stage.run(&sign, Exit::Done)?.after("proof bundle")?;
    Ok(Proof { file, id })
}

/// A package of the type that the anchor judges, named after the file.
fn purl(artifact: &Path) -> String {
    let stem = artifact.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let mut name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    name.truncate(NAME_CHARS_MAX);
    let name = name.trim_matches('-');
    let name = if name.is_empty() { "artifact" } else { name };
    format!("pkg:cargo/{name}@{}", env!("CARGO_PKG_VERSION"))
}

const SECONDS_PER_HOUR: i64 = 3_600;
const NAME_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_name_as_a_package() {
        let version = env!("CARGO_PKG_VERSION");
        for (file, name) in [("/bin/My Tool.bin", "my-tool"), ("/x/ü", "artifact"), ("a", "a")] {
            let purl = purl(Path::new(file));
            assert_eq!(purl, format!("pkg:cargo/{name}@{version}"));
            assert_eq!(
                keyward_lifecycle::purl::Purl::parse(&purl).map(|p| p.to_string()),
                Ok(purl)
            );
        }
    }
}
