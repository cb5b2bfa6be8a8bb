//! The command line, from outside: the real binary, and the same code in process on a clock
//! that tests set.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::type_complexity,
    reason = "tests"
)]

mod begin;
mod configured;
mod demo;
mod interop;
mod offline;
mod page;
mod remote;
mod runbook;
mod serve;
mod stolen;
mod transcript;
mod usage;
mod world;
