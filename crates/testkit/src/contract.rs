//! One suite of tests for each seam, run over every adapter of it.
#![expect(clippy::missing_panics_doc, reason = "a clause that does not hold panics")]
#![expect(clippy::indexing_slicing, reason = "a place that is not there is a failed test")]
#![expect(clippy::arithmetic_side_effects, reason = "overflow is a failed test")]

pub mod storage;
