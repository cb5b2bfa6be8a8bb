//! Projections: rows for people and tools, which no decision reads.

use keyward_lifecycle::{
    id::{AnchorId, EventId},
    time::Timestamp,
};

/// The projections that the runbook names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "every adapter keeps every table")]
pub enum Table {
    /// `signer.trust_anchors`.
    TrustAnchors,
    /// `signer.key_history`.
    KeyHistory,
    /// `signer.key_audit_log`.
    KeyAuditLog,
}

/// A row of a projection. `Row::key` orders and names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every adapter keeps every table")]
pub enum Row {
    /// Of `signer.trust_anchors`.
    Anchor(AnchorRow),
    /// Of `signer.key_history`.
    History(HistoryRow),
    /// Of `signer.key_audit_log`.
    Audit(AuditRow),
}

/// A row of `signer.trust_anchors`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the table's columns")]
pub struct AnchorRow {
    /// `id`.
    pub id: AnchorId,
    /// `purl_pattern`.
    pub purl_pattern: String,
    /// `allowed_predicate_types`, a JSON array.
    pub allowed_predicate_types: String,
    /// `policy_version`.
    pub policy_version: Option<String>,
    /// `threshold`.
    pub threshold: u32,
    /// `status`: `active` or `inactive`.
    pub status: &'static str,
    /// `created_at`.
    pub created_at: Timestamp,
}

/// A row of `signer.key_history`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the table's columns")]
pub struct HistoryRow {
    /// `id`: derived from the anchor and the key, of which there is one row, ever.
    pub id: EventId,
    /// `anchor_id`.
    pub anchor_id: AnchorId,
    /// `key_id`.
    pub key_id: String,
    /// `public_key`, SPKI in PEM.
    pub public_key: String,
    /// `algorithm`.
    pub algorithm: String,
    /// `added_at`.
    pub added_at: Timestamp,
    /// `revoked_at`: the end of the window, if one is set.
    pub revoked_at: Option<Timestamp>,
    /// `revoke_reason`.
    pub revoke_reason: Option<String>,
    /// `metadata`, a JSON object.
    pub metadata: String,
}

/// A row of `signer.key_audit_log`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the table's columns")]
pub struct AuditRow {
    /// The leaf's place in the log (column `seq`, beside those of the runbook).
    pub seq: u64,
    /// `event_id`.
    pub event_id: EventId,
    /// `event_type`.
    pub event_type: String,
    /// `key_id`.
    pub key_id: Option<String>,
    /// `anchor_id`.
    pub anchor_id: Option<AnchorId>,
    /// `actor`: the pseudonym.
    pub actor: String,
    /// `timestamp`.
    pub timestamp: Timestamp,
    /// `details`, a JSON object.
    pub details: String,
}

impl Row {
    /// Which table it is of.
    #[must_use]
    pub const fn table(&self) -> Table {
        match self {
            Self::Anchor(_) => Table::TrustAnchors,
            Self::History(_) => Table::KeyHistory,
            Self::Audit(_) => Table::KeyAuditLog,
        }
    }

    /// Its key in that table: the anchor id; the anchor id, a space and the key id; the place
    /// as 20 digits.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Anchor(row) => row.id.to_string(),
            Self::History(row) => format!("{} {}", row.anchor_id, row.key_id),
            Self::Audit(row) => format!("{:020}", row.seq),
        }
    }
}

/// Which audit rows are asked for; all conditions together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "every adapter obeys every condition")]
pub struct AuditQuery {
    /// Type, with `*` for any run of characters (`KEY_*`); `None` for all.
    pub event_type: Option<String>,
    /// Of that key.
    pub key_id: Option<String>,
    /// Of that anchor.
    pub anchor_id: Option<AnchorId>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before (exclusive).
    pub before: Option<Timestamp>,
    /// Only rows that follow the row of this place in the answer, for paging (in a log, those of
    /// lesser places).
    pub before_seq: Option<u64>,
    /// At most.
    pub limit: u32,
}
