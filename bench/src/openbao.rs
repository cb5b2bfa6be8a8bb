//! The peer: OpenBao's transit engine, in memory and with raft and a file audit device.

use std::{net::SocketAddr, path::Path, process::Command};

use hyper::{Method, body::Bytes};
use serde_json::{Value, json};

use crate::{
    Failure,
    http::{Server, free_address, program},
    load::Target,
};

/// A server with an Ed25519 key.
#[derive(Debug)]
pub(crate) struct OpenBao {
    _server: Server,
    pub(crate) sign: Target,
}

const VARIABLE: &str = "KEYWARD_BENCH_OPENBAO";
const ROOT: &str = "root";

/// Where it keeps what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    Memory,
    RaftAndAudit,
}

impl OpenBao {
    /// Starts it; `None` where the program is not at hand.
    pub(crate) fn start(
        keeping: Keeping,
        directory: &Path,
        payload: &str,
    ) -> Result<Option<Self>, Failure> {
        let Some(bao) = program(VARIABLE, "bao") else { return Ok(None) };
        let address = free_address()?;
        let mut command = Command::new(bao);
        match keeping {
            Keeping::Memory => command.args([
                "server",
                "-dev",
                "-dev-no-store-token",
                &format!("-dev-listen-address={address}"),
                &format!("-dev-root-token-id={ROOT}"),
            ]),
            Keeping::RaftAndAudit => {
                let file = directory.join("openbao.hcl");
                std::fs::create_dir(directory.join("raft"))?;
                keyward_storage::durable::write(
                    &file,
                    configuration(directory, address)?.as_bytes(),
                    keyward_storage::durable::Mode::Private,
                )?;
                command.arg("server").arg("-config").arg(file)
            }
        };
        let mut server = Server::start(&mut command, directory)?;
        let health = target(address, "/v1/sys/health", String::new(), Value::Null);
        server.wait(|| health.once(Method::GET).is_ok())?;
        let token = match keeping {
            Keeping::Memory => ROOT.to_owned(),
            Keeping::RaftAndAudit => unseal(address)?,
        };
        server.wait(|| health.once(Method::GET).is_ok_and(|(status, _)| status == 200))?;
        let set_up = |path: &str, body| {
            let target = target(address, path, token.clone(), body);
            let (status, answer) = target.once(Method::POST)?;
            if status < 300 {
                return Ok(());
            }
            let said = String::from_utf8_lossy(&answer).into_owned();
            Err(Failure::new(format!("{path}: status {status}: {said}")))
        };
        set_up("/v1/sys/mounts/transit", json!({ "type": "transit" }))?;
        set_up("/v1/transit/keys/bench", json!({ "type": "ed25519" }))?;
        let sign = target(address, "/v1/transit/sign/bench", token, json!({ "input": payload }));
        Ok(Some(Self { _server: server, sign }))
    }
}

fn target(address: SocketAddr, path: &str, token: String, body: Value) -> Target {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    Target { address, path: path.to_owned(), token: ("x-vault-token", token), body }
}

fn unseal(address: SocketAddr) -> Result<String, Failure> {
    let ask = |path: &str, body: Value| -> Result<Value, Failure> {
        let (_, answer) = target(address, path, String::new(), body).once(Method::POST)?;
        Ok(serde_json::from_slice(&answer)?)
    };
    let made = ask("/v1/sys/init", json!({ "secret_shares": 1, "secret_threshold": 1 }))?;
    let text = |pointer: &str| made.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let missing = || Failure::new(format!("OpenBao was not initialised: {made}"));
    let (key, token) =
        (text("/keys/0").ok_or_else(missing)?, text("/root_token").ok_or_else(missing)?);
    ask("/v1/sys/unseal", json!({ "key": key }))?;
    Ok(token)
}

fn configuration(directory: &Path, address: SocketAddr) -> Result<String, Failure> {
    let (folder, cluster) = (directory.display(), free_address()?);
    Ok(format!(
        r#"storage "raft" {{
  path = "{folder}/raft"
  node_id = "one"
}}
listener "tcp" {{
  address = "{address}"
  tls_disable = true
}}
audit "file" "to-file" {{
  options {{
    file_path = "{folder}/audit.log"
  }}
}}
api_addr = "http://{address}"
cluster_addr = "http://{cluster}"
"#
    ))
}
