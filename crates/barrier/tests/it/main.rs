//! The root key through its public seams.
