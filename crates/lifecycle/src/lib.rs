//! The rules by which signing keys are made, used, replaced, withdrawn and believed.
//!
//! Everything here is a pure function of its arguments: no clock, no file, no thread, no
//! environment, no randomness, no logger. Time and random values arrive as arguments.
//!
//! Reading order: [`key`] (the state table), [`event`] and [`command`] (what happens and what
//! is asked), [`decide`] (the rules), [`state`] (the fold), [`verify`] (who is believed, when).
#![no_std]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod access;
pub mod algorithm;
pub mod anchor;
pub mod audit;
pub mod authority;
pub mod bundle;
pub mod canonical;
pub mod command;
pub mod decide;
pub mod envelope;
pub mod event;
pub mod id;
pub mod key;
pub mod ledger;
pub mod pattern;
pub mod profile;
pub mod purl;
pub mod refusal;
pub mod root;
pub mod secret;
pub mod spiffe;
pub mod state;
pub mod statement;
pub mod time;
pub mod trust;
pub mod verify;
