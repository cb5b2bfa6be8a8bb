//! The storage adapters through their public seams.
