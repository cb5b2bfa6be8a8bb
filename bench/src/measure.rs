//! Taking time: several rounds, of which the middle one is reported with the spread of all.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Rounds of one measurement.
pub(crate) const ROUNDS: usize = 7;

/// Figures of several rounds, in one unit.
#[derive(Debug, Clone)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn new(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        Self(figures)
    }

    /// The figure in the middle.
    pub(crate) fn middle(&self) -> f64 {
        self.at(0.5)
    }

    /// The figure below which that share of all lies.
    pub(crate) fn at(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a short list"
        )]
        let place = (last as f64 * share).round() as usize;
        self.0.get(place).copied().unwrap_or(f64::NAN)
    }

    /// The least and the greatest, each divided by `unit`.
    pub(crate) fn spread(&self, unit: f64, digits: usize) -> String {
        let (least, most) = (self.at(0.0) / unit, self.at(1.0) / unit);
        format!("{least:.digits$} to {most:.digits$}")
    }

    /// Each figure of these by the one of the same round of `others`: both must have been
    /// taken in turns, and are compared in the order of their size.
    pub(crate) fn by(&self, others: &Self) -> Self {
        Self::new(self.0.iter().zip(&others.0).map(|(one, other)| one / other).collect())
    }
}

/// A whole number as a figure.
pub(crate) fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// How long `work` takes.
#[expect(clippy::disallowed_methods, reason = "the one place of this program that takes time")]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let outcome = work();
    (outcome, start.elapsed())
}

/// Nanoseconds for each of `calls` calls, in one round.
pub(crate) fn round<T>(calls: usize, mut call: impl FnMut(usize) -> T) -> f64 {
    let ((), took) = timed(|| {
        for number in 0..calls {
            black_box(call(number));
        }
    });
    nanos(took) / number(calls)
}

/// [`round`], [`ROUNDS`] times after one that does not count.
pub(crate) fn rounds<T>(calls: usize, mut call: impl FnMut(usize) -> T) -> Figures {
    round(calls, &mut call);
    Figures::new((0..ROUNDS).map(|_| round(calls, &mut call)).collect())
}

/// Two things in turns, so that a disturbance of the machine meets both.
pub(crate) fn in_turns<A, B>(
    calls: usize,
    mut one: impl FnMut(usize) -> A,
    mut other: impl FnMut(usize) -> B,
) -> (Figures, Figures) {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for counts in 0..=ROUNDS {
        let (left, right) = (round(calls, &mut one), round(calls, &mut other));
        if counts > 0 {
            ones.push(left);
            others.push(right);
        }
    }
    (Figures::new(ones), Figures::new(others))
}

pub(crate) fn nanos(took: Duration) -> f64 {
    took.as_secs_f64() * 1e9
}

/// A number generator for choosing what to look up (splitmix64): the same in every run.
#[derive(Debug)]
pub(crate) struct Chooser(u64);

impl Chooser {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let chosen = self.next().checked_rem(u64::from(bound)).unwrap_or(0);
        u32::try_from(chosen).unwrap_or(0)
    }
}

/// A stopwatch, for what cannot be called.
#[derive(Debug)]
pub(crate) struct Watch(Instant);

impl Watch {
    #[expect(clippy::disallowed_methods, reason = "the one place of this program that takes time")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
