//! `cargo xtask kill`: SIGKILL at random moments, and nothing that was promised is lost.
//!
//! Each round starts the real server on one store, lets clients sign and rotate through its
//! socket, kills it, and then asks the store itself: the log and every row agree, every
//! signature that a client was given is in the ledger, the rotation that was cut off is
//! finished, the profile has a signer, and no client was refused while keys rotated.

mod client;
mod load;
mod rekey;
mod store;

use crate::metadata::Metadata;
use crate::{Failure, cargo, process};
use load::Acknowledged;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use store::Store;

/// How often, and with which random moments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    times: u64,
    seed: u64,
    /// Secrets of the store whose root key rotates; without them, signing keys rotate.
    records: Option<u64>,
}

/// Rounds when their number is not said.
const TIMES: u64 = 25;
/// The earliest and the latest moment at which a server is killed, after it listens.
const LIVES_MILLIS: (u64, u64) = (20, 1500);

impl Plan {
    /// What every full run does: few rounds over a small store, to see that none is lost.
    pub(crate) const fn of_a_run() -> Self {
        Self { times: 5, seed: 1, records: Some(2000) }
    }

    /// Reads the words after `kill`; `None` for words that mean nothing.
    pub(crate) fn parse(words: &[&str]) -> Option<Self> {
        let mut plan = Self { times: TIMES, seed: 1, records: None };
        let (pairs, rest) = words.as_chunks::<2>();
        for [option, value] in pairs {
            let number = value.parse().ok().filter(|number| *number > 0)?;
            match *option {
                "--times" => plan.times = number,
                "--seed" => plan.seed = number,
                "--records" => plan.records = Some(number),
                _ => return None,
            }
        }
        rest.is_empty().then_some(plan)
    }
}

/// What all rounds come to.
#[derive(Debug, Default)]
struct Tally {
    signatures: BTreeSet<String>,
    rotations: usize,
    cut_off: usize,
}

/// Builds the program of the workspace at `root` and kills it as planned.
pub(crate) fn run(root: &Path, plan: &Plan) -> Result<(), Failure> {
    println!("==> build");
    let mut build = Command::new(cargo());
    build.args(["build", "--quiet", "--package", "keyward-cli"]).current_dir(root);
    process::show(&mut build)?;
    let target = Metadata::read(root)?.target;
    let store = Store::create(&target.join("debug/keyward"), &target.join("kill"))?;
    println!("==> {} rounds, seed {}, in {}", plan.times, plan.seed, store.folder().display());
    if let Some(records) = plan.records {
        rekey::run(&store, plan, records).map_err(|failure| {
            failure.hint(format!("the store is kept: {}", store.folder().display()))
        })?;
        return store.remove();
    }
    let mut tally = Tally::default();
    let mut chance = Chance(plan.seed);
    for round in 1..=plan.times {
        one(&store, round, &mut chance, &mut tally).map_err(|failure| {
            failure.hint(format!("the store is kept: {}", store.folder().display()))
        })?;
    }
    let Tally { signatures, rotations, cut_off } = &tally;
    println!(
        "==> killed {} times: {} signatures and {rotations} rotations acknowledged, none lost; \
         {cut_off} rotations cut off and resumed; no request refused",
        plan.times,
        signatures.len()
    );
    store.remove()
}

/// One life of the server, and what is left of it.
fn one(store: &Store, round: u64, chance: &mut Chance, tally: &mut Tally) -> Result<(), Failure> {
    let signer = store.signer()?;
    let life = Duration::from_millis(chance.within(LIVES_MILLIS));
    let server = store.serve()?;
    let clients = load::Clients::start(&store.socket(), round, signer.clone());
    std::thread::sleep(life);
    server.kill()?;
    let Acknowledged { signatures, rotations, pending, refusals } = clients.end()?;
    store.succeeds(&["audit", "verify"])?;
    let cut_off = resume(store, &signer, &rotations, pending.as_deref())?;
    let count = signatures.len();
    if let Some(last) = signatures.last() {
        store.succeeds(&["proof", "show", last])?;
    }
    tally.signatures.extend(signatures);
    tally.rotations = tally.rotations.saturating_add(rotations.len());
    tally.cut_off = tally.cut_off.saturating_add(usize::from(cut_off));
    let ledger = store.ledger()?;
    let lost = lost(&tally.signatures, &ledger);
    if let Some(first) = lost.first() {
        return Err(Failure::new(format!(
            "round {round}: {} acknowledged signatures are not in the ledger, {first} the first",
            lost.len()
        )));
    }
    if let Some(refusal) = refusals.first() {
        return Err(Failure::new(format!(
            "round {round}: {} requests were refused, and nothing is to stop a client while keys \
             rotate; the first: {refusal}",
            refusals.len()
        )));
    }
    println!(
        "    {round}: killed after {} ms; {count} signatures, {} rotations{}",
        life.as_millis(),
        rotations.len(),
        if cut_off { ", one cut off and resumed" } else { "" }
    );
    Ok(())
}

/// Finishes the rotation that was cut off, if it had begun; whether it had.
fn resume(
    store: &Store,
    first: &str,
    done: &[String],
    pending: Option<&str>,
) -> Result<bool, Failure> {
    // Every rotation that was acknowledged is over, and the last of them made the signer.
    let last = done.last().map_or(first, String::as_str);
    let keys = store.keys()?;
    for (key, of) in std::iter::once(first).chain(done.iter().map(String::as_str)).zip(done) {
        if keys.get(key).map(String::as_str) != Some("DEPRECATED") {
            let is = keys.get(key).map_or("nothing", String::as_str);
            return Err(Failure::new(format!(
                "the rotation of {key} to {of} was acknowledged, and {key} is {is}"
            )));
        }
    }
    let mut begun = false;
    if pending.is_some() && store.has_begun(last)? {
        begun = true;
        store.succeeds(&["key", "rotate", "--key-id", last, "--resume"])?;
        store.succeeds(&["audit", "verify"])?;
    }
    let expected = if begun { pending.unwrap_or(last) } else { last };
    let signer = store.signer()?;
    if signer == expected {
        return Ok(begun);
    }
    Err(Failure::new(format!("the signer is {signer}, and {expected} was to be it")))
}

/// The acknowledged signatures that the ledger does not have.
fn lost<'a>(acknowledged: &'a BTreeSet<String>, ledger: &'a BTreeSet<String>) -> Vec<&'a String> {
    acknowledged.difference(ledger).collect()
}

/// Numbers without a pattern, the same for the same seed (xorshift64).
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn within(&mut self, (least, most): (u64, u64)) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let span = most.saturating_sub(least).saturating_add(1);
        self.0.checked_rem(span).unwrap_or(0).saturating_add(least)
    }
}

#[cfg(test)]
mod tests {
    use super::{Chance, LIVES_MILLIS, Plan, lost};
    use std::collections::BTreeSet;

    #[test]
    fn times_and_a_seed_can_be_named() {
        assert_eq!(Plan::parse(&[]), Some(Plan { times: 25, seed: 1, records: None }));
        let words = ["--times", "3", "--seed", "9"];
        assert_eq!(Plan::parse(&words), Some(Plan { times: 3, seed: 9, records: None }));
        for words in [&["--times"][..], &["--times", "0"], &["--seed", "x"], &["--for", "7"]] {
            assert_eq!(Plan::parse(words), None);
        }
    }

    #[test]
    fn a_signature_that_is_nowhere_is_lost() {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(lost(&set(&["a", "b"]), &set(&["b", "c"])), ["a"]);
    }

    #[test]
    fn moments_lie_within_their_limits() {
        let mut chance = Chance(1);
        let moments: BTreeSet<u64> = (0..1000).map(|_| chance.within(LIVES_MILLIS)).collect();
        assert!(moments.first() >= Some(&LIVES_MILLIS.0));
        assert!(moments.last() <= Some(&LIVES_MILLIS.1));
        assert!(moments.len() > 300, "{}", moments.len());
    }
}
