//! Signing over HTTP: `keyward serve` and OpenBao, with the same load, in turns.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;

use crate::{
    Failure,
    compared::{CLIENTS, Compared, against, percentile},
    load::Target,
    machine,
    openbao::{Keeping, OpenBao},
    report::Row,
    served::Served,
    store,
};

pub(crate) const PAYLOAD_BYTES: usize = 256;

pub(crate) fn run() -> Result<(), Failure> {
    let payload = BASE64_STANDARD.encode([0x5a; PAYLOAD_BYTES]);
    let (own, memory, raft) = (store::directory()?, store::directory()?, store::directory()?);
    let keyward = Served::start(own.path(), "signer", |_| Ok(()))?;
    let (durable, buffered) =
        (sign(&keyward, "default", &payload)?, sign(&keyward, "buffered", &payload)?);
    let in_memory = OpenBao::start(Keeping::Memory, memory.path())?;
    let on_disk = OpenBao::start(Keeping::RaftAndAudit, raft.path())?;
    let signer = |peer: &OpenBao| peer.signer(&payload);
    let (in_memory, on_disk) =
        (in_memory.as_ref().map(signer).transpose()?, on_disk.as_ref().map(signer).transpose()?);
    if in_memory.is_none() {
        eprintln!("    OpenBao is not at hand: name it in KEYWARD_BENCH_OPENBAO");
    }
    let idle = machine::resident(&keyward.id())?;
    Row::new("resident, `keyward serve`, one key of each mode", format!("{:.1} MB", idle / 1e6))
        .target("≤ 30 MB", idle <= 30e6)
        .send();
    for clients in CLIENTS {
        let pair = (&buffered, in_memory.as_ref());
        told_buffered(&Compared::measure(own.path(), clients, pair)?, clients);
        let pair = (&durable, on_disk.as_ref());
        told_durable(&Compared::measure(own.path(), clients, pair)?, clients);
    }
    Ok(())
}

/// Signing with a new key of a profile.
pub(crate) fn sign(keyward: &Served, profile: &str, payload: &str) -> Result<Target, Failure> {
    let key = keyward.key(profile)?;
    Ok(keyward.target("/v1/sign", &json!({ "keyIds": [key], "payload": payload })))
}

fn told_buffered(compared: &Compared, clients: usize) {
    let (row, _, ratio) = compared.row(&format!("sign over HTTP, buffered, {clients} clients"));
    let row = row.ratio(against(ratio, "OpenBao in memory"));
    match clients {
        1 => {
            let p50 = percentile(&compared.own, 0.5);
            row.target("p50 ≤ 100 µs", p50 <= 100.0).send();
        }
        8 => row.target("≥ 3 × OpenBao in memory", ratio >= 3.0).send(),
        _ => row.send(),
    }
    compared.peer_row("OpenBao in memory", clients);
}

fn told_durable(compared: &Compared, clients: usize) {
    let (row, rate, ratio) = compared.row(&format!("sign over HTTP, durable, {clients} clients"));
    let by_syncs = rate / compared.syncs.middle();
    let beside = against(ratio, "OpenBao with raft and audit");
    let row =
        row.ratio(format!("{by_syncs:.2} × the {:.0} syncs/s; {beside}", compared.syncs.middle()));
    match clients {
        64 => row
            .target("≥ 40 × the syncs/s, and ahead of OpenBao", by_syncs >= 40.0 && ratio > 1.0)
            .send(),
        _ => row.send(),
    }
    compared.peer_row("OpenBao with raft and file audit", clients);
}
