//! The key rotation runbook's own shell blocks, as it prints them (`runbook.sh`; the feed and
//! Rekor are left out), with `stellaops` read as `keyward`.

use super::shell::Shell;
use crate::world::World;

const BLOCKS: &str = include_str!("runbook.sh");
/// What stands beside `audit query` as the same question in SQL.
const SQL: &str = include_str!("runbook.sql");
const ANCHOR: &str = "550e8400-e29b-41d4-a716-446655440000";
const OTHER_ANCHOR: &str = "660f9500-f39c-51e5-b827-557766551111";

/// A command of the runbook, and what it says is printed, if it says that.
#[derive(Debug, Default)]
struct Block {
    command: String,
    printed: Vec<String>,
}

/// The commands in their order; a comment is output after the words that announce it.
fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut is_output, mut goes_on) = (false, false);
    for line in BLOCKS.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            if comment.ends_with("utput:") {
                is_output = true;
            } else if is_output {
                blocks.last_mut().expect("a command").printed.push(comment.to_owned());
            }
        } else if !line.is_empty() {
            is_output = false;
            if !goes_on {
                blocks.push(Block::default());
            }
            let block = blocks.last_mut().expect("a command");
            block.command = format!("{}{line}\n", block.command);
            goes_on = line.ends_with('\\');
        } else {
            is_output = false;
        }
    }
    blocks
}

/// The words of a command, as a shell makes them of what the runbook writes.
fn words(command: &str, today: &str) -> Vec<String> {
    let plain = command.replace("\\\n", " ").replace("$(date +%Y%m%d)", today);
    plain.split_whitespace().skip(1).map(|word| word.replace('"', "")).collect()
}

fn single_spaced(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn made(world: &World, key: &str, profile: &str) {
    let generate = ["key", "generate", "--key-id", key, "--profile", profile];
    world.keyward(&generate).ended(0);
}

fn anchored(world: &World, id: &str, pattern: &str, key: &str) {
    let types = "evidence.stella/v1,reasoning.stella/v1,cdx-vex.stella/v1,proofspine.stella/v1";
    let create = ["anchor", "create", "--anchor-id", id, "--purl-pattern", pattern, "--key-ids"];
    world.keyward(&[&create[..], &[key, "--predicate-types", types]].concat()).ended(0);
}

/// The store on which the runbook is read: last year's key and its anchor, a proof by it, and a
/// key that will be lost. Gives the proof's id.
fn last_year() -> (World, String) {
    let world = World::begun("2024-02-10T00:00:00Z");
    made(&world, "key-2024-prod", "default");
    anchored(&world, ANCHOR, "pkg:npm/*", "key-2024-prod");
    let artifact = world.file("artifact", "the artifact");
    world.clock.set("2024-06-01T12:00:00Z");
    let sign = ["sign", "--key-id", "key-2024-prod", "--artifact", &artifact];
    let about = ["--purl", "pkg:npm/a@1", "--predicate-type", "evidence.stella/v1"];
    let id = world.json(&[&sign[..], &about].concat())["proofBundle"].clone();
    let id = id.as_str().expect("its id").to_owned();
    made(&world, "compromised-key-id", "fips");
    (world, id)
}

/// The store and the time at which a command stands in the runbook.
fn setting(words: &[String]) -> Option<(World, &'static str)> {
    let [noun, verb, ..] = words else { return None };
    let world = World::begun("2024-02-10T00:00:00Z");
    match (noun.as_str(), verb.as_str()) {
        ("anchor", "create") => {
            made(&world, "key-2025-prod", "default");
            Some((world, "2025-01-02T00:00:00Z"))
        }
        ("anchor", "list") => {
            made(&world, "key-2025-prod", "default");
            made(&world, "key-2025-java", "fips");
            anchored(&world, ANCHOR, "pkg:npm/*", "key-2025-prod");
            anchored(&world, OTHER_ANCHOR, "pkg:maven/*", "key-2025-java");
            Some((world, "2025-01-02T00:00:00Z"))
        }
        ("key", "rotation-warnings") => {
            made(&world, "key-2024-prod", "default");
            world.clock.set("2024-06-15T12:00:00Z");
            made(&world, "key-2024-java", "fips");
            Some((world, "2024-12-15T12:00:00Z"))
        }
        _ => None,
    }
}

#[test]
fn the_runbooks_commands_print_what_it_prints_on_its_own_days() {
    // SO-020, SO-030, SO-044, SO-045, SO-051, SO-072, SO-073, SO-094, SO-095, SO-100 to SO-102,
    // SO-111, SO-122
    let (main, proof) = last_year();
    let mut days = [
        "2025-01-02T00:00:00Z", // generate
        "2025-01-02T00:01:00Z", // add-key
        "2025-01-15T00:00:00Z", // status
        "2025-01-20T00:00:00Z", // revoke-key
        "2025-03-01T00:00:00Z", // verify
        "2025-03-01T00:01:00Z", // check-validity
        "2025-03-02T00:00:00Z", // revoke-key, the emergency
        "2025-03-02T00:01:00Z", // generate
        "2025-03-02T00:02:00Z", // add-key
        "2025-12-31T00:00:00Z", // audit query
    ]
    .into_iter();
    let mut printed = 0;
    for block in blocks().iter().filter(|block| block.command.starts_with("stellaops ")) {
        let words = words(&block.command, "20250302");
        let words: Vec<String> =
            words.iter().map(|word| word.replace("sha256:abc123...", &proof)).collect();
        let apart = setting(&words);
        let (world, now) = match &apart {
            Some((world, now)) => (world, *now),
            None => (&main, days.next().expect("a day for every command")),
        };
        world.clock.set(now);
        if words[1] == "status" {
            // "Old proofs are verified with either key": somebody did.
            world.keyward(&["verify", "--proof-bundle", &proof]).ended(0);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ran = world.at_a_terminal(&words).ended(0);
        let expected: Vec<String> = block.printed.iter().map(|line| single_spaced(line)).collect();
        if !expected.is_empty() {
            let found: Vec<String> = ran.stdout.lines().map(single_spaced).collect();
            assert_eq!(found, expected, "{}", block.command);
            printed += 1;
        }
        if words[0] == "verify" {
            assert!(ran.stdout.starts_with("VALID PROVEN_BEFORE_END\n"), "{}", ran.stdout);
        }
        if words[1] == "check-validity" {
            assert!(ran.stdout.contains("\nOverall: Valid\n"), "{}", ran.stdout);
        }
        if words[0] == "audit" {
            for expected in ["KEY_GENERATED", "KEY_ADDED", "KEY_REVOKED", "emergency-key-20250302"]
            {
                assert!(ran.stdout.contains(expected), "{}", ran.stdout);
            }
        }
    }
    assert_eq!((days.next(), printed), (None, 3));
    assert_eq!(asked_in_sql(&main), asked_in_words(&main));
}

/// Type, key and time of each event since 2025, by the runbook's SQL as it stands.
fn asked_in_sql(world: &World) -> Vec<[String; 3]> {
    // SO-123
    let database = rusqlite::Connection::open_in_memory().expect("an empty main");
    let attach = "ATTACH 'file:' || ?1 || '?mode=ro' AS signer";
    let file = world.path("data/keyward.db").display().to_string();
    database.execute(attach, [file]).expect("the store's file");
    let mut rows = database.prepare(SQL).expect("the statement as it stands");
    let member = |row: &rusqlite::Row<'_>, name| row.get::<_, Option<String>>(name);
    let rows = rows.query_map([], |row| {
        let [kind, key, time] = ["event_type", "key_id", "timestamp"].map(|name| member(row, name));
        Ok([kind?, key?, time?].map(Option::unwrap_or_default))
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

fn asked_in_words(world: &World) -> Vec<[String; 3]> {
    let answer = world.json(&["audit", "query", "--type", "KEY_*", "--from", "2025-01-01"]);
    let text = |event: &serde_json::Value, name| event[name].as_str().unwrap_or("").to_owned();
    let row = |event| ["eventType", "keyId", "timestamp"].map(|name| text(event, name));
    let mut rows: Vec<_> = answer["events"].as_array().expect("events").iter().map(row).collect();
    assert!(rows.len() > 5, "{answer}");
    // The rows have six digits of a second, the API as many as are needed.
    for [_, _, time] in &mut rows {
        *time = format!("{}.000000Z", time.trim_end_matches('Z'));
    }
    rows
}

/// Stores as somebody at a shell has them, behind a server.
const BEGINNING: &str = r#"
(umask 077; echo correct horse battery staple > password)
export KEYWARD_DATA=$HOME/data KEYWARD_PASSWORD_FILE=$HOME/password
keyward init && keyward serve --listen 127.0.0.1:8230 2> served.log &
until grep -qs 'keyward.sock$' served.log; do sleep 0.1; done
keyward key generate --key-id key-2024-prod
keyward key generate --key-id compromised-key-id
keyward anchor create --anchor-id 550e8400-e29b-41d4-a716-446655440000 --purl-pattern 'pkg:npm/*' \
    --key-ids key-2024-prod,compromised-key-id --predicate-types evidence.stella/v1
echo artifact > artifact
keyward sign --key-id key-2024-prod --artifact artifact --purl pkg:npm/a@1 \
    --predicate-type evidence.stella/v1 --out proof.json 2> id
keyward verify proof.json
export TOKEN=$(keyward token create --name runbook --role admin 2> /dev/null)
"#;

#[test]
fn the_runbooks_commands_run_in_a_shell() {
    let home = tempfile::tempdir().expect("a directory");
    let mut shell = Shell::start(home.path());
    shell.run(BEGINNING);
    for block in blocks().iter().filter(|block| block.command.starts_with("stellaops ")) {
        // Two anchors never have one pattern, and the clock is not of that year.
        let expected = match &*words(&block.command, "").join(" ") {
            command if command.starts_with("anchor create") => "1\n",
            command if command.starts_with("verify") => "1\n",
            command if command.starts_with("key check-validity") => "1\n",
            _ => "0\n",
        };
        let command = block.command.replacen("stellaops", "keyward", 1);
        let command = command.replace("sha256:abc123...", "$(cut -d ' ' -f 3 id)");
        let printed = shell.run(command.trim_end());
        assert_eq!(shell.run("echo $?"), expected, "$ {command}{printed}");
        if command.contains("anchor status") {
            let expected = "Active Keys: key-2024-prod, compromised-key-id, key-2025-prod\n";
            assert!(printed.contains(expected), "{printed}");
            assert!(printed.contains("\nVerification Success Rate: 100%\n"), "{printed}");
        }
    }
}

#[test]
fn the_runbooks_calls_of_the_api_are_answered() {
    // SO-021, SO-031, SO-052
    let home = tempfile::tempdir().expect("a directory");
    let mut shell = Shell::start(home.path());
    shell.run(BEGINNING);
    let mut statuses = Vec::new();
    for block in blocks().iter().filter(|block| block.command.starts_with("curl ")) {
        let command = block.command.trim_end().replace(
            "curl -X POST https://api.stellaops.local",
            "curl --silent --output answer --write-out '%{http_code}' -X POST http://127.0.0.1:8230",
        );
        statuses.push(shell.run(&command));
    }
    assert_eq!(statuses, ["201", "201", "200"], "{}", shell.run("cat answer"));
    let history = shell.run("keyward anchor history 550e8400...");
    let row = history.lines().find(|line| line.starts_with("key-2024-prod ")).expect("its row");
    assert!(row.ends_with("2025-02-01T00:00:00Z  superseded"), "{row}");
}
