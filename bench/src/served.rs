//! `keyward serve` on a store of its own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use hyper::{Method, body::Bytes};
use keyward_storage::durable::{self, Mode};
use serde_json::Value;

use crate::{
    Failure,
    http::{Server, free_address, program},
    load::Target,
    store,
};

/// The server, and who asks it.
pub(crate) struct Served {
    server: Server,
    commands: Commands,
    address: SocketAddr,
    token: String,
}

impl Served {
    /// Makes a store in `directory`, lets `fill` add to the data directory, and serves it to a
    /// token of a role.
    pub(crate) fn start(
        directory: &Path,
        role: &str,
        fill: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let missing = || Failure::new("the keyward program is not built, or not beside this one");
        let program = program("KEYWARD_BENCH_PROGRAM", "keyward").ok_or_else(missing)?;
        let commands = Commands { program, directory: directory.to_owned() };
        durable::write(&directory.join("password"), store::PASSWORD.as_bytes(), Mode::Private)?;
        durable::write(&directory.join("signer.yaml"), CONFIGURATION.as_bytes(), Mode::Private)?;
        commands.run(&["init"])?;
        fill(&commands.data())?;
        let address = free_address()?;
        let listen = address.to_string();
        let mut command = commands.command(&["serve", "--listen", &listen]);
        let mut server = Server::start(&mut command, directory)?;
        let health = Target::get(address, "/healthz", ("x-nobody", String::new()));
        server.wait(|| health.once().is_ok())?;
        let words = ["token", "create", "--name", "bench", "--role", role, "--output", "json"];
        let made: Value = serde_json::from_str(&commands.run(&words)?)?;
        let token = made.get("token").and_then(Value::as_str);
        let token = token.ok_or_else(|| Failure::new(format!("no token: {made}")))?.to_owned();
        Ok(Self { server, commands, address, token })
    }

    /// The process.
    pub(crate) fn id(&self) -> String {
        self.server.id()
    }

    /// Makes a key of a profile.
    pub(crate) fn key(&self, profile: &str) -> Result<String, Failure> {
        let key = format!("key-{profile}");
        self.run(&["key", "generate", "--key-id", &key, "--profile", profile])?;
        Ok(key)
    }

    /// A command of the program, through the server's socket.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String, Failure> {
        self.commands.run(words)
    }

    /// A request with a body.
    pub(crate) fn target(&self, path: &str, body: &Value) -> Target {
        let body = Bytes::from(body.to_string());
        Target { body, method: Method::POST, ..self.get(path) }
    }

    /// A request for what is there.
    pub(crate) fn get(&self, path: &str) -> Target {
        Target::get(self.address, path, ("authorization", format!("Bearer {}", self.token)))
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
struct Commands {
    program: PathBuf,
    directory: PathBuf,
}

impl Commands {
    fn data(&self) -> PathBuf {
        self.directory.join("store")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--data")
            .arg(self.data())
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
