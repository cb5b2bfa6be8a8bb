//! The same load on `keyward serve` and on its peer, in turns.

use std::{path::Path, time::Duration};

use crate::{
    Failure,
    load::{Outcome, Target},
    machine,
    measure::Figures,
    report::Row,
};

/// Clients at once, of which each is measured.
pub(crate) const CLIENTS: [usize; 3] = [1, 8, 64];
/// Rounds, and how long each loads a server.
pub(crate) const ROUNDS: usize = 3;
pub(crate) const TIME: Duration = Duration::from_millis(1_500);

/// Our figures and the peer's, of rounds in turns.
pub(crate) struct Compared {
    pub(crate) own: Vec<Outcome>,
    pub(crate) peer: Vec<Outcome>,
    pub(crate) syncs: Figures,
}

impl Compared {
    pub(crate) fn measure(
        directory: &Path,
        clients: usize,
        (own, peer): (&Target, Option<&Target>),
    ) -> Result<Self, Failure> {
        let (mut ours, mut theirs, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            syncs.push(machine::syncs_per_second(directory)?);
            ours.push(own.load(clients, TIME)?);
            if let Some(peer) = peer {
                theirs.push(peer.load(clients, TIME)?);
            }
        }
        syncs.push(machine::syncs_per_second(directory)?);
        Ok(Self { own: ours, peer: theirs, syncs: Figures::new(syncs) })
    }

    /// A row with our figures; the rate, and what it is of the peer's.
    pub(crate) fn row(&self, what: &str) -> (Row, f64, f64) {
        let rates = rates(&self.own);
        let own = rates.middle();
        let row = Row::new(what, told(&self.own)).spread(format!("{}/s", rates.spread(1.0, 0)));
        (row, own, own / rates_middle(&self.peer))
    }

    pub(crate) fn peer_row(&self, what: &str, clients: usize) {
        if self.peer.is_empty() {
            return;
        }
        let spread = rates(&self.peer).spread(1.0, 0);
        Row::new(format!("{what}, {clients} clients"), told(&self.peer))
            .spread(format!("{spread}/s"))
            .send();
    }
}

pub(crate) fn against(ratio: f64, peer: &str) -> String {
    if ratio.is_finite() { format!("{ratio:.2} × {peer}") } else { format!("no {peer} at hand") }
}

pub(crate) fn told(outcomes: &[Outcome]) -> String {
    let (p50, p99) = (percentile(outcomes, 0.5), percentile(outcomes, 0.99));
    format!("{:.0}/s, p50 {p50:.0} µs, p99 {p99:.0} µs", rates_middle(outcomes))
}

fn rates(outcomes: &[Outcome]) -> Figures {
    Figures::new(outcomes.iter().map(|outcome| outcome.rate).collect())
}

pub(crate) fn rates_middle(outcomes: &[Outcome]) -> f64 {
    rates(outcomes).middle()
}

/// The middle of the rounds' percentiles.
pub(crate) fn percentile(outcomes: &[Outcome], share: f64) -> f64 {
    Figures::new(outcomes.iter().map(|outcome| outcome.micros.at(share)).collect()).middle()
}
