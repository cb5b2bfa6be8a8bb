//! The configuration file.

use keyward_lifecycle::{
    access::Role,
    algorithm::Algorithm,
    profile::{LedgerMode, OnMaxAge, Profile, Strictness},
};
use keyward_server::config::{
    Alert, CertificateStatus, ClientAuth, Config, ConfigError, apply_profiles, certificate_warnings,
};

use crate::world;

/// The two blocks of the seed's `signer.yaml`, as printed, in one file (SO-015, SO-110).
const SEED: &str = r##"# /etc/stellaops/signer.yaml
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
  rotation:
    warningMonths: 2
    alerts:
      - type: slack
        channel: "#security-ops"
      - type: email
        recipients: ["security@example.com"]
"##;

#[test]
fn the_seeds_configuration_loads_unmodified() {
    // SO-015, SO-016, SO-017, SO-110
    let config = Config::read(SEED).expect("the seed's file");
    let [default, fips]: [Profile; 2] = config.profiles().try_into().expect("two profiles");
    assert_eq!(default.name.as_str(), "default");
    assert_eq!(default.algorithm, Algorithm::Ed25519);
    assert_eq!(default.key_store.as_str(), "kms://aws/key/stellaops-default");
    assert_eq!((default.rotation.max_age_months, default.rotation.warning_months), (12, 2));
    assert!(default.rotation.enabled);
    assert_eq!(default.rotation.on_max_age, OnMaxAge::RefuseSign);
    assert_eq!((default.ledger, default.policy), (LedgerMode::Durable, Strictness::Standard));
    assert_eq!(fips.key_store.as_str(), "hsm://pkcs11/slot/0");
    let slack = Alert::Slack { channel: "#security-ops".to_owned() };
    let email = Alert::Email { recipients: vec!["security@example.com".to_owned()] };
    assert_eq!(config.alerts, [slack, email]);
}

#[test]
fn a_profiles_own_months_beat_the_global_ones() {
    // SO-112, HA-24
    let config = Config::read(
        "signer:\n  profiles:\n    own:\n      algorithm: ML-DSA-65\n      keyStore: 'software:'\n      \
         rotation: {warningMonths: 5, onMaxAge: warn}\n      ledger: buffered\n      policy: strict\n    \
         global:\n      algorithm: ML-DSA-65\n      keyStore: 'software:'\n  rotation: {warningMonths: 3}\n",
    );
    let [global, own]: [Profile; 2] = config.expect("a file").profiles().try_into().expect("two");
    assert_eq!((global.rotation.warning_months, own.rotation.warning_months), (3, 5));
    assert_eq!(own.rotation.on_max_age, OnMaxAge::Warn);
    assert_eq!((own.ledger, own.policy), (LedgerMode::Buffered, Strictness::Strict));
}

#[test]
fn the_servers_section_is_read() {
    let text = "server:\n  listen: 127.0.0.1:9000\n  tls: {certificate: a.pem, key: b.pem}\n";
    let server = Config::read(text).expect("a file").server;
    assert_eq!(server.listen.map(|it| it.to_string()).as_deref(), Some("127.0.0.1:9000"));
    assert_eq!(server.tls.map(|tls| tls.certificate), Some("a.pem".into()));
    assert_eq!(Config::read("").expect("an empty file"), Config::default());
}

#[test]
fn callers_with_certificates_are_known_by_the_identitys_trust_domain() {
    // RK-055
    let identity = "identity:\n  trustDomain: example.org\n  workloadApi: unix:///run/agent.sock\n";
    let text = format!("server: {{clientAuth: spiffe}}\n{identity}  operators: {{alice: admin}}\n");
    let server = Config::read(&text).expect("a file").server;
    let operators = [("alice".to_owned(), Role::Admin)].into_iter().collect();
    assert_eq!(server.client_auth, Some(ClientAuth::Spiffe { operators }));
    let none = Config::read(&format!("server: {{clientAuth: none}}\n{identity}"));
    assert_eq!(none.expect("a file").server.client_auth, None);

    let missing = "callers are known by the trust domain of the section `identity`, which is \
                   missing";
    check("server: {clientAuth: spiffe}\n", 1, 22, missing);
    let unasked = "operators come with certificates, which nothing asks for: say \
                   `clientAuth: spiffe` under `server`";
    check(&format!("{identity}  operators: {{alice: admin}}\n"), 4, 14, unasked);
    let wrong = |operators: &str, column: u64, expected: &str| {
        let text = format!("{identity}  operators: {operators}\nserver: {{clientAuth: spiffe}}\n");
        check(&text, 4, column, expected);
    };
    wrong("{alice: root}", 22, "expected admin, operator, signer, auditor or viewer");
    let name = "an operator's name is the last segment of its SPIFFE ID, without slashes";
    wrong("{a/b: admin}", 20, name);
}

#[track_caller]
fn check(text: &str, line: u64, column: u64, expected: &str) {
    match Config::read(text) {
        Err(ConfigError::At { line: l, column: c, what }) => {
            assert_eq!((l, c), (line, column), "{what}");
            assert!(what.contains(expected), "{what}");
        }
        other => panic!("expected a fault at line {line}: {other:?}"),
    }
}

const PROFILE: &str = "signer:\n  profiles:\n    default:\n      algorithm: SHA256-ED25519\n";

#[test]
fn what_is_not_known_is_refused_with_line_and_column() {
    // SO-015, SO-016
    check("signer:\n  profile: {}\n", 2, 3, "profile");
    check(
        &format!("{PROFILE}      keyStore: vault://x\n"),
        5,
        17,
        "key store `vault://x` is unknown",
    );
    check(&format!("{PROFILE}      keyStore: 'software:'\n      colour: red\n"), 6, 7, "colour");
    check(
        "signer:\n  profiles:\n    default:\n      algorithm: RSA\n      keyStore: 'software:'\n",
        4,
        18,
        "algorithm `RSA` is unknown",
    );
    check(
        &format!(
            "{PROFILE}      keyStore: 'software:'\n      rotation:\n        maxAgeMonths: soon\n"
        ),
        7,
        23,
        "",
    );
    check(
        &format!(
            "{PROFILE}      keyStore: 'software:'\n      rotation:\n        maxAgeMonths: 0\n"
        ),
        7,
        23,
        "from 1 to 1200 months",
    );
    check(
        &format!("{PROFILE}      keyStore: 'software:'\n      rotation: {{warningMonths: 13}}\n"),
        6,
        33,
        "warningMonths is more than maxAgeMonths",
    );
    check(
        "signer:\n  rotation:\n    alerts:\n      - type: slack\n        recipients: [a]\n",
        4,
        9,
        "has a `channel`",
    );
    check("signer:\n  rotation:\n    alerts:\n      - type: pager\n", 4, 15, "pager");
    check("server:\n  listen: everywhere\n", 2, 11, "");
    check(
        "signer:\n  profiles:\n    Default:\n      algorithm: ML-DSA-65\n      keyStore: 'software:'\n",
        3,
        5,
        "profile name",
    );
    check("signer: {}\nsigner: {}\n", 2, 1, "signer");
}

#[test]
fn profiles_that_differ_are_defined_at_start_and_missing_stores_are_named() {
    // SO-015
    let world = world::new();
    let actor = world.keyward.actor("local:1000").expect("an actor");
    let config = Config::read(SEED).expect("the seed's file");
    let applied = apply_profiles(&world.keyward, &actor, &config).expect("applied");
    let names: Vec<&str> = applied.defined.iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["default", "fips"]);
    let missing: Vec<&str> = applied.unavailable.iter().map(|(_, store)| store.as_str()).collect();
    assert_eq!(missing, ["kms://aws/key/stellaops-default", "hsm://pkcs11/slot/0"]);
    let size = world.keyward.state().size();
    let again = apply_profiles(&world.keyward, &actor, &config).expect("applied again");
    assert_eq!(again.defined, []);
    assert_eq!(world.keyward.state().size(), size, "the same configuration changes nothing");
}

/// A configuration with keepers, in which one text takes the place of another.
fn keepers(old: &str, new: &str) -> Result<Config, ConfigError> {
    let text = "identity:\n  trustDomain: example.org\n  files: { certificate: a, key: b, bundle: c }\n\
                keeper: { listen: '127.0.0.1:8231' }\nrootKey:\n  keepers:\n    threshold: 2\n    \
                pollSeconds: 7\n    members:\n    - { name: k1, address: 'k1.example:8231' }\n    \
                - { name: k2, address: '[::1]:8231' }\n";
    assert!(text.contains(old));
    Config::read(&text.replacen(old, new, 1))
}

#[test]
fn keepers_and_the_identity_are_read() {
    let config = keepers("", "").expect("a configuration");
    let identity = config.identity.expect("an identity");
    assert_eq!(identity.trust_domain.as_str(), "example.org");
    let read = config.root_key.keepers.expect("keepers");
    assert_eq!((read.threshold, read.poll.as_secs()), (2, 7));
    let members: Vec<_> = read.members.iter().map(|k| (&*k.name, &*k.address)).collect();
    assert_eq!(members, [("k1", "k1.example:8231"), ("k2", "[::1]:8231")]);
    assert_eq!(config.keeper.listen, "127.0.0.1:8231".parse().ok());
}

#[test]
fn what_keepers_cannot_be_is_refused_where_it_stands() {
    let cases = [
        ("example.org", "Example.org", 2, "small letters"),
        ("files: {", "workloadApi: 'agent.sock'\n  files: {", 3, "from `files` or from"),
        ("files: { certificate: a, key: b, bundle: c }", "workloadApi: agent.sock", 3, "unix:///"),
        ("threshold: 2", "threshold: 1", 7, "expected from 2 to 2"),
        ("threshold: 2", "threshold: 3", 7, "expected from 2 to 2"),
        ("pollSeconds: 7", "pollSeconds: 0", 8, "expected from 1 to 3600"),
        ("name: k2", "name: k1", 11, "another keeper is called `k1`"),
        ("name: k2", "name: 'k 2'", 11, "a keeper's name has"),
        ("[::1]:8231", "k1.example:8231", 11, "each holds one share"),
        ("[::1]:8231", "https://k2:8231", 11, "expected a host and a port"),
        ("[::1]:8231", "k2", 11, "expected a host and a port"),
        ("keeper: { listen", "keeper: { listens", 4, "listens"),
    ];
    for (old, new, expected, words) in cases {
        match keepers(old, new) {
            Err(ConfigError::At { line, what, .. }) if line == expected => {
                assert!(what.contains(words), "{new}: {what}");
            }
            other => panic!("{new}: {other:?}"),
        }
    }
}

/// A configuration that states that certificate of profile `default`.
fn stated(certificate: &str) -> String {
    format!("{PROFILE}      keyStore: 'software:'\n      moduleCertificate: {certificate}\n")
}

/// How a certificate that is stated so stands at that time.
#[track_caller]
fn stands(certificate: &str, at: &str, expected: CertificateStatus) {
    let config = Config::read(&stated(certificate)).expect(certificate);
    let now = at.parse().expect("a time");
    let [(profile, read)] = config.certificates.iter().collect::<Vec<_>>()[..] else {
        panic!("{certificate}: one is read");
    };
    assert_eq!((profile.as_str(), read.status_at(now)), ("default", expected), "{certificate}");
    let warnings = certificate_warnings(&config.certificates, now);
    assert_eq!(warnings.is_empty(), expected == CertificateStatus::Active, "{warnings:?}");
}

#[test]
fn a_module_certificate_is_what_the_operator_states_until_its_day_comes() {
    // HA-28
    use CertificateStatus::{Active, Historical, Revoked};
    let (eve, day) = ("2026-09-20T23:59:59.999999999Z", "2026-09-21T00:00:00Z");
    let newer = "{standard: FIPS 140-3, number: 4823, status: active}";
    stands(newer, "2040-01-01T00:00:00Z", Active);
    let older = "{standard: 'FIPS 140-2', number: '3678', status: active}";
    stands(older, eve, Active);
    stands(older, day, Historical);
    let late = "{standard: FIPS 140-2 Level 3, number: '1', status: active, sunset: 2030-01-01}";
    stands(late, day, Historical);
    let dated = "{standard: FIPS 140-3, number: '1', status: active, sunset: 2026-09-21}";
    stands(dated, eve, Active);
    stands(dated, day, Historical);
    stands("{standard: x, number: '1', status: historical, sunset: 2030-01-01}", eve, Historical);
    stands("{standard: FIPS 140-2, number: '1', status: revoked}", day, Revoked);
    assert!(Config::read(SEED).expect("the seed's file").certificates.is_empty());
}

#[test]
fn a_start_warns_of_a_module_certificate_that_is_past_its_day() {
    // HA-28
    let config = Config::read(&stated("{standard: FIPS 140-2, number: '3678', status: active}"));
    let certificates = config.expect("a file").certificates;
    let now = "2026-10-01T00:00:00Z".parse().expect("a time");
    let expected = "warning: profile `default`: its module certificate, FIPS 140-2 3678, is \
                    historical";
    assert_eq!(certificate_warnings(&certificates, now), [expected]);
}

#[test]
fn a_module_certificate_that_nobody_can_have_is_refused_where_it_stands() {
    // HA-28
    let refused = |certificate: &str, words: &str| match Config::read(&stated(certificate)) {
        Err(ConfigError::At { line: 6, what, .. }) => assert!(what.contains(words), "{what}"),
        other => panic!("{certificate}: {other:?}"),
    };
    refused("{standard: FIPS 140-3, number: '', status: active}", "1 to 64 printable");
    refused("{standard: FIPS 140-3, number: '1', status: pending}", "pending");
    refused(
        "{standard: FIPS 140-3, number: '1', status: active, sunset: soon}",
        "as in 2026-09-21",
    );
    refused("{standard: FIPS 140-3, number: '1', status: active, level: 3}", "level");
    check(&stated("{standard: FIPS 140-3, number: '1'}"), 6, 49, "status");
}
