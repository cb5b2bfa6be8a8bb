//! Names that callers and operators give: SPIFFE IDs, paths of secrets, path policies; and shares
//! as a keeper takes them.

use keyward::{
    keeper::{ShareBytes, ShareHead},
    secret::{
        path::{PathPrefix, SecretPath},
        policy::Policy,
    },
};
use keyward_lifecycle::spiffe::{SpiffeId, TrustDomain};

/// Text as a SPIFFE ID and as a trust domain.
pub(crate) fn spiffe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(id) = SpiffeId::parse(text) {
        assert_eq!(id.to_string(), text, "an id is its text");
    }
    if let Ok(domain) = TrustDomain::parse(text) {
        assert_eq!(domain.to_string(), text, "a trust domain is its text");
    }
}

/// Text as the path of a secret, and as the beginning of one.
pub(crate) fn secret_path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(path) = SecretPath::parse(text) {
        assert_eq!(path.as_str(), text, "a path is its text");
        assert_eq!(path.segments().collect::<Vec<_>>().join("/"), text);
    }
    drop(PathPrefix::parse(text));
}

/// JSON as a path policy.
pub(crate) fn path_policy(bytes: &[u8]) {
    if let Ok(policy) = Policy::parse(bytes) {
        let json = policy.to_json();
        let again = Policy::parse(json.as_bytes()).expect("its own JSON reads");
        assert_eq!(again.to_json(), json, "the JSON says the same policy");
    }
}

/// Bytes as a share that a keeper is given.
pub(crate) fn keeper_share(bytes: &[u8]) {
    let share = ShareBytes::new(bytes.to_vec().into());
    if let Ok(head) = ShareHead::read(&share) {
        assert!(head.threshold <= head.count && head.index <= head.count && head.index > 0);
    }
}
