//! A clock that tests set.

use std::sync::atomic::{AtomicI64, Ordering};

use keyward::clock::Clock;
use keyward_lifecycle::time::Timestamp;

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl FakeClock {
    /// A clock that stands at an RFC 3339 instant.
    ///
    /// # Panics
    /// When `at` is none.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test's own literal")]
    pub fn at(at: &str) -> Self {
        let at: Timestamp = at.parse().expect("RFC 3339");
        Self(AtomicI64::new(at.nanos()))
    }

    /// Sets it, forward or back.
    ///
    /// # Panics
    /// When `at` is no RFC 3339 instant.
    #[expect(clippy::expect_used, reason = "a test's own literal")]
    pub fn set(&self, at: &str) {
        let at: Timestamp = at.parse().expect("RFC 3339");
        self.0.store(at.nanos(), Ordering::SeqCst);
    }

    /// Moves it by whole seconds.
    pub fn advance(&self, seconds: i64) {
        let now = Timestamp::from_nanos(self.0.load(Ordering::SeqCst));
        self.0.store(now.plus_seconds(seconds).nanos(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }
}
