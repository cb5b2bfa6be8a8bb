//! The server's way to a keeper: one connection for each call, with both sides identified.

use std::{error::Error, io, sync::Arc, time::Duration};

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use keyward::keeper::{Link, LinkFailed, ShareBytes, ShareSet, Standing, Status};
use keyward_lifecycle::canonical::{Limits, from_slice_strict};
use rustls::{ClientConfig, pki_types::ServerName};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::wire::{FetchDocument, PutDocument, SharesDocument, StatusDocument};
use crate::{
    mtls::{Identity, IdentityRefused, Role, said},
    problem::ProblemDocument,
};

/// How long a call may take, from the first packet to the last byte of the answer.
pub const CALL_MAX: Duration = Duration::from_secs(5);
/// Longest answer of a keeper, in bytes.
pub const ANSWER_BYTES_MAX: usize = 16 << 10;
/// Deepest nesting of an answer.
const ANSWER_DEPTH_MAX: usize = 8;
/// Longest word and longest detail that are taken over from a keeper, in characters.
const SAID_CHARS_MAX: usize = 500;

/// A keeper at an address, spoken to as one with the SPIFFE ID of a keeper.
#[derive(Clone)]
pub struct HttpLink {
    address: String,
    config: Arc<ClientConfig>,
}

impl HttpLink {
    /// The keeper at `address` (host and port), for a process with this identity.
    ///
    /// # Errors
    /// As [`Identity::client_config`].
    pub fn new(identity: &Identity, address: &str) -> Result<Self, IdentityRefused> {
        let config = Arc::new(identity.client_config(Role::Keeper)?);
        Ok(Self { address: address.to_owned(), config })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes a call on this thread, which must not be one that runs asynchronous tasks.
    fn call<T: DeserializeOwned>(
        &self,
        (method, path): (Method, &str),
        document: Option<&impl Serialize>,
    ) -> Result<T, LinkFailed> {
        let body = document.map(serde_json::to_vec).transpose();
        let body = body.map_err(|error| LinkFailed::Nonsense(error.to_string()))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.address)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|error| LinkFailed::Unreachable(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| LinkFailed::Unreachable(error.to_string()))?;
        let answer = runtime.block_on(async {
            let late = || LinkFailed::Unreachable(format!("nothing within {CALL_MAX:?}"));
            tokio::time::timeout(CALL_MAX, self.exchange(request)).await.map_err(|_| late())?
        });
        // A name that is still being looked up holds up nobody.
        runtime.shutdown_background();
        let (status, bytes) = answer?;
        read(status, &bytes)
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), LinkFailed> {
        let stream = TcpStream::connect(&self.address).await.map_err(|error| failed(&error))?;
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        // Its SPIFFE ID says who it is; this name is neither sent nor checked.
        let name = ServerName::from(std::net::IpAddr::from([0, 0, 0, 0]));
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(name, stream).await.map_err(|error| failed(&error))?;
        let made = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = made.map_err(|error| failed(&error))?;
        let talk = async move {
            let answer = sender.send_request(request).await.map_err(|error| failed(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| LinkFailed::Nonsense(said(&*error)))?;
            Ok((head.status, body.to_bytes()))
        };
        let (answer, _closed) = tokio::join!(talk, connection);
        answer
    }
}

impl Link for HttpLink {
    fn status(&self) -> Result<Status, LinkFailed> {
        let document: StatusDocument =
            self.call((Method::GET, "/v1/keeper/status"), None::<&()>)?;
        let status = document.into_status();
        status.ok_or_else(|| LinkFailed::Nonsense("the status contradicts itself".to_owned()))
    }

    fn put(&self, share: &ShareBytes, standing: Standing) -> Result<(), LinkFailed> {
        let document = PutDocument::new(share, standing);
        self.call::<serde::de::IgnoredAny>((Method::PUT, SHARE), Some(&document)).map(drop)
    }

    fn fetch(&self, set: Option<ShareSet>) -> Result<Vec<ShareBytes>, LinkFailed> {
        let document = FetchDocument { share_set: set.map(|set| set.to_string()) };
        let shares: SharesDocument = self.call((Method::POST, SHARE), Some(&document))?;
        let many = || LinkFailed::Nonsense("more shares than a keeper has".to_owned());
        shares.into_shares().ok_or_else(many)
    }

    fn clear(&self) -> Result<(), LinkFailed> {
        self.call::<serde::de::IgnoredAny>((Method::DELETE, SHARE), None::<&()>).map(drop)
    }
}

impl std::fmt::Debug for HttpLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpLink").field("address", &self.address).finish_non_exhaustive()
    }
}

const SHARE: &str = "/v1/keeper/share";

/// The document of an answer, or the refusal that it is.
fn read<T: DeserializeOwned>(status: StatusCode, bytes: &[u8]) -> Result<T, LinkFailed> {
    let limits = Limits::new(ANSWER_BYTES_MAX, ANSWER_DEPTH_MAX);
    if status.is_success() {
        return from_slice_strict(bytes, limits)
            .map_err(|error| LinkFailed::Nonsense(error.to_string()));
    }
    let problem: ProblemDocument = from_slice_strict(bytes, limits)
        .map_err(|_| LinkFailed::Nonsense(format!("status {status} without a reason")))?;
    let short = |text: String| text.chars().take(SAID_CHARS_MAX).collect();
    Err(LinkFailed::Refused { reason: short(problem.code), detail: short(problem.detail) })
}

/// Sorts a failure by who must act: whoever runs the keeper, or whoever issues certificates.
fn failed(error: &(dyn Error + 'static)) -> LinkFailed {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        let io = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let io = io.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner.downcast_ref::<rustls::Error>().or(io) {
            Some(rustls::Error::AlertReceived(alert)) => {
                let what = format!("the keeper does not accept this server ({alert:?})");
                return LinkFailed::Unidentified(what);
            }
            Some(error) => return LinkFailed::Unidentified(said(error)),
            None => cause = inner.source(),
        }
    }
    LinkFailed::Unreachable(said(error))
}
