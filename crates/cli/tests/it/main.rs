//! The command line, from outside: the real binary, and the same code in process on a clock
//! that tests set.
#![expect(clippy::expect_used, reason = "tests")]

mod begin;
mod configured;
mod demo;
mod interop;
mod offline;
mod page;
mod remote;
mod runbook;
mod serve;
mod transcript;
mod usage;
mod world;
