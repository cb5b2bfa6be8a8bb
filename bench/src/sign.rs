//! Signing over HTTP: `keyward serve` and OpenBao, with the same load, in turns.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hyper::body::Bytes;
use keyward_storage::durable::{self, Mode};
use serde_json::{Value, json};

use crate::{
    Failure,
    http::{Server, free_address, program},
    load::{Outcome, Target},
    machine,
    measure::Figures,
    openbao::{Keeping, OpenBao},
    report::Row,
    store,
};

const CLIENTS: [usize; 3] = [1, 8, 64];
const ROUNDS: usize = 3;
const TIME: Duration = Duration::from_millis(1_500);
const PAYLOAD_BYTES: usize = 256;

pub(crate) fn run() -> Result<(), Failure> {
    let payload = BASE64_STANDARD.encode([0x5a; PAYLOAD_BYTES]);
    let (own, memory, raft) = (store::directory()?, store::directory()?, store::directory()?);
    let keyward = Served::start(own.path(), &payload)?;
    let in_memory = OpenBao::start(Keeping::Memory, memory.path(), &payload)?;
    let on_disk = OpenBao::start(Keeping::RaftAndAudit, raft.path(), &payload)?;
    if in_memory.is_none() {
        eprintln!("    OpenBao is not at hand: name it in KEYWARD_BENCH_OPENBAO");
    }
    let idle = machine::resident(&keyward.server.id())?;
    Row::new("resident, `keyward serve`, one key of each mode", format!("{:.1} MB", idle / 1e6))
        .target("≤ 30 MB", idle <= 30e6)
        .send();
    for clients in CLIENTS {
        let pair = (&keyward.buffered, in_memory.as_ref().map(|peer| &peer.sign));
        Compared::measure(own.path(), clients, pair)?.buffered(clients);
        let pair = (&keyward.durable, on_disk.as_ref().map(|peer| &peer.sign));
        Compared::measure(own.path(), clients, pair)?.durable(clients);
    }
    Ok(())
}

/// Our figures and the peer's, of rounds in turns.
struct Compared {
    own: Vec<Outcome>,
    peer: Vec<Outcome>,
    syncs: Figures,
}

impl Compared {
    fn measure(
        directory: &Path,
        clients: usize,
        (own, peer): (&Target, Option<&Target>),
    ) -> Result<Self, Failure> {
        let (mut ours, mut theirs, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            syncs.push(machine::syncs_per_second(directory)?);
            ours.push(own.load(clients, TIME)?);
            if let Some(peer) = peer {
                theirs.push(peer.load(clients, TIME)?);
            }
        }
        syncs.push(machine::syncs_per_second(directory)?);
        Ok(Self { own: ours, peer: theirs, syncs: Figures::new(syncs) })
    }

    fn row(&self, what: &str) -> (Row, f64, f64) {
        let rates = rates(&self.own);
        let own = rates.middle();
        let row = Row::new(what, told(&self.own)).spread(format!("{}/s", rates.spread(1.0, 0)));
        (row, own, own / rates_middle(&self.peer))
    }

    fn buffered(&self, clients: usize) {
        let (row, _, ratio) = self.row(&format!("sign over HTTP, buffered, {clients} clients"));
        let row = row.ratio(against(ratio, "OpenBao in memory"));
        match clients {
            1 => {
                let p50 = percentile(&self.own, 0.5);
                row.target("p50 ≤ 100 µs", p50 <= 100.0).send();
            }
            8 => row.target("≥ 3 × OpenBao in memory", ratio >= 3.0).send(),
            _ => row.send(),
        }
        self.peer_row("OpenBao in memory", clients);
    }

    fn durable(&self, clients: usize) {
        let (row, rate, ratio) = self.row(&format!("sign over HTTP, durable, {clients} clients"));
        let by_syncs = rate / self.syncs.middle();
        let beside = against(ratio, "OpenBao with raft and audit");
        let row =
            row.ratio(format!("{by_syncs:.2} × the {:.0} syncs/s; {beside}", self.syncs.middle()));
        match clients {
            64 => row
                .target("≥ 40 × the syncs/s, and ahead of OpenBao", by_syncs >= 40.0 && ratio > 1.0)
                .send(),
            _ => row.send(),
        }
        self.peer_row("OpenBao with raft and file audit", clients);
    }

    fn peer_row(&self, what: &str, clients: usize) {
        if self.peer.is_empty() {
            return;
        }
        let spread = rates(&self.peer).spread(1.0, 0);
        Row::new(format!("{what}, {clients} clients"), told(&self.peer))
            .spread(format!("{spread}/s"))
            .send();
    }
}

fn against(ratio: f64, peer: &str) -> String {
    if ratio.is_finite() { format!("{ratio:.2} × {peer}") } else { format!("no {peer} at hand") }
}

fn told(outcomes: &[Outcome]) -> String {
    let (p50, p99) = (percentile(outcomes, 0.5), percentile(outcomes, 0.99));
    format!("{:.0}/s, p50 {p50:.0} µs, p99 {p99:.0} µs", rates_middle(outcomes))
}

fn rates(outcomes: &[Outcome]) -> Figures {
    Figures::new(outcomes.iter().map(|outcome| outcome.rate).collect())
}

fn rates_middle(outcomes: &[Outcome]) -> f64 {
    rates(outcomes).middle()
}

/// The middle of the rounds' percentiles.
fn percentile(outcomes: &[Outcome], share: f64) -> f64 {
    Figures::new(outcomes.iter().map(|outcome| outcome.micros.at(share)).collect()).middle()
}

/// `keyward serve` on a store of its own, with a durable and a buffered key.
struct Served {
    server: Server,
    durable: Target,
    buffered: Target,
}

impl Served {
    fn start(directory: &Path, payload: &str) -> Result<Self, Failure> {
        let missing = || Failure::new("the keyward program is not built, or not beside this one");
        let program = program("KEYWARD_BENCH_PROGRAM", "keyward").ok_or_else(missing)?;
        let commands = Commands { program, directory };
        durable::write(&directory.join("password"), store::PASSWORD.as_bytes(), Mode::Private)?;
        durable::write(&directory.join("signer.yaml"), CONFIGURATION.as_bytes(), Mode::Private)?;
        commands.run(&["init"])?;
        let address = free_address()?;
        let listen = address.to_string();
        let mut command = commands.command(&["serve", "--listen", &listen]);
        let mut server = Server::start(&mut command, directory)?;
        let health = Target {
            address,
            path: "/healthz".to_owned(),
            token: ("x-nobody", String::new()),
            body: Bytes::new(),
        };
        server.wait(|| health.once(hyper::Method::GET).is_ok())?;
        for profile in ["default", "buffered"] {
            let key = format!("key-{profile}");
            commands.run(&["key", "generate", "--key-id", &key, "--profile", profile])?;
        }
        let words = ["token", "create", "--name", "bench", "--role", "signer", "--output", "json"];
        let made: Value = serde_json::from_str(&commands.run(&words)?)?;
        let token = made.get("token").and_then(Value::as_str);
        let token = token.ok_or_else(|| Failure::new(format!("no token: {made}")))?;
        let target = |profile: &str| sign(address, token, &format!("key-{profile}"), payload);
        Ok(Self { server, durable: target("default"), buffered: target("buffered") })
    }
}

fn sign(address: SocketAddr, token: &str, key: &str, payload: &str) -> Target {
    let body = json!({ "keyIds": [key], "payload": payload }).to_string();
    Target {
        address,
        path: "/v1/sign".to_owned(),
        token: ("authorization", format!("Bearer {token}")),
        body: Bytes::from(body),
    }
}

/// The built-in Ed25519 profile, and the same with a buffered ledger.
const CONFIGURATION: &str = "\
signer:
  profiles:
    default:
      algorithm: SHA256-ED25519
      keyStore: \"software:\"
    buffered:
      algorithm: SHA256-ED25519
      keyStore: \"software:\"
      ledger: buffered
";

/// The program's commands on one store.
struct Commands<'c> {
    program: PathBuf,
    directory: &'c Path,
}

impl Commands<'_> {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--data")
            .arg(self.directory.join("store"))
            .args(words)
            .env("KEYWARD_PASSWORD_FILE", self.directory.join("password"))
            .env("KEYWARD_CONFIG", self.directory.join("signer.yaml"));
        command
    }

    fn run(&self, words: &[&str]) -> Result<String, Failure> {
        let output = self.command(words).output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Failure::new(format!("keyward {}: {}", words.join(" "), said.trim())))
    }
}
