//! How a request reaches the API: over a socket to a running server, or in this process. Both
//! ways run the same code and answer the same.

mod embedded;
mod problem;
mod remote;

use std::{
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use axum::http::HeaderMap;
use keyward_server::{QUARANTINED, WARNING, config::Certificates, root::RootCare};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use zeroize::Zeroizing;

pub(crate) use self::problem::Problem;
use crate::{exit::Failure, store::Store};

/// Longest answer that is read, in bytes: a trust bundle is the longest.
pub(crate) const RESPONSE_BYTES_MAX: usize = 4 << 30;

/// The socket of the server that has the data directory.
pub(crate) const SOCKET_NAME: &str = "keyward.sock";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Put,
    Post,
    Delete,
}

/// What goes with it.
#[derive(Debug)]
pub(crate) enum Body {
    None,
    Json(Value),
    /// JSON with a secret in it: wiped when dropped, never shown.
    Secret(Zeroizing<Vec<u8>>),
}

impl Body {
    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::None => Zeroizing::default(),
            Self::Json(value) => Zeroizing::new(value.to_string().into_bytes()),
            Self::Secret(bytes) => bytes.clone(),
        }
    }
}

/// A request below `/v1`.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path below `/v1`, with a leading `/`, percent-encoded.
    pub(crate) path: String,
    /// The query, not encoded yet.
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::Get, path: path.into(), query: Vec::new(), body: Body::None }
    }

    pub(crate) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::Post, path: path.into(), query: Vec::new(), body: Body::Json(body) }
    }

    pub(crate) fn put(path: impl Into<String>, body: Body) -> Self {
        Self { method: Method::Put, path: path.into(), query: Vec::new(), body }
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::Delete, ..Self::get(path) }
    }

    /// With one more member of the query, if it has a value.
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// Path and query as the first line of the request has them.
    fn target(&self) -> String {
        let mut target = format!("/v1{}", self.path);
        for (number, (name, value)) in self.query.iter().enumerate() {
            target.push(if number == 0 { '?' } else { '&' });
            target.push_str(name);
            target.push('=');
            target.push_str(&segment(value));
        }
        target
    }
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Whether the store that answers is quarantined.
    pub(crate) quarantined: bool,
    pub(crate) body: Vec<u8>,
}

/// Whether an answer is headed as one of a quarantined store.
fn is_quarantined(headers: &HeaderMap) -> bool {
    headers.get_all(WARNING).iter().any(|warning| warning == QUARANTINED)
}

/// A request under way: what waits for its answer, whatever the status.
pub(crate) type Underway = Box<dyn FnOnce() -> Result<Response, Failure>>;

/// A way to the API.
pub(crate) trait Transport {
    /// Sends a request, and does not wait for its answer: several may be under way at once.
    ///
    /// # Errors
    /// A [`Failure`] when it cannot be sent; what is under way fails when there is no answer.
    fn begin(&mut self, request: &Request) -> Result<Underway, Failure>;

    /// Sends a request and gives the answer, whatever its status.
    ///
    /// # Errors
    /// A [`Failure`] when there is no answer.
    fn call(&mut self, request: &Request) -> Result<Response, Failure> {
        self.begin(request)?()
    }

    /// Whether a password that is typed here unseals what answers: so it is when the store is
    /// opened by this very process. A server is unsealed by `keyward root unseal`.
    fn takes_passwords(&self) -> bool;
}

/// How a server is found.
pub(crate) struct Choice<'c> {
    /// The server that is named.
    pub(crate) addr: Option<&'c str>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) token_file: Option<PathBuf>,
    /// The data directory, whose server listens there.
    pub(crate) data: PathBuf,
}

/// The server that is named, else the one that has the data directory, if one has.
pub(crate) fn server(choice: Choice<'_>) -> Result<Option<Box<dyn Transport>>, Failure> {
    if let Some(addr) = choice.addr {
        let access = remote::Access { ca: choice.ca, token_file: choice.token_file };
        return Ok(Some(Box::new(remote::Remote::named(addr, &access)?)));
    }
    if !is_served(&choice.data) {
        return Ok(None);
    }
    Ok(Some(Box::new(remote::Remote::socket(&choice.data.join(SOCKET_NAME))?)))
}

/// Whether somebody answers on the socket of a data directory. A server that was killed leaves
/// its socket behind; nobody answers there.
pub(crate) fn is_served(data: &Path) -> bool {
    UnixStream::connect(data.join(SOCKET_NAME)).is_ok()
}

/// A store that this process has open, what is around its root key, and what is stated of its
/// modules.
pub(crate) fn embedded(
    store: Store,
    root: RootCare,
    certificates: Certificates,
) -> Result<Box<dyn Transport>, Failure> {
    Ok(Box::new(embedded::Embedded::new(store, root, certificates)?))
}

/// A thread that carries requests while this one does something else.
fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|e| Failure::of(&e))
}

/// Percent-encodes one segment of a path, or one value of a query (RFC 3986 section 2.3).
pub(crate) fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_carries_any_text_unharmed() {
        let request = Request::get(format!("/proofs/{}", segment("sha256:ab/../c d")))
            .with("type", Some("KEY_*"))
            .with("from", None::<String>)
            .with("limit", Some(3));
        assert_eq!(request.target(), "/v1/proofs/sha256%3Aab%2F..%2Fc%20d?type=KEY_%2A&limit=3");
    }
}
