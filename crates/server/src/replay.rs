//! `Idempotency-Key`: a POST that is sent twice with the same key is done once, and answered
//! twice alike.
//!
//! The answers are kept in memory, so a restart forgets them. Every operation of the library is
//! either the same when repeated or refused the second time; what a restart loses is the
//! likeness of the second answer.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use axum::{
    body::Bytes,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use keyward_lifecycle::id::Digest;

use crate::{
    body::{BATCH_BODY_BYTES_MAX, read},
    identity::Caller,
    problem::Problem,
};

/// The header (draft-ietf-httpapi-idempotency-key-header).
pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Set on an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 255;
/// Most answers that are kept; the oldest goes first.
const ANSWERS_MAX: usize = 10_000;
/// Most bytes of all answers together.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Longest answer that is kept, in bytes.
const ANSWER_BYTES_EACH_MAX: usize = 1 << 20;

/// Answers that were given.
#[derive(Default)]
pub(crate) struct Answers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    by_key: HashMap<Digest, Entry>,
    order: VecDeque<Digest>,
    bytes: usize,
}

struct Entry {
    request: Digest,
    /// Absent while the first request is at work.
    answer: Option<Given>,
}

#[derive(Clone)]
struct Given {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    location: Option<HeaderValue>,
    body: Bytes,
}

/// What is known of a key.
enum Known {
    New,
    Given(Given),
}

/// Runs the request, or gives the answer that it had the first time.
pub(crate) async fn once(
    answers: &Answers,
    caller: &Caller,
    request: Request,
    next: Next,
) -> Response {
    match try_once(answers, caller, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn try_once(
    answers: &Answers,
    caller: &Caller,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let value = parts.headers.get(HEADER).map(HeaderValue::as_bytes).unwrap_or_default();
    if value.is_empty() || value.len() > KEY_BYTES_MAX {
        let expected = format!("expected from 1 to {KEY_BYTES_MAX} bytes");
        return Err(Problem::malformed("Idempotency-Key", expected));
    }
    // A key is its sender's own.
    let key = Digest::of(&[caller.identity().as_bytes(), b"\0", value].concat());
    let body = read(body, BATCH_BODY_BYTES_MAX).await?;
    let target = parts.uri.to_string();
    let asked = Digest::of(&[target.as_bytes(), b"\0", &body].concat());
    let reserved = match answers.reserve(key, asked)? {
        Known::Given(given) => return Ok(given.into_response()),
        Known::New => Reserved { answers, key, kept: false },
    };
    let response = next.run(Request::from_parts(parts, body.into())).await;
    reserved.finish(response).await
}

/// A key whose first request is at work; forgotten if that comes to nothing.
struct Reserved<'a> {
    answers: &'a Answers,
    key: Digest,
    kept: bool,
}

impl Reserved<'_> {
    async fn finish(mut self, response: Response) -> Result<Response, Problem> {
        // A failure of ours may be over the next time; a long answer is not kept.
        let declared = axum::body::HttpBody::size_hint(response.body()).upper();
        let is_short = declared.is_some_and(|upper| upper <= ANSWER_BYTES_EACH_MAX as u64);
        if response.status().is_server_error() || !is_short {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = read(body, ANSWER_BYTES_EACH_MAX).await?;
        let given = Given {
            status: parts.status,
            content_type: parts.headers.get(header::CONTENT_TYPE).cloned(),
            location: parts.headers.get(header::LOCATION).cloned(),
            body: body.clone(),
        };
        self.answers.keep(self.key, given);
        self.kept = true;
        Ok(Response::from_parts(parts, body.into()))
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.answers.forget(&self.key);
        }
    }
}

impl Answers {
    fn reserve(&self, key: Digest, request: Digest) -> Result<Known, Problem> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.by_key.get(&key) {
            Some(entry) if entry.request != request => Err(Problem::idempotency_reused()),
            Some(Entry { answer: Some(given), .. }) => Ok(Known::Given(given.clone())),
            Some(Entry { answer: None, .. }) => Err(Problem::idempotency_in_use()),
            None => {
                kept.by_key.insert(key, Entry { request, answer: None });
                Ok(Known::New)
            }
        }
    }

    fn keep(&self, key: Digest, given: Given) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes = kept.bytes.saturating_add(given.body.len());
        if let Some(entry) = kept.by_key.get_mut(&key) {
            entry.answer = Some(given);
        }
        kept.order.push_back(key);
        while kept.order.len() > ANSWERS_MAX || kept.bytes > ANSWER_BYTES_MAX {
            let Some(oldest) = kept.order.pop_front() else { break };
            let gone = kept.by_key.remove(&oldest).and_then(|entry| entry.answer);
            kept.bytes = kept.bytes.saturating_sub(gone.map_or(0, |given| given.body.len()));
        }
    }

    fn forget(&self, key: &Digest) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_key.remove(key);
    }
}

impl IntoResponse for Given {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        headers.extend(self.content_type.map(|value| (header::CONTENT_TYPE, value)));
        headers.extend(self.location.map(|value| (header::LOCATION, value)));
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        (self.status, headers, self.body).into_response()
    }
}
