//! The clients of one life of the server: some sign, one rotates, and each remembers what it
//! was promised.

use super::client::{Answer, Client};
use crate::Failure;
use serde_json::{Value, json};
use std::path::Path;
use std::thread::JoinHandle;

/// How many clients sign at once, so that appends are grouped.
const SIGNERS: u64 = 4;

/// What clients were answered before the server died.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    /// Proof bundles of the signatures that were released.
    pub(super) signatures: Vec<String>,
    /// The successors of the rotations that were done, in their order.
    pub(super) rotations: Vec<String>,
    /// The successor that was asked for last and not answered.
    pub(super) pending: Option<String>,
    /// Answers that were none of these.
    pub(super) refusals: Vec<String>,
}

/// The clients, at work until their server is gone.
#[derive(Debug)]
pub(super) struct Clients(Vec<JoinHandle<Acknowledged>>);

impl Clients {
    /// Starts them on `socket`; the profile's signer is `signer`.
    pub(super) fn start(socket: &Path, round: u64, signer: String) -> Self {
        let mut clients: Vec<_> = (0..SIGNERS)
            .map(|number| {
                let socket = socket.to_path_buf();
                std::thread::spawn(move || sign(&socket, round, number))
            })
            .collect();
        let socket = socket.to_path_buf();
        clients.push(std::thread::spawn(move || rotate(&socket, round, signer)));
        Self(clients)
    }

    /// Waits until all have noticed that the server is gone.
    pub(super) fn end(self) -> Result<Acknowledged, Failure> {
        let mut all = Acknowledged::default();
        for client in self.0 {
            let one = client.join().map_err(|_| Failure::new("a client panicked; see above"))?;
            all.signatures.extend(one.signatures);
            all.rotations.extend(one.rotations);
            all.pending = all.pending.or(one.pending);
            all.refusals.extend(one.refusals);
        }
        Ok(all)
    }
}

impl Acknowledged {
    fn refused(&mut self, answer: &Answer) {
        let detail = answer.body.get("detail").and_then(Value::as_str).unwrap_or("nothing said");
        self.refusals.push(format!("{} {detail}", answer.status));
    }
}

/// Signs one thing after another with the profile's signer, whoever that is by then.
fn sign(socket: &Path, round: u64, number: u64) -> Acknowledged {
    let mut heard = Acknowledged::default();
    let Ok(mut client) = Client::connect(socket) else { return heard };
    for count in 0_u64.. {
        // Digits, a multiple of four of them, are base64.
        let payload = format!("{round:08}{number:04}{count:08}");
        let body = json!({ "profile": "default", "payload": payload });
        let Ok(answer) = client.post("/v1/sign", &body) else { break };
        match answer.body.get("proofBundle").and_then(Value::as_str) {
            Some(proof) if answer.status == 200 => heard.signatures.push(proof.to_owned()),
            _ => heard.refused(&answer),
        }
    }
    heard
}

/// Replaces the signer, again and again, under names that no other round gives.
fn rotate(socket: &Path, round: u64, mut signer: String) -> Acknowledged {
    let mut heard = Acknowledged::default();
    let Ok(mut client) = Client::connect(socket) else { return heard };
    for count in 1_u64.. {
        let successor = format!("key-{round}-{count}");
        let path = format!("/v1/signer/keys/{signer}/rotate");
        match client.post(&path, &json!({ "newKeyId": successor })) {
            Ok(answer) if answer.status == 200 => heard.rotations.push(successor.clone()),
            Ok(answer) => {
                heard.refused(&answer);
                break;
            }
            Err(_) => {
                heard.pending = Some(successor);
                break;
            }
        }
        signer = successor;
    }
    heard
}
