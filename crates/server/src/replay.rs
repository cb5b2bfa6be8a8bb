//! `Idempotency-Key`: a POST that is sent twice with the same key is done once, and answered
//! twice alike, also after a restart, for a day.
//!
//! An answer is kept after its request was done. A crash between the two makes the repetition a
//! new request: every operation of the library is either the same when repeated or refused the
//! second time.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::Bytes,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use keyward::{ExecuteError, Keyward, answer::KeptAnswer};
use keyward_lifecycle::id::Digest;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{
    app::App,
    body::{BATCH_BODY_BYTES_MAX, read},
    identity::Caller,
    problem::Problem,
    run::run,
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
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// Longest answer that is kept, in bytes.
const ANSWER_BYTES_EACH_MAX: usize = 1 << 20;
/// How long an answer is kept.
const ANSWER_SECONDS: i64 = 24 * 3600;

/// What is known of answers that are kept in the store, and of requests at work.
#[derive(Default)]
pub(crate) struct Answers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Requests whose answer is not known yet.
    working: HashMap<Digest, Digest>,
    /// Answers in the store, oldest first; read from it when it is first asked for.
    order: Option<VecDeque<KeptAnswer>>,
    bytes: u64,
}

/// An answer as it is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    v: u8,
    request: Digest,
    status: u16,
    content_type: Option<String>,
    location: Option<String>,
    /// Absent when it held a secret, which is shown once.
    body: Option<String>,
}

/// Whether an answer may be shown again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// As often as it is asked for.
    Again,
    /// It holds a secret.
    Once,
}

/// Runs the request, or gives the answer that it had the first time.
pub(crate) async fn once(
    app: &App,
    caller: &Caller,
    shown: Shown,
    (request, next): (Request, Next),
) -> Response {
    match try_once(app, caller, shown, (request, next)).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn try_once(
    app: &App,
    caller: &Caller,
    shown: Shown,
    (request, next): (Request, Next),
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
    let reserved = app.answers.reserve(app, key, asked)?;
    let inner = app.clone();
    if let Some(given) = run(app, move |keyward| inner.answers.find(keyward, &key)).await? {
        return given.to_response(asked);
    }
    let response = next.run(Request::from_parts(parts, body.into())).await;
    reserved.finish(response, shown).await
}

/// A key whose request is at work.
struct Reserved<'a> {
    app: &'a App,
    key: Digest,
    asked: Digest,
}

impl Reserved<'_> {
    async fn finish(self, response: Response, shown: Shown) -> Result<Response, Problem> {
        // A failure of ours may be over the next time; a long answer is not kept.
        let declared = axum::body::HttpBody::size_hint(response.body()).upper();
        let is_short = declared.is_some_and(|upper| upper <= ANSWER_BYTES_EACH_MAX as u64);
        let is_over = response.status().is_success() || shown == Shown::Again;
        if response.status().is_server_error() || !is_short || !is_over {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = read(body, ANSWER_BYTES_EACH_MAX).await?;
        if let Some(given) = Given::of(self.asked, &parts, &body, shown) {
            let (inner, key) = (self.app.clone(), self.key);
            let kept = run(self.app, move |keyward| inner.answers.keep(keyward, key, &given));
            if let Err(problem) = kept.await {
                let why = problem.document().detail;
                warn!(%why, "an answer could not be kept: its request would be done again");
            }
        }
        Ok(Response::from_parts(parts, body.into()))
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.app.answers.kept().working.remove(&self.key);
    }
}

impl Answers {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve<'a>(
        &self,
        app: &'a App,
        key: Digest,
        asked: Digest,
    ) -> Result<Reserved<'a>, Problem> {
        let mut kept = self.kept();
        match kept.working.get(&key) {
            Some(other) if *other != asked => return Err(Problem::idempotency_reused()),
            Some(_) => return Err(Problem::idempotency_in_use()),
            None => drop(kept.working.insert(key, asked)),
        }
        Ok(Reserved { app, key, asked })
    }

    /// The answer that is kept under that key and is not too old.
    fn find(&self, keyward: &Keyward, key: &Digest) -> Result<Option<Given>, ExecuteError> {
        let mut kept = self.kept();
        let oldest = keyward.now().plus_seconds(ANSWER_SECONDS.saturating_neg());
        let known = kept.order(keyward)?;
        if !known.iter().any(|answer| answer.name == *key && answer.since > oldest) {
            return Ok(None);
        }
        drop(kept);
        let bytes = keyward.kept_answer(key)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Keeps an answer, and drops those that are too old or too many.
    fn keep(&self, keyward: &Keyward, key: Digest, given: &Given) -> Result<(), ExecuteError> {
        let Ok(bytes) = serde_json::to_vec(given) else { return Ok(()) };
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let mut kept = self.kept();
        let _ = kept.order(keyward)?;
        let old = kept.take_old(keyward, &key, length);
        drop(kept);
        let outcome = keyward.keep_answer(key, bytes, &old);
        let mut kept = self.kept();
        match outcome {
            Ok(answer) => kept.push(answer),
            // What is in the store is read anew.
            Err(_) => kept.order = None,
        }
        outcome.map(drop)
    }
}

impl Kept {
    fn order(&mut self, keyward: &Keyward) -> Result<&VecDeque<KeptAnswer>, ExecuteError> {
        if self.order.is_none() {
            let answers = keyward.kept_answers()?;
            self.bytes = 0;
            self.order = Some(VecDeque::new());
            answers.into_iter().for_each(|answer| self.push(answer));
        }
        Ok(self.order.get_or_insert_default())
    }

    fn push(&mut self, answer: KeptAnswer) {
        self.bytes = self.bytes.saturating_add(answer.bytes);
        self.order.get_or_insert_default().push_back(answer);
    }

    /// Takes out what has to go for an answer of that name and length.
    fn take_old(&mut self, keyward: &Keyward, name: &Digest, length: u64) -> Vec<KeptAnswer> {
        let before = keyward.now().plus_seconds(ANSWER_SECONDS.saturating_neg());
        let order = self.order.get_or_insert_default();
        let mut old: Vec<_> = order.iter().filter(|one| one.name == *name).copied().collect();
        order.retain(|one| one.name != *name);
        let mut bytes = old.iter().fold(self.bytes, |sum, one| sum.saturating_sub(one.bytes));
        while let Some(first) = order.front()
            && (order.len() >= ANSWERS_MAX
                || bytes.saturating_add(length) > ANSWER_BYTES_MAX
                || first.since <= before)
        {
            bytes = bytes.saturating_sub(first.bytes);
            old.extend(order.pop_front());
        }
        self.bytes = bytes;
        old
    }
}

impl Given {
    /// `None` for an answer that is not text.
    fn of(
        request: Digest,
        parts: &axum::http::response::Parts,
        body: &Bytes,
        shown: Shown,
    ) -> Option<Self> {
        let text = |name| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
        let body = match shown {
            Shown::Again => Some(String::from_utf8(body.to_vec()).ok()?),
            Shown::Once => None,
        };
        Some(Self {
            v: 1,
            request,
            status: parts.status.as_u16(),
            content_type: text(header::CONTENT_TYPE),
            location: text(header::LOCATION),
            body,
        })
    }

    /// The answer again.
    fn to_response(&self, asked: Digest) -> Result<Response, Problem> {
        if self.request != asked {
            return Err(Problem::idempotency_reused());
        }
        let Some(body) = self.body.clone() else { return Err(Problem::shown_once()) };
        let status = StatusCode::from_u16(self.status).map_err(|_| Problem::internal())?;
        let mut headers = HeaderMap::new();
        let value = |text: &Option<String>| HeaderValue::from_str(text.as_deref()?).ok();
        headers.extend(value(&self.content_type).map(|value| (header::CONTENT_TYPE, value)));
        headers.extend(value(&self.location).map(|value| (header::LOCATION, value)));
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        Ok((status, headers, body).into_response())
    }
}
