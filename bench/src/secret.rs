//! Secrets put and read, beside OpenBao's, and what unsealing takes.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hyper::Method;
use keyward::secret::{Asker, path::SecretPath, policy::Subject};
use keyward_barrier::{Cost, KeeperName, KeeperShare, Sealed, SlotLabel, Terms, create};
use keyward_crypto::secret::{LockPolicy, Password};
use keyward_lifecycle::time::Timestamp;
use serde_json::json;

use crate::{
    Failure,
    compared::{CLIENTS, Compared, against},
    load::{CLIENT, Target},
    machine,
    measure::{self, Figures},
    openbao::{Keeping, OpenBao},
    report::Row,
    served::Served,
    store,
};

/// Secrets of a round.
const SECRETS: usize = 500;
/// Reads of a round.
const READS: usize = 20_000;

pub(crate) fn run() -> Result<(), Failure> {
    let directory = store::directory()?;
    let parts = store::parts(directory.path())?;
    let (keyward, actor) = store::create(&parts)?;
    let asker = Asker { actor, subject: Subject::Admin };
    let paths = (0..SECRETS).map(|number| SecretPath::parse(&format!("app/bench/{number}")));
    let paths: Vec<SecretPath> = paths.collect::<Result<_, _>>()?;
    let (mut syncs, mut puts) = (Vec::new(), Vec::new());
    for _ in 0..measure::ROUNDS {
        syncs.push(machine::syncs_per_second(directory.path())?);
        let put = |number: usize| {
            paths.get(number).map(|path| keyward.put_secret(&asker, path, &[0x5a; 256], None))
        };
        puts.push(1e9 / measure::round(SECRETS, put));
    }
    let (syncs, puts) = (Figures::new(syncs), Figures::new(puts));
    Row::new("put a secret of 256 B, one client", format!("{:.0}/s", puts.middle()))
        .ratio(format!("{:.2} × the {:.0} syncs/s", puts.middle() / syncs.middle(), syncs.middle()))
        .spread(format!("{}/s", puts.spread(1.0, 0)))
        .send();
    let last = paths.last().ok_or_else(|| Failure::new("no path"))?;
    drop(keyward.secret(&asker, last, None)?);
    let gets = measure::rounds(READS, |number| {
        let path = paths.get(number.checked_rem(SECRETS).unwrap_or(0)).unwrap_or(last);
        keyward.secret(&asker, path, None)
    });
    Row::new("read a secret of 256 B, one of 500", format!("{:.1} µs", gets.middle() / 1e3))
        .spread(format!("{} µs", gets.spread(1e3, 1)))
        .send();
    over_http()?;
    unseal()
}

/// Both hold the same value, and each client has a secret of its own.
fn over_http() -> Result<(), Failure> {
    let (own, raft) = (store::directory()?, store::directory()?);
    let keyward = Served::start(own.path(), "admin", |_| Ok(()))?;
    let peer = OpenBao::start(Keeping::RaftAndAudit, raft.path())?;
    let value = BASE64_STANDARD.encode([0x5a; 256]);
    let path = format!("/v1/secrets/data/app/bench/{CLIENT}");
    let put = Target { method: Method::PUT, ..keyward.target(&path, &json!({ "value": value })) };
    let their_path = format!("/v1/kv/data/app/bench/{CLIENT}");
    let body = json!({ "data": { "value": value } });
    let their_put = peer.as_ref().map(|peer| peer.target(&their_path, &body));
    let get = keyward.get(&path);
    let their_get = peer.as_ref().map(|peer| peer.get(&their_path));
    for clients in CLIENTS {
        for (what, own_target, peer_target) in
            [("put", &put, their_put.as_ref()), ("read", &get, their_get.as_ref())]
        {
            let compared = Compared::measure(own.path(), clients, (own_target, peer_target))?;
            let (row, _, ratio) =
                compared.row(&format!("{what} a secret of 256 B over HTTP, {clients} clients"));
            row.ratio(against(ratio, "OpenBao's KV on raft and audit")).send();
            compared.peer_row(&format!("OpenBao's KV, {what}"), clients);
        }
    }
    Ok(())
}

fn unseal() -> Result<(), Failure> {
    let password = Password::new(store::PASSWORD.into())?;
    let terms = Terms {
        cost: Cost::STANDARD,
        label: SlotLabel::parse("password")?,
        memory: LockPolicy::Strict,
        now: Timestamp::EPOCH,
    };
    let created = create(&password, terms)?;
    let names = ["one", "two", "three"].map(KeeperName::parse);
    let names = names.into_iter().collect::<Result<Vec<_>, _>>()?;
    let set = created.unsealed.set_keepers(2, &names)?;
    let shares: Vec<KeeperShare> = set.shares.into_iter().take(2).collect();
    let sealed = Sealed::read(set.unsealed.header().bytes(), Some(&set.unsealed.root_id()))?;
    let by_password = measure::rounds(1, |_| sealed.unseal(&password, LockPolicy::Strict));
    let by_keepers =
        measure::rounds(100, |_| sealed.unseal_with_keepers(&shares, LockPolicy::Strict));
    Row::new("unseal with a password", format!("{:.0} ms", by_password.middle() / 1e6))
        .spread(format!("{} ms", by_password.spread(1e6, 0)))
        .send();
    Row::new(
        "unseal with two of three shares, once they are here",
        format!("{:.0} µs", by_keepers.middle() / 1e3),
    )
    .spread(format!("{} µs", by_keepers.spread(1e3, 0)))
    .send();
    Ok(())
}
