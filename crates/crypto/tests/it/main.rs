//! What the cryptography of Keyward promises, asked through its public interface.
#![expect(clippy::indexing_slicing, reason = "a place that is not there is a failed test")]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![expect(clippy::arithmetic_side_effects, reason = "overflow is a failed test")]

mod age;
mod batch;
mod crosscheck;
mod key;
mod memory;
mod seal;
mod share;
mod vector;
