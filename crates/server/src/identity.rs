//! Who calls: the owner of the socket, the holder of a token, a workload with its certificate, or
//! the program itself.

use std::{collections::BTreeMap, fmt, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use keyward::{
    ExecuteError, Keyward,
    clock::{Clock as _, SystemClock},
    secret::{Asker, policy::Subject},
};
use keyward_lifecycle::{
    access::{Role, Scope, Token},
    id::{ActorId, Digest},
    spiffe::SpiffeId,
    time::Timestamp,
};

use crate::{
    mtls::{Role as Part, Visitor},
    problem::Problem,
};

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
    /// Of a workload that is not Keyward's: secrets, as far as path policies grant them.
    Workload(SpiffeId),
    /// Of an operator: what the configuration gives him.
    Operator(SpiffeId, Option<Role>),
}

/// What a workload may use without a role.
const OF_WORKLOADS: [Scope; 2] = [Scope::SecretsRead, Scope::SecretsWrite];

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

    /// The workload that a handshake has proved, and the role that the configuration gives it.
    fn of_workload(id: &SpiffeId, operators: &Operators) -> Self {
        let identity = name_of(id).into();
        let rights = match Part::of(id) {
            Some(Part::Operator) => Rights::Operator(id.clone(), operators.role_of(id)),
            Some(Part::Server | Part::Keeper) | None => Rights::Workload(id.clone()),
        };
        Self { identity, rights }
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
            Rights::Workload(_) => OF_WORKLOADS.contains(&scope),
            Rights::Operator(_, role) => role.is_some_and(|role| role.scopes().contains(&scope)),
        }
    }

    /// What it is told when it may not do what `scope` covers.
    pub(crate) fn refused(&self, scope: Scope) -> Problem {
        match &self.rights {
            Rights::All | Rights::Token(_) => Problem::under_scoped(scope),
            Rights::Workload(id) => Problem::under_scoped_workload(id, scope),
            Rights::Operator(id, None) => Problem::operator_without_role(id),
            Rights::Operator(id, Some(role)) => {
                Problem::under_scoped_operator(id, role.name(), scope)
            }
        }
    }

    /// As path policies see it.
    pub(crate) fn subject(&self) -> Subject {
        match &self.rights {
            Rights::All => Subject::Admin,
            Rights::Token(token) => Subject::of_token(token),
            Rights::Operator(_, Some(Role::Admin)) => Subject::Admin,
            Rights::Operator(id, role) => Subject::Workload { id: id.clone(), role: *role },
            Rights::Workload(id) => Subject::Workload { id: id.clone(), role: None },
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

/// Who came in with a certificate; the listener puts it into every request beside the [`Peer`].
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// Whom it names.
    pub(crate) visitor: Visitor,
    /// What operators may do.
    pub(crate) operators: Arc<Operators>,
}

/// The roles of people who come with certificates, by their names: the last segment of
/// `spiffe://TRUST-DOMAIN/keyward/operator/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Operators(BTreeMap<String, Role>);

impl Operators {
    /// The role of an operator; `None` for whom nobody gave one.
    fn role_of(&self, id: &SpiffeId) -> Option<Role> {
        id.segments().last().and_then(|name| self.0.get(name)).copied()
    }

    /// Their names and roles, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Role)> {
        self.0.iter().map(|(name, role)| (&**name, *role))
    }
}

impl FromIterator<(String, Role)> for Operators {
    fn from_iter<I: IntoIterator<Item = (String, Role)>>(given: I) -> Self {
        Self(given.into_iter().collect())
    }
}

/// What the log's pseudonym stands for: the SPIFFE ID. A long one is cut, and its digest says
/// which it was; no SPIFFE ID has that form.
fn name_of(id: &SpiffeId) -> String {
    let text = id.to_string();
    if text.len() <= NAME_CHARS_MAX {
        return text;
    }
    let digest = Digest::of(text.as_bytes()).to_string();
    let room = NAME_CHARS_MAX.saturating_sub(digest.len()).saturating_sub(1);
    // A SPIFFE ID is ASCII, and has no `#`.
    text.chars().take(room).chain(['#']).chain(digest.chars()).collect()
}

/// Longest name of a caller, in characters: the library keeps no more.
const NAME_CHARS_MAX: usize = keyward::actor::IDENTITY_BYTES_MAX / 4;

/// What is known of a request's sender.
pub(crate) struct Sender {
    /// Who it is, if that is known.
    pub(crate) caller: Option<Caller>,
    /// Whether it is on this machine.
    pub(crate) is_here: bool,
}

/// Finds out who sends a request. A token decides wherever one is given; without one the owner
/// of the socket is admin, and a workload is whom its certificate names.
///
/// # Errors
/// A [`Problem`] for a user who does not own the store, for a token that opens nothing, and for a
/// certificate that was good when the connection was made and is not any more.
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
    let shown = parts.extensions.get::<Shown>();
    if shown.is_some_and(|shown| !shown.visitor.stands(SystemClock.now())) {
        return Err(Problem::certificate_over());
    }
    let is_here = matches!(peer, Some(Peer::Socket { .. } | Peer::Loopback));
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let caller = value.to_str().ok().and_then(bearer).and_then(|b| keyward.authenticate(b));
        let caller = caller.map(Caller::of_token).ok_or_else(Problem::unauthenticated)?;
        return Ok(Sender { caller: Some(caller), is_here });
    }
    let caller = match peer {
        Some(Peer::Socket { uid, .. }) => Some(Caller::local(uid)),
        Some(Peer::Loopback | Peer::Remote) | None => {
            shown.map(|shown| Caller::of_workload(shown.visitor.id(), &shown.operators))
        }
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
    fn two_long_names_of_workloads_stay_two() {
        let id =
            |end: &str| SpiffeId::parse(&format!("spiffe://example.org/{}/{end}", "a".repeat(300)));
        let (one, two) = (id("one").expect("an ID"), id("two").expect("an ID"));
        assert_ne!(name_of(&one), name_of(&two));
        assert_eq!(name_of(&one).len(), NAME_CHARS_MAX);
        let short = SpiffeId::parse("spiffe://example.org/web").expect("an ID");
        assert_eq!(name_of(&short), "spiffe://example.org/web");
    }

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
