//! Signing over HTTP.
use crate::Failure;
#[expect(clippy::unnecessary_wraps, reason = "x")]
pub(crate) fn run() -> Result<(), Failure> {
    Ok(())
}
