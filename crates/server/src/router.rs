//! The whole API as one router.

use std::{any::Any, sync::Arc};

use axum::{
    Router, middleware,
    response::{IntoResponse, Response},
};
use keyward::Keyward;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    app::{App, Inner},
    config::Certificates,
    guard::{Guard, guard, warn},
    metric::Requests,
    problem::Problem,
    replay::Answers,
    root::RootCare,
    route,
    scope::{PREFIXES, Scopes},
    worker::Standing,
};

/// What the router is told beside the store.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "made by whoever wires the server")]
pub struct Setup {
    /// The program's version, as status shows it.
    pub version: &'static str,
    /// What the background worker saw last; of one that does not run, nothing.
    pub standing: Arc<Standing>,
    /// What is around the root key.
    pub root: RootCare,
    /// What the operator states of the modules behind key stores.
    pub certificates: Certificates,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            standing: Arc::default(),
            root: RootCare::default(),
            certificates: Certificates::default(),
        }
    }
}

/// The API over `keyward`, under both prefixes; health, metrics and the OpenAPI document also
/// without one.
///
/// In process, put a [`crate::identity::Caller`] into a request's extensions, and no token is
/// asked for. From the network, the listener's own mark is needed: see [`crate::serve`].
pub fn router(keyward: Arc<Keyward>, setup: Setup) -> Router {
    parts(keyward, setup).0
}

/// The router, and what it keeps.
pub(crate) fn parts(keyward: Arc<Keyward>, setup: Setup) -> (Router, App) {
    let Setup { version, standing, root, certificates } = setup;
    let (answers, requests) = (Answers::default(), Requests::new());
    let app = App::new(Inner { keyward, version, answers, requests, standing, root, certificates });
    let guarded = |router: Router<App>| {
        let guard_state = Guard { app: app.clone(), scopes: Arc::new(Scopes::new()) };
        router.route_layer(middleware::from_fn_with_state(guard_state, guard))
    };
    let (api, _) = route::all().split_for_parts();
    let (open, _) = route::open().split_for_parts();
    let api = guarded(api);
    let mut router = guarded(open);
    for prefix in PREFIXES {
        router = router.nest(prefix, api.clone());
    }
    let router = router
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(app.clone(), warn))
        .with_state(app.clone());
    (router, app)
}

async fn no_such_route() -> Problem {
    Problem::no_such_route()
}

async fn no_such_method() -> Problem {
    Problem::no_such_method()
}

/// A panic in a handler is a fault of the program: it is answered, and said on stderr by the
/// panic hook.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Problem::internal().into_response()
}
