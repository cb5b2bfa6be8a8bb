//! What the rules allow and refuse, and what holds after every step.

mod adopt;
mod anchor;
mod due;
pub(crate) mod invariant;
mod key;
mod oracle;
mod record;
mod revocation;
pub(crate) mod root;
mod rotation;
mod walk;
