//! The library through its public seams.
#![expect(clippy::expect_used, reason = "tests")]

mod life;
mod store;
