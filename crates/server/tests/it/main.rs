//! The server through its public seams: the router in process, and listeners.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod access;
mod anchor;
mod config;
mod key;
mod life;
mod listener;
mod metadata;
mod metric;
mod problem;
mod replay;
mod reseal;
mod root;
mod schedule;
mod schema;
mod secret;
mod spiffe;
mod tls;
mod workload;
mod world;
