//! Who calls: the owner of the socket, the holder of a token, or the program itself.

use std::{fmt, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use keyward::{
    ExecuteError, Keyward,
    secret::{Asker, policy::Subject},
};
use keyward_lifecycle::{
    access::{Scope, Token},
    id::ActorId,
    time::Timestamp,
};

use crate::problem::Problem;

/// An authenticated caller. In process it is put into the request's extensions by whoever calls;
/// on the network only the guard makes one.
#[derive(Clone)]
pub struct Caller {
    identity: Arc<str>,
    rights: Rights,
}

#[derive(Clone)]
enum Rights {
    /// Every scope: the owner of the store.
    All,
    /// What the token says.
    Token(Arc<Token>),
}

impl Caller {
    /// The user of that id on this machine who owns the store: an admin without a token.
    #[must_use]
    pub fn local(uid: u32) -> Self {
        Self { identity: format!("local:{uid}").into(), rights: Rights::All }
    }

    fn of_token(token: Token) -> Self {
        let identity = format!("token:{}", token.token_id).into();
        Self { identity, rights: Rights::Token(Arc::new(token)) }
    }

    /// The name that the log's pseudonym stands for.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether it may do what `scope` covers, at `now`.
    #[must_use]
    pub fn allows(&self, scope: Scope, now: Timestamp) -> bool {
        match &self.rights {
            Rights::All => true,
            Rights::Token(token) => token.allows(scope, now),
        }
    }

    /// As path policies see it.
    pub(crate) fn subject(&self) -> Subject {
        match &self.rights {
            Rights::All => Subject::Admin,
            Rights::Token(token) => Subject::of_token(token),
        }
    }

    /// Who asks for secrets.
    pub(crate) fn asker(&self, keyward: &Keyward) -> Result<Asker, ExecuteError> {
        Ok(Asker { actor: self.actor(keyward)?, subject: self.subject() })
    }

    /// Its pseudonym in the log; made up and logged the first time.
    pub(crate) fn actor(&self, keyward: &Keyward) -> Result<ActorId, ExecuteError> {
        keyward.actor(&self.identity)
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Caller").field(&self.identity).finish()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthenticated)
    }
}

/// Where a connection comes from; the listener puts it into every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The Unix socket: the peer's user id, and that of the socket's owner.
    Socket { uid: u32, owner: u32 },
    /// Plain TCP from this machine.
    Loopback,
    /// TLS, from anywhere.
    Remote,
}

/// What is known of a request's sender.
pub(crate) struct Sender {
    /// Who it is, if that is known.
    pub(crate) caller: Option<Caller>,
    /// Whether it is on this machine.
    pub(crate) is_here: bool,
}

/// Finds out who sends a request. A token decides wherever one is given; without one the owner
/// of the socket is admin.
///
/// # Errors
/// A [`Problem`] for a user who does not own the store, and for a token that opens nothing.
pub(crate) fn sender(keyward: &Keyward, parts: &Parts) -> Result<Sender, Problem> {
    if let Some(caller) = parts.extensions.get::<Caller>() {
        return Ok(Sender { caller: Some(caller.clone()), is_here: true });
    }
    let peer = parts.extensions.get::<Peer>().copied();
    if let Some(Peer::Socket { uid, owner }) = peer
        && uid != owner
    {
        return Err(Problem::foreign_user(uid));
    }
    let is_here = matches!(peer, Some(Peer::Socket { .. } | Peer::Loopback));
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let caller = value.to_str().ok().and_then(bearer).and_then(|b| keyward.authenticate(b));
        let caller = caller.map(Caller::of_token).ok_or_else(Problem::unauthenticated)?;
        return Ok(Sender { caller: Some(caller), is_here });
    }
    let caller = match peer {
        Some(Peer::Socket { uid, .. }) => Some(Caller::local(uid)),
        Some(Peer::Loopback | Peer::Remote) | None => None,
    };
    Ok(Sender { caller, is_here })
}

/// The token of an `Authorization` header (RFC 6750 section 2.1; the scheme's name in any case).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let plausible = !token.is_empty() && token.len() <= TOKEN_BYTES_MAX;
    (scheme.eq_ignore_ascii_case("bearer") && plausible).then_some(token)
}

/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_follows_its_scheme() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer "), None);
        assert_eq!(bearer("Bearer"), None);
        assert_eq!(bearer(&format!("Bearer {}", "a".repeat(TOKEN_BYTES_MAX + 1))), None);
    }
}
