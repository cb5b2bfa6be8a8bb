//! The handlers, by what they are about. Each reads, calls the library once, and writes.
#![expect(unused_qualifications, reason = "the macros of utoipa qualify the types of parameters")]

mod actor;
mod anchor;
mod audit;
mod authority;
mod incident;
mod key;
mod lifetime;
mod membership;
mod metadata;
mod policy;
mod proof;
mod revocation;
mod root;
mod secret;
mod sign;
mod status;
mod token;
mod verify;

use utoipa_axum::router::OpenApiRouter;

use crate::{app::App, openapi};

/// What is also served without a prefix.
pub(crate) fn open() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::empty()).merge(status::open())
}

/// Everything.
pub(crate) fn all() -> OpenApiRouter<App> {
    let parts = [
        status::routes(),
        root::routes(),
        key::routes(),
        metadata::routes(),
        lifetime::routes(),
        revocation::routes(),
        anchor::routes(),
        membership::routes(),
        sign::routes(),
        verify::routes(),
        proof::routes(),
        incident::routes(),
        audit::routes(),
        authority::routes(),
        actor::routes(),
        token::routes(),
        secret::routes(),
        policy::routes(),
    ];
    parts.into_iter().fold(open(), OpenApiRouter::merge)
}
