//! Which anchor judges a package, among 100,000.

use keyward_lifecycle::{
    pattern::{Pattern, PatternIndex},
    purl::Purl,
};

use crate::{
    Failure,
    measure::{self, Chooser, Figures},
    report::Row,
};

const PATTERNS: u32 = 100_000;
const CALLS: usize = 200_000;

pub(crate) fn run() -> Result<(), Failure> {
    let index = |count| -> Result<PatternIndex, Failure> {
        let mut index = PatternIndex::new();
        for number in 0..count {
            index.insert(&Pattern::parse(&pattern(number))?, number);
        }
        Ok(index)
    };
    let (few, many) = (index(PATTERNS.saturating_div(100))?, index(PATTERNS)?);
    let mut chooser = Chooser::new(1);
    let purls: Result<Vec<Purl>, _> =
        (0..4096).map(|_| Purl::parse(&purl(chooser.below(PATTERNS)))).collect();
    let purls = purls?;
    let find =
        |index: &PatternIndex, number: usize| purls.get(number % 4096).map(|purl| index.find(purl));
    let (of_many, of_few) =
        measure::in_turns(CALLS, |number| find(&many, number), |number| find(&few, number));
    row("anchor match among 100,000 patterns", &of_many, &of_few).send();
    Ok(())
}

fn row(what: &str, of_many: &Figures, of_few: &Figures) -> Row {
    Row::new(what, format!("{:.0} ns", of_many.middle()))
        .ratio(format!("{:.2} × the same among 1,000", of_many.by(of_few).middle()))
        .spread(format!("{} ns", of_many.spread(1.0, 0)))
        .target("≤ 2 µs", of_many.middle() <= 2_000.0)
}

/// Of every ten patterns one is exact, the others end in `*` at three depths, as they would
/// where many teams own packages of one registry.
fn pattern(number: u32) -> String {
    let (team, package) = (number / 10, number % 10);
    match package {
        0 => format!("pkg:npm/%40team{team}/*"),
        1 => format!("pkg:npm/%40team{team}/exact"),
        2..=5 => format!("pkg:npm/%40team{team}/part-{package}*"),
        _ => format!("pkg:maven/org.example.team{team}/part-{package}*"),
    }
}

fn purl(number: u32) -> String {
    let (team, package) = (number / 10, number % 10);
    match package {
        0 => format!("pkg:npm/%40team{team}/whatever-it-is@1.2.3"),
        1 => format!("pkg:npm/%40team{team}/exact@2.0.0"),
        2..=5 => format!("pkg:npm/%40team{team}/part-{package}-of-it@1.0.0"),
        _ => format!("pkg:maven/org.example.team{team}/part-{package}-of-it@1.0.0"),
    }
}
