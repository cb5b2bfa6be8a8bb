//! `keyward verify --batch`: many envelopes, one verdict a line.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressDrawTarget};
use keyward_lifecycle::{envelope::ENVELOPE_BYTES_MAX, verify::Question};
use serde_json::json;

use super::{Proof, line, policy};
use crate::{
    args::Verify,
    command::offline::Offline,
    exit::{Exit, Failure},
    progress,
    render::{self, Document},
    session::Session,
    transport::Request,
};

/// Most envelopes in one request: what the API takes.
const BATCH_MAX: usize = 2_000;
/// Most bytes of envelopes in one request.
const BATCH_BYTES_MAX: usize = 8 << 20;
/// Most requests at once: while the answer to one is printed, others are judged.
const IN_FLIGHT_MAX: usize = 4;
/// Most envelopes in one run.
const ENVELOPES_MAX: usize = 10_000_000;

/// An envelope as it was found, and where.
struct Found {
    name: String,
    text: String,
}

/// What waits for the verdicts on a batch.
type Judging = Box<dyn FnOnce() -> Result<Vec<Document>, Failure>>;

pub(super) fn run(
    session: &mut Session<'_>,
    verify: &Verify,
    path: &Path,
    offline: Option<&Offline>,
) -> Result<Exit, Failure> {
    let mut source = Source::open(path)?;
    let mut is_empty = true;
    let bar = bar(session, source.count());
    let mut worst = Exit::Done;
    let mut underway: VecDeque<(Vec<Found>, Judging)> = VecDeque::new();
    loop {
        while underway.len() < IN_FLIGHT_MAX {
            let found = source.next_batch()?;
            if found.is_empty() {
                break;
            }
            let judging = match offline {
                Some(offline) => {
                    let verdicts = judge_here(verify, offline, &found);
                    Box::new(move || Ok(verdicts))
                }
                None => ask(session, verify, &found)?,
            };
            underway.push_back((found, judging));
        }
        let Some((found, judging)) = underway.pop_front() else { break };
        is_empty = false;
        // One write for a batch: a line at a time would cost more than the checks.
        let mut text = String::new();
        let verdicts = judging()?;
        bar.suspend(|| session.warn())?;
        for (found, verdict) in found.iter().zip(&verdicts) {
            text.push_str(&line(session, verdict, &found.name));
            worst = worst.max(render::verdict::exit(verdict));
        }
        bar.suspend(|| session.print(&text))?;
        bar.inc(u64::try_from(found.len()).unwrap_or(0));
    }
    bar.finish_and_clear();
    // A script that names the wrong place must not take silence for a verdict.
    if is_empty {
        return Err(Failure::error(format!("{} holds no envelopes", path.display())).hint(
            "name a directory with one envelope a file, or a file with one envelope a line",
        ));
    }
    Ok(worst)
}

fn ask(session: &mut Session<'_>, verify: &Verify, found: &[Found]) -> Result<Judging, Failure> {
    let envelopes: Vec<&str> = found.iter().map(|found| found.text.as_str()).collect();
    let body = json!({
        "envelopes": envelopes,
        "timePolicy": verify.time_policy.name(),
        "strict": verify.strict,
    });
    let (underway, count) = (session.begin(&Request::post("/verify/batch", body))?, found.len());
    Ok(Box::new(move || {
        let verdicts = underway()?.list("verdicts");
        if verdicts.len() == count {
            Ok(verdicts)
        } else {
            Err(Failure::error("the answer does not hold one verdict for each envelope"))
        }
    }))
}

/// On all cores.
fn judge_here(verify: &Verify, offline: &Offline, found: &[Found]) -> Vec<Document> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let share = found.len().div_ceil(workers).max(1);
    let judge = |found: &Found| {
        let proof = Proof::parse(found.text.as_bytes(), Path::new(&found.name));
        match proof {
            Ok(proof) => {
                let question = Question {
                    envelope: proof.envelope(),
                    artifact: None,
                    purl: None,
                    at: None,
                    time_policy: policy(verify.time_policy),
                };
                offline.judge(&question, &proof)
            }
            Err(failure) => {
                let text = failure.to_string();
                let text = text.strip_prefix("error: ").unwrap_or(&text);
                Document::from(json!({ "error": text }))
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = found
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(judge).collect::<Vec<_>>()))
            .collect();
        let answers = workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default());
        answers.collect()
    })
}

/// Where the envelopes are.
enum Source {
    Directory { files: Vec<PathBuf>, next: usize },
    Lines { reader: BufReader<fs::File>, name: String, line: u64, count: u64 },
}

impl Source {
    fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error| Failure::error(format!("{} cannot be read: {error}", path.display()));
        if path.is_dir() {
            let mut files = Vec::new();
            for entry in fs::read_dir(path).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                if entry.path().is_file() {
                    files.push(entry.path());
                }
                if files.len() > ENVELOPES_MAX {
                    return Err(Failure::error(format!(
                        "{} holds more than {ENVELOPES_MAX} files",
                        path.display()
                    )));
                }
            }
            files.sort_unstable();
            return Ok(Self::Directory { files, next: 0 });
        }
        let file = fs::File::open(path).map_err(failed)?;
        let mut counted = BufReader::new(file);
        let count = count_lines(&mut counted).map_err(failed)?;
        let reader = BufReader::new(fs::File::open(path).map_err(failed)?);
        Ok(Self::Lines { reader, name: path.display().to_string(), line: 0, count })
    }

    fn count(&self) -> u64 {
        match self {
            Self::Directory { files, .. } => u64::try_from(files.len()).unwrap_or(u64::MAX),
            Self::Lines { count, .. } => *count,
        }
    }

    fn next_batch(&mut self) -> Result<Vec<Found>, Failure> {
        let (mut batch, mut bytes) = (Vec::new(), 0_usize);
        while batch.len() < BATCH_MAX && bytes < BATCH_BYTES_MAX {
            let Some(found) = self.next_one()? else { break };
            bytes = bytes.saturating_add(found.text.len());
            batch.push(found);
        }
        Ok(batch)
    }

    fn next_one(&mut self) -> Result<Option<Found>, Failure> {
        match self {
            Self::Directory { files, next } => {
                let Some(path) = files.get(*next) else { return Ok(None) };
                *next = next.saturating_add(1);
                let limit = u64::try_from(ENVELOPE_BYTES_MAX).unwrap_or(u64::MAX);
                let bytes = keyward_storage::durable::read_limited(path, limit);
                let bytes = bytes.map_err(|e| Failure::of(&e))?;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Ok(Some(Found { name, text: String::from_utf8_lossy(&bytes).into_owned() }))
            }
            Self::Lines { reader, name, line, .. } => loop {
                let mut text = Vec::new();
                let limit = u64::try_from(ENVELOPE_BYTES_MAX).unwrap_or(u64::MAX);
                let read = reader.by_ref().take(limit).read_until(b'\n', &mut text);
                let read =
                    read.map_err(|e| Failure::error(format!("{name} cannot be read: {e}")))?;
                if read == 0 {
                    return Ok(None);
                }
                *line = line.saturating_add(1);
                let text = text.trim_ascii();
                if !text.is_empty() {
                    let text = String::from_utf8_lossy(text).into_owned();
                    return Ok(Some(Found { name: format!("{name}:{line}"), text }));
                }
            },
        }
    }
}

fn count_lines(reader: &mut impl std::io::BufRead) -> std::io::Result<u64> {
    let mut count = 0_u64;
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(count);
        }
        let lines = chunk.iter().filter(|byte| **byte == b'\n').count();
        count = count.saturating_add(u64::try_from(lines).unwrap_or(u64::MAX));
        let length = chunk.len();
        reader.consume(length);
    }
}

/// A progress bar on a terminal, and nothing elsewhere.
fn bar(session: &Session<'_>, count: u64) -> ProgressBar {
    let shown = session.surroundings.terminal.stderr;
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(count), target);
    bar.with_style(progress::style("{bar:40} {pos}/{len} {rate} {eta}"))
}
