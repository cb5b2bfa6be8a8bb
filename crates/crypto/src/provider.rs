//! The algorithms of this build, behind the seam that the rules define.

use keyward_lifecycle::algorithm::Algorithms;

use crate::{composite::MlDsa65Ed25519, ed25519::Ed25519, mldsa::MlDsa65, p256::EcdsaP256};

/// Every algorithm that this crate runs.
pub const STANDARD: Algorithms = Algorithms {
    ed25519: Some(&Ed25519),
    ecdsa_p256: Some(&EcdsaP256),
    ml_dsa_65: Some(&MlDsa65),
    ml_dsa_65_ed25519: Some(&MlDsa65Ed25519),
};
