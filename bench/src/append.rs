//! Events into the log: one writer alone, and many together.

use std::sync::atomic::{AtomicU32, Ordering};

use keyward::Keyward;
use keyward_lifecycle::{
    command::{Command, NewKey},
    id::{ActorId, Fingerprint, ProfileName},
    key::Custody,
};

use crate::{
    Failure, machine,
    measure::{self, Figures},
    population::key_id,
    report::Row,
    store,
};

/// Events of one round with one client.
const ALONE: usize = 100;
/// Callers at the same time, and events of each in one round.
const TOGETHER: usize = 256;
const EACH: usize = 12;

pub(crate) fn run() -> Result<(), Failure> {
    let directory = store::directory()?;
    let parts = store::parts(directory.path())?;
    let (keyward, actor) = store::create(&parts)?;
    let next = AtomicU32::new(0);
    let (mut ones, mut groups, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
    for counts in 0..=measure::ROUNDS {
        let before = machine::syncs_per_second(directory.path())?;
        let one = rate(&keyward, &actor, &next, (1, ALONE))?;
        let between = machine::syncs_per_second(directory.path())?;
        let group = rate(&keyward, &actor, &next, (TOGETHER, EACH))?;
        let after = machine::syncs_per_second(directory.path())?;
        if counts > 0 {
            ones.push(one / f64::midpoint(before, between));
            groups.push(group / f64::midpoint(between, after));
            syncs.extend([before, between, after]);
        }
    }
    let (ones, groups) = (Figures::new(ones), Figures::new(groups));
    let syncs = Figures::new(syncs);
    let per_event = 1.0 / ones.middle();
    Row::new(
        "disk syncs of the run (4 KiB appends, fdatasync)",
        format!("{:.0}/s", syncs.middle()),
    )
    .spread(format!("{}/s", syncs.spread(1.0, 0)))
    .send();
    Row::new("append one event, one client", format!("{:.0}/s", ones.middle() * syncs.middle()))
        .ratio(format!("{per_event:.2} syncs' time an event"))
        .spread(format!("{} × the syncs/s", ones.spread(1.0, 2)))
        .target("one sync", per_event <= 1.5)
        .send();
    let rate = groups.middle() * syncs.middle();
    Row::new("append events, 256 in flight", format!("{rate:.0}/s"))
        .ratio(format!("{:.1} × the syncs/s", groups.middle()))
        .spread(format!("{} ×", groups.spread(1.0, 1)))
        .target("≥ 150 × the syncs/s", groups.middle() >= 150.0)
        .send();
    Ok(())
}

/// Events a second of that many callers, each of whom waits for its own.
fn rate(
    keyward: &Keyward,
    actor: &ActorId,
    next: &AtomicU32,
    (callers, each): (usize, usize),
) -> Result<f64, Failure> {
    let caller = || -> Result<(), Failure> {
        for _ in 0..each {
            keyward.execute(actor, register(next.fetch_add(1, Ordering::Relaxed))?)?;
        }
        Ok(())
    };
    let (outcome, took) = measure::timed(|| {
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..callers).map(|_| scope.spawn(caller)).collect();
            waiting.into_iter().try_for_each(|one| {
                one.join().unwrap_or_else(|_| Err(Failure::new("a caller panicked")))
            })
        })
    });
    outcome?;
    Ok(measure::number(callers.saturating_mul(each)) / took.as_secs_f64())
}

fn register(number: u32) -> Result<Command, Failure> {
    let spki = [&[0; 40], number.to_be_bytes().as_slice()].concat();
    Ok(Command::GenerateKey(NewKey {
        key_id: key_id(number)?,
        profile: ProfileName::parse("default")?,
        algorithm: None,
        purpose: "signing".into(),
        fingerprint: Fingerprint::of_spki(&spki),
        public_key: spki.into(),
        custody: Custody::Exclusive,
        expires_at: None,
        max_usage: None,
        parent: None,
        staged: true,
    }))
}
