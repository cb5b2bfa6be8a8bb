//! A server for tests: everything real but the clock, the medium and the pins.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request},
};
use http_body_util::BodyExt as _;
use keyward::{Keyward, Parts, keystore::KeyStores};
use keyward_barrier::{Cost, SlotLabel, Terms};
use keyward_crypto::secret::LockPolicy;
use keyward_keystore::Software;
use keyward_lifecycle::{
    access::{Role, Scope},
    profile::Profile,
    time::Timestamp,
};
use keyward_server::{Setup, identity::Caller, router};
use keyward_storage::memory::Memory;
use keyward_testkit::{clock::FakeClock, pins::MemoryPins};
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const START: &str = "2025-01-15T00:00:00Z";
pub(crate) const ANCHOR: &str = "550e8400-e29b-41d4-a716-446655440000";

pub(crate) struct World {
    pub(crate) keyward: Arc<Keyward>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) router: Router,
    pub(crate) parts: Parts,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect(&self.text)
    }

    /// Status and the problem's code.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let document = self.json();
        assert_eq!(document["status"], self.status);
        (self.status, document["code"].as_str().expect("a code").to_owned())
    }
}

/// Who calls.
#[derive(Clone, Copy)]
pub(crate) enum As<'t> {
    Owner,
    Nobody,
    Token(&'t str),
}

pub(crate) fn new() -> World {
    with(Profile::built_in().to_vec())
}

pub(crate) fn with(profiles: Vec<Profile>) -> World {
    let clock = Arc::new(FakeClock::at(START));
    let parts = Parts {
        storage: Arc::new(Memory::new()),
        pins: Arc::new(MemoryPins::default()),
        clock: clock.clone(),
        key_stores: KeyStores::default().with("software", Arc::new(Software::default())),
        memory: LockPolicy::Strict,
    };
    let terms = Terms {
        cost: Cost::new(Cost::MEMORY_KIB_MIN, 1, 1).expect("the least cost"),
        label: SlotLabel::parse("password").expect("a label"),
        memory: LockPolicy::Strict,
        now: Timestamp::EPOCH,
    };
    let keyward = Keyward::create(&parts, PASSWORD.into(), terms, profiles).expect("a new store");
    let keyward = Arc::new(keyward);
    let router = router(keyward.clone(), Setup::default());
    World { keyward, clock, router, parts }
}

impl World {
    /// Stops, and starts again over the same medium, unsealed.
    pub(crate) fn restarted(self) -> Self {
        let Self { keyward, clock, router: old, parts } = self;
        keyward.close();
        drop((keyward, old));
        let keyward = Keyward::open(&parts).expect("the store again");
        keyward.unseal(PASSWORD.into()).expect("the password");
        let keyward = Arc::new(keyward);
        let router = router(keyward.clone(), Setup::default());
        Self { keyward, clock, router, parts }
    }

    pub(crate) async fn send(&self, caller: As<'_>, request: Request<Body>) -> Reply {
        let mut request = request;
        match caller {
            As::Owner => drop(request.extensions_mut().insert(Caller::local(1000))),
            As::Nobody => {}
            As::Token(token) => {
                let value = format!("Bearer {token}").parse().expect("a header");
                request.headers_mut().insert("authorization", value);
            }
        }
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Reply { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(As::Owner, request(Method::GET, path, "")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        self.send(As::Owner, request(Method::POST, path, body)).await
    }

    /// As [`Self::post`], of what must succeed.
    #[track_caller]
    pub(crate) fn must(&self, path: &str, body: Value) -> impl Future<Output = Value> + use<'_> {
        let (path, body) = (path.to_owned(), body.to_string());
        async move {
            let reply = self.post(&path, &body).await;
            assert!(reply.status < 300, "{path}: {} {}", reply.status, reply.text);
            reply.json()
        }
    }

    pub(crate) fn token(&self, name: &str, role: Role, scopes: Vec<Scope>) -> String {
        let actor = self.keyward.actor("local:1000").expect("an actor");
        let end = self.keyward.now().plus_seconds(86_400);
        let made = self.keyward.create_token(&actor, name, role, scopes, end).expect("a token");
        made.expose().to_owned()
    }
}

pub(crate) fn request(method: Method, path: &str, body: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request.body(Body::from(body.to_owned())).expect("a request")
}
