//! The command line, from outside: the real binary, and the same code in process on a clock
//! that tests set.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::type_complexity,
    reason = "tests"
)]

mod authority;
mod backup;
mod begin;
mod both;
mod configured;
mod demo;
mod disk;
mod door;
mod import;
mod interop;
mod keeper;
mod leak;
mod mishap;
mod offline;
mod output;
mod page;
mod proof;
mod remote;
mod root;
mod runbook;
mod serve;
mod server;
mod signing;
mod standing;
mod stolen;
mod transcript;
mod typed;
mod unseen;
mod usage;
mod verify;
mod waiting;
mod world;
