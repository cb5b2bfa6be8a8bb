//! Keyward as a library: one writer over a log, and everything else a fold of it.
//!
//! Blocking throughout; no server, no async, no clock of its own, no adapter. Reading order:
//! [`storage`], [`keystore`] and [`clock`] (the seams), [`engine`] (what a store at work is),
//! `writer.rs` (decide, append, apply, answer), [`start`] (how a store begins, and begins
//! again).

pub mod actor;
pub mod anchor;
pub mod answer;
pub mod audit;
pub mod authority;
pub mod clock;
pub mod counts;
pub mod engine;
pub mod forgery;
pub mod incident;
pub mod keeper;
pub mod key;
pub mod keystore;
pub mod metadata;
mod opened;
pub mod pin;
mod projection;
pub mod proof;
mod public_key;
mod record;
pub mod rescan;
pub mod root;
pub mod rotation;
mod sealed;
pub mod secret;
pub mod signing;
pub mod start;
pub mod status;
pub mod storage;
mod system;
pub mod token;
mod tree;
pub mod verification;
mod writer;

pub use engine::{Keyward, Parts, Quarantine};
pub use writer::{ExecuteError, Receipt};
