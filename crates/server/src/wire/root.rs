//! The root key, as it is shown. Nothing in it is secret.

use keyward::root::RootView;
use keyward_lifecycle::{
    root::{Pass, Rehearsal, Rotation},
    time::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    root::{KeeperState, RootCare, was_rolled_back},
    worker::Standing,
};

/// Records that did not open and are named; there may be more, which are counted.
const FAILED_SHOWN_MAX: usize = 100;

/// How the root key is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RootKey)]
pub(crate) struct RootDocument {
    root_id: String,
    /// The root key's generation.
    epoch: u32,
    /// `sealed` or `unsealed`.
    state: &'static str,
    /// How the root key's memory is protected; absent while sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<&'static str>,
    /// Whether the key in memory is the epoch's; absent while sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<bool>,
    /// Since when the newest epoch exists.
    #[schema(value_type = String, format = DateTime)]
    epoch_began: Timestamp,
    /// Whole days since then.
    epoch_age_days: i64,
    next_rotation: NextRotation,
    backup: BackupDocument,
    /// The newest rehearsal of a restore.
    #[serde(skip_serializing_if = "Option::is_none")]
    drill: Option<OutcomeDocument>,
    /// The rotation that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation: Option<RotationDocument>,
    /// When the last rotation was finalised.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    rotated_at: Option<Timestamp>,
    refused: RefusedDocument,
    /// The keepers, as they were found at the last look.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keepers: Vec<KeeperDocument>,
}

/// When the next rotation is due.
#[derive(Debug, Serialize, ToSchema)]
struct NextRotation {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `schedule`: a server that has this store begins it; `hand`: somebody has to.
    by: &'static str,
}

/// The root key's backup.
#[derive(Debug, Serialize, ToSchema)]
struct BackupDocument {
    /// When the newest one was made; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// Whether it leads to the root key as it is now.
    current: bool,
    /// The newest check of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<OutcomeDocument>,
}

/// How something came out.
#[derive(Debug, Serialize, ToSchema)]
struct OutcomeDocument {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `good` or `bad`.
    outcome: &'static str,
}

/// A rotation that is open.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RootRotation)]
pub(crate) struct RotationDocument {
    /// The epoch that is left.
    from: u32,
    /// The epoch that is entered.
    to: u32,
    /// `ordinary` or `emergency`.
    kind: &'static str,
    /// `forth`, or `back` once it was turned back.
    direction: &'static str,
    /// Records that this way has to deal with, as they were counted.
    records: u64,
    /// Records that were sealed anew and validated on this way.
    moved: u64,
    /// How much of this way is behind, from 0 to 100.
    percent: u8,
    /// Records that a server deals with in a second now; absent while it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    records_per_second: Option<u32>,
    /// Records that do not open and were left as they are.
    failed_count: usize,
    /// Their names; at most 100.
    failed: Vec<String>,
    /// Why it stands still, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<String>,
    /// Whether every record was dealt with.
    complete: bool,
    #[schema(value_type = String, format = DateTime)]
    begun_at: Timestamp,
}

/// What was refused.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefusedDocument {
    /// When a rotation was last refused or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    rotation_at: Option<Timestamp>,
    /// Attempts to unseal that failed since the last that did not.
    accesses: u64,
    /// When the newest of them was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    access_at: Option<Timestamp>,
    /// When the next may be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    try_again_at: Option<Timestamp>,
}

/// A keeper.
#[derive(Debug, Serialize, ToSchema)]
struct KeeperDocument {
    name: String,
    /// `sound`, `refilled`, `empty`, `stale`, `wrong`, `foreign` or `unreachable`.
    state: &'static str,
    /// More about it, for people.
    detail: String,
    /// Since when it is found that way.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl RootDocument {
    /// `view`, with what is known around it at `now`.
    pub(crate) fn new(
        view: RootView,
        (care, standing): (&RootCare, &Standing),
        now: Timestamp,
    ) -> Self {
        let fold = view.fold;
        let scheduled = care.rotation.is_some() && !was_rolled_back(&fold);
        let (accesses, access_at) =
            fold.access_refused.map_or((0, None), |(count, at)| (count, Some(at)));
        let keepers = care.keepers.iter().flat_map(|keepers| keepers.states());
        Self {
            root_id: view.root_id,
            epoch: view.epoch,
            state: if view.unsealed { "unsealed" } else { "sealed" },
            memory: view.memory,
            sound: view.sound,
            epoch_began: view.epoch_began,
            epoch_age_days: now.days_since(view.epoch_began).max(0),
            next_rotation: NextRotation {
                at: care.next_rotation(view.epoch_began, now),
                by: if scheduled { "schedule" } else { "hand" },
            },
            backup: BackupDocument {
                at: fold.backup.map(|backup| backup.at),
                current: view.backup_is_current,
                check: fold.backup_check.map(OutcomeDocument::from),
            },
            drill: fold.drill.map(OutcomeDocument::from),
            rotation: fold.rotation.as_deref().map(|open| RotationDocument::new(open, standing)),
            rotated_at: fold.rotated_at,
            refused: RefusedDocument {
                rotation_at: fold.rotation_refused,
                accesses,
                access_at,
                try_again_at: fold.try_again_at().filter(|at| *at > now),
            },
            keepers: keepers.map(KeeperDocument::new).collect(),
        }
    }
}

impl KeeperDocument {
    fn new(found: KeeperState) -> Self {
        let KeeperState { name, seen, detail, since } = found;
        Self { name, state: seen.name(), detail, since }
    }
}

impl From<Rehearsal> for OutcomeDocument {
    fn from(Rehearsal { at, outcome }: Rehearsal) -> Self {
        Self { at, outcome: outcome.name() }
    }
}

impl RotationDocument {
    fn new(rotation: &Rotation, standing: &Standing) -> Self {
        let pass = rotation.pass();
        let back = rotation.back.is_some();
        let records = if back { rotation.forth.moved } else { rotation.records };
        Self {
            from: rotation.from.get(),
            to: rotation.to.get(),
            kind: rotation.kind.name(),
            direction: if back { "back" } else { "forth" },
            records,
            moved: pass.moved,
            percent: percent(pass, records),
            records_per_second: standing.pace(),
            failed_count: pass.failed.len(),
            failed: pass.failed.iter().take(FAILED_SHOWN_MAX).map(ToString::to_string).collect(),
            paused: rotation.paused.as_deref().map(str::to_owned),
            complete: pass.complete,
            begun_at: rotation.begun_at,
        }
    }
}

/// Whole percents; 100 only once all is done.
fn percent(pass: &Pass, records: u64) -> u8 {
    let dealt_with = pass.moved.saturating_add(pass.failed.len() as u64);
    let part = dealt_with.saturating_mul(100).checked_div(records).unwrap_or(0).min(99);
    if pass.complete { 100 } else { u8::try_from(part).unwrap_or(99) }
}
