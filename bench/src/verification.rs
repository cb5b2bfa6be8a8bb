//! Judging envelopes, against the bare signature check.

use std::{collections::HashMap, hint::black_box, sync::Arc};

use keyward::{
    signing::{Content, KeyChoice, SignRequest},
    verification::VerifyRequest,
};
use keyward_crypto::STANDARD;
use keyward_lifecycle::{
    algorithm::PublicKey,
    bundle::NoEvidence,
    envelope::Envelope,
    id::{Digest, Fingerprint},
    key::KeyRecord,
    purl::Purl,
    state::State,
    time::Timestamp,
    verify::{Freshness, Ground, KeyRing, Outcome, Question, Verdict, judge::TimePolicy, verify},
};

use crate::{
    Failure,
    measure::{self, Figures},
    report::Row,
    store,
};

const SINGLE: usize = 1_000;
const BULK: usize = 20_000;
const PAYLOAD_TYPE: &str = "application/octet-stream";
const PACKAGE: &str = "pkg:cargo/demo@1.0.0";

/// Public keys, parsed once.
struct Ring(HashMap<Fingerprint, Arc<dyn PublicKey>>);

impl Ring {
    fn of(state: &State) -> Result<Self, Failure> {
        let mut keys = HashMap::new();
        for key in state.keys() {
            let algorithm = STANDARD.get(key.record.algorithm);
            let algorithm = algorithm.ok_or_else(|| Failure::new("an algorithm is missing"))?;
            keys.insert(
                key.record.fingerprint,
                algorithm.public_key(key.record.public_key.bytes().unwrap_or_default())?,
            );
        }
        Ok(Self(keys))
    }
}

impl KeyRing for Ring {
    fn public_key(&self, record: &KeyRecord) -> Option<Arc<dyn PublicKey>> {
        self.0.get(&record.fingerprint).cloned()
    }
}

/// What is judged: envelopes of a raw payload, and of a statement about a package.
struct Evidence {
    payloads: Vec<Envelope>,
    statements: Vec<Envelope>,
    state: Arc<State>,
    ring: Ring,
    purl: Purl,
}

pub(crate) fn run() -> Result<(), Failure> {
    let directory = store::directory()?;
    let parts = store::parts(directory.path())?;
    let (keyward, actor) = store::create(&parts)?;
    let key = store::key(&keyward, &actor, "key-2025-prod", "buffered")?;
    store::anchor(&keyward, &actor, "pkg:cargo/*", vec![key.clone()])?;
    let sign = |content| -> Result<Envelope, Failure> {
        let request = SignRequest { keys: vec![KeyChoice::Id(key.clone())], content };
        Ok(keyward.sign(&actor, &request)?.envelope)
    };
    let payloads: Result<Vec<_>, _> = (0..SINGLE)
        .map(|number| {
            let bytes = format!("{number:0256}").into_bytes();
            sign(Content::Payload { payload_type: PAYLOAD_TYPE.to_owned(), bytes })
        })
        .collect();
    let statements: Result<Vec<_>, _> = (0..BULK)
        .map(|number| {
            sign(Content::Statement {
                purl: Purl::parse(PACKAGE)?,
                digest: Digest::of(&number.to_be_bytes()),
                predicate_type: "evidence.stella/v1".parse()?,
                predicate: None,
            })
        })
        .collect();
    // The buffered ledger is written before anything is measured.
    store::key(&keyward, &actor, "key-2026-prod", "default")?;
    let state = keyward.state();
    let ring = Ring::of(&state)?;
    let evidence = Evidence {
        payloads: payloads?,
        statements: statements?,
        state,
        ring,
        purl: Purl::parse(PACKAGE)?,
    };
    let bare = evidence.singles()?;
    bulk(&evidence, &bare)?;
    stored(&keyward, &evidence, &bare);
    Ok(())
}

impl Evidence {
    /// One at a time, in turns with the bare check; gives back what the bare check takes.
    fn singles(&self) -> Result<Figures, Failure> {
        let key = self.ring.0.values().next().ok_or_else(|| Failure::new("no key"))?;
        let key = self
            .state
            .keys()
            .next()
            .and_then(|first| self.ring.0.get(&first.record.fingerprint))
            .unwrap_or(key);
        let good = self.payloads.iter().map(|it| self.judge(Some(it), Some(&self.purl)));
        if !good
            .chain(self.statements.iter().map(|it| self.judge(Some(it), None)))
            .all(|it| it.is_some())
        {
            return Err(Failure::new("a signature that was just made is not valid"));
        }
        let bare = |envelopes: &[Envelope], number: usize| {
            let envelope = envelopes.get(number % SINGLE)?;
            let signature = envelope.signatures().first()?;
            key.verify(&envelope.pae(), &signature.signature).ok()
        };
        let (whole, check) = measure::in_turns(
            SINGLE,
            |number| self.judge(self.payloads.get(number % SINGLE), Some(&self.purl)),
            |number| bare(&self.payloads, number),
        );
        single("verify a payload of 256 B in the library", &whole, &check, true).send();
        let (whole, check) = measure::in_turns(
            SINGLE,
            |number| self.judge(self.statements.get(number), None),
            |number| bare(&self.statements, number),
        );
        single("verify an in-toto statement, parsed and canonical", &whole, &check, false).send();
        Ok(check)
    }

    fn judge(&self, envelope: Option<&Envelope>, purl: Option<&Purl>) -> Option<Verdict> {
        let question = Question {
            envelope: envelope?,
            artifact: None,
            purl,
            at: None,
            time_policy: TimePolicy::Evidence,
        };
        let verdict = verify(&question, &self.ground());
        (verdict.outcome == Outcome::Valid).then_some(verdict)
    }

    fn ground(&self) -> Ground<'_> {
        Ground {
            state: &self.state,
            now: self.state.now(Timestamp::EPOCH),
            freshness: Freshness::Fresh,
            keys: &self.ring,
            evidence: &NoEvidence,
        }
    }
}

fn single(what: &str, whole: &Figures, check: &Figures, has_target: bool) -> Row {
    let ratio = whole.by(check);
    let row = Row::new(what, format!("{:.1} µs", whole.middle() / 1e3))
        .ratio(format!("{:.3} × the bare check ({:.1} µs)", ratio.middle(), check.middle() / 1e3))
        .spread(format!("{} ×", ratio.spread(1.0, 3)));
    if has_target { row.target("≤ 1.1 × the bare check", ratio.middle() <= 1.1) } else { row }
}

/// The bulk equation alone, on one core.
fn bulk(evidence: &Evidence, bare: &Figures) -> Result<(), Failure> {
    let first = evidence.state.keys().next().ok_or_else(|| Failure::new("no key"))?;
    let key = keyward_crypto::ed25519::Key::from_spki(
        first.record.public_key.bytes().unwrap_or_default(),
    )?;
    let messages: Vec<(Vec<u8>, &[u8])> = evidence
        .statements
        .iter()
        .filter_map(|it| Some((it.pae(), it.signatures().first()?.signature.as_slice())))
        .collect();
    let took = measure::rounds(1, |_| {
        for part in messages.chunks(keyward_crypto::batch::BATCH_MAX) {
            let entries: Vec<_> = part
                .iter()
                .map(|(message, signature)| keyward_crypto::batch::Entry {
                    key: &key,
                    message,
                    signature,
                })
                .collect();
            let _: keyward_crypto::batch::BatchVerdict =
                black_box(keyward_crypto::batch::verify_batch(&entries));
        }
    });
    let each = took.middle() / measure::number(BULK);
    Row::new("batch equation alone, one core, one key", format!("{:.0}/s", 1e9 / each))
        .ratio(format!("{:.2} × the bare check", bare.middle() / each))
        .send();
    Ok(())
}

/// The library's bulk mode with everything that a store knows, on all cores.
fn stored(keyward: &keyward::Keyward, evidence: &Evidence, bare: &Figures) {
    let requests: Vec<VerifyRequest> =
        evidence.statements.iter().cloned().map(VerifyRequest::new).collect();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let took = measure::rounds(1, |_| keyward.verify_batch(&requests));
    let good = keyward.verify_batch(&requests);
    let good = good.iter().filter(|verdict| verdict.outcome == Outcome::Valid).count();
    // The cores are shared with whatever else runs: the rate a core is the rate by their number.
    let each = took.middle() / measure::number(BULK);
    let rate = 1e9 / each / measure::number(cores);
    Row::new(
        format!("bulk verify of {good} statements with ledger evidence"),
        format!("{rate:.0}/s a core"),
    )
    .ratio(format!("{:.2} × the bare check", rate * bare.middle() / 1e9))
    .spread(format!("{} s for all", took.spread(1e9, 2)))
    .target("≥ 40,000/s a core", rate >= 40_000.0)
    .send();
}
