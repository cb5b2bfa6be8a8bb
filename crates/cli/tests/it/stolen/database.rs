//! The thief can write the database, too.

use std::{fs, path::PathBuf};

use keyward_lifecycle::id::Fingerprint;
use keyward_storage::durable::{Mode, write};
use rusqlite::{Connection, params};
use serde_json::json;

use super::*;

impl Game {
    fn database(&self) -> PathBuf {
        self.world.path("data/keyward.db")
    }

    /// Edits the database with every guard of it taken away.
    fn edit(&self, edit: impl FnOnce(&Connection)) {
        let connection = Connection::open(self.database()).expect("the database");
        let mut guards = connection
            .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            .expect("the triggers");
        let names = guards.query_map([], |row| row.get::<_, String>(0)).expect("their names");
        let names: Vec<String> = names.map(|name| name.expect("a name")).collect();
        drop(guards);
        for name in names {
            connection.execute_batch(&format!("DROP TRIGGER {name}")).expect("a drop");
        }
        edit(&connection);
    }

    /// The audit fails and its first line names what is wrong.
    #[track_caller]
    fn found_out(&self, problem: &str) {
        let ran = self.world.keyward(&["audit", "verify"]);
        assert_ne!(ran.code, 0, "{}", ran.stdout);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains(problem), "{said}");
    }
}

/// A digest as the ledger's columns have it.
fn raw(digest: &Digest) -> Vec<u8> {
    hex(&digest.to_string())
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect()
}

/// The ledger's entry for a forgery as the store would have made it in the key's good time.
fn entry(game: &Game, seq: u64, forgery: &str) -> (Vec<u8>, [Vec<u8>; 3]) {
    let envelope: serde_json::Value = serde_json::from_str(forgery).expect("JSON");
    let bytes = |member: &serde_json::Value| {
        BASE64_STANDARD.decode(member.as_str().expect("text")).expect("base64")
    };
    let over = Digest::of(&pae(TYPE, &bytes(&envelope["payload"])));
    let signature = Digest::of(&bytes(&envelope["signatures"][0]["sig"]));
    let fingerprint = Fingerprint::of_spki(game.key.spki()).to_string();
    let bare = fingerprint.trim_start_matches("sha256:").to_owned();
    // Members in RFC 8785's order.
    let leaf = json!({
        "actor": "system",
        "fingerprint": fingerprint,
        "pae": over.to_string(),
        "predicateType": "https://keyward.dev/predicates/evidence.stella/v1",
        "proof": format!("sha256:{}", Digest::of(b"proof")),
        "seq": seq,
        "signature": signature.to_string(),
        "subject": Digest::of(MALWARE.as_bytes()).to_string(),
        "time": USED,
        "v": 1,
    });
    (leaf.to_string().into_bytes(), [hex(&bare), raw(&over), raw(&signature)])
}

fn leaked_key_alone() -> Vec<&'static str> {
    // The kindest end for a forger: the server's own word still counts.
    [&COMPROMISE[..], &["--compromised-since", STOLEN, "--scope", "key"]].concat()
}

/// Puts an entry for the forgery at `place`, with the node above it as it ought to be.
fn plant(game: &Game, place: u64, forgery: &str) {
    let (leaf, [fingerprint, over, signature]) = entry(game, place, forgery);
    let place = i64::try_from(place).expect("small");
    game.edit(|database| {
        let sql = "INSERT OR REPLACE INTO ledger (seq, bytes, fingerprint, pae, signature) \
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = params![place, leaf, fingerprint, over, signature];
        database.execute(sql, row).expect("a row");
        if place == 1 {
            let first: Vec<u8> = database
                .query_row("SELECT bytes FROM ledger WHERE seq = 0", [], |row| row.get(0))
                .expect("the first entry");
            let hash = |start: u8, rest: &[u8]| raw(&Digest::of(&[&[start], rest].concat()));
            let below = [hash(0, &first), hash(0, &leaf)].concat();
            let sql = "INSERT INTO node (tree, level, idx, hash) VALUES (1, 1, 0, ?1)";
            database.execute(sql, [hash(1, &below)]).expect("a node");
        }
    });
}

#[test]
fn an_entry_that_is_written_over_another_proves_nothing() {
    let game = Game::ended_by(&leaked_key_alone());
    plant(&game, 0, &game.forge(Some(USED)));
    let forged = game.world.file("forged.json", game.forge(Some(USED)));
    refused(&game.world.keyward(&["verify", &forged]), &["the planted one"]);
    game.check(&[]);
    game.found_out("ledger");
}

#[test]
fn an_entry_that_is_written_behind_the_last_proves_nothing() {
    let game = Game::ended_by(&leaked_key_alone());
    plant(&game, 1, &game.forge(Some(USED)));
    let forged = game.world.file("forged.json", game.forge(Some(USED)));
    let check = || {
        for flags in [&[][..], &["--at-time", USED], &["--as-of", USED], &["--as-of", JUDGED]] {
            let words = [&["verify", &forged], flags].concat();
            refused(&game.world.keyward(&words), &words);
        }
    };
    check();
    // Nor once the store has gone on, and signed whatever it goes on with.
    game.world.keyward(&["key", "generate", "--key-id", "new"]);
    check();
    game.check(&[]);
    game.found_out("ledger");
}

#[test]
fn an_end_that_is_edited_away_is_still_an_end() {
    let game = Game::ended_by(&COMPROMISE);
    game.edit(|database| {
        let sql = "UPDATE key_history SET revoked_at = NULL, revoke_reason = NULL";
        assert_eq!(database.execute(sql, []), Ok(1));
    });
    game.check(&[]);
    game.found_out("key_history");
}

#[test]
fn a_row_that_is_taken_out_of_the_audit_trail_is_missed() {
    // HA-22
    let game = Game::ended_by(&COMPROMISE);
    game.edit(|database| {
        let sql = "DELETE FROM key_audit_log WHERE event_type = 'KEY_REVOKED'";
        assert_eq!(database.execute(sql, []), Ok(1));
    });
    game.check(&[]);
    game.found_out("key_audit_log");
}

#[test]
fn a_time_of_addition_that_is_moved_makes_no_history() {
    // HA-34
    let game = Game::ended_by(&COMPROMISE);
    game.edit(|database| {
        let sql = "UPDATE key_history SET added_at = '2020-01-01T00:00:00.000000Z'";
        assert_eq!(database.execute(sql, []), Ok(1));
    });
    let early = game.world.file("early.json", game.forge(Some("2021-01-01T00:00:00Z")));
    refused(&game.world.keyward(&["verify", &early]), &["an early claim"]);
    game.found_out("key_history");
}

#[test]
fn a_revocation_that_is_edited_in_the_log_is_found() {
    let game = Game::ended_by(&COMPROMISE);
    game.edit(|database| {
        let sql = "UPDATE log SET bytes = CAST(replace(CAST(bytes AS TEXT), \
                   'keyCompromise', 'superseded') AS BLOB) WHERE bytes LIKE '%keyCompromise%'";
        assert_eq!(database.execute(sql, []), Ok(1));
    });
    game.check(&[]);
    game.found_out("its first 11 leaves are not those that its checkpoint signs");
}

/// Takes the last leaf away, and its row.
fn cut(database: &Connection) {
    let last: i64 = database
        .query_row("SELECT max(seq) FROM log", [], |row| row.get(0))
        .expect("the last leaf");
    for table in ["log", "key_audit_log"] {
        let sql = format!("DELETE FROM {table} WHERE seq = {last}");
        assert_eq!(database.execute(&sql, []), Ok(1));
    }
}

#[test]
fn a_log_from_which_the_revocation_is_cut_is_refused() {
    let game = Game::ended_by(&COMPROMISE);
    game.edit(cut);
    game.check(&[]);
    game.found_out("its newest checkpoint counts 11 leaves, 10 are here");
}

#[test]
fn a_log_that_is_cut_with_its_checkpoint_says_valid_to_nothing() {
    let game = Game::ended_by(&COMPROMISE);
    game.edit(|database| {
        // The revocation, and the ledger's head that goes before it.
        cut(database);
        cut(database);
        let sql = "DELETE FROM item WHERE shelf = 4 AND name = \
                   (SELECT max(name) FROM item WHERE shelf = 4)";
        assert_eq!(database.execute(sql, []), Ok(1));
    });
    game.check(&[]);
    game.found_out("the log is truncated: the checkpoint in trust.json counts 11 leaves");
}

#[test]
fn an_old_copy_of_the_database_is_quarantined_and_says_what_to_do() {
    let game = Game::begun();
    let old = fs::read(game.database()).expect("a copy");
    game.world.clock.set(ENDED);
    game.world.keyward(&COMPROMISE).ended(0);
    game.world.clock.set(JUDGED);
    write(&game.database(), &old, Mode::Private).expect("the copy is put back");
    game.check(&[]);
    let ran = game.world.keyward(&["sign", "--key-id", "stolen", &game.malware]).ended(2);
    let expected = "error: the store is quarantined: its log is older than what was seen of it \
                    before\nhint: restore the newer copy, or accept the loss with `keyward \
                    rollback accept`\n";
    assert_eq!(ran.stderr, expected);
    let status = game.world.keyward(&["status"]).ended(0);
    assert!(status.stdout.contains("\nQuarantined: yes\n"), "{}", status.stdout);
    // Time and other commands do not lead out of it.
    game.world.keyward(&["key", "revoke", "stolen", "--reason", "annual-rotation"]).ended(0);
    game.check(&[]);
    game.found_out("truncated");
}

#[test]
fn the_root_of_another_store_is_refused() {
    let game = Game::ended_by(&COMPROMISE);
    let other = World::begun(MADE);
    let header: Vec<u8> = Connection::open(other.path("data/keyward.db"))
        .expect("the other's database")
        .query_row("SELECT bytes FROM item WHERE shelf = 0", [], |row| row.get(0))
        .expect("its epoch header");
    game.edit(|database| {
        let sql = "UPDATE item SET bytes = ?1 WHERE shelf = 0";
        assert_eq!(database.execute(sql, [header]), Ok(1));
    });
    let ran = game.world.keyward(&["key", "generate", "--key-id", "new"]);
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    game.check(&[]);
    game.found_out("root");
}

#[test]
fn the_database_of_another_store_is_refused() {
    let game = Game::ended_by(&COMPROMISE);
    let other = Game::begun();
    fs::copy(other.database(), game.database()).expect("a copy");
    game.check(&[]);
    game.found_out("its newest checkpoint is not signed by the log's key");
}
