//! The peer: OpenBao's transit engine, in memory and with raft and a file audit device.

use std::{net::SocketAddr, path::Path, process::Command};

use hyper::{Method, body::Bytes};
use serde_json::{Value, json};

use crate::{
    Failure,
    http::{Server, free_address, program},
    load::Target,
};

/// A server with a transit engine and versioned secrets.
#[derive(Debug)]
pub(crate) struct OpenBao {
    server: Server,
    address: SocketAddr,
    token: String,
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
    pub(crate) fn start(keeping: Keeping, directory: &Path) -> Result<Option<Self>, Failure> {
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
        let health = Target::get(address, "/v1/sys/health", ("x-nobody", String::new()));
        server.wait(|| health.once().is_ok())?;
        let token = match keeping {
            Keeping::Memory => ROOT.to_owned(),
            Keeping::RaftAndAudit => unseal(address)?,
        };
        server.wait(|| health.once().is_ok_and(|(status, _)| status == 200))?;
        let mut started = Self { server, address, token };
        started.ask("/v1/sys/mounts/transit", &json!({ "type": "transit" }))?;
        let versioned = json!({ "type": "kv", "options": { "version": "2" } });
        started.ask("/v1/sys/mounts/kv", &versioned)?;
        let first = started.target("/v1/kv/data/first", &json!({ "data": { "value": "" } }));
        // It is mounted before it can be written to.
        started.server.wait(|| first.once().is_ok_and(|(status, _)| status == 200))?;
        Ok(Some(started))
    }

    /// Signing with a new Ed25519 key.
    pub(crate) fn signer(&self, payload: &str) -> Result<Target, Failure> {
        self.ask("/v1/transit/keys/bench", &json!({ "type": "ed25519" }))?;
        Ok(self.target("/v1/transit/sign/bench", &json!({ "input": payload })))
    }

    /// Sets something up, and gives back what it answers.
    pub(crate) fn ask(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let (status, answer) = self.target(path, body).once()?;
        if status >= 300 {
            let said = String::from_utf8_lossy(&answer).into_owned();
            return Err(Failure::new(format!("{path}: status {status}: {said}")));
        }
        Ok(if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer)? })
    }

    /// A request with a body.
    pub(crate) fn target(&self, path: &str, body: &Value) -> Target {
        let body = Bytes::from(body.to_string());
        Target { body, method: Method::POST, ..self.get(path) }
    }

    /// A request for what is there.
    pub(crate) fn get(&self, path: &str) -> Target {
        Target::get(self.address, path, ("x-vault-token", self.token.clone()))
    }
}

fn unseal(address: SocketAddr) -> Result<String, Failure> {
    let ask = |path: &str, body: Value| -> Result<Value, Failure> {
        let asked = Target::get(address, path, ("x-nobody", String::new()));
        let body = Bytes::from(body.to_string());
        let (_, answer) = Target { body, method: Method::POST, ..asked }.once()?;
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
