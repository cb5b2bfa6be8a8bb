//! A real server on the directory of a world, and a caller that needs no program of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::world::World;

/// A server on the directory `data` of a world; ended when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens, as `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    socket: PathBuf,
}

impl Server {
    /// With the password at hand.
    pub(crate) fn on(world: &World) -> Self {
        Self::with(world, &["--password-file", "password"], &[])
    }

    /// With `global` options, and those of `serve`.
    pub(crate) fn with(world: &World, global: &[&str], options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(["--data", "data"])
            .args(global)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(options)
            .current_dir(world.home.path())
            .env_clear()
            .env("KEYWARD_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let notes = BufReader::new(child.stderr.take().expect("its notes"));
        let mut lines = notes.lines().map_while(Result::ok);
        let mut address = None;
        // The socket is the last of the listeners that it names.
        let listens = lines.any(|line| {
            let url = line.strip_prefix("listening on ").filter(|place| place.contains("://"));
            address = address.take().or(url.map(str::to_owned));
            line.ends_with("keyward.sock")
        });
        assert!(listens, "it does not listen");
        // What else it says goes nowhere; the pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.expect("an address");
        Self { child, address, socket: world.path("data/keyward.sock") }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal");
    }

    /// SIGTERM, and the end of it.
    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        assert!(self.child.wait().expect("its end").success());
    }

    /// SIGKILL: it has no say in it.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a signal");
        assert!(!self.child.wait().expect("its end").success());
    }

    /// A call over its socket: status and body.
    pub(crate) fn post(&self, path: &str, body: &serde_json::Value) -> (u16, String) {
        exchange(&self.socket, "POST", path, &body.to_string())
    }

    /// A call over its socket: status and body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        exchange(&self.socket, "GET", path, "")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` there is nothing left to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// HTTP/1.1 (RFC 9112), one request to a connection.
pub(crate) fn exchange(socket: &Path, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = UnixStream::connect(socket).expect("somebody listens");
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    (status, body.to_owned())
}
