//! The library through its public seams.
#![expect(clippy::expect_used, reason = "tests")]
#![expect(clippy::indexing_slicing, reason = "a place that is not there is a failed test")]
#![expect(clippy::arithmetic_side_effects, reason = "overflow is a failed test")]
#![expect(clippy::panic, reason = "tests")]

mod act;
mod fault;
mod life;
mod store;
mod theft;
