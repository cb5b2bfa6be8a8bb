//! Refusals and failures as RFC 9457 problem documents: the one place where an HTTP status is
//! chosen.

mod authority;
mod engine;
mod keeper;
mod root;
mod secret;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use keyward_lifecycle::{access::Scope, canonical::MalformedJson, spiffe::SpiffeId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the server says when it does not do what is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    hint: Option<String>,
}

/// The document (RFC 9457 section 3), `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
#[expect(clippy::exhaustive_structs, reason = "a wire document")]
pub struct ProblemDocument {
    /// `about:blank`: the status and `code` say what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What happened, and why.
    pub detail: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// A short word that programs can rely on.
    pub code: String,
}

impl Problem {
    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn document(&self) -> ProblemDocument {
        ProblemDocument {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            hint: self.hint.clone(),
            code: self.code.to_owned(),
        }
    }

    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// A member, a parameter or a name that is not what it must be.
    pub(crate) fn malformed(place: &str, what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", format!("{place}: {what}"))
    }

    /// A body that is not the strict JSON that is expected.
    pub(crate) fn malformed_json(error: &MalformedJson) -> Self {
        if let MalformedJson::TooLong { limit, .. } = error {
            return Self::body_too_long(*limit);
        }
        Self::new(StatusCode::BAD_REQUEST, "malformed", format!("body: {error}"))
            .hint("GET /openapi.json describes the members")
    }

    /// A body beyond its limit.
    pub(crate) fn body_too_long(limit: usize) -> Self {
        let detail = format!("the body has more than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).hint("split the request")
    }

    /// A list in a body beyond its limit.
    pub(crate) fn too_many(what: &str, limit: usize) -> Self {
        let detail = format!("at most {limit} {what} are taken at once");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many", detail).hint("split the request")
    }

    /// A body that broke off.
    pub(crate) fn body_unread() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "body: it cannot be read to its end")
    }

    /// A body that does not come.
    pub(crate) fn body_too_slow() -> Self {
        let detail = "the body took too long to come";
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail)
    }

    /// Nobody is known to call.
    pub(crate) fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "no token that is valid was given")
            .hint("send `Authorization: Bearer TOKEN`; `keyward token create` makes one")
    }

    /// Somebody is known, and may not.
    pub(crate) fn under_scoped(scope: Scope) -> Self {
        let detail = format!("the scope `{}` is needed and not given", scope.name());
        Self::new(StatusCode::FORBIDDEN, "under-scoped", detail).hint(
            "use a token of a role that has it; `keyward token create --help` lists the roles",
        )
    }

    /// A workload asks for what no certificate alone gives.
    pub(crate) fn under_scoped_workload(id: &SpiffeId, scope: Scope) -> Self {
        let detail = format!("`{id}` needs the scope `{}`, which no workload has", scope.name());
        Self::new(StatusCode::FORBIDDEN, "under-scoped", detail)
            .hint("its certificate opens secrets alone; send a token of a role that has the scope")
    }

    /// An operator's role does not cover it.
    pub(crate) fn under_scoped_operator(id: &SpiffeId, role: &str, scope: Scope) -> Self {
        let detail = format!("`{id}` has the role {role}, without the scope `{}`", scope.name());
        Self::new(StatusCode::FORBIDDEN, "under-scoped", detail)
            .hint("give another role under `identity.operators` in the server's configuration")
    }

    /// The configuration gives an operator no role.
    pub(crate) fn operator_without_role(id: &SpiffeId) -> Self {
        let detail = format!("`{id}` has no role here");
        Self::new(StatusCode::FORBIDDEN, "operator-without-role", detail)
            .hint("give one under `identity.operators` in the server's configuration")
    }

    /// A client certificate has expired, or its authority is not believed any more, while the
    /// connection lasted.
    pub(crate) fn certificate_over() -> Self {
        let detail = "the certificate that this connection was made with is not valid any more";
        Self::new(StatusCode::UNAUTHORIZED, "certificate-over", detail)
            .hint("connect again with a current certificate")
    }

    /// A password or a share came over plain TCP (RK-010).
    pub(crate) fn plain_transport() -> Self {
        let detail = "passwords and shares of the root key are taken over TLS and the local \
                      socket only";
        Self::new(StatusCode::FORBIDDEN, "plain-transport", detail)
            .hint("run the command on the server's own machine with --data DIR, or over https://")
    }

    /// The socket is the owner's alone.
    pub(crate) fn foreign_user(uid: u32) -> Self {
        let detail = format!("user {uid} does not own this store");
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
            .hint("call as the user who runs the server, or over TCP with a token")
    }

    /// No route has that path.
    pub(crate) fn no_such_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no-such-route", "there is no such path")
            .hint("GET /openapi.json lists the paths")
    }

    /// The path has no such method.
    pub(crate) fn no_such_method() -> Self {
        let detail = "the path does not take that method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "no-such-method", detail)
            .hint("GET /openapi.json lists the methods of each path")
    }

    /// Nothing has that name.
    pub(crate) fn not_found(code: &'static str, detail: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// Two or more anchors begin so.
    pub(crate) fn ambiguous(prefix: &str) -> Self {
        let detail = format!("more than one trust anchor begins with `{prefix}`");
        Self::new(StatusCode::BAD_REQUEST, "ambiguous-anchor", detail).hint("give more digits")
    }

    /// The public key given is not the one registered.
    pub(crate) fn other_public_key(key_id: &str) -> Self {
        let detail = format!("`publicKey` is not the registered key of `{key_id}`");
        Self::new(StatusCode::CONFLICT, "public-key-mismatch", detail)
            .hint("leave it empty to take the registered key")
    }

    /// The same idempotency key came with another request.
    pub(crate) fn idempotency_reused() -> Self {
        let detail = "the Idempotency-Key was used for another request";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail)
            .hint("make a new key for a new request")
    }

    /// The first request with the idempotency key is still at work.
    pub(crate) fn idempotency_in_use() -> Self {
        let detail = "a request with this Idempotency-Key is still at work";
        Self::new(StatusCode::CONFLICT, "idempotency-key-in-use", detail)
            .hint("ask again in a moment")
    }

    /// The request was done before, and its answer held a secret.
    pub(crate) fn shown_once() -> Self {
        let detail = "this was done before, and what it answered then is not shown again";
        Self::new(StatusCode::CONFLICT, "done-not-shown-again", detail)
            .hint("withdraw what was made and make another under a new Idempotency-Key")
    }

    /// What is asked does not fit together.
    pub(crate) fn contradiction(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "contradiction", detail)
    }

    /// A fault of this program; the log of the server says more.
    pub(crate) fn internal() -> Self {
        let detail = "the server failed; this is a fault of the program";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
            .hint("see the server's own output")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.document())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
