-- Schema 1. The file is attached as `signer`; `main` is in memory and stays empty.
-- docs/format/database.md says what each column holds.

-- Leaves: each has the place `seq`, counted from 0 without a gap, and is never changed.
CREATE TABLE signer.log (
  seq INTEGER PRIMARY KEY CHECK (seq >= 0),
  bytes BLOB NOT NULL CHECK (length(bytes) <= 4194304)
) STRICT;

CREATE TABLE signer.ledger (
  seq INTEGER PRIMARY KEY CHECK (seq >= 0),
  bytes BLOB NOT NULL CHECK (length(bytes) <= 4194304),
  fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
  pae BLOB NOT NULL CHECK (length(pae) = 32),
  signature BLOB NOT NULL CHECK (length(signature) = 32)
) STRICT;
CREATE INDEX signer.ledger_by_key ON ledger (fingerprint, seq);
-- Heads of the digests: they tell entries apart, and every entry goes to another page of this
-- index, so its size is the cost of an append.
CREATE INDEX signer.ledger_by_pae ON ledger (substr(pae, 1, 8), substr(fingerprint, 1, 8), seq);

-- Inner nodes of both trees (RFC 6962); tree 0 is that of the log, 1 that of the ledger.
CREATE TABLE signer.node (
  tree INTEGER NOT NULL CHECK (tree IN (0, 1)),
  level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 63),
  idx INTEGER NOT NULL CHECK (idx >= 0),
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (tree, level, idx)
) STRICT, WITHOUT ROWID;

-- Named things that are not leaves. With a row id, since items can be large.
CREATE TABLE signer.item (
  shelf INTEGER NOT NULL CHECK (shelf BETWEEN 0 AND 63),
  name BLOB NOT NULL CHECK (length(name) <= 512),
  bytes BLOB NOT NULL CHECK (length(bytes) <= 67108864),
  UNIQUE (shelf, name)
) STRICT;

-- Projections: rows for people and tools; no decision reads them.
CREATE TABLE signer.trust_anchors (
  id TEXT NOT NULL PRIMARY KEY,
  purl_pattern TEXT NOT NULL,
  allowed_predicate_types TEXT NOT NULL,
  policy_version TEXT,
  threshold INTEGER NOT NULL CHECK (threshold BETWEEN 0 AND 4294967295),
  status TEXT NOT NULL CHECK (status IN ('active', 'inactive')),
  created_at TEXT NOT NULL
) STRICT;

CREATE TABLE signer.key_history (
  id TEXT NOT NULL PRIMARY KEY,
  anchor_id TEXT NOT NULL REFERENCES trust_anchors (id) DEFERRABLE INITIALLY DEFERRED,
  key_id TEXT NOT NULL,
  public_key TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  added_at TEXT NOT NULL,
  revoked_at TEXT,
  revoke_reason TEXT,
  metadata TEXT NOT NULL,
  UNIQUE (anchor_id, key_id)
) STRICT;
CREATE INDEX signer.idx_key_history_validity ON key_history (anchor_id, added_at, revoked_at);

CREATE TABLE signer.key_audit_log (
  event_id TEXT NOT NULL UNIQUE,
  event_type TEXT NOT NULL,
  key_id TEXT,
  anchor_id TEXT,
  actor TEXT NOT NULL,
  timestamp TEXT NOT NULL,
  details TEXT NOT NULL,
  seq INTEGER PRIMARY KEY CHECK (seq >= 0)
) STRICT;
CREATE INDEX signer.idx_audit_log_time ON key_audit_log (timestamp DESC, seq DESC);
CREATE INDEX signer.idx_audit_log_key ON key_audit_log (key_id, timestamp DESC, seq DESC);
CREATE INDEX signer.idx_audit_log_anchor ON key_audit_log (anchor_id, timestamp DESC, seq DESC)
  WHERE anchor_id IS NOT NULL;

-- Against accidents, not against whoever can write the file: `keyward audit verify` is.
CREATE TRIGGER signer.log_keeps BEFORE DELETE ON log
  BEGIN SELECT RAISE(ABORT, 'log is append-only'); END;
CREATE TRIGGER signer.log_stays BEFORE UPDATE ON log
  BEGIN SELECT RAISE(ABORT, 'log is append-only'); END;
CREATE TRIGGER signer.ledger_keeps BEFORE DELETE ON ledger
  BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER signer.ledger_stays BEFORE UPDATE ON ledger
  BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER signer.node_keeps BEFORE DELETE ON node
  BEGIN SELECT RAISE(ABORT, 'node is append-only'); END;
CREATE TRIGGER signer.node_stays BEFORE UPDATE ON node
  BEGIN SELECT RAISE(ABORT, 'node is append-only'); END;
CREATE TRIGGER signer.trust_anchors_keeps BEFORE DELETE ON trust_anchors
  BEGIN SELECT RAISE(ABORT, 'trust_anchors keeps every row'); END;
CREATE TRIGGER signer.key_history_keeps BEFORE DELETE ON key_history
  BEGIN SELECT RAISE(ABORT, 'key_history keeps every row'); END;
CREATE TRIGGER signer.key_audit_log_keeps BEFORE DELETE ON key_audit_log
  BEGIN SELECT RAISE(ABORT, 'key_audit_log is append-only'); END;
-- A row that no longer says what the log says is put right while `mending` is `yes`, which it
-- is only inside the transaction that does so.
CREATE TRIGGER signer.key_audit_log_stays BEFORE UPDATE ON key_audit_log
  WHEN (SELECT value FROM meta WHERE name = 'mending') IS NOT 'yes'
  BEGIN SELECT RAISE(ABORT, 'key_audit_log is append-only'); END;
