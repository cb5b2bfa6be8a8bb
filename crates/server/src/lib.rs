//! Keyward over HTTP: one router, served to the network and called in process alike.
//!
//! Reading order: [`router`] (what is mounted where), `scope.rs` (who may call what, one table),
//! [`identity`] (who calls), [`problem`] (the one place that chooses an HTTP status), `route/`
//! (the handlers: parse, call the library, write), [`mod@serve`] (listeners and the way down),
//! [`config`] (the configuration file). Nothing here decides: the library does.

mod app;
mod body;
pub mod config;
mod guard;
pub mod identity;
pub mod keeper;
pub mod keepers;
mod metric;
pub mod mtls;
mod openapi;
mod page;
pub mod problem;
mod replay;
pub mod root;
mod route;
mod router;
mod run;
mod scope;
pub mod serve;
mod stream;
mod wire;
pub mod worker;

pub use guard::{QUARANTINED, WARNING};
pub use openapi::document;
pub use router::{Setup, router};
pub use wire::verdict::VerdictDocument;
