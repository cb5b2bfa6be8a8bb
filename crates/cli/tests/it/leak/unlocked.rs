//! A machine on which no memory can be locked (RK-004).

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::{PermissionsExt as _, chown},
    process::{Command, Stdio},
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

// RK-004
#[test]
fn without_locked_memory_there_is_an_error_or_by_leave_a_warning() {
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
    let run = |words: &[&str]| {
        let output = bound(&world, words).output().expect("prlimit of Debian's util-linux");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"), said)
    };
    let (code, _, said) = run(&["init", "--yes"]);
    let refused = "4096 bytes of memory cannot be locked (Operation not permitted (os error 1)): \
                   raise RLIMIT_MEMLOCK (LimitMEMLOCK= in the service file, `ulimit -l` in a \
                   shell) or grant CAP_IPC_LOCK\n";
    assert!(code == Some(2) && said.ends_with(refused), "{code:?} {said}");
    const LEAVE: &str = "--allow-unlocked-memory";
    assert_eq!(run(&[LEAVE, "init", "--yes"]).0, Some(0));
    // Every command of a store that is there asks anew.
    let (code, _, said) = run(&["key", "generate", "--key-id", "key-2026"]);
    assert!(code == Some(2) && said.ends_with(refused), "{code:?} {said}");
    assert_eq!(run(&["key", "generate", "--key-id", "key-2026", LEAVE]).0, Some(0));
    let (code, _, said) = run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(code == Some(2) && said.ends_with(refused), "{code:?} {said}");

    let mut server = bound(&world, &[LEAVE, "serve", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let notes = BufReader::new(server.stderr.take().expect("its notes"));
    let mut lines = notes.lines().map_while(Result::ok);
    let address =
        lines.find_map(|line| Some(line.strip_prefix("listening on http://")?.to_owned()));
    assert!(lines.any(|line| line.ends_with("keyward.sock")), "it does not listen");
    let rest = std::thread::spawn(move || lines.for_each(drop));
    let (code, stdout, said) = run(&["root", "status"]);
    let warning = "warning: the root key is in memory that the system may write to a disk\n";
    assert!(code == Some(0) && stdout.contains("Memory: unlocked\n"), "{stdout}");
    assert!(said.starts_with(warning), "{said}");
    assert!(run(&["status"]).2.starts_with(warning));
    let mut stream = std::net::TcpStream::connect(address.expect("an address")).expect("a server");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")
        .expect("it");
    let metrics = std::io::read_to_string(stream).expect("an answer");
    assert!(metrics.contains("\nkeyward_root_memory_locked 0\n"), "{metrics}");
    let end = Command::new("kill").arg(server.id().to_string()).status();
    assert!(end.expect("kill").success() && server.wait().expect("its end").success());
    rest.join().expect("its words");
}
