//! The rules, through what the crate shows to others.
#![expect(clippy::arithmetic_side_effects, reason = "tests may fail by panic")]

mod canonical;
mod part;
mod pattern;
mod purl;
