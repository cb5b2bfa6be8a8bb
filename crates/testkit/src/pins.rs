//! Pins that are kept in memory.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use keyward::pin::PinStore;

/// A `trust.json` in memory.
#[derive(Debug, Default)]
pub struct MemoryPins(Mutex<Option<Vec<u8>>>);

impl PinStore for MemoryPins {
    fn load(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn save(&self, bytes: &[u8]) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.to_vec());
        Ok(())
    }
}
