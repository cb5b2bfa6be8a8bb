//! What `--out` names: a file is replaced, a pipe is written to, the store's own is left alone.

use std::{
    fs::{self, OpenOptions},
    io::Read as _,
    os::unix::{
        fs::{FileTypeExt as _, OpenOptionsExt as _, symlink},
        net::UnixListener,
    },
    process::Command,
};

use crate::{
    both::{Desk, both_ways},
    world::World,
};

/// Something to write with every command that takes `--out` and needs no file to read.
const WRITERS: [&str; 8] = [
    "audit export",
    "authority export",
    "authority propose",
    "key export-metadata",
    "anchor export 550e8400",
    "incident report --key k",
    "sign --key-id k artifact",
    "backup --force",
];

/// `O_NONBLOCK`: a pipe is opened although nobody writes to it yet.
const NONBLOCK: i32 = 0o4000;

#[test]
fn the_stores_own_files_are_refused_by_name() {
    both_ways(|desk| {
        desk.with_key();
        symlink("data", desk.world.path("linked")).expect("a link");
        symlink("data/keyward.db", desk.world.path("link")).expect("a link");
        symlink("data/keyward.db-new", desk.world.path("dangling")).expect("a link");
        let before = listing(desk);
        let events = desk.status()["logSize"].clone();
        for writer in WRITERS.iter().chain(&["root backup --force"]) {
            for out in
                ["data/keyward.db", "data/trust.json", "linked/keyward.db", "link", "dangling"]
            {
                let ran = desk.run(&format!("{writer} --out {out}")).ended(2);
                let expected = format!(
                    "error: {out} is the store's own\n\
                     hint: name another file: nothing but Keyward writes that one\n"
                );
                assert_eq!((ran.stdout, ran.stderr), (String::new(), expected), "{writer}");
            }
        }
        assert_eq!(listing(desk), before);
        assert_eq!(desk.status()["logSize"], events, "nothing was done that has no place");
        desk.done("audit verify");
    });
}

fn listing(desk: &Desk) -> Vec<std::ffi::OsString> {
    let files = fs::read_dir(desk.world.path("data")).expect("the directory");
    let mut names: Vec<_> = files.map(|file| file.expect("a file").file_name()).collect();
    // What SQLite keeps while the database is open.
    names.retain(|name| !name.to_string_lossy().contains("keyward.db-"));
    names.sort();
    names
}

#[test]
fn a_link_stays_and_its_target_is_replaced() {
    both_ways(|desk| {
        desk.with_key();
        fs::create_dir(desk.world.path("place")).expect("a directory");
        desk.world.file("place/there", "what was there");
        for target in ["there", "not-there"] {
            let name = format!("place/to-{target}");
            symlink(target, desk.world.path(&name)).expect("a link");
            desk.done(&format!("audit export --out {name}"));
            let link = fs::symlink_metadata(desk.world.path(&name)).expect("the link");
            assert!(link.is_symlink());
            desk.done(&format!("audit verify --trust place/{target}"));
        }
        desk.done("root backup --out kept");
        symlink("kept", desk.world.path("newest")).expect("a link");
        desk.done("root backup --out newest --force");
        assert!(fs::symlink_metadata(desk.world.path("newest")).expect("the link").is_symlink());
        desk.done("root backup verify kept");
    });
}

#[test]
fn a_pipe_is_written_to_and_stays_a_pipe() {
    both_ways(|desk| {
        desk.with_key();
        let path = desk.world.path("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        let mut options = OpenOptions::new();
        let mut pipe = options.read(true).custom_flags(NONBLOCK).open(&path).expect("the pipe");
        desk.done("authority export --out pipe");
        let mut written = String::new();
        pipe.read_to_string(&mut written).expect("what was written");
        assert_eq!(written, desk.done("authority export"));
        assert!(fs::metadata(&path).expect("the pipe").file_type().is_fifo());
        // What must be a file is not written to one, and nobody waits for it to be read.
        for words in ["root backup --out pipe --force", "backup --out pipe --force"] {
            let ran = desk.run(words).ended(1);
            assert!(ran.stderr.starts_with("error: pipe is no backup of a "), "{}", ran.stderr);
        }
        let printed = desk.done("authority export --out /dev/stdout");
        assert_eq!(printed, written);
    });
}

#[test]
fn what_cannot_be_written_to_is_refused_by_name() {
    let world = World::begun("2025-01-01T00:00:00Z");
    let path = |name: &str| world.path(name).display().to_string();
    fs::create_dir(world.path("place")).expect("a directory");
    let _listener = UnixListener::bind(world.path("socket")).expect("a socket");
    for (out, kind) in [(path("place"), "directory"), (path("socket"), "socket")] {
        let ran = world.keyward(&["audit", "export", "--out", &out]).ended(2);
        let expected = format!("error: {out} is a {kind}\nhint: name a file to write to\n");
        assert_eq!((ran.stdout, ran.stderr), (String::new(), expected));
    }
}
