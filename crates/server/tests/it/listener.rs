//! Listeners: the socket, loopback, and the way down.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use keyward_server::{
    Setup,
    serve::{Listeners, ServeError, ServeOptions},
};
use tokio::{net::UnixStream, sync::oneshot, task::JoinHandle};

use crate::world::{self, World};

/// A server at work.
pub(crate) struct Running {
    pub(crate) address: Option<SocketAddr>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    pub(crate) fn start(world: &World, options: &ServeOptions) -> Self {
        let listeners = Listeners::bind(options).expect("bound");
        let address = listeners.addresses().first().copied();
        let (stop, stopped) = oneshot::channel();
        let keyward = Arc::clone(&world.keyward);
        let until = async move { drop(stopped.await) };
        let task = tokio::spawn(listeners.serve(keyward, Setup::default(), until));
        Self { address, stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).expect("it runs");
        self.task.await.expect("no panic").expect("a clean stop");
    }
}

async fn get(socket: &Path, path: &str, token: Option<&str>) -> (Response<Incoming>, String) {
    let stream = UnixStream::connect(socket).await.expect("connected");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    let connection = tokio::spawn(connection);
    let mut request = Request::get(path).header("host", "keyward");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::empty()).expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    let (parts, mut body) = response.into_parts();
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        text.extend(frame.expect("a frame").into_data().expect("data"));
    }
    drop(sender);
    drop(connection.await);
    (Response::from_parts(parts, body), String::from_utf8(text).expect("UTF-8"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_of_the_socket_needs_no_token() {
    let world = world::new();
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("keyward.sock");
    let options = ServeOptions { socket: Some(socket.clone()), ..ServeOptions::default() };
    let running = Running::start(&world, &options);
    let mode = std::fs::metadata(&socket).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let (response, text) = get(&socket, "/v1/tokens", None).await;
    assert_eq!(response.status(), 200, "{text}");
    let (response, _) = get(&socket, "/metrics", None).await;
    assert_eq!(response.status(), 200, "metrics are open on the socket");
    let (response, text) = get(&socket, "/v1/tokens", Some("kwt_wrong")).await;
    assert_eq!(response.status(), 401, "a token decides where one is given: {text}");

    let second = Listeners::bind(&options).expect_err("two servers");
    assert!(matches!(second, ServeError::SocketTaken(path) if path == socket));
    running.stop().await;
    assert!(!socket.exists(), "the socket goes with its server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_nobody_answers_is_replaced_and_a_file_is_not() {
    let world = world::new();
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("keyward.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket left behind"));
    let options = ServeOptions { socket: Some(socket.clone()), ..ServeOptions::default() };
    let running = Running::start(&world, &options);
    assert_eq!(get(&socket, "/healthz", None).await.1, "ok\n");
    running.stop().await;

    std::fs::File::create(&socket).expect("a file");
    let error = Listeners::bind(&options).expect_err("a file is in the way");
    assert!(matches!(error, ServeError::NoSocket(path) if path == socket));
}

#[test]
fn plain_http_is_for_this_machine() {
    let everywhere: SocketAddr = "0.0.0.0:0".parse().expect("an address");
    let options = ServeOptions { listen: vec![everywhere], ..ServeOptions::default() };
    let error = Listeners::bind(&options).expect_err("plain HTTP everywhere");
    assert!(matches!(error, ServeError::PlainBeyondLoopback(address) if address == everywhere));
    assert!(error.to_string().contains("listen on 127.0.0.1"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loopback_needs_a_token_but_for_metrics() {
    let world = world::new();
    let loopback = "127.0.0.1:0".parse().expect("an address");
    let options = ServeOptions { listen: vec![loopback], ..ServeOptions::default() };
    let running = Running::start(&world, &options);
    let base = format!("http://{}", running.address.expect("an address"));
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let status = async |path: &str| {
        client.get(format!("{base}{path}")).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(status("/v1/signer/keys").await, 401);
    assert_eq!(status("/metrics").await, 200);
    assert_eq!(status("/healthz").await, 200);
    running.stop().await;
    assert!(world.keyward.snapshot().is_err(), "the library is closed");
}
