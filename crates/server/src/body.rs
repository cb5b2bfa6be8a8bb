//! Reading what a request carries: bodies, queries and names in paths, strictly and within
//! limits.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use keyward_lifecycle::canonical::{Limits, from_slice_strict};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::{Zeroize as _, Zeroizing};

use crate::problem::Problem;

/// Longest body of an ordinary request, in bytes: an imported anchor with its history.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;
/// Longest body that carries one payload or envelope, in bytes: an envelope of 16 MiB or a
/// bundle of 24 MiB with what stands around it.
pub(crate) const ENVELOPE_BODY_BYTES_MAX: usize = 25 << 20;
/// Longest body of a batch, in bytes.
pub(crate) const BATCH_BODY_BYTES_MAX: usize = 64 << 20;
/// How long a body may take to come.
const BODY_TIME_MAX: Duration = Duration::from_mins(1);
/// Deepest nesting of a body.
const BODY_DEPTH_MAX: usize = 80;
/// Longest query, in bytes.
const QUERY_BYTES_MAX: usize = 8 << 10;

/// How long a body of this type may be.
pub(crate) trait Bounded {
    /// In bytes.
    const BYTES_MAX: usize = BODY_BYTES_MAX;
    /// Whether the body is wiped once it is read.
    const SECRET: bool = false;
}

/// A JSON body, whatever its Content-Type (the runbook's `curl -d` sends a form type); no body
/// is an empty object.
pub(crate) struct Input<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Bounded> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request.into_body(), T::BYTES_MAX).await?;
        let parsed = parse(&bytes, T::BYTES_MAX).map(Self);
        // What came in one piece that is held here alone can be wiped.
        if T::SECRET
            && let Ok(mut bytes) = bytes.try_into_mut()
        {
            bytes.zeroize();
        }
        parsed
    }
}

/// Reads a body to its end, at most `limit` bytes of it.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let reading = axum::body::to_bytes(body, limit);
    let read = tokio::time::timeout(BODY_TIME_MAX, reading).await;
    read.map_err(|_| Problem::body_too_slow())?.map_err(|error| {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(inner) = cause {
            if inner.to_string().contains("length limit exceeded") {
                return Problem::body_too_long(limit);
            }
            cause = inner.source();
        }
        Problem::body_unread()
    })
}

/// Reads bytes as a `T`, strictly.
fn parse<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, Problem> {
    let bytes = if bytes.is_empty() { b"{}".as_slice() } else { bytes };
    from_slice_strict(bytes, Limits::new(limit, BODY_DEPTH_MAX))
        .map_err(|error| Problem::malformed_json(&error))
}

/// The query of a request; a parameter that is not known is refused.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.uri.query().is_some_and(|query| query.len() > QUERY_BYTES_MAX) {
            return Err(Problem::malformed(
                "query",
                format!("longer than {QUERY_BYTES_MAX} bytes"),
            ));
        }
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::malformed("query", rejection.body_text())),
        }
    }
}

/// The names in a path.
pub(crate) struct Named<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::malformed("path", rejection.body_text())),
        }
    }
}

/// A JSON answer.
pub(crate) struct Answer<T> {
    status: StatusCode,
    location: Option<String>,
    is_secret: bool,
    document: T,
}

impl<T> Answer<T> {
    /// What was asked for.
    pub(crate) const fn ok(document: T) -> Self {
        Self { status: StatusCode::OK, location: None, is_secret: false, document }
    }

    /// What was made, and where it is found.
    pub(crate) const fn created(location: String, document: T) -> Self {
        let location = Some(location);
        Self { status: StatusCode::CREATED, location, is_secret: false, document }
    }

    /// What was made and has no address of its own.
    pub(crate) const fn made(document: T) -> Self {
        Self { status: StatusCode::CREATED, location: None, is_secret: false, document }
    }

    /// With a secret in it: its bytes are wiped once they are sent.
    pub(crate) fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let bytes = match self.is_secret {
            true => wiped(&self.document).map(Bytes::from_owner),
            false => serde_json::to_vec(&self.document).map(Bytes::from),
        };
        let Ok(bytes) = bytes else { return Problem::internal().into_response() };
        let json = (header::CONTENT_TYPE, "application/json");
        let mut response = (self.status, [json], bytes).into_response();
        if let Some(location) = self.location.and_then(|text| text.parse().ok()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

/// The JSON of a document in one piece of memory, which is wiped when it goes.
fn wiped<T: Serialize>(document: &T) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    // A buffer that grows leaves copies behind: its length is known before it is made.
    let mut length = Length(0);
    serde_json::to_writer(&mut length, document)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *bytes, document)?;
    Ok(bytes)
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What handlers give back.
pub(crate) type Outcome<T> = Result<Answer<T>, Problem>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_a_secret_is_written_into_one_buffer_of_its_length() {
        let document = serde_json::json!({ "shares": ["a".repeat(1000), "\"\u{7f}é"] });
        let bytes = wiped(&document).expect("JSON");
        assert_eq!(bytes.capacity(), bytes.len(), "it did not grow");
        assert_eq!(*bytes, serde_json::to_vec(&document).expect("JSON"));
    }

    #[tokio::test]
    async fn an_answer_with_a_secret_is_as_any_other_to_its_caller() {
        let body = |answer: Answer<[&'static str; 1]>| async {
            let response = answer.into_response();
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
            read(response.into_body(), 100).await.map_err(|_| "unread")
        };
        let plain = body(Answer::ok(["text"])).await;
        assert_eq!(body(Answer::ok(["text"]).secret()).await, plain);
    }
}
