//! What every fuzz target does, and the inputs that it starts from.
//!
//! A target hands bytes from outside to one reader and checks what the reader promises: no
//! panic, no memory out of proportion ([`memory`]), and that what was accepted is written and
//! read again as the same thing. The files in `fuzz_targets/` only name them.
//!
//! `cargo xtask fuzz` runs all of them; with cargo-fuzz, `cargo fuzz run purl`.

mod anchor;
mod config;
mod http;
mod keys;
mod memory;
mod metadata;
mod rules;
mod secret;
pub mod seed;
mod store;
mod svid;

#[doc(hidden)]
pub use libfuzzer_sys;

/// One fuzz target: a name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them; the names are those of the files in `fuzz_targets/`.
pub const TARGETS: &[Target] = &[
    ("anchor", anchor::anchor),
    ("authority", rules::authority),
    ("backup", store::backup),
    ("bundle", rules::bundle),
    ("canonical", rules::canonical),
    ("checkpoint", rules::checkpoint),
    ("config", config::config),
    ("encrypted_key", keys::encrypted_key),
    ("entry", rules::entry),
    ("envelope", rules::envelope),
    ("epoch_header", store::epoch_header),
    ("event", rules::event),
    ("fold", store::fold),
    ("frontier", store::frontier),
    ("http", http::http),
    ("id", rules::id),
    ("keeper_share", secret::keeper_share),
    ("key_metadata", metadata::key_metadata),
    ("merkle", store::merkle),
    ("note", rules::note),
    ("path_policy", secret::path_policy),
    ("pattern", rules::pattern),
    ("private_key", keys::private_key),
    ("purl", rules::purl),
    ("record", store::record),
    ("secret_path", secret::secret_path),
    ("share", store::share),
    ("share_text", store::share_text),
    ("signature", keys::signature),
    ("snapshot", store::snapshot),
    ("spiffe", secret::spiffe),
    ("spki", keys::spki),
    ("statement", rules::statement),
    ("svid", svid::svid),
    ("time", rules::time),
    ("tlog_proof", rules::tlog_proof),
    ("trust", rules::trust),
    ("verifier_key", rules::verifier_key),
];

/// Runs the target `name` on `bytes`.
///
/// # Panics
/// When a promise of the reader does not hold: that is the finding. And for an unknown name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, run) = target.expect("every file in fuzz_targets is in TARGETS");
    run(bytes);
}

/// The whole of a file in `fuzz_targets/`.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        $crate::libfuzzer_sys::fuzz_target!(
            init: { $crate::seed::plant($name) },
            |bytes: &[u8]| $crate::run($name, bytes)
        );
    };
}
