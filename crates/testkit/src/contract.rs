//! One suite of tests for each seam, run over every adapter of it.

pub mod storage;
