//! The API in this very process, on a data directory that no server has.

use axum::{
    Router,
    body::Body,
    http::{Request as HttpRequest, header},
};
use http_body_util::{BodyExt as _, Limited};
use keyward_server::{Setup, config::Certificates, identity::Caller, root::RootCare, router};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use super::{
    Method, RESPONSE_BYTES_MAX, Request, Response, Transport, Underway, is_quarantined, runtime,
};
use crate::{exit::Failure, store::Store};

/// An open store behind the server's own router. What uses the store is dropped before it.
pub(super) struct Embedded {
    router: Router,
    runtime: Runtime,
    caller: Caller,
    _store: Store,
}

impl Embedded {
    /// The store with what is around its root key and stated of its modules, called by the user who runs this process.
    pub(super) fn new(
        store: Store,
        root: RootCare,
        certificates: Certificates,
    ) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let version = env!("CARGO_PKG_VERSION");
        let setup = Setup { version, root, certificates, ..Setup::default() };
        let router = router(store.keyward.clone(), setup);
        let caller = Caller::local(rustix::process::getuid().as_raw());
        Ok(Self { router, runtime, caller, _store: store })
    }
}

impl Transport for Embedded {
    fn begin(&mut self, request: &Request) -> Result<Underway, Failure> {
        let method = match request.method {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        };
        let body = Body::from(request.body.to_bytes().to_vec());
        let call = HttpRequest::builder()
            .method(method)
            .uri(request.target())
            .header(header::CONTENT_TYPE, "application/json")
            .extension(self.caller.clone())
            .body(body)
            .map_err(|e| Failure::of(&e))?;
        let answer = self.router.clone().oneshot(call);
        let answer = self.runtime.spawn(async {
            // A router answers every request: its error type has no value.
            let Ok(response) = answer.await;
            let status = response.status().as_u16();
            let quarantined = is_quarantined(response.headers());
            let body = Limited::new(response.into_body(), RESPONSE_BYTES_MAX).collect().await;
            let body = body.map_err(|e| Failure::of(&*e))?.to_bytes().to_vec();
            Ok(Response { status, quarantined, body })
        });
        let runtime = self.runtime.handle().clone();
        Ok(Box::new(move || runtime.block_on(answer).map_err(|e| Failure::of(&e))?))
    }

    fn takes_passwords(&self) -> bool {
        true
    }
}
