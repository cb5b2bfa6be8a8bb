//! What a workload is to Keyward, by the path of its SPIFFE ID.

use std::fmt;

use keyward_lifecycle::spiffe::SpiffeId;

/// A workload's part, as its SPIFFE ID says: `spiffe://TRUST-DOMAIN/keyward/…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every route decides about every role")]
pub enum Role {
    /// `/keyward/server`: it holds the root key.
    Server,
    /// `/keyward/keeper`: it holds shares.
    Keeper,
    /// `/keyward/operator/NAME`: a person.
    Operator,
}

impl Role {
    /// The role that an ID names; `None` for a workload that is not Keyward's.
    #[must_use]
    pub fn of(id: &SpiffeId) -> Option<Self> {
        let mut segments = id.segments();
        let words = [segments.next()?, segments.next()?];
        match (words, segments.next(), segments.next()) {
            (["keyward", "server"], None, None) => Some(Self::Server),
            (["keyward", "keeper"], None, None) => Some(Self::Keeper),
            (["keyward", "operator"], Some(_), None) => Some(Self::Operator),
            _ => None,
        }
    }
}

impl fmt::Display for Role {
    /// The path of its SPIFFE ID.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "/keyward/server",
            Self::Keeper => "/keyward/keeper",
            Self::Operator => "/keyward/operator/NAME",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<Role>) {
        let id = SpiffeId::parse(&format!("spiffe://example.org{path}")).ok();
        assert_eq!(id.as_ref().and_then(Role::of), expected, "{path}");
    }

    #[test]
    fn a_role_is_the_whole_path_and_nothing_near_it() {
        check("/keyward/server", Some(Role::Server));
        check("/keyward/keeper", Some(Role::Keeper));
        check("/keyward/operator/alice", Some(Role::Operator));
        check("/keyward/operator", None);
        check("/keyward/operator/alice/laptop", None);
        check("/keyward/server/2", None);
        check("/keyward/servers", None);
        check("/keyward", None);
        check("", None);
        check("/other/keyward/server", None);
    }
}
