//! What a mistake makes harmful: signing with randomness that the caller chooses. For
//! comparing implementations and for vectors; the product signs by
//! [`PrivateKey::sign`](crate::signing::PrivateKey::sign).

pub use crate::mldsa::expanded::{ExpandedKey, MalformedExpandedKey};
