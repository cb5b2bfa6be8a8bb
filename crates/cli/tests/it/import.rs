//! Keys that were made elsewhere, in both forms, by `openssl`.

use std::{path::Path, process::Command};

use crate::both::both_ways;

/// A key pair `NAME.key`, `NAME.pub`, and `NAME.proof`: that its holder has the private part,
/// said over the nonce `2f1e-77` (docs/operate/runbook.md).
const MADE: &str = r#"
set -e
openssl genpkey -algorithm ed25519 -out $1.key
openssl pkey -in $1.key -pubout -out $1.pub
fingerprint=$(openssl pkey -pubin -in $1.pub -outform DER | sha256sum | cut -d ' ' -f 1)
text='{"fingerprint":"sha256:'$fingerprint'","keyId":"'$1'","nonce":"2f1e-77"}'
printf 'DSSEv1 39 application/vnd.keyward.possession+json %d %s' ${#text} "$text" > $1.message
openssl pkeyutl -sign -rawin -inkey $1.key -in $1.message -out $1.proof
"#;

fn make(directory: &Path, name: &str) {
    let made = Command::new("sh").args(["-c", MADE, "sh", name]).current_dir(directory).output();
    let made = made.expect("a shell");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn a_key_comes_in_by_its_private_part_and_signs_here() {
    both_ways(|desk| {
        make(desk.world.home.path(), "k");
        let words = "key import --key-id k --private-key k.key";
        let printed = desk.done(words);
        assert!(printed.starts_with("Key: k\nProfile: default\nAlgorithm: SHA256-ED25519\n"));
        assert!(printed.ends_with("Status: ACTIVE\n"), "the profile had no signer: {printed}");
        let again = desk.run("key import --key-id k2 --private-key k.key").ended(1);
        assert!(
            again.stderr.contains("is already registered as `k`"),
            "one id for one key: {}",
            again.stderr
        );
        let other = desk.run("key import --key-id k3 --profile fips --private-key k.key");
        assert_ne!(other.code, 0);
        desk.done(
            "anchor create --anchor-id 550e8400-e29b-41d4-a716-446655440000 --purl-pattern \
             pkg:npm/* --key-ids k --predicate-types evidence.stella/v1",
        );
        desk.sign("proof.json");
        assert!(desk.done("verify proof.json").starts_with("VALID IN_WINDOW\nKey: k\n"));
        let text = std::fs::read_to_string(desk.world.path("k.key")).expect("the key");
        let secret = text.lines().nth(1).expect("base64");
        assert!(!desk.done("key show k --output json").contains(secret));
    });
}

#[test]
fn a_key_comes_in_by_its_public_part_with_a_proof_that_its_holder_has_the_other() {
    both_ways(|desk| {
        make(desk.world.home.path(), "partner");
        let import = "key import --key-id partner --public-key partner.pub";
        desk.run(import).ended(2);
        let by = |nonce: &str| format!("{import} --proof partner.proof --nonce {nonce}");
        let wrong = desk.run(&by("2f1e-78")).ended(1);
        let expected =
            "error: the proof of possession is not a signature by that key over its nonce";
        assert!(wrong.stderr.starts_with(expected), "{}", wrong.stderr);
        let printed = desk.done(&by("2f1e-77"));
        assert!(printed.ends_with("Status: STAGED\n"), "{printed}");
        let refused = desk.run("sign --key-id partner artifact");
        assert_ne!(refused.code, 0, "its private part is not here");
    });
}

#[test]
fn the_keys_of_another_store_come_in_by_what_it_wrote_of_them() {
    // LC-013
    both_ways(|desk| {
        desk.done("--data theirs init");
        for line in [
            "key generate --key-id good",
            "key generate --key-id leaked --profile fips",
            "key generate --key-id late --stage --expires-at 2100-01-01T00:00:00Z",
            "key revoke leaked --reason compromise",
            "key export-metadata --out theirs.json",
        ] {
            desk.done(&format!("--data theirs {line}"));
        }
        desk.done("key generate --key-id ours");
        let printed = desk.done("key import-metadata theirs.json");
        assert_eq!(printed, "Taken In: 3\nAlready Here: 0\ngood\nleaked\nlate\n");
        let list = desk.done("key list");
        for row in [["good", "STAGED"], ["leaked", "COMPROMISED"], ["late", "STAGED"]] {
            let is_there = |line: &str| row.iter().all(|word| line.contains(word));
            assert!(list.lines().any(is_there), "{row:?}: {list}");
        }
        let late = desk.done("key show late");
        assert!(late.contains("Custody: foreign\nCreated: "), "{late}");
        assert!(late.contains("Not After: 2099-12-31T23:59:59.999999999Z\n"), "HA-33: {late}");
        desk.run("sign --key-id good artifact").ended(1);
        desk.run("key promote good").ended(1);
        assert_eq!(desk.json("key import-metadata theirs.json")["known"], 3);

        desk.done("--data theirs key revoke good --reason superseded");
        desk.done("--data theirs key export-metadata --out later.json");
        let warned = desk.run("key import-metadata later.json").ended(0);
        let expected = "warning: key `good` is REVOKED in the document and STAGED here, where it \
                        was left alone; should it end here too: `keyward key revoke good`\n";
        assert_eq!(warned.stderr, expected);

        let text = std::fs::read_to_string(desk.world.path("theirs.json")).expect("the document");
        desk.world.file("renamed.json", text.replace("\"good\"", "\"better\""));
        let refused = desk.run("key import-metadata renamed.json").ended(1);
        assert!(refused.stderr.contains("is already registered as `good`"), "{}", refused.stderr);
        assert!(refused.stderr.contains("\nhint: nothing was taken in; "), "{}", refused.stderr);
        desk.run("key show better").ended(1);
        let twice = text.replacen("\"status\"", "\"status\":\"STAGED\",\"status\"", 1);
        desk.world.file("twice.json", twice);
        let refused = desk.run("key import-metadata twice.json").ended(2);
        assert!(refused.stderr.starts_with("error: twice.json: line "), "{}", refused.stderr);
        desk.run("key import-metadata artifact").ended(2);
        desk.run("key import-metadata nothing.json").ended(2);
    });
}
