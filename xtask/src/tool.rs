//! What the tests need from outside, and how it is had.
//!
//! Debian packages are installed when we are root and asked for when we are not. `promtool` is
//! unpacked from its package, never installed, because installing it would start a service.
//! Python's libraries live in a virtual environment. All of it lies under
//! `<target>/test-tools`, so that `cargo clean` takes it away.

use crate::metadata::Metadata;
use crate::{Failure, process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs that tests are told about.
#[derive(Debug)]
pub(crate) struct Tools {
    /// A Python that can import what `xtask/requirements.txt` lists.
    pub(crate) python: PathBuf,
    /// Prometheus's rule checker.
    pub(crate) promtool: PathBuf,
}

/// A Debian package that the tests need, and how to see that it is there.
#[derive(Debug)]
struct Package {
    name: &'static str,
    present: fn() -> bool,
}

const PACKAGES: &[Package] = &[
    Package { name: "curl", present: || process::on_path("curl").is_some() },
    Package { name: "gdb", present: || process::on_path("gcore").is_some() },
    Package { name: "jq", present: || process::on_path("jq").is_some() },
    Package { name: "openssl", present: || process::on_path("openssl").is_some() },
    Package { name: "python3-venv", present: python_makes_environments },
    Package { name: "sqlite3", present: || process::on_path("sqlite3").is_some() },
];

/// Puts everything in its place; does nothing that is done already.
pub(crate) fn set_up(root: &Path) -> Result<Tools, Failure> {
    let folder = Metadata::read(root)?.target.join("test-tools");
    fs::create_dir_all(&folder).map_err(|e| touching(&folder, &e))?;
    let lists = Lists::default();
    install(&lists)?;
    let promtool = promtool(&folder, &lists)?;
    let python = python(root, &folder)?;
    Ok(Tools { python, promtool })
}

/// Installs the packages that are missing.
fn install(lists: &Lists) -> Result<(), Failure> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|package| !(package.present)())
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get update && apt-get install --yes {}", missing.join(" "));
    if !is_root() || process::on_path("apt-get").is_none() {
        return Err(Failure::new(format!("the tests need {}", missing.join(" and ")))
            .hint(format!("run `sudo sh -c '{line}'`")));
    }
    lists.update()?;
    let mut apt = Command::new("apt-get");
    apt.args(["install", "--yes", "--no-install-recommends"]).args(&missing);
    process::read(apt.env("DEBIAN_FRONTEND", "noninteractive"))?;
    Ok(())
}

/// `promtool` from `PATH`, or out of Debian's `prometheus` package.
fn promtool(folder: &Path, lists: &Lists) -> Result<PathBuf, Failure> {
    if let Some(found) = process::on_path("promtool") {
        return Ok(found);
    }
    let unpacked = folder.join("prometheus");
    let program = unpacked.join("usr/bin/promtool");
    if program.is_file() {
        return Ok(program);
    }
    let archive = match download(folder, "prometheus") {
        Ok(archive) => archive,
        Err(_) if is_root() => {
            lists.update()?;
            download(folder, "prometheus")?
        }
        Err(failure) => {
            return Err(
                failure.hint("run `sudo apt-get update`, or put Prometheus's promtool on PATH")
            );
        }
    };
    // Unpacked beside and renamed, so that an interrupted run leaves nothing that looks done.
    let partial = folder.join("prometheus.partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(|e| touching(&partial, &e))?;
    }
    process::read(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(&partial))?;
    fs::remove_file(&archive).map_err(|e| touching(&archive, &e))?;
    fs::rename(&partial, &unpacked).map_err(|e| touching(&unpacked, &e))?;
    if program.is_file() {
        return Ok(program);
    }
    Err(Failure::new("Debian's package prometheus holds no usr/bin/promtool")
        .hint("put Prometheus's promtool on PATH"))
}

/// Fetches the archive of a Debian package into `folder`, which needs no root.
fn download(folder: &Path, package: &str) -> Result<PathBuf, Failure> {
    for stale in archives(folder, package)? {
        fs::remove_file(&stale).map_err(|e| touching(&stale, &e))?;
    }
    let mut apt = Command::new("apt-get");
    // The folder may be one that apt's own unprivileged user cannot enter.
    apt.args(["-o", "APT::Sandbox::User=root", "download", package]).current_dir(folder);
    process::read(&mut apt)?;
    archives(folder, package)?
        .pop()
        .ok_or_else(|| Failure::new(format!("apt-get download {package} left no archive")))
}

fn archives(folder: &Path, package: &str) -> Result<Vec<PathBuf>, Failure> {
    let start = format!("{package}_");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| touching(folder, &e))? {
        let entry = entry.map_err(|e| touching(folder, &e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&start) && name.ends_with(".deb") {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// A virtual environment that holds exactly what `xtask/requirements.txt` lists.
fn python(root: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let wanted = root.join("xtask/requirements.txt");
    let environment = folder.join("venv");
    let program = environment.join("bin/python");
    let installed = environment.join("requirements.txt");
    let list = fs::read(&wanted).map_err(|e| touching(&wanted, &e))?;
    if program.is_file() && fs::read(&installed).is_ok_and(|found| found == list) {
        return Ok(program);
    }
    process::read(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut pip = Command::new(&program);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    process::read(pip.arg(&wanted))?;
    // Last, so that an interrupted installation is begun again.
    fs::copy(&wanted, &installed).map_err(|e| touching(&installed, &e))?;
    Ok(program)
}

fn python_makes_environments() -> bool {
    process::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
}

/// apt's package lists, fetched at most once a run.
#[derive(Debug, Default)]
struct Lists {
    updated: std::cell::Cell<bool>,
}

impl Lists {
    fn update(&self) -> Result<(), Failure> {
        if self.updated.replace(true) {
            return Ok(());
        }
        process::read(Command::new("apt-get").args(["update", "--quiet"]))?;
        Ok(())
    }
}

fn is_root() -> bool {
    process::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn touching(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
