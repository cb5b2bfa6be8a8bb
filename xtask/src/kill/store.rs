//! The store that is mistreated, asked by the `keyward` program alone.

use crate::{Failure, process};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A data directory, its password, and the program that opens it.
#[derive(Debug)]
pub(super) struct Store {
    program: PathBuf,
    folder: PathBuf,
}

/// A server on the store. Dropped without [`Server::kill`], it is killed as well.
#[derive(Debug)]
pub(super) struct Server(Child);

impl Store {
    /// A fresh store in a folder of its own below `place`, with a key that signs.
    pub(super) fn create(program: &Path, place: &Path) -> Result<Self, Failure> {
        let folder = place.join(std::process::id().to_string());
        fs::create_dir_all(&folder).map_err(|e| touching(&folder, &e))?;
        let store = Self { program: program.to_path_buf(), folder };
        let password = store.folder.join("password");
        fs::File::create_new(&password)
            .and_then(|mut file| {
                std::io::Write::write_all(&mut file, b"correct horse battery staple\n")
            })
            .map_err(|e| touching(&password, &e))?;
        store.succeeds(&["init", "--yes"])?;
        store.succeeds(&["key", "generate", "--key-id", "key-0"])?;
        store.succeeds(&[
            "anchor",
            "create",
            "--purl-pattern",
            "pkg:generic/*",
            "--key-ids",
            "key-0",
            "--predicate-types",
            "evidence.stella/v1",
        ])?;
        Ok(store)
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its server listens.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("data/keyward.sock")
    }

    /// Takes it away.
    pub(super) fn remove(self) -> Result<(), Failure> {
        fs::remove_dir_all(&self.folder).map_err(|e| touching(&self.folder, &e))
    }

    /// Starts the server, and waits until it listens on its socket.
    pub(super) fn serve(&self) -> Result<Server, Failure> {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("KEYWARD_LOG", "error").stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Failure::new(format!("{}: {e}", self.program.display())))?;
        let notes = child.stderr.take();
        let server = Server(child);
        let mut lines =
            notes.into_iter().flat_map(|notes| BufReader::new(notes).lines().map_while(Result::ok));
        let mut said = Vec::new();
        for line in lines.by_ref() {
            // The socket is the last of the listeners that it names.
            if line.ends_with("keyward.sock") {
                // What else it says is shown; the pipe must not fill up.
                std::thread::spawn(move || lines.for_each(|line| eprintln!("    server: {line}")));
                return Ok(server);
            }
            said.push(line);
        }
        Err(Failure::new(format!("the server does not start: {}", said.join("; "))))
    }

    /// Runs a command that must succeed; gives what it printed.
    pub(super) fn succeeds(&self, words: &[&str]) -> Result<String, Failure> {
        process::read(&mut self.command(words))
    }

    /// The key that signs for the profile `default`.
    pub(super) fn signer(&self) -> Result<String, Failure> {
        let profiles = self.list("profiles", &["profile", "list"])?;
        let of_default = profiles.iter().find(|profile| text(profile, "name") == Some("default"));
        let signer = of_default.and_then(|profile| text(profile, "signer"));
        signer.map(str::to_owned).ok_or_else(|| Failure::new("the profile has no signer"))
    }

    /// The proof bundles that the ledger has entries of.
    pub(super) fn ledger(&self) -> Result<BTreeSet<String>, Failure> {
        let proofs = self.list("proofs", &["proof", "list"])?;
        Ok(proofs.iter().filter_map(|proof| text(proof, "id")).map(str::to_owned).collect())
    }

    /// Whether the log says that a rotation of the key `old` has begun.
    pub(super) fn has_begun(&self, old: &str) -> Result<bool, Failure> {
        let words = ["audit", "query", "--type", "ROTATION_BEGUN", "--key-id", old];
        Ok(!self.list("events", &words)?.is_empty())
    }

    /// Every key and its status.
    pub(super) fn keys(&self) -> Result<BTreeMap<String, String>, Failure> {
        let keys = self.list("keys", &["key", "list"])?;
        let pair = |key: &Value| Some((text(key, "keyId")?.into(), text(key, "status")?.into()));
        Ok(keys.iter().filter_map(pair).collect())
    }

    fn list(&self, member: &str, words: &[&str]) -> Result<Vec<Value>, Failure> {
        let mut document = self.document(words)?;
        match document.get_mut(member).map(Value::take) {
            Some(Value::Array(list)) => Ok(list),
            _ => Err(Failure::new(format!("`keyward {}` lists no {member}", words.join(" ")))),
        }
    }

    fn document(&self, words: &[&str]) -> Result<Value, Failure> {
        let said = self.succeeds(&[words, &["--output", "json"]].concat())?;
        serde_json::from_str(&said)
            .map_err(|e| Failure::new(format!("`keyward {}`: {e}", words.join(" "))))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--data", "data", "--password-file", "password"]).args(words);
        command.current_dir(&self.folder).env_clear();
        command
    }
}

impl Server {
    /// SIGKILL, and the end of it.
    pub(super) fn kill(mut self) -> Result<(), Failure> {
        let gone = self.0.try_wait().map_err(|e| Failure::new(format!("the server: {e}")))?;
        if let Some(status) = gone {
            return Err(Failure::new(format!("the server ended by itself, with {status}")));
        }
        self.0
            .kill()
            .and_then(|()| self.0.wait())
            .map(drop)
            .map_err(|e| Failure::new(e.to_string()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `kill` there is nothing left to end.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}

fn touching(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
