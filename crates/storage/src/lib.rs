//! Where bytes are kept: adapters of [`keyward::storage::Storage`], and files that survive a
//! crash.
//!
//! Nothing here can open what is sealed: no cryptography is within reach. The byte format of
//! the database is `docs/format/database.md`.

pub mod durable;
mod limit;
pub mod memory;
pub mod pin;
pub mod sqlite;
mod wildcard;
