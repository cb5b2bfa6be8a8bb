//! The root key through its public seams.

mod header;
mod independent;
mod planted;
mod policy;
mod property;
mod record;
mod store;
mod unseal;
