//! A keeper that lies, with a certificate that is good: it takes its share, tells the truth about
//! what it holds, and gives something else. And a certificate that is not.

use std::{
    io::{Read, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use keyward::{
    clock::SystemClock,
    keeper::{Keeper, Memory},
};
use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::{
    ring::{Ring, keeper},
    *,
};

/// What is given in the share's place.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    /// None: the share itself.
    None,
    /// A share of another store.
    Foreign,
    /// The share with one bit turned over, and a check sum that fits nothing.
    Altered,
    /// A sound share of the right set whose value is another.
    Invented,
    /// Not even JSON.
    Nonsense,
    /// Nothing, ever.
    Silence,
}

/// A keeper whose tongue is split.
struct Liar {
    address: String,
    lie: Arc<Mutex<Lie>>,
}

impl Liar {
    /// With a certificate for `path`.
    fn new(house: &House, path: &str, role: Role) -> Self {
        let Files { certificate, key, bundle } = house.files("liar", path);
        let source = IdentitySource::Files(IdentityFiles { certificate, key, bundle });
        let trust_domain = "example.org".parse().expect("a trust domain");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let opened = runtime
            .expect("a runtime")
            .block_on(Identity::open(&IdentityConfig { trust_domain, source }, role));
        let config = Arc::new(opened.expect("an identity").server_config().expect("TLS"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let lie = Arc::new(Mutex::new(Lie::None));
        let told = Arc::clone(&lie);
        std::thread::spawn(move || {
            let held = Arc::new(Keeper::new(Arc::new(SystemClock), Memory::UnlockedAllowed));
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, held, lie) =
                    (config.clone(), held.clone(), *told.lock().expect("a lie"));
                std::thread::spawn(move || {
                    let connection = ServerConnection::new(config).expect("TLS");
                    serve(StreamOwned::new(connection, stream), &held, lie);
                });
            }
        });
        Self { address, lie }
    }

    fn tells(&self, lie: Lie) {
        *self.lie.lock().expect("a lie") = lie;
    }
}

/// One request.
fn serve(
    mut stream: StreamOwned<ServerConnection, std::net::TcpStream>,
    held: &Keeper,
    lie: Lie,
) -> Option<()> {
    let mut request = Vec::new();
    let (head, body) = loop {
        let mut some = [0; 4096];
        let read = stream.read(&mut some).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&some[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().expect("a length")) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let answer = match head.split(' ').next().expect("a method") {
        "GET" => status(held).to_string(),
        "PUT" => {
            let body: Value = serde_json::from_str(&body).expect("JSON");
            let share = BASE64_STANDARD.decode(body["share"].as_str().expect("base64"));
            let standing = if body["final"] == true { Standing::Final } else { Standing::Rotating };
            let share = ShareBytes::new(share.expect("base64").into());
            held.take(&share, standing).expect("a share");
            json!({"taken": "new"}).to_string()
        }
        "DELETE" => {
            held.clear();
            status(held).to_string()
        }
        _ => match gives(held, lie)? {
            Given::Shares(shares) => {
                let shares: Vec<_> =
                    shares.iter().map(|share| BASE64_STANDARD.encode(share)).collect();
                json!({ "shares": shares }).to_string()
            }
            Given::Text(text) => text,
        },
    };
    let length = answer.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{answer}"
    )
    .ok()?;
    stream.flush().ok()?;
    stream.conn.send_close_notify();
    stream.conn.complete_io(&mut stream.sock).ok().map(drop)
}

enum Given {
    Shares(Vec<Vec<u8>>),
    Text(String),
}

fn gives(held: &Keeper, lie: Lie) -> Option<Given> {
    let shares = held.give(None);
    let own = shares.first().map(|share| share.expose().to_vec()).unwrap_or_default();
    let head = shares.first().map(|share| ShareHead::read(share).expect("a share"));
    Some(match lie {
        Lie::None => Given::Shares(vec![own]),
        Lie::Foreign => Given::Shares(vec![Said::FIRST.bytes()]),
        Lie::Altered => {
            let mut own = own;
            own[60] ^= 1;
            Given::Shares(vec![own])
        }
        Lie::Invented => {
            // Everything but the value is as it must be.
            let ShareHead { epoch, index, threshold, count, .. } = head?;
            let (root, set) = (own[2..34].try_into(), own[34..50].try_into());
            let (root, set) = (root.expect("32 bytes"), set.expect("16 bytes"));
            let said = Said { root, set, epoch, index, threshold, count, ..Said::FIRST };
            Given::Shares(vec![said.bytes()])
        }
        Lie::Nonsense => Given::Text("<html>".to_owned()),
        Lie::Silence => {
            // Until the server has hung up, and long after.
            std::thread::park();
            return None;
        }
    })
}

fn status(held: &Keeper) -> Value {
    let status = held.status();
    let shares = status.shares.iter().map(|head| {
        json!({"rootId": head.root.to_string(), "epoch": head.epoch,
            "shareSet": head.set.to_string(), "index": head.index, "threshold": head.threshold,
            "count": head.count, "digest": head.digest.to_string()})
    });
    let shares: Vec<_> = shares.collect();
    let state = if shares.is_empty() { "empty" } else { "holding" };
    let mut document = json!({"state": state, "shares": shares, "since": status.since.to_string()});
    if let Some(root) = status.root {
        document["rootId"] = root.to_string().into();
    }
    document
}

#[test]
fn a_keeper_that_lies_is_named_and_keeps_nobody_from_unsealing() {
    // RK-051
    let mut ring = Ring::new();
    ring.kill(1);
    let liar = Liar::new(&ring.house, "/keyward/keeper", Role::Keeper);
    ring.place(1, &liar.address);
    let mut server = ring.serve_with(&["--password-file", "password"]);
    server.must("/v1/root-key/keepers", &json!({}));
    server.finds(&[("k1", "sound"), ("k2", "sound"), ("k3", "sound")]);
    for (lie, state, detail) in [
        (Lie::Foreign, "wrong", "a foreign share: of the root key"),
        (Lie::Altered, "wrong", "an altered share"),
        (Lie::Invented, "wrong", "an altered share: number 2"),
        (Lie::Nonsense, "wrong", ""),
        (Lie::Silence, "unreachable", "nothing within 5s"),
    ] {
        server.kill();
        liar.tells(lie);
        server = ring.serve();
        server.unseals_itself();
        let root = server.finds(&[("k1", "sound"), ("k2", state), ("k3", "sound")]);
        let said = keeper(&root, "k2")["detail"].as_str().expect("a detail");
        assert!(said.contains(detail), "{said}");
        liar.tells(Lie::None);
        server.finds(&[("k1", "sound"), ("k2", "sound"), ("k3", "sound")]);
    }
}

#[test]
fn while_the_store_is_sealed_a_keeper_is_believed_by_what_it_gives() {
    // RK-051, RK-052
    let mut ring = Ring::new();
    ring.kill(1);
    let liar = Liar::new(&ring.house, "/keyward/keeper", Role::Keeper);
    ring.place(1, &liar.address);
    let server = ring.serve_with(&["--password-file", "password"]);
    server.must("/v1/root-key/keepers", &json!({}));
    server.finds(&[("k1", "sound"), ("k2", "sound"), ("k3", "sound")]);
    server.kill();
    liar.tells(Lie::Invented);
    ring.signal(0, Signal::STOP);
    let server = ring.serve();
    server.process.says("k2: an altered share: number 2 is not the one that the store knows");
    server.finds(&[("k1", "unreachable"), ("k2", "wrong"), ("k3", "sound")]);
    assert_eq!(server.root()["state"], "sealed");
    ring.signal(0, Signal::CONT);
    server.unseals_itself();
}

#[test]
fn one_that_has_another_name_in_its_certificate_gets_no_share() {
    // RK-053
    let mut ring = Ring::new();
    ring.kill(1);
    let liar = Liar::new(&ring.house, "/keyward/server", Role::Server);
    ring.place(1, &liar.address);
    let server = ring.serve_with(&["--password-file", "password"]);
    let (status, refused) = server.post("/v1/root-key/keepers", &json!({}));
    assert!(status >= 400 && refused.contains("k2: "), "{status} {refused}");
    assert!(refused.contains("/keyward/server"), "{refused}");
    let (_, slots) = server.get("/v1/root-key/slots");
    let slots: Value = serde_json::from_str(&slots).expect("JSON");
    assert_eq!(slots["keepers"], Value::Null);
    // What the others got is taken back: the root key is not split.
    server.until(|_| ring.epochs(0).is_empty() && ring.epochs(2).is_empty());
}

#[test]
fn a_server_whose_certificate_is_replaced_goes_on_without_a_restart() {
    // RK-053
    let (mut ring, server) = Ring::split();
    // One that believes nobody here any more.
    let successor = Authority::new();
    let given = successor.gives(&format!("{DOMAIN}/keyward/server"));
    given.write(ring.house.path(), "server", &successor).expect("files");
    server.process.signal(Signal::HUP);
    server.process.says("has renewed its identity");
    let root = server.finds(&[("k1", "unreachable"), ("k2", "unreachable")]);
    let said = keeper(&root, "k1")["detail"].as_str().expect("a detail").to_owned();
    assert!(!said.contains("refused"), "{said}");
    // Without a signal the change is noticed.
    ring.house.files("server", "/keyward/server");
    server.finds(&[("k1", "sound"), ("k2", "sound"), ("k3", "sound")]);
    // A server that has no identity at its start serves, and goes on when it gets one.
    server.kill();
    ring.house.write("server.crt", "no certificate");
    let server = ring.serve();
    server.process.says("the keepers cannot be asked");
    assert_eq!(server.get("/healthz").0, 200);
    ring.kill(0);
    ring.house.files("server", "/keyward/server");
    server.unseals_itself();
}
