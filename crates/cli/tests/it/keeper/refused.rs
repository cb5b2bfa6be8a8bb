//! Who is turned away: in the handshake, by a route, or already when a keeper starts. And a
//! keeper that answers nonsense.

use std::{io::Write as _, net::TcpListener, sync::Arc};

use keyward_server::mtls::Identity;
use keyward_testkit::pki::KeyUsage;

use super::*;
use crate::world::binary;

/// A process with this certificate asks for the keeper's status.
fn asks(house: &House, given: &Given, believes: &Authority, role: Role) -> Result<(), LinkFailed> {
    let keeper = house.keeper("k1");
    let files = given.write(house.path(), "caller", believes).expect("files");
    House::link(&files, role, &keeper).status().map(drop)
}

#[track_caller]
fn is_not_believed(outcome: Result<(), LinkFailed>) {
    assert!(matches!(outcome, Err(LinkFailed::Unidentified(_))), "{outcome:?}");
}

#[test]
fn a_foreign_authority_is_not_believed_by_either_side() {
    let house = House::new();
    let foreign = Authority::new();
    let theirs = foreign.gives("spiffe://example.org/keyward/server");
    // It believes our keeper, but the keeper does not believe it.
    is_not_believed(asks(&house, &theirs, &house.authority, Role::Server));
    // The keeper would believe it, but it does not believe the keeper.
    is_not_believed(asks(&house, &house.gives("/keyward/server"), &foreign, Role::Server));
}

#[test]
fn routes_are_for_those_who_are_named() {
    let house = House::new();
    let keeper = house.keeper("k1");
    let put = |link: &HttpLink| link.put(&bytes(&Said::FIRST), Standing::Final);
    house.server(&keeper).put(&bytes(&Said::FIRST), Standing::Final).expect("a share");
    let wrong = |outcome: Result<(), LinkFailed>| {
        let Err(LinkFailed::Refused { reason, .. }) = outcome else {
            panic!("not refused: {outcome:?}")
        };
        assert_eq!(reason, "wrong-peer");
    };
    // A person sees the status, and no share.
    let alice = house.files("alice", "/keyward/operator/alice");
    let alice = House::link(&alice, Role::Operator, &keeper);
    assert_eq!(alice.status().expect("a status").shares, [head(&Said::FIRST)]);
    wrong(put(&alice));
    wrong(alice.fetch(None).map(drop));
    wrong(alice.clear());
    // Another keeper sees nothing at all.
    let other = House::link(&house.files("k2", "/keyward/keeper"), Role::Keeper, &keeper);
    wrong(other.status().map(drop));
    wrong(other.fetch(None).map(drop));
    let line = keeper.says("a caller was refused");
    assert!(line.contains("/keyward/operator/alice"), "{line}");
    assert_eq!(house.server(&keeper).status().expect("a status").shares.len(), 1);
}

#[test]
fn a_server_does_not_talk_to_what_is_no_keeper() {
    let house = House::new();
    // Another process of the trust domain listens where a keeper is expected.
    let impostor = house.files("impostor", "/keyward/operator/mallory");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let _speaks = speaks(&impostor, Role::Operator, listener, b"");
    let link = way(&house, &address);
    is_not_believed(link.put(&bytes(&Said::FIRST), Standing::Final));
}

#[test]
fn nonsense_from_a_keeper_is_called_that() {
    let house = House::new();
    let files = house.files("liar", "/keyward/keeper");
    let three = r#"{"shares":["AA==","AA==","AA=="]}"#;
    let long = format!("{{\"shares\":[\"{}\"]}}", "A".repeat(64 << 10));
    let answers = [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{three}", three.len()),
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{long}", long.len()),
    ];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let speaks = speaks(&files, Role::Keeper, listener, answer.as_bytes());
        let fetched = way(&house, &address).fetch(None);
        assert!(matches!(fetched, Err(LinkFailed::Nonsense(_))), "{fetched:?}");
        drop(speaks);
    }
}

#[test]
fn a_keeper_whose_certificate_has_expired_is_not_believed() {
    let house = House::new();
    let Given { certificate_der, key_der, .. } =
        house.authority.gave("spiffe://example.org/keyward/keeper");
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key_der).into();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate_der.into()], key)
        .expect("a certificate and its key");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let _speaks = answers(config, listener, b"");
    let outcome = way(&house, &address).status().map(drop);
    assert!(format!("{outcome:?}").to_lowercase().contains("expired"), "{outcome:?}");
    is_not_believed(outcome);
}

#[test]
fn nobody_there_is_called_that() {
    let house = House::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    assert!(matches!(way(&house, &address).status(), Err(LinkFailed::Unreachable(_))));
}

/// A server's way to an address.
fn way(house: &House, address: &str) -> HttpLink {
    let files = house.files("server", "/keyward/server");
    HttpLink::new(&identity(&files, Role::Server), address).expect("a way")
}

fn identity(files: &Files, role: Role) -> Identity {
    let Files { certificate, key, bundle } = files.clone();
    let source = IdentitySource::Files(IdentityFiles { certificate, key, bundle });
    let trust_domain = "example.org".parse().expect("a trust domain");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let config = IdentityConfig { trust_domain, source };
    let opened = runtime.expect("a runtime").block_on(Identity::open(&config, role));
    opened.expect("an identity")
}

/// One connection with this identity, and the same answer whatever is asked.
fn speaks(
    files: &Files,
    role: Role,
    listener: TcpListener,
    answer: &[u8],
) -> std::thread::JoinHandle<()> {
    answers(identity(files, role).server_config().expect("TLS"), listener, answer)
}

fn answers(
    config: rustls::ServerConfig,
    listener: TcpListener,
    answer: &[u8],
) -> std::thread::JoinHandle<()> {
    let (config, answer) = (Arc::new(config), answer.to_vec());
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a caller");
        let mut session = rustls::ServerConnection::new(config).expect("a session");
        let mut stream = rustls::Stream::new(&mut session, &mut socket);
        let mut head = [0; 16];
        // Whoever does not believe us says so and goes.
        if std::io::Read::read(&mut stream, &mut head).is_ok() {
            drop(stream.write_all(&answer));
            drop(stream.flush());
            drop(std::io::copy(&mut stream, &mut std::io::sink()));
        }
    })
}

/// A configuration that believes a workload as if it were an authority.
fn one_more(house: &House) -> String {
    let files = house.files("own", "/keyward/keeper");
    house.configured("own.yaml", &Files { bundle: files.certificate.clone(), ..files })
}

/// A keeper that does not start: what it says.
#[track_caller]
fn does_not_start(house: &House, config: Option<&str>, expected: &str) {
    let config = config.map_or_else(Vec::new, |config| vec!["--config", config]);
    let words = [&config[..], &["keeper", "--listen", "127.0.0.1:0"]].concat();
    let ran = binary(house.path(), &[], &words).ended(2);
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}

#[test]
fn a_keeper_without_a_sound_identity_does_not_start() {
    let house = House::new();
    does_not_start(&house, None, "a keeper needs a configuration");
    let none = house.write("none.yaml", "keeper:\n  listen: 127.0.0.1:0\n");
    does_not_start(&house, Some(&none), "a keeper without an identity would talk to anybody");
    let wrong = house.write("wrong.yaml", "identity:\n  trustDomain: Example.org\n");
    does_not_start(&house, Some(&wrong), "line 2, column 16");
    let with = |given: &Given| {
        let files = given.write(house.path(), "keeper", &house.authority).expect("files");
        house.configured("keeper.yaml", &files)
    };
    let server = with(&house.gives("/keyward/server"));
    does_not_start(&house, Some(&server), "this process needs one whose path is /keyward/keeper");
    let elsewhere = with(&house.authority.gives("spiffe://example.com/keyward/keeper"));
    does_not_start(&house, Some(&elsewhere), "not in the trust domain example.org");
    let expired = with(&house.authority.gave("spiffe://example.org/keyward/keeper"));
    does_not_start(&house, Some(&expired), "the certificate has expired at 2020-12-31");
    let signs = house.authority.gives_with("spiffe://example.org/keyward/keeper", |terms| {
        terms.key_usages.push(KeyUsage::KeyCertSign);
    });
    does_not_start(&house, Some(&with(&signs)), "must not sign certificates");
    let one = house.gives("/keyward/keeper");
    let mixed = Given { key: house.gives("/keyward/keeper").key, ..one };
    does_not_start(&house, Some(&with(&mixed)), "the private key does not fit");
    let self_made = one_more(&house);
    does_not_start(
        &house,
        Some(&self_made),
        "a certificate that signs others is not an authority's",
    );
    let gone = house.configured(
        "gone.yaml",
        &Files { certificate: "gone.crt".into(), key: "gone.key".into(), bundle: "gone.ca".into() },
    );
    does_not_start(&house, Some(&gone), "cannot read gone.crt");
}
