//! A real server of which every word is kept, and that signs all the while.

use std::{
    io::{BufRead as _, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
    thread::JoinHandle,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{server::exchange, world::World};

pub(super) struct Watched {
    child: Child,
    socket: PathBuf,
    said: Vec<JoinHandle<String>>,
}

impl Watched {
    /// With the password at hand, telling all that it can tell.
    pub(super) fn on(world: &World) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(["--data", "data", "--password-file", "password"])
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(world.home.path())
            .env_clear()
            .env("KEYWARD_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut notes = BufReader::new(child.stderr.take().expect("its notes"));
        let mut begun = String::new();
        while !begun.contains("keyward.sock\n") {
            assert!(notes.read_line(&mut begun).expect("its notes") > 0, "{begun}");
        }
        let said =
            vec![all(child.stdout.take().expect("its data"), String::new()), all(notes, begun)];
        Self { child, socket: world.path("data/keyward.sock"), said }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A call over its socket: status and body.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        exchange(&self.socket, method, &format!("/v1{path}"), body)
    }

    /// What `task` gives, which runs while signatures are made before, during and after it.
    pub(super) fn while_signing<T>(&self, task: impl FnOnce(&Self) -> T) -> T {
        let body = r#"{"keyIds":["key-2026-prod"],"payload":"cGF5bG9hZA=="}"#;
        std::thread::scope(|scope| {
            let (signed, made) = channel();
            let here = &*self;
            // Until nobody asks for more.
            scope.spawn(move || while signed.send(here.ask("POST", "/sign", body)).is_ok() {});
            let five = || {
                for (status, answer) in made.iter().take(5) {
                    assert_eq!(status, 200, "{answer}");
                }
            };
            five();
            let outcome = task(here);
            assert!(made.try_iter().count() > 0, "nothing was signed meanwhile");
            five();
            drop(made);
            outcome
        })
    }

    /// What `look` gives while it stands still.
    pub(super) fn stopped<T>(&self, look: impl FnOnce() -> T) -> T {
        let signal = |signal| kill_process(Pid::from_child(&self.child), signal).expect("a signal");
        signal(Signal::STOP);
        let seen = look();
        signal(Signal::CONT);
        seen
    }

    /// Ends it, and gives all that it said.
    pub(super) fn end(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("a signal");
        assert!(self.child.wait().expect("its end").success());
        let said = std::mem::take(&mut self.said);
        said.into_iter().map(|said| said.join().expect("its words")).collect()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // After `end` there is nothing left to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn all(mut from: impl Read + Send + 'static, mut begun: String) -> JoinHandle<String> {
    std::thread::spawn(move || {
        from.read_to_string(&mut begun).expect("text");
        begun
    })
}
