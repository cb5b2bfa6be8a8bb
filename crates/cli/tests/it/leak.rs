//! Nothing secret lies where somebody finds it: in a core file of a server at work, in its data
//! directory and copies of it, in what it says (RK-003).

mod known;
mod unlocked;
mod watched;

use std::{fs, io::Write as _, path::Path, process::Command};

use self::{
    known::{Known, found_in},
    watched::Watched,
};
use crate::world::World;

const PATH: &str = "accounts/prod/ledger-of-the-east";
const VALUE: &str = "value-7b0f6c1d9e42-of-the-secret-that-is-looked-for";
const PASSWORD: &str = "correct horse battery staple";

/// Makes a core of `process` with gdb; what gdb said, if it made none.
fn core_of(process: u32, directory: &Path) -> Result<Vec<u8>, String> {
    let start = directory.join("core");
    let ran = Command::new("gcore").arg("-o").arg(&start).arg(process.to_string()).output();
    let ran = ran.expect("gcore of Debian's package gdb: `sudo apt-get install gdb`");
    let file = directory.join(format!("core.{process}"));
    let core = fs::read(&file).map_err(|_| String::from_utf8_lossy(&ran.stderr).into_owned())?;
    fs::remove_file(file).expect("a file that is there");
    Ok(core)
}

/// What root reads of the memory that a process can write to, as debuggers do.
fn memory_of(process: u32) -> Vec<u8> {
    use std::os::unix::fs::FileExt as _;
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("its maps");
    let memory = fs::File::open(format!("/proc/{process}/mem")).expect("its memory");
    let mut all = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ').expect("a range");
        let (start, end) = range.split_once('-').expect("two ends");
        let [start, end] = [start, end].map(|end| u64::from_str_radix(end, 16).expect("hex"));
        for page in (start..end).step_by(PAGE) {
            let mut bytes = [0; PAGE];
            // Pages of memfd_secret(2) give an error to root as well.
            if memory.read_exact_at(&mut bytes, page).is_ok() {
                all.extend_from_slice(&bytes);
            }
        }
    }
    all
}

const PAGE: usize = 4096;

/// A server that has signed, been sealed and unsealed, and keeps a secret.
fn at_work(world: &World) -> Watched {
    world.keyward(&["key", "generate", "--key-id", "key-2026-prod"]).ended(0);
    let server = Watched::on(world);
    assert_eq!(server.ask("POST", "/root-key/seal", "{}").0, 200);
    let password = format!(r#"{{"password":"{PASSWORD}"}}"#);
    assert_eq!(server.ask("POST", "/root-key/unseal", &password).0, 200);
    let file = world.file("value", VALUE);
    world.keyward(&["secret", "put", PATH, "--file", &file]).ended(0);
    let value = known::base64(VALUE.as_bytes());
    let path = format!("/secrets/data/{PATH}");
    let put = format!(r#"{{"value":"{value}","cas":1}}"#);
    assert_eq!(server.ask("PUT", &path, &put).0, 201);
    let (status, read) = server.ask("GET", &path, "");
    assert!(status == 200 && read.contains(&value), "{status} {read}");
    server
}

// RK-003, RK-004
#[test]
fn neither_files_nor_output_nor_a_core_made_while_it_signs_hold_what_is_secret() {
    let world = World::begun("2026-01-01T00:00:00Z");
    let server = at_work(&world);
    let root = rustix::process::geteuid().is_root();
    let copies = [world.path("copy-1"), world.path("copy-2")];
    let (core, memory) = server.while_signing(|server| {
        copies.iter().for_each(|copy| copy_of(&world.path("data"), copy));
        let core = core_of(server.id(), world.home.path());
        if !root {
            return (core, Vec::new());
        }
        server.stopped(|| (core, memory_of(server.id())))
    });
    let said = server.end();
    let known = Known::of(&world.path("data"), "key-2026-prod", PASSWORD);
    let secret = known.and("value of the secret", VALUE).and("password", PASSWORD);

    let hidden = secret.clone().and("path of the secret", PATH);
    for directory in copies.iter().chain([&world.path("data")]) {
        for (name, bytes) in files(directory) {
            assert_eq!(found_in(&bytes, &hidden), [""; 0], "{}/{name}", directory.display());
        }
    }
    assert!(said.contains("listening on"), "{said}");
    assert_eq!(found_in(said.as_bytes(), &hidden), [""; 0], "{said}");

    // What is public shows that the searches look at the right things. It is longer than a
    // register, for registers are in every core.
    let origin = known::origin_of(&world.path("data"));
    let public = Known::default().and("origin of the log", &origin);
    let found = files(&copies[0]).iter().any(|(_, bytes)| !found_in(bytes, &public).is_empty());
    assert!(found, "no file of the copy names the log");
    if !root {
        say("that gcore is refused is all that was tried of cores");
        core.expect_err("a core of a process that nobody may trace");
        return;
    }
    let core = core.expect("a core");
    assert_eq!(found_in(&core, &secret), [""; 0], "in the core");
    assert_eq!(found_in(&core, &public), [""; 0], "a core without memory");
    assert_eq!(found_in(&memory, &public), ["origin of the log"], "what root reads");
    // The seed is where the library signs with it: see SECURITY.md.
    let kept = secret.without("seed of the signing key");
    assert_eq!(found_in(&memory, &kept), [""; 0], "what root reads");
}

#[test]
fn a_core_of_another_process_holds_what_is_in_its_memory() {
    if !rustix::process::geteuid().is_root() {
        say("whether cores hold anything was not tried");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut child = Command::new("sleep").arg("1000").env("MARKER", VALUE).spawn().expect("sleep");
    // Until `sleep` has taken the place of this program.
    let name = format!("/proc/{}/comm", child.id());
    while fs::read_to_string(&name).expect("a name") != "sleep\n" {
        std::thread::yield_now();
    }
    let core = core_of(child.id(), directory.path());
    child.kill().expect("its end");
    child.wait().expect("its end");
    let marker = Known::default().and("marker", VALUE);
    assert_eq!(found_in(&core.expect("a core"), &marker), ["marker"]);
}

fn say(what: &str) {
    writeln!(std::io::stdout(), "not root: {what}").expect("stdout");
}

/// Copies what is there, as a backup program would that knows nothing of it.
fn copy_of(data: &Path, to: &Path) {
    fs::create_dir(to).expect("a directory");
    for (name, bytes) in files(data) {
        let mode = keyward_storage::durable::Mode::Private;
        keyward_storage::durable::write(&to.join(name), &bytes, mode).expect("a copy");
    }
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("a file"));
    let files = entries.filter(|entry| entry.file_type().expect("a type").is_file());
    let read = files.filter_map(|entry| {
        // A file of SQLite may go between the list and the look.
        let bytes = fs::read(entry.path()).ok()?;
        Some((entry.file_name().into_string().expect("UTF-8"), bytes))
    });
    let read: Vec<_> = read.collect();
    assert!(read.iter().any(|(name, _)| name == "keyward.db"), "no database");
    read
}
