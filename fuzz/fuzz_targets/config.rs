//! See `keyward_fuzz::TARGETS`.
#![no_main]

keyward_fuzz::target!("config");
