//! The OpenAPI document: what the handlers say of themselves, and what the table of scopes says
//! of who may call them.

use axum::http::Method;
use utoipa::{
    OpenApi,
    openapi::{
        self, Info, License, PathItem, Server,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    route,
    scope::{Access, PREFIXES, Scopes, TABLE},
};

/// The name of the bearer scheme in the document.
const BEARER: &str = "bearer";

#[derive(OpenApi)]
struct Empty;

/// The document as JSON, indented, with a line feed at its end.
///
/// # Errors
/// Of the encoder; none that a document of ours causes.
pub fn document() -> Result<String, serde_json::Error> {
    let (_, mut api) = route::all().split_for_parts();
    finish(&mut api);
    serde_json::to_string_pretty(&api).map(|text| text + "\n")
}

fn finish(api: &mut openapi::OpenApi) {
    let mut info = Info::new("Keyward", env!("CARGO_PKG_VERSION"));
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    info.license = Some(license);
    info.description = Some(
        "Keeps signing keys trustworthy for their whole life. A JSON body is read whatever its \
         Content-Type; members that are not known are refused."
            .to_owned(),
    );
    api.info = info;
    api.servers = Some(PREFIXES.iter().map(|prefix| Server::new(*prefix)).collect());
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = api.components.get_or_insert_default();
    components.security_schemes.insert(BEARER.to_owned(), scheme.into());
    let scopes = Scopes::new();
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
        ] {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
                name_problems(operation);
            }
        }
        for (method, _, _) in TABLE.iter().filter(|(_, known, _)| known == path) {
            let needs = scopes.of(method, path).map(|(_, access)| access);
            secure(item, method, needs.unwrap_or(Access::Open));
        }
    }
    whole_paths(api);
}

/// A name that goes to the end of a path is a name like others in the document.
fn whole_paths(api: &mut openapi::OpenApi) {
    let paths = std::mem::take(&mut api.paths.paths);
    let named = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item));
    api.paths.paths = named.collect();
}

/// A name of its own for each operation: method and path, as in `getSignerKeysByKeyId`.
fn operation_id(method: &str, path: &str) -> String {
    let mut id = method.to_owned();
    for segment in path.split(['/', '-', '.']).filter(|segment| !segment.is_empty()) {
        let name = segment.trim_matches(['{', '*', '}']);
        if name != segment {
            id.push_str("By");
        }
        let mut letters = name.chars();
        id.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        id.push_str(letters.as_str());
    }
    id
}

/// Problems have a type of their own.
fn name_problems(operation: &mut openapi::path::Operation) {
    let Some(openapi::RefOr::T(response)) = operation.responses.responses.get_mut("default") else {
        return;
    };
    if let Some(content) = response.content.swap_remove("application/json") {
        response.content.insert("application/problem+json".to_owned(), content);
    }
}

fn secure(item: &mut PathItem, method: &Method, access: Access) {
    let operation = match *method {
        Method::GET => &mut item.get,
        Method::PUT => &mut item.put,
        Method::DELETE => &mut item.delete,
        _ => &mut item.post,
    };
    let Some(operation) = operation else { return };
    let names: Vec<&str> = match access {
        Access::Open => return,
        Access::Needs(scopes) => scopes.iter().map(|scope| scope.name()).collect(),
        Access::NeedsElsewhere(scope) => vec![scope.name()],
    };
    operation.security = Some(vec![SecurityRequirement::new(BEARER, names)]);
}

/// A router's part of the document with nothing in it yet.
pub(crate) fn empty() -> openapi::OpenApi {
    Empty::openapi()
}
