//! What every handler is given.

use std::{fmt, ops::Deref, sync::Arc};

use keyward::{ExecuteError, Keyward};

use crate::{
    config::Certificates, metric::Requests, replay::Answers, root::RootCare, worker::Standing,
};

/// A store at work, and what the server itself keeps beside it.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

/// The parts.
pub(crate) struct Inner {
    /// The library.
    pub(crate) keyward: Arc<Keyward>,
    /// The program's version, as status shows it.
    pub(crate) version: &'static str,
    /// Answers to requests that carried an idempotency key.
    pub(crate) answers: Answers,
    /// Counts and durations of requests.
    pub(crate) requests: Requests,
    /// What the background worker saw last.
    pub(crate) standing: Arc<Standing>,
    /// What is around the root key.
    pub(crate) root: RootCare,
    /// What the operator states of the modules behind key stores.
    pub(crate) certificates: Certificates,
}

impl App {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Whether it can be said that a key is good: the log of a quarantined store does not hold
    /// what ended it.
    pub(crate) fn newest(&self) -> Result<(), ExecuteError> {
        match self.keyward.quarantine() {
            Some(_) => Err(ExecuteError::Quarantined),
            None => Ok(()),
        }
    }
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("keyward", &self.keyward).finish_non_exhaustive()
    }
}
