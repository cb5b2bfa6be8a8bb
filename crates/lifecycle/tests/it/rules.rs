//! What the rules allow and refuse, and what holds after every step.

mod anchor;
mod invariant;
mod key;
mod oracle;
mod revocation;
mod rotation;
mod walk;
