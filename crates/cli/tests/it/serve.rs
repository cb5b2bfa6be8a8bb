//! `keyward serve`, and that commands print the same through it as without it.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use crate::world::{Ran, World, binary};

/// A server on the directory `data` of a world; stopped when dropped.
struct Server(Child);

impl Server {
    fn on(world: &World) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(["--data", "data", "--password-file", "password"])
            .args(["serve", "--listen", "127.0.0.1:0"])
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
        // The socket is the last of the listeners that it names.
        assert!(lines.any(|line| line.ends_with("keyward.sock")), "it does not listen");
        // What else it says goes nowhere; the pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }

    /// SIGTERM, and the end of it.
    fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
        assert!(self.0.wait().expect("its end").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` there is nothing left to end.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Without what differs from store to store and from run to run: digests, secrets, times, and
/// how many proofs the server's worker has judged again by then.
fn masked(text: &str) -> String {
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

#[test]
fn every_command_prints_the_same_through_a_server_as_without_one() {
    let worlds = [(); 2].map(|()| {
        let world = World::at("2025-01-01T00:00:00Z");
        world.file("password", "correct horse battery staple\n");
        world.file("artifact", "the artifact");
        let init = ["--data", "data", "--password-file", "password", "init"];
        binary(world.home.path(), &[], &init).ended(0);
        world
    });
    let server = Server::on(&worlds[1]);
    let anchor = "550e8400-e29b-41d4-a716-446655440000";
    let script = format!(
        "profile list|key list|key generate --key-id a|\
         key generate --key-id a|key show a|key show nobody|\
         anchor create --anchor-id {anchor} --purl-pattern pkg:npm/* --key-ids a \
         --predicate-types evidence.stella/v1|anchor list|anchor list --output json|\
         sign --key-id a --artifact artifact --purl pkg:npm/x@1 \
         --predicate-type evidence.stella/v1 --out proof.json|\
         verify proof.json --artifact artifact|verify proof.json --output json|\
         verify artifact|verify proof.json proof.json|anchor status 550e8400...|\
         anchor status 550e|key generate --key-id b|\
         anchor add-key --anchor-id {anchor} --key-id b|key rotate --key-id a --new-key-id b|\
         key check-validity a|key check-validity b|key rotation-warnings|\
         anchor revoke-key --anchor-id ALL --key-id a --reason no-such-reason|\
         anchor revoke-key --anchor-id ALL --key-id a --reason annual-rotation|\
         anchor history {anchor}|anchor export {anchor}|proof list|key history a|\
         audit query --type KEY_* --limit 3|incident report --key b|\
         key revoke b --reason compromise|sign --key-id b artifact|\
         token create --name ci --role signer --output json|token create --name x --role signer \
         --scopes no.such|token list|actor list|proof rescan|audit verify|\
         key export-metadata|anchor deactivate {anchor}|anchor deactivate {anchor}"
    );
    let mut different = Vec::new();
    for line in script.split('|') {
        let words: Vec<&str> = line.split_whitespace().collect();
        let all = [&["--data", "data", "--password-file", "password"], &words[..]].concat();
        let [alone, served] = worlds.each_ref().map(|world| {
            let Ran { code, stdout, stderr } = binary(world.home.path(), &[], &all);
            (code, masked(&stdout), masked(&stderr))
        });
        if alone != served {
            different.push((line, alone, served));
        }
    }
    assert_eq!(different, []);
    server.stop();
    assert!(!worlds[1].path("data/keyward.sock").exists());
    let list = ["--data", "data", "key", "list"];
    binary(worlds[1].home.path(), &[], &list).ended(0);
}

#[test]
fn a_second_server_names_the_first() {
    let world = World::at("2025-01-01T00:00:00Z");
    world.file("password", "correct horse battery staple\n");
    let with = ["--data", "data", "--password-file", "password"];
    binary(world.home.path(), &[], &[&with[..], &["init"]].concat()).ended(0);
    let server = Server::on(&world);
    let serve = [&with[..], &["serve", "--listen", "127.0.0.1:0"]].concat();
    let ran = binary(world.home.path(), &[], &serve).ended(2);
    let expected = format!("error: data is in use by process {}: stop it", server.0.id());
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    server.stop();
}
