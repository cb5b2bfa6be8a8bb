//! A new root key: how fast records are sealed anew, beside the same rows written over by the
//! storage alone, and what signing takes meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use keyward::{
    Keyward, Parts,
    root::{
        reseal::RESEAL_BATCH,
        rotate::{Begin, Fresh, Surroundings},
    },
    signing::{Content, KeyChoice, SignRequest},
    storage::{Batch, Item, ItemChange, Shelf},
};
use keyward_barrier::{Cost, RecordId, RecordKind, RecordName, RecordVersion, RootId, Sealed};
use keyward_crypto::secret::{LockPolicy, Password};
use keyward_lifecycle::{
    command::AcceptLoss,
    id::{ActorId, KeyId},
};

use serde_json::{Value, json};

use crate::{
    Failure,
    compared::{ROUNDS, TIME, percentile, told},
    load::Outcome,
    measure::{self, Figures, Watch},
    openbao::{Keeping, OpenBao},
    report::Row,
    served::Served,
    sign::{self, PAYLOAD_BYTES},
    store,
};

/// Records of the short run; `KEYWARD_BENCH_RECORDS` names another number.
const RECORDS: u32 = 100_000;
/// Records of 4 KiB for each of those of 256 bytes.
const LONGER: u32 = 8;
/// Records that one transaction lays down at the beginning.
const LAID_AT_ONCE: u32 = 2_000;
/// Records beside a server: enough that it is not done before the signatures are.
const SERVED_RECORDS: u32 = 400_000;
/// Clients that sign there.
const SERVED_CLIENTS: usize = 8;
/// Signatures whose times are compared.
const SIGNATURES: usize = 2_000;

pub(crate) fn run() -> Result<(), Failure> {
    let records = std::env::var_os("KEYWARD_BENCH_RECORDS");
    let records = records.and_then(|text| text.to_str()?.parse().ok());
    let records: u32 = records.unwrap_or(RECORDS);
    let short = Run { records, bytes: 256 }.measure()?;
    Row::new(
        format!("seal {records} records of 256 B anew"),
        format!("{:.0} records/s", short.resealed),
    )
    .ratio(format!("{:.2} × the rows written over ({:.0}/s)", short.ratio(), short.raw.middle()))
    .spread(format!("rows {}/s", short.raw.spread(1.0, 0)))
    .target("≥ 0.5 × the rows written over", short.ratio() >= 0.5)
    .send();
    let records = records.checked_div(LONGER).unwrap_or(1).max(1);
    let long = Run { records, bytes: 4096 }.measure()?;
    let megabytes = |rate: f64| rate * 4096.0 / 1e6;
    Row::new(
        format!("seal {records} records of 4 KiB anew"),
        format!("{:.1} MB/s", megabytes(long.resealed)),
    )
    .ratio(format!("{:.2} × the rows ({:.1} MB/s)", long.ratio(), megabytes(long.raw.middle())))
    .spread(format!("rows {} MB/s", long.raw.spread(1e6 / 4096.0, 1)))
    .target("≥ 0.5 × the rows written over", long.ratio() >= 0.5)
    .send();
    let ratio = short.during.at(0.99) / short.before.at(0.99);
    let told = |figures: &Figures| {
        format!("p50 {:.0} µs, p99 {:.0} µs", figures.middle(), figures.at(0.99))
    };
    Row::new("sign, durable, while records are sealed anew without a pause", told(&short.during))
        .ratio(format!("p99 {ratio:.2} × without ({})", told(&short.before)))
        .target("p99 ≤ 2 × without", ratio <= 2.0)
        .send();
    served()?;
    rewrap()
}

/// As a server does it, which leaves the machine to others for half of the time.
fn served() -> Result<(), Failure> {
    let directory = store::directory()?;
    let run = Run { records: SERVED_RECORDS, bytes: 256 };
    let keyward =
        Served::start(directory.path(), "signer", |data| run.lay_down(&store::parts(data)?))?;
    let payload = BASE64_STANDARD.encode([0x5a; PAYLOAD_BYTES]);
    let sign = sign::sign(&keyward, "default", &payload)?;
    let loads = || -> Result<Vec<Outcome>, Failure> {
        (0..ROUNDS).map(|_| sign.load(SERVED_CLIENTS, TIME)).collect()
    };
    let before = loads()?;
    let backup = directory.path().join("backup").display().to_string();
    keyward.run(&["root", "backup", "--out", &backup])?;
    let (during, moved) = std::thread::scope(|scope| -> Result<(Vec<Outcome>, u64), Failure> {
        // Looks on until the server is done.
        let rotating = scope.spawn(|| keyward.run(&["root", "rotate"]));
        while progress(&keyward)?.0 == 0 && !rotating.is_finished() {}
        let during = loads()?;
        let (moved, records) = progress(&keyward)?;
        if moved >= records {
            return Err(Failure::new("the rotation was over before the signatures were"));
        }
        rotating.join().map_err(|_| Failure::new("a thread panicked"))??;
        Ok((during, moved))
    })?;
    let ratio = percentile(&during, 0.99) / percentile(&before, 0.99);
    let what = format!("sign over HTTP, durable, {SERVED_CLIENTS} clients, beside a rotation");
    Row::new(what, told(&during))
        .ratio(format!("p99 {ratio:.2} × without ({})", told(&before)))
        .spread(format!("{moved} records sealed anew meanwhile"))
        .target("p99 ≤ 2 × without", ratio <= 2.0)
        .send();
    Ok(())
}

/// How many records of the open rotation are sealed anew, and how many there are.
fn progress(keyward: &Served) -> Result<(u64, u64), Failure> {
    let status = keyward.run(&["root", "status", "--output", "json"])?;
    let status: Value = serde_json::from_str(&status)?;
    let number = |name: &str| status.pointer(&format!("/rotation/{name}")).and_then(Value::as_u64);
    Ok((number("moved").unwrap_or(0), number("records").unwrap_or(0)))
}

/// What is nearest to it there: ciphertexts brought under a new version of a key, by requests of
/// as many as a batch has. They come and go, and nothing is stored or compared.
fn rewrap() -> Result<(), Failure> {
    let directory = store::directory()?;
    let Some(peer) = OpenBao::start(Keeping::RaftAndAudit, directory.path())? else {
        return Ok(());
    };
    peer.ask("/v1/transit/keys/wrapping", &json!({ "type": "aes256-gcm96" }))?;
    let plaintext = json!({ "plaintext": BASE64_STANDARD.encode([0x5a; 256]) });
    let batch = vec![plaintext; usize::try_from(RESEAL_BATCH)?];
    let made = peer.ask("/v1/transit/encrypt/wrapping", &json!({ "batch_input": batch }))?;
    let made = made.pointer("/data/batch_results").and_then(Value::as_array).cloned();
    let made = made.ok_or_else(|| Failure::new("no ciphertexts"))?;
    peer.ask("/v1/transit/keys/wrapping/rotate", &json!({}))?;
    let of = |one: &Value| json!({ "ciphertext": one.get("ciphertext") });
    let batch: Vec<Value> = made.iter().map(of).collect();
    let target = peer.target("/v1/transit/rewrap/wrapping", &json!({ "batch_input": batch }));
    let rates = (0..ROUNDS).map(|_| Ok(target.load(1, TIME)?.rate * f64::from(RESEAL_BATCH)));
    let rates = Figures::new(rates.collect::<Result<_, Failure>>()?);
    let what = format!("OpenBao's rewrap, 256 B, {RESEAL_BATCH} a request, one client");
    Row::new(what, format!("{:.0} ciphertexts/s", rates.middle()))
        .spread(format!("{}/s", rates.spread(1.0, 0)))
        .send();
    Ok(())
}

/// One store and its rotation.
struct Run {
    records: u32,
    bytes: usize,
}

/// What came of it.
struct Measured {
    /// Records a second.
    resealed: f64,
    /// Rows a second, before and after.
    raw: Figures,
    /// Microseconds of a signature.
    before: Figures,
    during: Figures,
}

impl Measured {
    fn ratio(&self) -> f64 {
        self.resealed / self.raw.middle()
    }
}

impl Run {
    fn measure(&self) -> Result<Measured, Failure> {
        let directory = store::directory()?;
        let parts = store::parts(directory.path())?;
        let (keyward, actor) = store::create(&parts)?;
        let key = store::key(&keyward, &actor, "key-2026-prod", "default")?;
        keyward.close();
        drop(keyward);
        self.lay_down(&parts)?;
        let first = self.write_over(&parts)?;
        let keyward = Keyward::open(&parts)?;
        keyward.unseal(store::PASSWORD.into())?;
        let before = signatures(&keyward, (&actor, &key), |_| ())?;
        let fresh = Fresh {
            cost: Cost::new(Cost::MEMORY_KIB_MIN, 1, 1)?,
            ..Fresh::password(b"another horse, another battery".to_vec())
        };
        let around = Surroundings::default();
        let begin = Begin::Emergency(fresh);
        keyward.begin_root_rotation(&actor, begin, &around, &mut |_, _| Ok(()))?;
        // The first third beside signatures, which are timed; the rest alone, which is timed.
        let during = self.beside(&keyward, &actor, &key)?;
        let (moved, took) = measure::timed(|| seal_all(&keyward, &actor));
        let resealed = moved? / took.as_secs_f64();
        let mut keep = |bytes: &[u8]| Ok(bytes.to_vec());
        keyward.finalise_root_rotation(&actor, AcceptLoss::No, Some(&mut keep))?;
        keyward.close();
        drop(keyward);
        let last = self.write_over(&parts)?;
        Ok(Measured { resealed, raw: Figures::new([first, last].concat()), before, during })
    }

    /// Seals the records into the storage, past the log: nothing reads them but a rotation.
    fn lay_down(&self, parts: &Parts) -> Result<(), Failure> {
        let missing = || Failure::new("the store lacks its header");
        let header =
            parts.storage.item_at_or_before(Shelf::Root, &[0xff; 4])?.ok_or_else(missing)?;
        let sealed = Sealed::read(&header.bytes, None::<&RootId>)?;
        let root = sealed.unseal(&Password::new(store::PASSWORD.into())?, LockPolicy::Strict)?;
        let value = vec![0x5a; self.bytes];
        let mut items = Vec::new();
        for number in 0..self.records {
            let id = RecordId::parse(&format!("bench-{number:08}"))?;
            let name = RecordName::new(RecordKind::Secret, id, RecordVersion::FIRST);
            let bytes = root.seal(&name, &value)?;
            items.push(put(name.to_string().into_bytes(), bytes));
            if items.len() >= usize::try_from(LAID_AT_ONCE)?
                || number.saturating_add(1) == self.records
            {
                let items = std::mem::take(&mut items);
                parts
                    .storage
                    .append(parts.storage.heads()?, &Batch { items, ..Batch::default() })?;
            }
        }
        Ok(())
    }

    /// Rows a second when the same rows are read and written over by the storage alone, in
    /// transactions of as many as a rotation has.
    fn write_over(&self, parts: &Parts) -> Result<Vec<f64>, Failure> {
        let mut rates = Vec::new();
        for _ in 0..3 {
            let (mut after, mut rows) = (None, 0);
            let watch = Watch::start();
            loop {
                let found = parts.storage.items(Shelf::Record, after.as_deref(), RESEAL_BATCH)?;
                let Some(last) = found.last() else { break };
                after = Some(last.name.clone());
                rows = found.len().saturating_add(rows);
                let items = found.into_iter().map(|Item { name, bytes }| put(name, bytes));
                let batch = Batch { items: items.collect(), ..Batch::default() };
                parts.storage.append(parts.storage.heads()?, &batch)?;
            }
            rates.push(measure::number(rows) / watch.elapsed().as_secs_f64());
        }
        Ok(rates)
    }

    /// Signatures while another thread seals anew, at most a third of the records.
    fn beside(&self, keyward: &Keyward, actor: &ActorId, key: &KeyId) -> Result<Figures, Failure> {
        let mut left = self.records.checked_div(3).unwrap_or(0);
        let enough = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| -> Result<(), Failure> {
                while !enough.load(Ordering::Acquire) && left > 0 {
                    keyward.reseal_step(actor, RESEAL_BATCH)?;
                    left = left.saturating_sub(RESEAL_BATCH);
                }
                enough.store(true, Ordering::Release);
                Ok(())
            });
            let figures = signatures(keyward, (actor, key), |stop| {
                *stop = enough.load(Ordering::Acquire);
            });
            enough.store(true, Ordering::Release);
            other.join().map_err(|_| Failure::new("a thread panicked"))??;
            figures
        })
    }
}

fn put(name: Vec<u8>, bytes: Vec<u8>) -> ItemChange {
    ItemChange::Put(Shelf::Record, Item { name, bytes })
}

fn seal_all(keyward: &Keyward, actor: &ActorId) -> Result<f64, Failure> {
    let mut moved = 0.0;
    loop {
        let step = keyward.reseal_step(actor, RESEAL_BATCH)?;
        if step.failed > 0 {
            return Err(Failure::new("a record did not open"));
        }
        moved += measure::number(usize::try_from(step.moved)?);
        if step.complete {
            return Ok(moved);
        }
    }
}

/// Microseconds of each of [`SIGNATURES`], or of fewer when `look` says so.
fn signatures(
    keyward: &Keyward,
    (actor, key): (&ActorId, &KeyId),
    look: impl Fn(&mut bool),
) -> Result<Figures, Failure> {
    let (mut micros, mut stop) = (Vec::new(), false);
    while micros.len() < SIGNATURES && !stop {
        let content = Content::Payload {
            payload_type: "application/octet-stream".into(),
            bytes: vec![0x5a; 256],
        };
        let request = SignRequest { keys: vec![KeyChoice::Id(key.clone())], content };
        let (signed, took) = measure::timed(|| keyward.sign(actor, &request));
        signed?;
        micros.push(took.as_secs_f64() * 1e6);
        look(&mut stop);
    }
    Ok(Figures::new(micros))
}
