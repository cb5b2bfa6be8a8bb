//! Callers with SPIFFE identities, over real TLS.

use std::{path::Path, sync::Arc, time::Duration};

use axum::http::Method;
use keyward_lifecycle::{access::Role, spiffe::TrustDomain};
use keyward_server::{
    config::{IdentityConfig, IdentityFiles, IdentitySource},
    mtls::{Identity, Role as Part},
    serve::{Clients, ServeOptions},
};
use keyward_testkit::pki::{Authority, Files, Given};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::{
    listener::Running,
    world::{self, As, World, request},
};

const SERVER: &str = "spiffe://example.org/keyward/server";
const WEB: &str = "spiffe://example.org/app/web";
const SECRET: &str = "/v1/secrets/data/app/prod/db";
/// `value` in base64.
const VALUE: &str = "dmFsdWU=";

/// A server that asks for certificates.
struct House {
    world: World,
    running: Running,
    authority: Authority,
    files: Files,
    directory: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let world = world::new();
        let directory = tempfile::tempdir().expect("a directory");
        let authority = Authority::new();
        let files = written(&authority.gives(SERVER), directory.path(), &authority);
        let Files { certificate, key, bundle } = files.clone();
        let trust_domain = TrustDomain::parse("example.org").expect("a trust domain");
        let source = IdentitySource::Files(IdentityFiles { certificate, key, bundle });
        let config = IdentityConfig { trust_domain, source };
        let identity = Identity::open(&config, Part::Server).await.expect("an identity");
        let roles = [("alice", Role::Admin), ("carol", Role::Auditor), ("dave", Role::Signer)];
        let roles = roles.into_iter().map(|(name, role)| (name.to_owned(), role));
        let options = ServeOptions {
            listen: vec!["127.0.0.1:0".parse().expect("an address")],
            clients: Some(Clients { identity, operators: Arc::new(roles.collect()) }),
            ..ServeOptions::default()
        };
        let running = Running::start(&world, &options);
        let put = json!({ "value": VALUE }).to_string();
        for path in [SECRET, "/v1/secrets/data/app/prod/other"] {
            let reply = world.send(As::Owner, request(Method::PUT, path, &put)).await;
            assert_eq!(reply.status, 201, "{}", reply.text);
        }
        Self { world, running, authority, files, directory }
    }

    async fn allow(&self, who: &str, may: &str, under: &str) {
        let policy = json!({ "rules": [{ "who": [who], "may": [may], "under": [under] }] });
        let asked = request(Method::PUT, "/v1/policies/one", &policy.to_string());
        let reply = self.world.send(As::Owner, asked).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.running.address.expect("an address"))
    }

    /// Status, and the problem's code where there is one.
    async fn ask(&self, client: &Client, path: &str, token: Option<&str>) -> (u16, String, Value) {
        let asked = client.get(self.url(path));
        let asked = match token {
            Some(token) => asked.bearer_auth(token),
            None => asked,
        };
        let answer = asked.send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a text");
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        (status.as_u16(), code, body)
    }

    /// As [`Self::ask`], by the workload of that name.
    async fn asks(&self, id: &str, path: &str) -> (u16, String, Value) {
        self.ask(&client(Some(&self.authority.gives(id))), path, None).await
    }

    /// Whether a handshake with that certificate comes about.
    async fn lets_in(&self, given: &Given) -> bool {
        let asked = client(Some(given)).get(self.url("/healthz")).send().await;
        asked.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }
}

fn written(given: &Given, folder: &Path, authority: &Authority) -> Files {
    given.write(folder, "server", authority).expect("written")
}

/// A client with that certificate. Whom the server's certificate names is not what is tried
/// here, and no address is in it.
fn client(given: Option<&Given>) -> Client {
    let mut builder = Client::builder().no_proxy().tls_danger_accept_invalid_certs(true);
    if let Some(Given { certificate, key, .. }) = given {
        let pem = format!("{certificate}{key}");
        let identity = reqwest::Identity::from_pem(pem.as_bytes()).expect("an identity");
        builder = builder.identity(identity);
    }
    builder.build().expect("a client")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workload_may_what_a_policy_grants_its_name_and_nothing_else() {
    // RK-055, RK-057
    let house = House::new().await;
    let denied = |answer: (u16, String, Value)| (answer.0, answer.1);
    let not_permitted = (403, "not-permitted".to_owned());
    assert_eq!(denied(house.asks(WEB, SECRET).await), not_permitted, "nothing by default");
    house.allow("spiffe://example.org/app/*", "read", "app/*/db").await;
    let (status, _, body) = house.asks(WEB, SECRET).await;
    assert_eq!((status, &body["value"]), (200, &json!(VALUE)), "{body}");
    let other = "/v1/secrets/data/app/prod/other";
    assert_eq!(denied(house.asks(WEB, other).await), not_permitted);
    for id in ["/app", "/app/web/deep", "/apple/web", "/keyward/server", "/keyward/keeper"] {
        let id = format!("spiffe://example.org{id}");
        assert_eq!(denied(house.asks(&id, SECRET).await), not_permitted, "{id}");
    }
    let web = client(Some(&house.authority.gives(WEB)));
    let put = web.put(house.url(SECRET)).body(json!({ "value": "" }).to_string()).send().await;
    assert_eq!(put.expect("an answer").status(), 403, "it may read, not write");
    let under_scoped = (403, "under-scoped".to_owned());
    for path in ["/v1/signer/keys", "/v1/policies", "/v1/audit/events", "/v1/status", "/metrics"] {
        let (status, code, body) = house.asks(WEB, path).await;
        assert_eq!((status, code), under_scoped, "{path}");
        assert!(body["detail"].as_str().expect("a detail").contains(WEB), "{body}");
    }
    house.world.keyward.flush_secret_reads().expect("logged");
    let events = house.world.get("/v1/audit/events?type=SECRET_READ").await;
    assert_eq!(events.json()["events"][0]["actorName"], WEB);
    let log = house.world.get("/v1/audit/export").await.text;
    assert!(!log.contains(WEB), "leaves have pseudonyms");
    house.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_has_the_role_that_the_configuration_gives_and_else_none() {
    // RK-055
    let house = House::new().await;
    let id = |name: &str| format!("spiffe://example.org/keyward/operator/{name}");
    assert_eq!(house.asks(&id("alice"), "/v1/signer/keys").await.0, 200);
    assert_eq!(house.asks(&id("alice"), SECRET).await.0, 200, "an admin needs no policy");
    assert_eq!(house.asks(&id("carol"), "/v1/audit/events").await.0, 200);
    let (status, code, body) = house.asks(&id("carol"), SECRET).await;
    assert_eq!((status, code.as_str()), (403, "under-scoped"));
    let detail =
        format!("`{}` has the role auditor, without the scope `secrets.read`", id("carol"));
    assert_eq!(body["detail"], detail);
    house.allow("role:signer", "read", "app").await;
    assert_eq!(house.asks(&id("dave"), SECRET).await.0, 200, "policies know operators' roles");
    house.allow("spiffe://example.org/keyward/operator/*", "read", "app").await;
    for path in [SECRET, "/v1/signer/keys", "/v1/status"] {
        let (status, code, body) = house.asks(&id("bob"), path).await;
        assert_eq!((status, code.as_str()), (403, "operator-without-role"), "{path}");
        assert_eq!(body["detail"], format!("`{}` has no role here", id("bob")));
    }
    house.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_of_the_trust_domain_does_not_get_past_the_handshake() {
    // RK-055
    let house = House::new().await;
    assert!(house.lets_in(&house.authority.gives(WEB)).await);
    for (given, why) in [
        (Authority::new().gives(WEB), "of another authority"),
        (house.authority.gave(WEB), "expired"),
        (house.authority.gives("spiffe://example.com/app/web"), "of another trust domain"),
        (house.authority.gives("https://example.org/app/web"), "without a SPIFFE ID"),
        (house.authority.gives("spiffe://example.org"), "of no workload"),
    ] {
        assert!(!house.lets_in(&given).await, "a certificate {why}");
    }
    let nobody = client(None);
    assert_eq!(house.ask(&nobody, "/healthz", None).await.0, 200);
    let (status, code, _) = house.ask(&nobody, SECRET, None).await;
    assert_eq!((status, code.as_str()), (401, "unauthenticated"));
    house.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_decides_beside_a_certificate_which_must_be_good_all_the_same() {
    // RK-055
    let house = House::new().await;
    house.allow(WEB, "read", "app").await;
    let token = house.world.token("ci", Role::Signer, Vec::new());
    let web = client(Some(&house.authority.gives(WEB)));
    assert_eq!(house.ask(&web, SECRET, None).await.0, 200);
    let (status, code, _) = house.ask(&web, SECRET, Some(&token)).await;
    assert_eq!((status, code.as_str()), (403, "not-permitted"), "no policy is for the token");
    assert_eq!(house.ask(&web, "/v1/signer/keys", Some(&token)).await.0, 200);
    assert_eq!(house.ask(&client(None), "/v1/signer/keys", Some(&token)).await.0, 200);
    let (status, code, _) = house.ask(&web, SECRET, Some("nonsense")).await;
    assert_eq!((status, code.as_str()), (401, "unauthenticated"), "no way back to the certificate");
    let stranger = client(Some(&Authority::new().gives(WEB)));
    let asked = stranger.get(house.url("/v1/signer/keys")).bearer_auth(&token).send().await;
    assert!(asked.is_err(), "a good token does not help a bad certificate");
    house.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authorities_that_are_replaced_hold_at_once_for_new_and_old_connections() {
    // RK-055
    let house = House::new().await;
    house.allow(WEB, "read", "app").await;
    let old = client(Some(&house.authority.gives(WEB)));
    assert_eq!(house.ask(&old, SECRET, None).await.0, 200);
    let next = Authority::new();
    let newcomer = next.gives(WEB);
    assert!(!house.lets_in(&newcomer).await);

    let files = written(&next.gives(SERVER), house.directory.path(), &next);
    assert_eq!(files.bundle, house.files.bundle);
    let seen = async { while !house.lets_in(&newcomer).await {} };
    // The files are looked at every two seconds; a machine at its limit takes its time.
    tokio::time::timeout(Duration::from_secs(180), seen).await.expect("the new authority");
    let (status, code, _) = house.ask(&old, SECRET, None).await;
    assert_eq!((status, code.as_str()), (401, "certificate-over"), "on the same connection");
    let token = house.world.token("ci", Role::Signer, Vec::new());
    let (status, code, _) = house.ask(&old, "/v1/signer/keys", Some(&token)).await;
    assert_eq!((status, code.as_str()), (401, "certificate-over"), "a token or not");
    assert!(!house.lets_in(&house.authority.gives(WEB)).await);
    let new = client(Some(&newcomer));
    assert_eq!(house.ask(&new, SECRET, None).await.0, 200);
    house.running.stop().await;
}
