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
