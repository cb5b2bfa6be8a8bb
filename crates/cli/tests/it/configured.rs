//! The configuration file, as commands see it.

use crate::{both::both_ways, world::World};

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

#[test]
fn a_module_certificate_is_shown_as_the_operator_states_it() {
    // HA-28
    let config = "signer:\n  profiles:\n    fips:\n      algorithm: SHA256-ECDSA-P256\n      \
                  keyStore: 'software:'\n      moduleCertificate: {standard: FIPS 140-3, number: \
                  4823, status: active, sunset: 2020-01-01}\n";
    both_ways(|desk| {
        assert!(!desk.done("profile list").contains("Module"), "nobody states one");
        desk.stop();
        desk.world.file("data/config.yaml", config);
        desk.start();
        let printed = desk.done("profile list");
        let expected = "Module certificates, as the operator states them:\n\
                        Profile  Standard    Number  Status      Sunset\n\
                        fips     FIPS 140-3  4823    historical  2020-01-01T00:00:00Z\n";
        assert!(printed.ends_with(expected), "{printed}");
        let stated = serde_json::json!({"standard": "FIPS 140-3", "number": "4823",
            "status": "historical", "sunset": "2020-01-01T00:00:00Z"});
        let profiles = desk.json("profile list")["profiles"].clone();
        let mut profiles = profiles.as_array().expect("profiles").iter();
        let fips = profiles.find(|profile| profile["name"] == "fips").expect("it");
        assert_eq!(fips["moduleCertificate"], stated);
        let status = desk.peek("status").ended(0).stdout;
        let expected =
            "Module Certificate: profile fips, FIPS 140-3 4823: historical, says the operator\n";
        assert!(status.contains(expected), "{status}");
        let help = desk.done("profile list --help");
        assert!(help.contains("The operator states it: Keyward has none of its own"), "{help}");
    });
}
