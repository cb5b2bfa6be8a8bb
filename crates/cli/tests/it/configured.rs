//! The configuration file, as commands see it.

use crate::world::World;

/// The seed's, as the runbook prints it.
const SEED: &str = r##"
signer:
  profiles:
    default:
      algorithm: "SHA256-ED25519"
      keyStore: "kms://aws/key/stellaops-default"
      rotation:
        enabled: true
        maxAgeMonths: 12
        warningMonths: 2
    fips:
      algorithm: "SHA256-ECDSA-P256"
      keyStore: "hsm://pkcs11/slot/0"
      rotation:
        enabled: true
        maxAgeMonths: 12
        warningMonths: 2
"##;

#[test]
fn the_seeds_file_loads_and_its_missing_stores_leave_the_others_working() {
    // SO-015, SO-016
    let world = World::begun("2025-01-01T00:00:00Z");
    let config = world.file("signer.yaml", SEED);
    let ran = world.keyward(&["--config", &config, "profile", "list"]).ended(0);
    let expected = "warning: profile `default` refuses to sign: its key store \
                    `kms://aws/key/stellaops-default` is not built into this program\n";
    assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
    assert!(ran.stdout.contains("unavailable"), "{}", ran.stdout);
    let generate = |profile: &'static str, key: &'static str| {
        world.keyward(&["key", "generate", "--profile", profile, "--key-id", key])
    };
    let ran = generate("default", "k").ended(2);
    assert!(ran.stderr.contains("kms://aws/key/stellaops-default"), "{}", ran.stderr);
    generate("pqc", "p").ended(0);
}

#[test]
fn a_mistake_in_the_file_is_shown_by_line_and_column() {
    let world = World::begun("2025-01-01T00:00:00Z");
    let config = world.file("signer.yaml", "signer:\n  profiels: {}\n");
    let ran = world.keyward(&["--config", &config, "profile", "list"]).ended(2);
    let expected = format!("error: {config}: line 2, column ");
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
}

#[test]
fn reading_never_asks_for_the_password() {
    let world = World::begun("2025-01-01T00:00:00Z");
    let config =
        world.file("signer.yaml", SEED.replace("kms://aws/key/stellaops-default", "software:"));
    let ran = world.run(&["--config", &config, "profile", "list"]).ended(0);
    let expected = format!(
        "warning: the profiles of {config} are not in force yet, since the store is sealed\n\
         hint: `keyward root unseal` brings them into force\n"
    );
    assert_eq!(ran.stderr, expected);
    world.keyward(&["--config", &config, "root", "unseal"]).ended(0);
    assert_eq!(world.run(&["--config", &config, "profile", "list"]).ended(0).stderr, "");
}
