//! In which window an anchor believed a key at a time, among a million keys.

use keyward_lifecycle::{id::KeyId, state::State, time::Timestamp};

use crate::{
    Failure, machine,
    measure::{self, Chooser, Figures},
    population::{Population, WINDOWS, key_id},
    report::Row,
};

const KEYS: u32 = 1_000_000;
const FEW: u32 = 1_000;
const CALLS: usize = 200_000;
const CHOSEN: usize = 65_536;

pub(crate) fn run() -> Result<(), Failure> {
    let few = folded(FEW)?;
    let before = machine::resident("self")?;
    let many = folded(KEYS)?;
    let bytes = (machine::resident("self")? - before) / f64::from(KEYS);
    let (of_many, of_few) = (Questions::new(KEYS)?, Questions::new(FEW)?);
    let (many_took, few_took) = measure::in_turns(
        CALLS,
        |number| of_many.ask(&many, number),
        |number| of_few.ask(&few, number),
    );
    temporal(&many_took, &few_took).send();
    let target = 24.0f64.mul_add(f64::from(WINDOWS), 300.0);
    Row::new("memory of a key with 10 windows, folded event by event", format!("{bytes:.0} B"))
        .ratio(format!("{:.2} × of 300 B and 24 B a window", bytes / target))
        .target("≤ 540 B", bytes <= target)
        .send();
    Ok(())
}

fn folded(keys: u32) -> Result<State, Failure> {
    let mut population = Population::on(State::default())?;
    population.grow(keys)?;
    Ok(population.state)
}

fn temporal(of_many: &Figures, of_few: &Figures) -> Row {
    Row::new(
        "window of a key at a time: 1 M keys × 10 windows, by id",
        format!("{:.0} ns", of_many.middle()),
    )
    .ratio(format!("{:.2} × the same among 1,000 keys", of_many.by(of_few).middle()))
    .spread(format!("{} ns", of_many.spread(1.0, 0)))
    .target("≤ 1 µs", of_many.middle() <= 1_000.0)
}

/// Keys in a random order, each with one of its anchors.
struct Questions(Vec<(KeyId, u32)>);

impl Questions {
    fn new(keys: u32) -> Result<Self, Failure> {
        let mut chooser = Chooser::new(7);
        let anchors = keys.saturating_mul(WINDOWS) / 100;
        let stride = (anchors.max(WINDOWS) / WINDOWS).max(1);
        let asked: Result<Vec<_>, Failure> = (0..CHOSEN)
            .map(|_| {
                let number = chooser.below(keys);
                let first = number.checked_rem(stride).unwrap_or(0);
                let anchor = first.saturating_add(chooser.below(WINDOWS).saturating_mul(stride));
                Ok((key_id(number)?, anchor))
            })
            .collect();
        Ok(Self(asked?))
    }

    fn ask(&self, state: &State, number: usize) -> Option<bool> {
        let (id, anchor) = self.0.get(number % CHOSEN)?;
        let key = state.key(id)?;
        let member = key.membership(*anchor)?;
        Some(key.window(&member).holds(Timestamp::from_seconds(1_800_000_000)))
    }
}
