//! The command line, from outside: the real binary, and the same code in process on a clock
//! that tests set.
#![expect(clippy::expect_used, reason = "tests")]

mod begin;
mod offline;
mod page;
mod remote;
mod runbook;
mod usage;
mod world;
