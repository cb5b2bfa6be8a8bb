//! One scene, played on a directory alone and through a server: it prints the same.

use std::cell::RefCell;

use crate::{
    server::Server,
    world::{Ran, World, binary},
};

/// Who answers the commands of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Each command alone, on the directory.
    Itself,
    /// A server on the directory.
    Server,
}

/// A store of its own, and what was said at it.
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) by: By,
    server: RefCell<Option<Server>>,
    seen: RefCell<Vec<(String, u8, String, String)>>,
}

impl Desk {
    fn new(by: By) -> Self {
        let world = World::at("2025-01-01T00:00:00Z");
        world.file("password", "correct horse battery staple\n");
        world.file("artifact", "the artifact");
        let (server, seen) = (RefCell::default(), RefCell::default());
        let desk = Self { world, by, server, seen };
        desk.run("init").ended(0);
        desk.start();
        desk
    }

    /// Starts the server, where there is one.
    pub(crate) fn start(&self) {
        if self.by == By::Server {
            *self.server.borrow_mut() = Some(Server::on(&self.world));
        }
    }

    /// Stops the server, where there is one.
    pub(crate) fn stop(&self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// Asks the server, where there is one.
    pub(crate) fn ask(&self, path: &str) -> Option<(u16, String)> {
        self.server.borrow().as_ref().map(|server| server.get(path))
    }

    /// Runs the words of a line, with the password at hand.
    pub(crate) fn run(&self, line: &str) -> Ran {
        let ran = self.peek(line);
        let said = (masked(line), ran.code, masked(&ran.stdout), masked(&ran.stderr));
        self.seen.borrow_mut().push(said);
        ran
    }

    /// The same, where it is known that a server prints something else.
    pub(crate) fn peek(&self, line: &str) -> Ran {
        let data = if line.starts_with("--data ") { &[][..] } else { &["--data", "data"] };
        let with = [&["--password-file", "password"], data].concat();
        let words: Vec<&str> = with.into_iter().chain(line.split_whitespace()).collect();
        binary(self.world.home.path(), &[], &words)
    }

    /// How the store is; only a server has the root key at hand.
    #[track_caller]
    pub(crate) fn status(&self) -> serde_json::Value {
        let status = self.peek("status --output json").ended(0).stdout;
        serde_json::from_str(&status).expect("JSON")
    }

    /// What a line prints when it ends well.
    #[track_caller]
    pub(crate) fn done(&self, line: &str) -> String {
        self.run(line).ended(0).stdout
    }

    /// The JSON that a line prints when it ends well.
    #[track_caller]
    pub(crate) fn json(&self, line: &str) -> serde_json::Value {
        serde_json::from_str(&self.done(&format!("{line} --output json"))).expect("JSON")
    }

    /// A key `k` that signs for `pkg:npm/*`.
    pub(crate) fn with_key(&self) {
        self.done("key generate --key-id k");
        self.done(
            "anchor create --anchor-id 550e8400-e29b-41d4-a716-446655440000 --purl-pattern \
             pkg:npm/* --key-ids k --predicate-types evidence.stella/v1",
        );
    }

    /// Signs the artifact with `k`; gives the proof's id.
    pub(crate) fn sign(&self, out: &str) -> String {
        let ran = self.run(&format!(
            "sign --key-id k --artifact artifact --purl pkg:npm/a@1 \
             --predicate-type evidence.stella/v1 --out {out}"
        ));
        let id = ran.ended(0).stderr;
        id.trim().strip_prefix("proof bundle: ").expect("its id").to_owned()
    }
}

/// Plays a scene both ways.
#[track_caller]
pub(crate) fn both_ways(scene: impl Fn(&Desk)) {
    let [alone, served] = [By::Itself, By::Server].map(|by| {
        let desk = Desk::new(by);
        scene(&desk);
        desk.stop();
        desk.seen.take()
    });
    let pairs = alone.iter().zip(&served).filter(|(alone, served)| alone != served);
    assert_eq!(pairs.collect::<Vec<_>>(), []);
    assert_eq!(alone.len(), served.len());
}

/// Without what differs from store to store and from run to run: digests, secrets, times, and
/// how many proofs the server's worker has judged again by then.
pub(crate) fn masked(text: &str) -> String {
    let judged = ["Pending Rescans: ", "Pending: ", "Judged: "];
    let lines = text.lines().map(|line| {
        let label = judged.iter().find(|label| line.starts_with(**label));
        format!("{}\n", label.map_or(line, |label| label))
    });
    let text: String = lines.collect();
    let mut words: Vec<String> = Vec::new();
    for word in text.split_inclusive(|c: char| c.is_whitespace() || c == '"' || c == ',') {
        let is_time = word.len() > 19 && word.get(4..5) == Some("-") && word.contains('T');
        let hex = word.chars().filter(char::is_ascii_hexdigit).count();
        let is_digest = hex >= 64;
        let end = word.chars().last().filter(|c| !c.is_ascii_alphanumeric()).unwrap_or(' ');
        let is_base64 = word.len() > 80 || word.contains("MCowBQ");
        let is_name = word.starts_with("a-") || word.contains("kwt_");
        // `for 1 s`: how long something has been so.
        let is_span = words.last().is_some_and(|last| last == "for ")
            && word.trim_end().bytes().all(|byte| byte.is_ascii_digit());
        if is_span || is_time || is_digest || is_base64 || is_name {
            words.push(format!("MASKED{end}"));
        } else {
            words.push(word.to_owned());
        }
    }
    // Columns are as wide as their widest cell.
    words.concat().split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
