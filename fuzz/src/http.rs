//! The API: requests over one store, in process, as the command line sends them.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, Once, PoisonError},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Method, Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use keyward::{Keyward, Parts, keystore::KeyStores};
use keyward_barrier::{Cost, SlotLabel, Terms};
use keyward_crypto::secret::LockPolicy;
use keyward_keystore::Software;
use keyward_lifecycle::{id::Digest, profile::Profile, time::Timestamp};
use keyward_server::{Setup, identity::Caller, router};
use keyward_storage::memory::Memory;
use keyward_testkit::{clock::FakeClock, pins::MemoryPins};
use serde_json::Value;
use tower::ServiceExt as _;

/// Requests, one a line: a method, a path with its query, a body. A `=` before the method sends
/// it with an idempotency key of its own. Every answer is what was asked for or a problem that is not a
/// fault of the program, and afterwards the log says the same as everything made of it.
///
/// The store stays for some inputs, since making one takes long; what was asked of it is printed
/// with a finding, and is an input itself.
pub(crate) fn http(bytes: &[u8]) {
    thread_local!(static WORLD: RefCell<Option<World>> = const { RefCell::new(None) });
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let requests = text.lines().filter_map(|line| Some((line, request(line)?)));
    WORLD.with_borrow_mut(|slot| {
        if asked(|asked| asked.len()) >= REQUESTS_MAX
            && let Some(world) = slot.take()
        {
            world.keyward.close();
        }
        // An input may have sealed it.
        slot.take_if(|world| world.keyward.unseal(PASSWORD.into()).is_err());
        let world = slot.get_or_insert_with(World::new);
        for (line, request) in requests.take(REQUESTS_MAX) {
            asked(|asked| asked.push(line.to_owned()));
            world.send(request);
        }
        world.is_clean();
    });
}

/// What was asked of the store that there is.
fn asked<T>(look: impl FnOnce(&mut Vec<String>) -> T) -> T {
    static ASKED: Mutex<Vec<String>> = Mutex::new(Vec::new());
    look(&mut ASKED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Has every panic say what was asked, a handler's too, whose thread is another.
fn tell_what_was_asked() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let lines = asked(|asked| asked.join("\n"));
            eprintln!("asked of this store:\n{lines}\n");
            hook(panic);
        }));
    });
}

/// Requests after which the store makes room for another.
const REQUESTS_MAX: usize = 256;
/// The store's password, which the seeds know.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

struct World {
    runtime: tokio::runtime::Runtime,
    keyward: Arc<Keyward>,
    router: Router,
}

impl World {
    fn new() -> Self {
        tell_what_was_asked();
        asked(Vec::clear);
        let parts = Parts {
            storage: Arc::new(Memory::new()),
            pins: Arc::new(MemoryPins::default()),
            clock: Arc::new(FakeClock::at("2025-01-15T00:00:00Z")),
            key_stores: KeyStores::default().with("software", Arc::new(Software::default())),
            memory: LockPolicy::AllowUnlocked,
        };
        let terms = Terms {
            cost: Cost::new(Cost::MEMORY_KIB_MIN, 1, 1).expect("the least cost"),
            label: SlotLabel::parse("password").expect("a label"),
            memory: LockPolicy::AllowUnlocked,
            now: Timestamp::EPOCH,
        };
        let profiles = Profile::built_in().to_vec();
        let keyward = Keyward::create(&parts, PASSWORD.into(), terms, profiles);
        let keyward = Arc::new(keyward.expect("a new store"));
        let router = router(Arc::clone(&keyward), Setup::default());
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build().expect("a runtime");
        Self { runtime, keyward, router }
    }

    fn send(&self, request: Request<Body>) {
        let is_head = request.method() == Method::HEAD;
        let (parts, body) = self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.expect("an answer");
            let (parts, body) = response.into_parts();
            (parts, body.collect().await.map(|body| body.to_bytes()))
        });
        let status = parts.status;
        let body = body.expect("the answer is whole");
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "a fault of the program");
        if status.is_success() || is_head {
            return;
        }
        assert!(status.is_client_error() || status.is_server_error(), "{status}");
        let shown = String::from_utf8_lossy(&body);
        let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        assert_eq!(kind, Some(&b"application/problem+json"[..]), "{status}: {shown}");
        let problem: Value = serde_json::from_slice(&body).expect("a document");
        assert_eq!(problem["status"], status.as_u16(), "{shown}");
        for member in ["type", "title", "code", "detail"] {
            let is_said = problem[member].as_str().is_some_and(|text| !text.is_empty());
            assert!(is_said, "no {member} in {shown}");
        }
    }

    fn is_clean(&self) {
        let report = self.keyward.verify_audit(None).expect("the log can be read");
        assert_eq!(report.problems, [""; 0], "the log and what is made of it");
    }
}

/// A line as a request of the owner's; `None` if it is none, or one that takes a password's time.
fn request(line: &str) -> Option<Request<Body>> {
    let (method, rest) = line.split_once(' ')?;
    let (again, method) = match method.strip_prefix('=') {
        Some(method) => (true, method),
        None => (false, method),
    };
    let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
    if SLOW.iter().any(|slow| path.contains(slow)) && method != "GET" {
        return None;
    }
    let mut request = Request::builder().method(method).uri(path);
    if again {
        request = request.header("Idempotency-Key", Digest::of(rest.as_bytes()).to_string());
    }
    let mut request = request.body(Body::from(body.to_owned())).ok()?;
    request.extensions_mut().insert(Caller::local(1000));
    Some(request)
}

/// Paths that derive a key from a password at the cost of real ones.
const SLOW: [&str; 5] = ["/slots", "/password", "/rotation/", "/restore", "/drill"];
