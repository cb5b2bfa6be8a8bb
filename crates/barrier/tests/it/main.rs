//! The root key through its public seams.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that panics has failed"
)]

mod backup;
mod header;
mod independent;
mod planted;
mod policy;
mod property;
mod record;
mod reseal;
mod rotation;
mod share;
mod slot;
mod store;
mod unseal;
