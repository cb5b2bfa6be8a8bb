//! An identity from the SPIFFE Workload API: a stand-in for an agent on a Unix socket, written
//! from the standard's protocol description.

use std::task::{Context, Poll};
use std::{collections::HashMap, convert::Infallible, future::Future, path::Path, pin::Pin};

use tokio::{net::UnixListener, runtime::Runtime, sync::watch};
use tokio_stream::{
    Stream, StreamExt as _,
    wrappers::{UnixListenerStream, WatchStream},
};
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::http,
    server::{Grpc, NamedService, ServerStreamingService},
};

use super::*;

#[derive(Clone, PartialEq, prost::Message)]
struct SvidRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct SvidResponse {
    #[prost(message, repeated, tag = "1")]
    svids: Vec<Svid>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    crl: Vec<Vec<u8>>,
    #[prost(map = "string, bytes", tag = "3")]
    federated_bundles: HashMap<String, Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Svid {
    #[prost(string, tag = "1")]
    spiffe_id: String,
    #[prost(bytes = "vec", tag = "2")]
    x509_svid: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    x509_svid_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    bundle: Vec<u8>,
    #[prost(string, tag = "5")]
    hint: String,
}

type Pushed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Soon<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Hands out what was last pushed, and each push after it.
#[derive(Clone)]
struct Agent(watch::Receiver<SvidResponse>);

impl NamedService for Agent {
    const NAME: &'static str = "SpiffeWorkloadAPI";
}

impl ServerStreamingService<SvidRequest> for Agent {
    type Response = SvidResponse;
    type ResponseStream = Pushed<SvidResponse>;
    type Future = Soon<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<SvidRequest>) -> Self::Future {
        let pushed = WatchStream::new(self.0.clone()).map(Ok);
        let security = request.metadata().get("workload.spiffe.io");
        let is_meant = security.is_some_and(|value| value.as_bytes() == b"true");
        Box::pin(async move {
            let missing = || Status::invalid_argument("security header missing");
            is_meant.then(|| Response::new(Box::pin(pushed) as _)).ok_or_else(missing)
        })
    }
}

impl tower::Service<http::Request<Body>> for Agent {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Soon<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let agent = self.clone();
        Box::pin(async move {
            if request.uri().path() != "/SpiffeWorkloadAPI/FetchX509SVID" {
                return Ok(Status::unimplemented("not here").into_http());
            }
            let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
            Ok(grpc.server_streaming(agent, request).await)
        })
    }
}

fn svid(authority: &Authority, path: &str) -> Svid {
    let spiffe_id = format!("{DOMAIN}{path}");
    let Given { certificate_der, key_der, .. } = authority.gives(&spiffe_id);
    let bundle = authority.der();
    let hint = String::new();
    Svid { spiffe_id, x509_svid: certificate_der, x509_svid_key: key_der, bundle, hint }
}

fn response(svids: Vec<Svid>) -> SvidResponse {
    SvidResponse { svids, ..SvidResponse::default() }
}

/// Starts an agent on a socket.
fn agent(socket: &Path, first: SvidResponse) -> (Runtime, watch::Sender<SvidResponse>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (sender, receiver) = watch::channel(first);
    let listener = runtime.block_on(async { UnixListener::bind(socket).expect("a socket") });
    let server = tonic::transport::Server::builder().add_service(Agent(receiver));
    runtime.spawn(server.serve_with_incoming(UnixListenerStream::new(listener)));
    (runtime, sender)
}

#[test]
fn the_workload_api_gives_a_keeper_its_identity_and_renews_it() {
    // RK-053
    let house = House::new();
    let socket = house.path().join("agent.sock");
    // The workload is registered under two names; the keeper takes its own.
    let svids = vec![svid(&house.authority, "/other"), svid(&house.authority, "/keyward/keeper")];
    let (runtime, push) = agent(&socket, response(svids));
    let config = format!(
        "identity:\n  trustDomain: example.org\n  workloadApi: unix://{}\n",
        socket.display()
    );
    let keeper = Process::start(&house, &house.write("keeper.yaml", &config));
    let link = house.server(&keeper);
    link.put(&bytes(&Said::FIRST), Standing::Final).expect("a share");
    // The agent pushes a certificate of another authority.
    let successor = Authority::new();
    push.send_replace(response(vec![svid(&successor, "/keyward/keeper")]));
    keeper.says("has renewed its identity");
    assert!(matches!(link.status(), Err(LinkFailed::Unidentified(_))));
    let given = successor.gives(&format!("{DOMAIN}/keyward/server"));
    let files = given.write(house.path(), "next", &successor).expect("files");
    let link = House::link(&files, Role::Server, &keeper);
    assert_eq!(link.status().expect("a status").shares, [head(&Said::FIRST)]);
    // What is not for a keeper changes nothing, nor does an agent that goes away.
    push.send_replace(response(vec![svid(&successor, "/keyward/server")]));
    keeper.says("the identity in use stays");
    runtime.shutdown_background();
    drop(push);
    keeper.says("the Workload API is asked again");
    assert!(link.status().is_ok());
    // SIGHUP has nothing to read again, and ends nothing.
    keeper.signal(Signal::HUP);
    assert!(link.status().is_ok());
}

#[test]
fn without_the_workload_api_or_a_registration_a_keeper_does_not_start() {
    let house = House::new();
    let socket = house.path().join("agent.sock");
    let config = format!(
        "identity:\n  trustDomain: example.org\n  workloadApi: unix://{}\n",
        socket.display()
    );
    let config = house.write("keeper.yaml", &config);
    let words = ["--config", &config, "keeper", "--listen", "127.0.0.1:0"];
    let starts = || crate::world::binary(house.path(), &[], &words).ended(2).stderr;
    let said = starts();
    assert!(said.contains("the Workload API at unix://"), "{said}");
    let (_runtime, _push) = agent(&socket, response(vec![svid(&house.authority, "/other")]));
    let said = starts();
    assert!(said.contains("register this workload there"), "{said}");
}
