//! The load program: keep-alive HTTP/1.1 connections that each send one request after the
//! other. The same for Keyward and for its peer.

use std::{net::SocketAddr, time::Duration};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, runtime::Builder, task::JoinSet};

use crate::{
    Failure,
    measure::{self, Figures},
};

/// A request that is sent again and again.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) method: Method,
    /// [`CLIENT`] in it stands for the number of the connection.
    pub(crate) path: String,
    /// The name and value of the header that says who calls.
    pub(crate) token: (&'static str, String),
    pub(crate) body: Bytes,
}

/// Stands for the number of the connection in a path.
pub(crate) const CLIENT: &str = "CLIENT";

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Requests a second, of all connections.
    pub(crate) rate: f64,
    /// Microseconds of each request.
    pub(crate) micros: Figures,
}

impl Target {
    /// A request without a body.
    pub(crate) fn get(address: SocketAddr, path: &str, token: (&'static str, String)) -> Self {
        let (path, body) = (path.to_owned(), Bytes::new());
        Self { address, method: Method::GET, path, token, body }
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, Failure> {
        let (name, value) = &self.token;
        Ok(Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .header(*name, value)
            .body(Full::new(self.body.clone()))?)
    }

    /// Sends from `clients` connections for `time` after a fifth of it that does not count.
    pub(crate) fn load(&self, clients: usize, time: Duration) -> Result<Outcome, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut callers = JoinSet::new();
            for client in 0..clients {
                let path = self.path.replace(CLIENT, &client.to_string());
                let target = Self { path, ..self.clone() };
                callers.spawn(async move { target.call(time).await });
            }
            let mut micros = Vec::new();
            while let Some(caller) = callers.join_next().await {
                micros.extend(caller??);
            }
            let rate = measure::number(micros.len()) / time.as_secs_f64();
            Ok(Outcome { rate, micros: Figures::new(micros) })
        })
    }

    async fn call(&self, time: Duration) -> Result<Vec<f64>, Failure> {
        let mut connection = connect(self.address).await?;
        let mut micros = Vec::new();
        let (watch, warm) = (measure::Watch::start(), time.div_f64(5.0));
        while watch.elapsed() < time.saturating_add(warm) {
            let (answered, took) = self.ask(&mut connection).await?;
            if !(200..300).contains(&answered) {
                return Err(Failure::new(format!("{}: status {answered}", self.path)));
            }
            if watch.elapsed() >= warm {
                micros.push(took.as_secs_f64() * 1e6);
            }
        }
        Ok(micros)
    }

    async fn ask(&self, connection: &mut Connection) -> Result<(u16, Duration), Failure> {
        let request = self.request()?;
        let watch = measure::Watch::start();
        let response = connection.send_request(request).await?;
        let status = response.status().as_u16();
        let _: Bytes = response.into_body().collect().await?.to_bytes();
        Ok((status, watch.elapsed()))
    }

    /// One request, for setting a server up.
    pub(crate) fn once(&self) -> Result<(u16, Bytes), Failure> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut connection = connect(self.address).await?;
            let response = connection.send_request(self.request()?).await?;
            let status = response.status().as_u16();
            Ok((status, response.into_body().collect().await?.to_bytes()))
        })
    }
}

type Connection = SendRequest<Full<Bytes>>;

async fn connect(address: SocketAddr) -> Result<Connection, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
