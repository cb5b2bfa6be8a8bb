//! A machine on which no memory can be locked (RK-004).

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader, Lines, Write as _},
    net::TcpStream,
    os::unix::fs::{PermissionsExt as _, chown},
    process::{Child, ChildStderr, Command, Stdio},
};

use crate::world::World;

/// `nobody` of every Linux.
const NOBODY: u32 = 65_534;

/// The binary under a limit of no locked memory, as somebody whom the limit binds.
fn bound(world: &World, words: &[&str]) -> Command {
    let mut command = Command::new("prlimit");
    command.arg("--memlock=0:0");
    if rustix::process::geteuid().is_root() {
        let nobody = NOBODY.to_string();
        command.args(["setpriv", "--reuid", &nobody, "--regid", &nobody, "--clear-groups"]);
    }
    command
        .arg(world.path("keyward"))
        .args(["--data", "home/data", "--password-file", "home/password"])
        .args(words)
        .current_dir(world.home.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    command
}

/// A world whose commands are bound, and a password in it.
fn world() -> World {
    let world = World::at("2026-01-01T00:00:00Z");
    fs::copy(env!("CARGO_BIN_EXE_keyward"), world.path("keyward")).expect("a copy");
    fs::create_dir(world.path("home")).expect("a directory");
    world.file("home/password", super::PASSWORD);
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(world.home.path(), Permissions::from_mode(0o755)).expect("a mode");
        for name in ["home", "home/password"] {
            chown(world.path(name), Some(NOBODY), Some(NOBODY)).expect("an owner");
        }
    }
    world
}

fn run(world: &World, words: &[&str]) -> (Option<i32>, String, String) {
    let output = bound(world, words).output().expect("prlimit of Debian's util-linux");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"), said)
}

/// A server with its root key in ordinary memory.
struct Unlocked {
    process: Child,
    address: String,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Unlocked {
    fn on(world: &World) -> Self {
        let mut process = bound(world, &[LEAVE, "serve", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let notes = BufReader::new(process.stderr.take().expect("its notes"));
        let mut server = Self { process, address: String::new(), lines: notes.lines() };
        let line = server.says("listening on http://");
        let (_, address) = line.split_once("http://").expect("an address");
        address.clone_into(&mut server.address);
        let _ = server.says("keyward.sock");
        server
    }

    /// The next line with these words.
    fn says(&mut self, words: &str) -> String {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        lines.find(|line| line.contains(words)).expect(words)
    }

    fn metric(&self, name: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("a server");
        let asks = b"GET /metrics HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";
        stream.write_all(asks).expect("it listens");
        let metrics = std::io::read_to_string(stream).expect("an answer");
        let mut values =
            metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        values.next().expect(name).to_owned()
    }

    fn end(mut self) {
        let end = Command::new("kill").arg(self.process.id().to_string()).status();
        assert!(end.expect("kill").success());
        self.lines.by_ref().for_each(drop);
        assert!(self.process.wait().expect("its end").success());
    }
}

impl Drop for Unlocked {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

// RK-004
#[test]
fn without_locked_memory_there_is_an_error_or_by_leave_a_warning() {
    let world = world();
    let run = |words: &[&str]| run(&world, words);
    let (code, _, said) = run(&["init", "--yes"]);
    let refused = "4096 bytes of memory cannot be locked (Operation not permitted (os error 1)): \
                   raise RLIMIT_MEMLOCK (LimitMEMLOCK= in the service file, `ulimit -l` in a \
                   shell) or grant CAP_IPC_LOCK\n";
    assert!(code == Some(2) && said.ends_with(refused), "{code:?} {said}");
    assert_eq!(run(&[LEAVE, "init", "--yes"]).0, Some(0));
    // Every command of a store that is there asks anew.
    let (code, _, said) = run(&["key", "generate", "--key-id", "key-2026"]);
    assert!(code == Some(2) && said.ends_with(refused), "{code:?} {said}");
    assert_eq!(run(&["key", "generate", "--key-id", "key-2026", LEAVE]).0, Some(0));
    let (code, _, said) = run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(code == Some(2) && said.ends_with(refused), "{code:?} {said}");

    let server = Unlocked::on(&world);
    let (code, stdout, said) = run(&["root", "status"]);
    let warning = "warning: the root key is in memory that the system may write to a disk\n";
    assert!(code == Some(0) && stdout.contains("Memory: unlocked\n"), "{stdout}");
    assert!(said.starts_with(warning), "{said}");
    assert!(run(&["status"]).2.starts_with(warning));
    assert_eq!(server.metric("keyward_root_memory_locked"), "0");
    server.end();
}

/// Changes the root key in the memory of a process, as a fault of the hardware would: a bit of it
/// in one of the pages between two guard pages. `is_hit` says whether it was the root key.
fn damage(process: u32, is_hit: impl Fn() -> bool) {
    use std::os::unix::fs::FileExt as _;
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("its maps");
    let parts = maps.lines().map(|line| {
        let (range, rest) = line.split_once(' ').expect("a range");
        let (start, end) = range.split_once('-').expect("two ends");
        let [start, end] = [start, end].map(|end| u64::from_str_radix(end, 16).expect("hex"));
        (start, end, rest.get(..4).expect("a mode"))
    });
    let parts: Vec<_> = parts.collect();
    let file = fs::File::options().read(true).write(true).open(format!("/proc/{process}/mem"));
    let memory = file.expect("its memory");
    for around in parts.windows(3) {
        let [(_, below, "---p"), (start, end, "rw-p"), (above, _, "---p")] = around else {
            continue;
        };
        if below != start || end != above {
            continue;
        }
        // A secret ends where its page does.
        let (mut byte, last) = ([0], end - 1);
        memory.read_exact_at(&mut byte, last).expect("a byte");
        memory.write_all_at(&[byte[0] ^ 1], last).expect("it is changed");
        if is_hit() {
            return;
        }
        memory.write_all_at(&byte, last).expect("it is as it was");
    }
    panic!("no page holds the root key");
}

// RK-040
#[test]
fn a_root_key_that_changes_in_memory_seals_nothing_more_and_the_store_is_sealed() {
    if !rustix::process::geteuid().is_root() {
        super::say("a root key that changes in memory was not tried");
        return;
    }
    let world = world();
    let ended = |words: &[&str]| {
        let (code, stdout, said) = run(&world, words);
        assert_eq!(code, Some(0), "{words:?}: {said}");
        stdout
    };
    ended(&[LEAVE, "init", "--yes"]);
    let mut server = Unlocked::on(&world);
    ended(&["key", "generate", "--key-id", "key-2026"]);
    ended(&["root", "backup", "--out", "home/backup"]);
    ended(&["root", "rotate"]);
    assert_eq!(server.metric("keyward_root_key_sound"), "1");
    damage(server.process.id(), || server.metric("keyward_root_key_sound") == "0");
    let (code, stdout, _) = run(&world, &["root", "rotate", "--check"]);
    let why = "the root key in memory does not match its check value";
    assert!(code == Some(1) && stdout.contains(why), "{code:?} {stdout}");
    // Every record is to be sealed anew: none is, for what the key seals now nobody opens again.
    let mut turned = bound(&world, &["root", "rotate", "--rollback"]).spawn().expect("a command");
    let said = server.says("is sealed");
    assert!(said.contains(why), "{said}");
    drop(turned.kill());
    drop(turned.wait());
    assert_eq!(server.metric("keyward_root_unsealed"), "0");
    assert_eq!(server.metric("keyward_root_key_sound"), "0");
    ended(&["root", "unseal"]);
    assert_eq!(server.metric("keyward_root_key_sound"), "1");
    ended(&["root", "rotate", "--rollback"]);
    server.end();
    let server = Unlocked::on(&world);
    ended(&["root", "status"]);
    ended(&["key", "rotate", "--key-id", "key-2026"]);
    server.end();
}

const LEAVE: &str = "--allow-unlocked-memory";
