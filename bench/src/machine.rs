//! What the machine itself can do in this run: its disk syncs, its memory, its processors.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
};

use crate::{Failure, measure};

/// Appends for one measurement of the disk.
const SYNCS: usize = 200;
/// Bytes of one append.
const APPEND_BYTES: usize = 4096;

/// How many appends of 4 KiB, each followed by `fdatasync`, a file in `directory` takes in a
/// second.
pub(crate) fn syncs_per_second(directory: &Path) -> Result<f64, Failure> {
    let path = directory.join("syncs");
    let mut file = File::create(&path)?;
    let bytes = [0x5a; APPEND_BYTES];
    let (written, took) = measure::timed(|| -> std::io::Result<()> {
        for _ in 0..SYNCS {
            file.write_all(&bytes)?;
            file.sync_data()?;
        }
        Ok(())
    });
    written?;
    fs::remove_file(&path)?;
    Ok(measure::number(SYNCS) / took.as_secs_f64())
}

/// Resident memory of the process of that id (`self` for this one), in bytes.
pub(crate) fn resident(process: &str) -> Result<f64, Failure> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<f64>().ok());
    kib.map(|kib| kib * 1024.0).ok_or_else(|| Failure::new("the system does not tell VmRSS"))
}

/// The machine in a line.
pub(crate) fn description() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("a processor that does not tell its name", |(_, name)| name);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    format!("{cores} cores, {model}; load average at the start {load}")
}
