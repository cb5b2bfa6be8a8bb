//! Keyward as a library: one writer over a log, and everything else a fold of it.
//!
//! Blocking throughout; no server, no async, no clock of its own, no adapter.

pub mod storage;
