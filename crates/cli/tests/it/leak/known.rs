//! What must not be found, and the search for it.

use std::path::Path;

use keyward::storage::{Shelf, Storage as _};
use keyward_barrier::{
    KeeperName, RecordId, RecordKind, RecordName, RecordVersion, RootId, SHARE_BYTES, Sealed,
};
use keyward_crypto::{
    secret::{LockPolicy, Password},
    share::{Part, combine},
};
use keyward_storage::sqlite::{Sqlite, SqliteOptions};

/// Names of what is known, and the bytes that give it away.
#[derive(Clone, Default)]
pub(super) struct Known(Vec<(&'static str, Vec<u8>)>);

impl Known {
    /// The root key of the store in `data`, and the seed of one of its keys.
    pub(super) fn of(data: &Path, key_id: &str, password: &str) -> Self {
        let sqlite = Sqlite::open(data, SqliteOptions::default()).expect("a database");
        let header = sqlite.item_at_or_before(Shelf::Root, &[0xff; 4]).expect("an answer");
        let sealed = Sealed::read(&header.expect("a header").bytes, None::<&RootId>);
        let password = Password::new(password.into()).expect("a password");
        let root = sealed.expect("a header").unseal(&password, LockPolicy::AllowUnlocked);
        let root = root.expect("the root key");
        // The root key leaves its crate as shares alone.
        let names = ["one", "two"].map(|name| KeeperName::parse(name).expect("a name"));
        let shares = root.set_keepers(2, &names).expect("shares").shares;
        let part = |share: &[u8]| Part { index: share[INDEX], value: share[VALUE].to_vec().into() };
        let parts: Vec<Part> = shares.iter().map(|share| part(&share.to_bytes())).collect();
        let key = combine(&parts).expect("the root key");
        let id = RecordId::parse(key_id).expect("a name");
        let name = RecordName::new(RecordKind::PrivateKey, id, RecordVersion::FIRST);
        let row = sqlite.item(Shelf::Record, name.to_string().as_bytes()).expect("an answer");
        let seed = root.open(&name, root.epoch(), &row.expect("a record")).expect("a seed");
        Self::default().and("root key", &*key).and("seed of the signing key", seed.expose())
    }

    /// And these bytes: as they are, in hex and in base64.
    pub(super) fn and(mut self, name: &'static str, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        assert!(bytes.len() > 12, "{name}: found by chance");
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // Without its end, which depends on what follows.
        let whole = &bytes[..bytes.len() / 3 * 3];
        for form in [bytes.to_vec(), hex.into_bytes(), base64(whole).into_bytes()] {
            self.0.push((name, form));
        }
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(found, _)| *found != name);
        self
    }
}

/// What the log of the store in `data` is called.
pub(super) fn origin_of(data: &Path) -> String {
    let sqlite = Sqlite::open(data, SqliteOptions::default()).expect("a database");
    let header = sqlite.item_at_or_before(Shelf::Root, &[0xff; 4]).expect("an answer");
    let sealed = Sealed::read(&header.expect("a header").bytes, None::<&RootId>);
    let root_id = sealed.expect("a header").header().root_id();
    format!("keyward/{}", root_id.fingerprint().digest())
}

/// Where a share says its place, and where its value is (docs/format/share.md).
const INDEX: usize = 2 + 32 + 16 + 4;
const VALUE: std::ops::Range<usize> = INDEX + 3..SHARE_BYTES - 8;

pub(super) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

/// Which of `known` are among `bytes`. One pass, for core files are long.
pub(super) fn found_in(bytes: &[u8], known: &Known) -> Vec<&'static str> {
    let mut starts = vec![false; 1 << 16];
    let start = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
    known.0.iter().for_each(|(_, form)| starts[start(form)] = true);
    let mut found = Vec::new();
    let mut before = 0;
    for (place, byte) in bytes.iter().enumerate() {
        let pair = (before & 0xff) << 8 | usize::from(*byte);
        before = pair;
        if starts[pair] && place > 0 {
            let here = &bytes[place - 1..];
            let here = known.0.iter().filter(|(_, form)| here.starts_with(form));
            found.extend(here.map(|(name, _)| *name));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
