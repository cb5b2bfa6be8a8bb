//! A data directory that cannot be written: what, where, and what to do next.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::world::World;

/// A file system of four megabytes, gone at the end of the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where nobody may mount.
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir(&at).expect("a directory");
        let arguments = ["-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs"];
        let mounted = Command::new("mount").args(arguments).arg(&at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    fn remount(&self, how: &str) {
        let how = format!("remount,{how}");
        let done = Command::new("mount").args(["-o", &how]).arg(&self.0).status();
        assert!(done.expect("mount").success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let ended = Command::new("umount").arg(&self.0).status();
        assert!(ended.is_ok_and(|status| status.success()), "{} stays mounted", self.0.display());
    }
}

#[track_caller]
fn refused(world: &World, data: &Path, words: &[&str], expected: &str) {
    let password = world.path("password").display().to_string();
    let data = data.display().to_string();
    let global = ["--data", &data, "--password-file", &password];
    let ran = world.run(&[&global, words].concat()).ended(2);
    assert_eq!((ran.stdout, ran.stderr), (String::new(), format!("error: {data}{expected}\n")));
}

#[test]
fn a_file_on_the_way_to_the_data_directory_is_named_with_what_to_do() {
    let world = World::at("2026-01-01T00:00:00Z");
    world.file("password", "correct horse battery staple\n");
    world.file("a-file", "");
    let expected = " cannot be used as the data directory: a file stands where a directory must \
                    be; name another directory with --data: File exists (os error 17)";
    refused(&world, &world.path("a-file/data"), &["init"], expected);
}

#[test]
fn a_disk_that_is_full_or_for_reading_only_is_told_with_what_to_do() {
    let world = World::at("2026-01-01T00:00:00Z");
    world.file("password", "correct horse battery staple\n");
    let Some(disk) = SmallDisk::mount(world.path("disk")) else {
        let said = writeln!(std::io::stdout(), "not tried: mounting a tmpfs needs root");
        return said.expect("stdout");
    };
    let data = disk.0.join("data");
    let data_text = data.display().to_string();
    world.keyward(&["--data", &data_text, "init"]).ended(0);
    disk.remount("ro");
    let expected = "/keyward.lock cannot be locked: its file system is mounted for reading only; \
                    mount it for writing, or name another directory with --data: Read-only file \
                    system (os error 30)";
    refused(&world, &data, &["key", "generate", "--key-id", "k"], expected);
    disk.remount("rw");
    let mut ballast = std::fs::File::create(disk.0.join("ballast")).expect("a file");
    while ballast.write_all(&[0; 4096]).is_ok() {}
    let expected = "/keyward.lock cannot be locked: the disk is full; make room, and try again: \
                    No space left on device (os error 28)";
    refused(&world, &data, &["key", "generate", "--key-id", "k"], expected);
    drop(ballast);
    std::fs::remove_file(disk.0.join("ballast")).expect("room");
    world.keyward(&["--data", &data_text, "key", "generate", "--key-id", "k"]).ended(0);
}
