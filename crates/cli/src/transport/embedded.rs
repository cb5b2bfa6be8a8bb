//! The API in this very process, on a data directory that no server has.

use std::{path::PathBuf, sync::Arc};

use keyward::clock::Clock;

use super::{Request, Response, Transport};
use crate::exit::Failure;

/// What a store is opened with.
pub(super) struct Store {
    pub(super) data: PathBuf,
    pub(super) config: Option<PathBuf>,
    pub(super) clock: Arc<dyn Clock>,
}

/// An open store.
pub(super) struct Embedded;

impl Embedded {
    pub(super) fn open(store: Store) -> Result<Self, Failure> {
        let Store { data, config: _, clock: _ } = store;
        Err(Failure::error(format!("there is no store in {}", data.display()))
            .hint("make one with `keyward init`, or name another directory with --data"))
    }
}

impl Transport for Embedded {
    fn call(&mut self, _: &Request) -> Result<Response, Failure> {
        Err(Failure::error("there is no store"))
    }

    fn takes_passwords(&self) -> bool {
        true
    }
}
