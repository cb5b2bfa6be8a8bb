//! Three keepers and a server that has its root key split among them: all real processes.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::*;
use crate::{server::exchange, world::World};

/// The keepers' names, in the order of their shares.
pub(super) const NAMES: [&str; 3] = ["k1", "k2", "k3"];

/// How often is looked while a server says nothing.
const GLANCE: Duration = Duration::from_millis(200);

/// A store, three places for keepers, and what is in them.
pub(super) struct Ring {
    pub(super) world: World,
    pub(super) house: House,
    pub(super) keepers: [Option<Process>; 3],
    addresses: [String; 3],
}

impl Ring {
    /// Three keepers that hold nothing, and a store that nobody serves.
    pub(super) fn new() -> Self {
        let house = House::new();
        let keepers = NAMES.map(|name| house.keeper(name));
        let addresses = keepers.each_ref().map(|keeper| keeper.address.clone());
        let ring = Self { world: store(), house, keepers: keepers.map(Some), addresses };
        ring.house.files("server", "/keyward/server");
        ring.configure();
        ring
    }

    /// The same, with the root key split among them, and a server that found all of them sound.
    pub(super) fn split() -> (Self, Serving) {
        let ring = Self::new();
        let server = ring.serve_with(&["--password-file", "password"]);
        let (status, body) = server.post("/v1/root-key/keepers", &json!({}));
        assert_eq!(status, 200, "{body}");
        server.finds(&[("k1", "sound"), ("k2", "sound"), ("k3", "sound")]);
        (ring, server)
    }

    /// Puts another process in a keeper's place.
    pub(super) fn place(&mut self, at: usize, address: &str) {
        self.addresses[at] = address.to_owned();
        self.configure();
    }

    /// Writes the server's configuration.
    pub(super) fn configure(&self) {
        let files = |end: &str| self.house.path().join(format!("server.{end}"));
        let mut text = format!(
            "identity:\n  trustDomain: example.org\n  files:\n    certificate: {}\n    key: {}\n    \
             bundle: {}\nrootKey:\n  keepers:\n    threshold: 2\n    pollSeconds: 1\n    members:\n",
            files("crt").display(),
            files("key").display(),
            files("ca").display()
        );
        for (name, address) in NAMES.iter().zip(&self.addresses) {
            writeln!(text, "    - {{ name: {name}, address: \"{address}\" }}").expect("a line");
        }
        self.world.file("keyward.yaml", text);
    }

    /// A server without a password.
    pub(super) fn serve(&self) -> Serving {
        self.serve_with(&[])
    }

    pub(super) fn serve_with(&self, global: &[&str]) -> Serving {
        self.serve_at("data", global)
    }

    pub(super) fn serve_at(&self, data: &str, global: &[&str]) -> Serving {
        let mut process = Process::spawn(
            Command::new(env!("CARGO_BIN_EXE_keyward"))
                .args(["--data", data, "--config", "keyward.yaml"])
                .args(global)
                .args(["serve", "--listen", "127.0.0.1:0"])
                .current_dir(self.world.home.path())
                .env_clear(),
        );
        let socket = self.world.path(data).join("keyward.sock");
        process.starts("keyward.sock");
        Serving { process, socket }
    }

    /// A keeper comes back where it was, and holds nothing.
    pub(super) fn start(&mut self, at: usize) {
        let config = self.house.path().join(format!("{}.yaml", NAMES[at]));
        let config = config.display().to_string();
        self.keepers[at] = Some(Process::at(&self.house, &config, &self.addresses[at]));
    }

    pub(super) fn kill(&mut self, at: usize) {
        self.keepers[at] = None;
    }

    pub(super) fn signal(&self, at: usize, signal: Signal) {
        self.keepers[at].as_ref().expect("a keeper").signal(signal);
    }

    /// The epochs of the shares that a keeper says it holds, newest first.
    pub(super) fn epochs(&self, at: usize) -> Vec<u32> {
        let keeper = self.keepers[at].as_ref().expect("a keeper");
        let link = House::link(&self.house.files("looks", "/keyward/server"), Role::Server, keeper);
        link.status().expect("a status").shares.iter().map(|share| share.epoch).collect()
    }
}

fn store() -> World {
    World::begun("2026-01-01T00:00:00Z")
}

/// A server at work.
pub(super) struct Serving {
    pub(super) process: Process,
    socket: std::path::PathBuf,
}

impl Serving {
    pub(super) fn post(&self, path: &str, body: &Value) -> (u16, String) {
        exchange(&self.socket, "POST", path, &body.to_string())
    }

    pub(super) fn get(&self, path: &str) -> (u16, String) {
        exchange(&self.socket, "GET", path, "")
    }

    #[track_caller]
    pub(super) fn must(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, body);
        assert!((200..300).contains(&status), "{path}: {answer}");
        serde_json::from_str(&answer).expect("JSON")
    }

    pub(super) fn root(&self) -> Value {
        serde_json::from_str(&self.get("/v1/root-key").1).expect("JSON")
    }

    /// Waits until the root key is as `is` says: looks whenever the server says something, and
    /// now and then.
    #[track_caller]
    pub(super) fn until(&self, is: impl Fn(&Value) -> bool) -> Value {
        let (mut heard, mut quiet) = (Vec::new(), Duration::ZERO);
        while quiet < PATIENCE {
            let root = self.root();
            if is(&root) {
                return root;
            }
            match self.process.lines.recv_timeout(GLANCE) {
                Ok(line) => heard.push(line),
                Err(_) => quiet += GLANCE,
            }
        }
        panic!("{:#}\n{heard:#?}", self.root());
    }

    /// Waits until keepers are found to be in these states.
    #[track_caller]
    pub(super) fn finds(&self, expected: &[(&str, &str)]) -> Value {
        self.until(|root| expected.iter().all(|(name, state)| state_of(root, name) == *state))
    }

    #[track_caller]
    pub(super) fn unseals_itself(&self) {
        self.process.says("the keepers have unsealed the store");
        assert_eq!(self.root()["state"], "unsealed");
    }

    /// SIGKILL: it has no say in it.
    pub(super) fn kill(self) {
        drop(self);
    }
}

/// What the server says of a keeper.
pub(super) fn keeper<'r>(root: &'r Value, name: &str) -> &'r Value {
    let keepers = root["keepers"].as_array().into_iter().flatten();
    keepers.into_iter().find(|keeper| keeper["name"] == name).unwrap_or(&Value::Null)
}

pub(super) fn state_of<'r>(root: &'r Value, name: &str) -> &'r str {
    keeper(root, name)["state"].as_str().unwrap_or_default()
}
