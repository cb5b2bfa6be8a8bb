//! Speaking to a server: over the socket of its data directory, or at an address with a token.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    sync::mpsc::{Receiver, channel},
    thread,
};

use crate::world::World;

/// Answers one request with `status` and `body`; gives what was asked.
fn answer_once<S: Read + Write>(stream: S, status: &str, body: &str) -> String {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().expect("a length");
        }
        head.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut sent = vec![0; length];
    reader.read_exact(&mut sent).expect("a body");
    let mut stream = reader.into_inner();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .expect("an answer");
    head + &String::from_utf8(sent).expect("UTF-8")
}

fn tcp(status: &'static str, body: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = format!("http://{}", listener.local_addr().expect("its address"));
    let (sender, asked) = channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a caller");
        sender.send(answer_once(stream, status, body)).expect("the test waits");
    });
    (addr, asked)
}

fn world() -> World {
    World::at("2025-01-01T00:00:00Z")
}

const PROFILES: &str = r#"{"profiles":[{"name":"default","algorithm":"SHA256-ED25519",
    "keyStore":"software:","rotation":{"enabled":true,"maxAgeMonths":12,"warningMonths":2},
    "signer":"key-2025-prod","available":true}]}"#;

const PROFILES_PRINTED: &str = "\
Profile  Algorithm       Key Store  Max Age  Warning  Signer         Status
default  SHA256-ED25519  software:  12mo     2mo      key-2025-prod  available
";

#[test]
fn the_server_that_has_the_directory_is_asked_through_its_socket() {
    let world = world();
    std::fs::create_dir(world.path("data")).expect("a directory");
    let listener = UnixListener::bind(world.path("data/keyward.sock")).expect("a socket");
    let server = thread::spawn(move || {
        // The first connection only finds out whether somebody is there.
        drop(listener.accept().expect("a probe"));
        let (stream, _) = listener.accept().expect("a caller");
        answer_once(stream, "200 OK", PROFILES)
    });
    let ran = world.run(&["profile", "list"]).ended(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (PROFILES_PRINTED, ""));
    let asked = server.join().expect("the server");
    assert!(asked.starts_with("GET /v1/profiles HTTP/1.1\r\n"), "{asked}");
}

#[test]
fn a_socket_that_nobody_listens_on_is_no_server() {
    let world = world();
    std::fs::create_dir(world.path("data")).expect("a directory");
    let socket = world.path("data/keyward.sock");
    drop(UnixListener::bind(&socket).expect("a socket"));
    assert!(socket.exists(), "a server that was killed leaves it behind");
    let ran = world.run(&["profile", "list"]).ended(2);
    assert!(!ran.stderr.contains("does not answer"), "{}", ran.stderr);
}

#[test]
fn a_token_goes_with_the_request_and_never_into_the_output() {
    let world = world();
    let token = world.file("token", "kwt_secret\n");
    let (addr, asked) = tcp("200 OK", PROFILES);
    let words = ["--addr", &addr, "--token-file", &token, "profile", "list"];
    let ran = world.run(&words).ended(0);
    let asked = asked.recv().expect("a request");
    assert!(asked.contains("authorization: Bearer kwt_secret\r\n"), "{asked}");
    assert!(!format!("{ran:?}").contains("kwt_secret"));
}

#[test]
fn a_refusal_and_its_hint_are_printed_and_exit_1() {
    let world = world();
    let (addr, asked) = tcp(
        "409 Conflict",
        r#"{"type":"about:blank","title":"Conflict","status":409,"code":"name-taken",
            "detail":"key `k` exists already, and a name is used once",
            "hint":"choose another name"}"#,
    );
    let ran = world.run(&["--addr", &addr, "key", "generate", "--key-id", "k"]).ended(1);
    let expected = "error: key `k` exists already, and a name is used once\n\
                    hint: choose another name\n";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", expected));
    let asked = asked.recv().expect("a request");
    assert!(asked.starts_with("POST /v1/signer/keys HTTP/1.1\r\n"), "{asked}");
    assert!(asked.ends_with(r#"{"keyId":"k","profile":"default"}"#), "{asked}");
}

#[test]
fn a_sealed_server_is_not_sent_the_password() {
    let world = world();
    let password = world.file("password", "correct horse battery staple");
    let problem = r#"{"status":503,"code":"sealed","detail":"the store is sealed"}"#;
    let (addr, asked) = tcp("503 Service Unavailable", problem);
    let words = ["--addr", &addr, "--password-file", &password, "key", "promote", "k"];
    let ran = world.run(&words).ended(2);
    let expected = "error: the store is sealed\nhint: unseal it with `keyward root unseal`\n";
    assert_eq!(ran.stderr, expected);
    assert!(!asked.recv().expect("a request").contains("battery"));
}

#[test]
fn unsealing_a_server_sends_the_password_in_the_body() {
    let world = world();
    let password = world.file("password", "correct \"horse\" battery\n");
    let (addr, asked) = tcp("200 OK", r#"{"state":"unsealed"}"#);
    let words = ["--addr", &addr, "--password-file", &password, "root", "unseal"];
    let ran = world.run(&words).ended(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("State: unsealed\n", ""));
    let asked = asked.recv().expect("a request");
    assert!(asked.starts_with("POST /v1/root-key/unseal HTTP/1.1\r\n"), "{asked}");
    assert!(asked.ends_with(r#"{"password":"correct \"horse\" battery"}"#), "{asked}");
}

#[test]
fn warnings_go_beside_the_data() {
    let world = world();
    let (addr, _asked) = tcp(
        "201 Created",
        r#"{"keyId":"k","profile":"default","algorithm":"SHA256-ED25519",
            "fingerprint":"sha256:00","status":"STAGED","warnings":["it is early"]}"#,
    );
    let ran = world.run(&["--addr", &addr, "key", "generate", "--key-id", "k"]).ended(0);
    let expected = "Key: k\nProfile: default\nAlgorithm: SHA256-ED25519\n\
                    Fingerprint: sha256:00\nStatus: STAGED\n";
    assert_eq!(ran.stdout, expected);
    let expected = "warning: it is early\n\
                    hint: it does not sign yet; make it the signer with `keyward key promote k`\n";
    assert_eq!(ran.stderr, expected);
}

#[test]
fn the_statement_that_is_sent_holds_the_digest_and_not_the_artifact() {
    let world = world();
    let artifact = world.file("artifact", "the artifact itself");
    let predicate = world.file("predicate", r#"{"rawFinding":"x"}"#);
    let (addr, asked) = tcp("200 OK", r#"{"envelope":{"payload":""},"proofBundle":"sha256:ab"}"#);
    let words = [
        "--addr",
        &addr,
        "sign",
        "--key-id",
        "k",
        "--artifact",
        &artifact,
        "--purl",
        "pkg:npm/a@1",
        "--predicate-type",
        "evidence.stella/v1",
        "--predicate",
        &predicate,
    ];
    let ran = world.run(&words).ended(0);
    assert_eq!(ran.stdout, "{\"payload\":\"\"}\n");
    assert_eq!(ran.stderr, "proof bundle: sha256:ab\n");
    let asked = asked.recv().expect("a request");
    let (_, body) = asked.split_once("\r\n\r\n").expect("a body");
    let digest = keyward_lifecycle::id::Digest::of(b"the artifact itself").to_string();
    let expected = serde_json::json!({
        "keyIds": ["k"],
        "statement": {
            "purl": "pkg:npm/a@1", "sha256": digest, "predicateType": "evidence.stella/v1",
            "predicate": {"rawFinding": "x"},
        },
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(body).expect("JSON"), expected);
}

#[test]
fn an_envelope_with_a_member_twice_is_not_passed_on() {
    let world = world();
    let envelope = r#"{"payloadType":"a","payload":"","payload":"eA==","signatures":[]}"#;
    let file = world.file("envelope", envelope);
    let ran = world.run(&["--addr", "http://127.0.0.1:1", "verify", &file]).ended(2);
    assert!(ran.stderr.contains("envelope is not strict JSON"), "{}", ran.stderr);
}
