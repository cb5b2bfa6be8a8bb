//! Where private keys live: one file for each kind of store, each an adapter of
//! [`keyward::keystore::KeyStore`].

mod software;

pub use software::Software;
