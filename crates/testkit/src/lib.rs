//! What tests of several crates need: contract suites of the seams, and faults.
//!
//! A dev-dependency and nothing else: nothing here ships.

pub mod clock;
pub mod contract;
pub mod fault;
pub mod oracle;
pub mod pins;
pub mod pki;
pub mod share;
pub mod simulate;
