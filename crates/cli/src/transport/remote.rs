//! The API of a server: over the Unix socket of its data directory, over HTTP on this machine,
//! or over HTTPS.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use keyward_storage::durable::read_limited;
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, Url, header};
use tokio::runtime::Runtime;

use super::{
    Method, RESPONSE_BYTES_MAX, Request, Response, Transport, Underway, is_quarantined, runtime,
};
use crate::exit::Failure;

/// Longest token file, in bytes.
const TOKEN_BYTES_MAX: u64 = 4 << 10;
/// Longest file of certificates, in bytes.
const CERTIFICATE_BYTES_MAX: u64 = 4 << 20;
/// How long a connection may take to open.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long an answer may take; the whole log of a large store is the longest.
const ANSWER_MAX: Duration = Duration::from_mins(10);

/// How a server is spoken to.
pub(super) struct Access {
    pub(super) ca: Option<PathBuf>,
    pub(super) token_file: Option<PathBuf>,
}

/// A server.
pub(super) struct Remote {
    runtime: Runtime,
    client: Client,
    base: String,
    name: String,
}

impl Remote {
    /// The server that has a data directory.
    pub(super) fn socket(path: &Path) -> Result<Self, Failure> {
        let client = builder().unix_socket(path);
        Self::new(client, "http://localhost".to_owned(), path.display().to_string())
    }

    /// The server at `addr`.
    pub(super) fn named(addr: &str, access: &Access) -> Result<Self, Failure> {
        let base = base(addr)?;
        let mut client = builder();
        if let Some(path) = &access.ca {
            let pem = read_limited(path, CERTIFICATE_BYTES_MAX).map_err(|e| Failure::of(&e))?;
            let certificates = Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|certificates| !certificates.is_empty())
                .ok_or_else(|| {
                    Failure::error(format!("{} holds no PEM certificate", path.display()))
                })?;
            client = client.tls_certs_only(certificates);
        }
        if let Some(path) = &access.token_file {
            let mut headers = header::HeaderMap::new();
            headers.insert(header::AUTHORIZATION, authorization(path)?);
            client = client.default_headers(headers);
        }
        Self::new(client, base, addr.to_owned())
    }

    fn new(client: ClientBuilder, base: String, name: String) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let client = client.build().map_err(|e| Failure::of(&e))?;
        Ok(Self { runtime, client, base, name })
    }
}

/// No answer, or one that is too long.
fn failure(name: &str, error: Option<&reqwest::Error>) -> Failure {
    let Some(error) = error else {
        return Failure::error(format!(
            "the server at {name} answers with more than {RESPONSE_BYTES_MAX} bytes"
        ));
    };
    let what = causes(error);
    Failure::error(format!("the server at {name} does not answer: {what}"))
        .hint("see that it runs (`keyward serve`), and that KEYWARD_ADDR or --addr names it")
}

/// The causes of an error, without its own message: that names a URL, which says nothing to
/// whoever uses a socket.
fn causes(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        texts.push(deeper.to_string());
        cause = deeper.source();
    }
    if texts.is_empty() { error.to_string() } else { texts.join(": ") }
}

impl Transport for Remote {
    fn begin(&mut self, request: &Request) -> Result<Underway, Failure> {
        let url = format!("{}{}", self.base, request.target());
        let mut call = match request.method {
            Method::Get => self.client.get(url),
            Method::Put => self.client.put(url),
            Method::Post => self.client.post(url),
            Method::Delete => self.client.delete(url),
        };
        if matches!(request.method, Method::Post | Method::Put) {
            let body = request.body.to_bytes();
            call = call.header(header::CONTENT_TYPE, "application/json").body(body.to_vec());
        }
        let name = self.name.clone();
        let answer = self.runtime.spawn(async move {
            match exchange(call).await {
                Ok(Some(response)) => Ok(response),
                Ok(None) => Err(failure(&name, None)),
                Err(error) => Err(failure(&name, Some(&error))),
            }
        });
        let runtime = self.runtime.handle().clone();
        Ok(Box::new(move || runtime.block_on(answer).map_err(|e| Failure::of(&e))?))
    }

    fn takes_passwords(&self) -> bool {
        false
    }
}

/// Sends, and reads the answer; `None` if it is too long.
async fn exchange(call: RequestBuilder) -> Result<Option<Response>, reqwest::Error> {
    let mut response = call.send().await?;
    let status = response.status().as_u16();
    let quarantined = is_quarantined(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len().saturating_add(chunk.len()) > RESPONSE_BYTES_MAX {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(Response { status, quarantined, body }))
}

fn builder() -> ClientBuilder {
    // Whoever was first has installed the same provider.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    // A redirect would carry the token elsewhere.
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_MAX)
        .timeout(ANSWER_MAX)
}

fn authorization(path: &Path) -> Result<header::HeaderValue, Failure> {
    let token = read_limited(path, TOKEN_BYTES_MAX).map_err(|e| Failure::of(&e))?;
    let token = zeroize::Zeroizing::new(token);
    let line = [b"Bearer ".as_slice(), token.trim_ascii()].concat();
    let mut value = header::HeaderValue::from_bytes(&line)
        .ok()
        .filter(|_| !token.trim_ascii().is_empty())
        .ok_or_else(|| Failure::error(format!("{} holds no token", path.display())))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Scheme, host and port; plain HTTP only to this machine.
fn base(addr: &str) -> Result<String, Failure> {
    let malformed = || {
        Failure::error(format!("address `{addr}` is not a URL of a server")).hint(
            "write it as https://keyward.example:8230, or http://127.0.0.1:8230 on this machine",
        )
    };
    let url = if addr.contains("://") { addr.to_owned() } else { format!("http://{addr}") };
    let url = Url::parse(&url).map_err(|_| malformed())?;
    let host = url.host_str().ok_or_else(malformed)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if here => {}
        "http" => {
            return Err(Failure::error(format!(
                "plain HTTP to {host} would show token and answers to everybody on the way"
            ))
            .hint("write https:// in the address"));
        }
        _ => return Err(malformed()),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine() {
        assert_eq!(base("127.0.0.1:8230"), Ok("http://127.0.0.1:8230".to_owned()));
        assert_eq!(base("http://[::1]:8230/"), Ok("http://[::1]:8230".to_owned()));
        assert_eq!(base("https://k.example"), Ok("https://k.example".to_owned()));
        let refused = base("http://k.example:8230").map_err(|failure| failure.to_string());
        let expected = "error: plain HTTP to k.example would show token and answers to everybody \
                        on the way\nhint: write https:// in the address";
        assert_eq!(refused, Err(expected.to_owned()));
        assert!(base("ftp://k.example").is_err_and(|f| f.to_string().contains("not a URL")));
    }
}
