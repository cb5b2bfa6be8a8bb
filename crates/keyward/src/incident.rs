//! What to do when a key may be in other hands, and what it signed.

use keyward_lifecycle::{
    canonical,
    command::{Command, Effective, Force, Revoke, RevokedAt},
    id::{ActorId, ContentId, Digest, Fingerprint, KeyId},
    key::{CompromiseScope, Reason, Revocation},
    ledger::Entry,
    refusal::{Refusal, Warning},
    time::Timestamp,
    verify::{Verdict, judge::EvidenceClass},
};
use serde::Serialize;

use crate::{
    engine::Keyward,
    forgery::Forgery,
    key::{KeyError, KeyRequest},
    proof::ENTRIES_PAGE_MAX,
    signing::{Content, KeyChoice, SignError, SignRequest, Signed},
    verification::{Found, Rigour, VerifyRequest},
    writer::{ExecuteError, Receipt},
};

/// The DSSE payload type of an incident report.
pub const REPORT_PAYLOAD_TYPE: &str = "application/vnd.keyward.incident-report+json";
/// Envelopes that are in memory at once while a report is made.
const JUDGED_AT_ONCE: usize = 64;
/// Most proofs in one report.
pub const REPORT_PROOFS_MAX: usize = 1_000_000;

/// Everything a key signed, by what is known of when (SO-104, SO-105).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct IncidentReport {
    /// The format's version, 1.
    pub v: u8,
    /// The key.
    pub key_id: KeyId,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Its status.
    pub status: &'static str,
    /// Its revocation, if it has one.
    pub revocation: Option<ReportedEnd>,
    /// When this was made.
    pub generated_at: Timestamp,
    /// Leaves of the log it stands on.
    pub log_size: u64,
    /// Proven to be from before the end, by evidence that counts.
    pub proven_before: Vec<ReportedProof>,
    /// Neither proven before nor made after.
    pub unproven: Vec<ReportedProof>,
    /// Made at or after the end.
    pub after: Vec<ReportedProof>,
    /// Good signatures that were shown and that the ledger lacks: made by somebody else.
    pub not_in_ledger: Vec<Forgery>,
    /// How many of each.
    pub counts: ReportCounts,
}

/// A revocation in a report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReportedEnd {
    /// Why.
    pub reason: Reason,
    /// From when.
    pub effective_at: Timestamp,
    /// Since when somebody else may have had it.
    pub invalidity_date: Option<Timestamp>,
    /// What leaked.
    pub scope: CompromiseScope,
}

/// A proof in a report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReportedProof {
    /// Its address.
    pub proof: ContentId,
    /// When the ledger says it was made.
    pub time: Timestamp,
    /// Who vouches for that.
    pub class: Option<&'static str>,
    /// It was made before this.
    pub proven_before: Option<Timestamp>,
    /// The artifact's SHA-256.
    pub subject: Digest,
    /// What kind of proof.
    pub predicate_type: String,
    /// How it is judged now; `None` when its envelope is gone or altered.
    pub verdict: Option<ReportedVerdict>,
}

/// How a proof in a report is judged.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReportedVerdict {
    /// The outcome.
    pub result: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// How many proofs of each kind.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReportCounts {
    /// Proven before the end.
    pub proven_before: usize,
    /// Unproven.
    pub unproven: usize,
    /// After the end.
    pub after: usize,
    /// Missing from the ledger.
    pub not_in_ledger: usize,
}

/// An incident that is to be answered.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "made from a request, member by member")]
pub struct IncidentRequest {
    /// The key that may be in other hands.
    pub key_id: KeyId,
    /// The name of the key that replaces it; `None` makes one up.
    pub new_key_id: Option<KeyId>,
    /// Since when it may be.
    pub compromised_since: Option<Timestamp>,
    /// What leaked.
    pub scope: CompromiseScope,
}

/// What was done about an incident.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IncidentOutcome {
    /// The revocation.
    pub revoked: Receipt,
    /// The key that signs now.
    pub new_key_id: KeyId,
    /// The additions to the anchors that believed the lost key.
    pub added: Option<Receipt>,
    /// What the caller is to be told.
    pub warnings: Vec<Warning>,
}

impl Keyward {
    /// Lists every proof by a key with what is known of when it was made and how it is judged
    /// now, and the signatures by it that were shown and that this store never made.
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub fn incident_report(&self, key_id: &KeyId) -> Result<IncidentReport, ExecuteError> {
        let state = self.state();
        let no_key = || Refusal::NoSuchKey(key_id.clone());
        let key = state.key(key_id).ok_or_else(no_key)?;
        let now = self.now();
        let mut report = IncidentReport {
            v: 1,
            key_id: key_id.clone(),
            fingerprint: key.record.fingerprint,
            status: key.status(now).name(),
            revocation: key.revocation().map(reported_end),
            generated_at: now,
            log_size: state.size(),
            proven_before: Vec::new(),
            unproven: Vec::new(),
            after: Vec::new(),
            not_in_ledger: self.forgeries(&key.record.fingerprint)?,
            counts: ReportCounts::default(),
        };
        let mut after = None;
        let mut total = 0_usize;
        loop {
            let entries = self.entries_of_key(key_id, after, ENTRIES_PAGE_MAX)?;
            let Some(last) = entries.last() else { break };
            after = Some(last.seq);
            total = total.saturating_add(entries.len());
            if total > REPORT_PROOFS_MAX {
                let text = format!("the key has more than {REPORT_PROOFS_MAX} proofs");
                return Err(ExecuteError::Unavailable(text.into()));
            }
            for part in entries.chunks(JUDGED_AT_ONCE) {
                for (entry, verdict) in part.iter().zip(self.judged_now(part)?) {
                    let (list, proof) = self.sorted(key.revocation(), (entry, verdict));
                    match list {
                        List::ProvenBefore => report.proven_before.push(proof),
                        List::Unproven => report.unproven.push(proof),
                        List::After => report.after.push(proof),
                    }
                }
            }
        }
        report.counts = ReportCounts {
            proven_before: report.proven_before.len(),
            unproven: report.unproven.len(),
            after: report.after.len(),
            not_in_ledger: report.not_in_ledger.len(),
        };
        Ok(report)
    }

    /// The verdicts on what entries are about, uncounted.
    fn judged_now(&self, entries: &[Entry]) -> Result<Vec<Option<ReportedVerdict>>, ExecuteError> {
        let envelopes: Result<Vec<_>, _> =
            entries.iter().map(|entry| self.intact_envelope(&entry.proof)).collect();
        let envelopes = envelopes?;
        let is_whole: Vec<bool> = envelopes.iter().map(Option::is_some).collect();
        let requests: Vec<_> = envelopes.into_iter().flatten().map(VerifyRequest::new).collect();
        let mut verdicts = self.judge_many(&requests, Rigour::Strict).into_iter();
        let reported = |Verdict { outcome, reason, .. }: Verdict| ReportedVerdict {
            result: outcome.name(),
            reason: reason.name(),
        };
        let mut of = |whole: &bool| whole.then(|| verdicts.next().map(reported)).flatten();
        Ok(is_whole.iter().map(&mut of).collect())
    }

    fn sorted(
        &self,
        end: Option<&Revocation>,
        (entry, verdict): (&Entry, Option<ReportedVerdict>),
    ) -> (List, ReportedProof) {
        let found = self.shared.ledger_proof(&entry.fingerprint, &entry.pae, &entry.signature);
        let bound = match found {
            Ok(Found::Proven(proof, head)) => {
                keyward_lifecycle::ledger::bound(&proof.entry, &proof.inclusion, &head)
            }
            Ok(Found::Unproven | Found::Absent) | Err(_) => None,
        };
        let list = match (end, bound) {
            (None, Some(_)) => List::ProvenBefore,
            (None, None) => List::Unproven,
            (Some(end), _) if entry.time >= end.ends_at() => List::After,
            (Some(end), Some(bound)) if bound.before < end.ends_at() => {
                let counts = bound.class != EvidenceClass::Logged
                    || !end.reason.is_compromise()
                    || end.scope == CompromiseScope::Key;
                if counts { List::ProvenBefore } else { List::Unproven }
            }
            (Some(_), _) => List::Unproven,
        };
        let reported = ReportedProof {
            proof: entry.proof,
            time: entry.time,
            class: bound.map(|bound| bound.class.name()),
            proven_before: bound.map(|bound| bound.before),
            subject: entry.subject,
            predicate_type: entry.predicate_type.to_string(),
            verdict,
        };
        (list, reported)
    }

    /// Makes a report, signs it with the active key of the key's profile (or the key named),
    /// keeps it as a proof and logs it (SO-107).
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign_incident_report(
        &self,
        actor: &ActorId,
        key_id: &KeyId,
        by: Option<&KeyId>,
    ) -> Result<(IncidentReport, Signed), SignError> {
        let report = self.incident_report(key_id)?;
        let bytes = canonical::to_bytes(&report)?;
        let profile = self.state().key(key_id).map(|key| key.record.profile.clone());
        let profile = profile.ok_or_else(|| Refusal::NoSuchKey(key_id.clone()))?;
        let choice = by.map_or(KeyChoice::Profile(profile), |id| KeyChoice::Id(id.clone()));
        let content = Content::Payload { payload_type: REPORT_PAYLOAD_TYPE.to_owned(), bytes };
        let signed = self.sign(actor, &SignRequest { keys: vec![choice], content })?;
        let (key_id, report_id) = (key_id.clone(), signed.proof);
        let _ = self.execute(actor, Command::NoteIncident { key_id, report: report_id })?;
        Ok((report, signed))
    }

    /// Answers a compromise in one go: the key ends everywhere, a new key is made and signs,
    /// and the anchors that believed the lost key believe the new one. Revocation comes first
    /// and stands whatever becomes of the rest (HA-20). Where another key signs for the profile
    /// already and no name is given, it is the one that the anchors believe instead.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn incident_rotate(
        &self,
        actor: &ActorId,
        request: &IncidentRequest,
    ) -> Result<IncidentOutcome, KeyError> {
        let revoked = self.execute(
            actor,
            Command::Revoke(Revoke {
                key_id: request.key_id.clone(),
                at: RevokedAt::Key,
                reason: Reason::KeyCompromise,
                effective: Effective::Immediately,
                compromised_since: request.compromised_since,
                scope: request.scope,
                force: Force::Yes,
            }),
        )?;
        let state = self.state();
        let no_key = || Refusal::NoSuchKey(request.key_id.clone());
        let lost = state.key(&request.key_id).ok_or_else(no_key)?;
        let signer = state.signer(&lost.record.profile, &lost.record.purpose);
        let signer = signer.filter(|signer| signer.status(self.now()).signs());
        // Asked again after it was cut off, the key that was made then is the one.
        let new_key_id = match (&request.new_key_id, signer) {
            (Some(id), _) => id.clone(),
            (None, Some(signer)) => signer.record.key_id.clone(),
            (None, None) => emergency_name(&state, self.now())?,
        };
        let mut warnings = revoked.warnings.clone();
        if state.key(&new_key_id).is_none() {
            let made = KeyRequest {
                purpose: Some(lost.record.purpose.to_string()),
                ..KeyRequest::new(new_key_id.clone(), lost.record.profile.clone())
            };
            warnings.extend(self.generate_key(actor, &made)?.warnings);
        } else if signer.is_none() {
            let promote = Command::PromoteKey { key_id: new_key_id.clone() };
            warnings.extend(self.execute(actor, promote)?.warnings);
        }
        let added = self.add_beside(actor, &request.key_id, &new_key_id)?;
        Ok(IncidentOutcome { revoked, new_key_id, added, warnings })
    }
}

/// Where a proof stands in a report.
enum List {
    ProvenBefore,
    Unproven,
    After,
}

fn reported_end(revocation: &Revocation) -> ReportedEnd {
    let Revocation { reason, effective_at, invalidity_date, scope } = *revocation;
    ReportedEnd { reason, effective_at, invalidity_date, scope }
}

/// `emergency-key-YYYYMMDD`, with a number behind it when that day has one already.
fn emergency_name(
    state: &keyward_lifecycle::state::State,
    now: Timestamp,
) -> Result<KeyId, KeyError> {
    let day: String = now.to_string().chars().take(10).filter(char::is_ascii_digit).collect();
    let names = std::iter::once(format!("emergency-key-{day}"))
        .chain((2..1000).map(|number| format!("emergency-key-{day}-{number}")));
    names.filter_map(|name| KeyId::parse(&name).ok()).find(|id| state.key(id).is_none()).ok_or_else(
        || {
            let (what, name) = ("key", format!("emergency-key-{day}").into());
            Refusal::NameTaken { what, name }.into()
        },
    )
}
