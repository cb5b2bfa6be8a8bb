//! `keyward verify`: many at once, strictly, and what was known at a time.

use std::fmt::Write as _;

use crate::{
    both::{Desk, both_ways, masked},
    world::{World, binary},
};

/// A directory and a file of the same envelopes, enough for the equation on every core, and one
/// that is none.
fn many(desk: &Desk) -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::fs::create_dir(desk.world.path("many")).expect("a directory");
    let texts = ["0.json", "1.json", "2.json"].map(|name| {
        desk.sign(name);
        std::fs::read_to_string(desk.world.path(name)).expect("the envelope")
    });
    let mut lines = String::new();
    let mut names = Vec::new();
    for (number, text) in texts.iter().cycle().take(16 * cores).enumerate() {
        let name = format!("{number:04}.json");
        desk.world.file(&format!("many/{name}"), text);
        writeln!(lines, "{}", text.trim()).expect("a line");
        names.push(name);
    }
    desk.world.file("many/none.json", "{}");
    names.push("none.json".to_owned());
    desk.world.file("many.jsonl", format!("{lines}{{}}\n"));
    names
}

#[test]
fn a_batch_says_where_it_was_checked_by_one_equation_and_strictly_checks_each_alone() {
    // HA-19
    both_ways(|desk| {
        desk.with_key();
        let names = many(desk);
        let numbered: Vec<String> =
            (1..=names.len()).map(|line| format!("many.jsonl:{line}")).collect();
        for (batch, names) in [("many", &names), ("many.jsonl", &numbered)] {
            let (none, good) = names.split_last().expect("names");
            for (strict, sign) in [("", " (BATCH_ACCEPTED)"), (" --strict", "")] {
                let ran = desk.run(&format!("verify --batch {batch}{strict}")).ended(2);
                let good: String =
                    good.iter().map(|name| format!("VALID IN_WINDOW k {name}{sign}\n")).collect();
                let last = ran.stdout.strip_prefix(&good).expect(&ran.stdout);
                assert!(last.starts_with("ERROR "), "{last}");
                assert!(last.ends_with(&format!(" {none}\n")), "{last}");
                assert_eq!(ran.stderr, "", "no progress bar where there is no terminal");
            }
        }
        let strict = desk.done("verify --strict 0.json");
        assert_eq!(masked(&strict), masked(&desk.done("verify 0.json")));
        assert!(!strict.contains("BATCH_ACCEPTED"), "{strict}");
        let two = desk.done("verify --strict 0.json 1.json");
        assert_eq!(two, "VALID IN_WINDOW k 0.json\nVALID IN_WINDOW k 1.json\n");
        let ran = desk.run("verify --output json --batch many.jsonl").ended(2);
        let first = ran.stdout.lines().next().expect("a line");
        let first: serde_json::Value = serde_json::from_str(first).expect("JSON");
        assert_eq!(first["findings"], serde_json::json!(["BATCH_ACCEPTED"]));
        assert_eq!(first["source"], "many.jsonl:1");
    });
}

#[test]
fn a_checkpoint_is_text_for_people_and_json_for_programs() {
    both_ways(|desk| {
        desk.with_key();
        let text = desk.peek("audit checkpoint").ended(0).stdout;
        assert!(text.contains("\n\n\u{2014} "), "a signed note: {text}");
        let json = desk.peek("audit checkpoint --output json").ended(0).stdout;
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        // Whoever unseals signs anew, with the time of then.
        let note = json["checkpoint"].as_str().expect("a text");
        let signed = |note: &str| note.split("\n\n").next().map(str::to_owned);
        assert_eq!(signed(note), signed(&text));
    });
}

#[test]
fn a_batch_of_nothing_is_an_error() {
    both_ways(|desk| {
        std::fs::create_dir(desk.world.path("empty")).expect("a directory");
        std::fs::create_dir(desk.world.path("empty/below")).expect("a directory");
        desk.world.file("empty.jsonl", "\n \n");
        desk.done("audit export --out trust");
        for batch in ["empty", "empty.jsonl", "empty --trust trust", "empty.jsonl --trust trust"] {
            let ran = desk.run(&format!("verify --batch {batch}")).ended(2);
            let (name, _) = batch.split_once(' ').unwrap_or((batch, ""));
            let expected = format!(
                "error: {name} holds no envelopes\n\
                 hint: name a directory with one envelope a file, or a file with one envelope a \
                 line\n"
            );
            assert_eq!(ran.stdout, "");
            assert!(ran.stderr.ends_with(&expected), "{}", ran.stderr);
        }
    });
}

#[test]
fn verdicts_come_in_the_order_of_the_envelopes_however_many_requests_they_take() {
    both_ways(|desk| {
        desk.with_key();
        desk.sign("good.json");
        let good = std::fs::read_to_string(desk.world.path("good.json")).expect("the envelope");
        let line = |number: usize| if number.is_multiple_of(97) { good.trim() } else { "{}" };
        let lines: Vec<&str> = (1..=9_000).map(line).collect();
        desk.world.file("many.jsonl", lines.join("\n"));
        let ran = desk.run("verify --batch many.jsonl").ended(2);
        let printed: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!(printed.len(), 9_000);
        for (number, printed) in (1..).zip(printed) {
            let is_good = number % 97 == 0;
            assert_eq!(printed.starts_with("VALID IN_WINDOW k "), is_good, "{printed}");
            assert!(printed.contains(&format!("many.jsonl:{number}")), "{printed}");
        }
    });
}

/// A key that signed, was revoked and whose log was exported afterwards.
fn ended() -> World {
    let world = World::begun("2025-01-01T00:00:00Z");
    let artifact = world.file("artifact", "the artifact");
    world.keyward(&["key", "generate", "--key-id", "k"]).ended(0);
    let create = ["anchor", "create", "--purl-pattern", "pkg:npm/*", "--key-ids", "k"];
    world.keyward(&[&create[..], &["--predicate-types", "evidence.stella/v1"]].concat()).ended(0);
    for (time, name) in [("2025-01-10T00:00:00Z", "early"), ("2025-03-10T00:00:00Z", "late")] {
        world.clock.set(time);
        let out = world.path(&format!("{name}.json")).display().to_string();
        let sign = ["sign", "--key-id", "k", "--artifact", &artifact, "--purl", "pkg:npm/a@1"];
        let rest = ["--predicate-type", "evidence.stella/v1", "--out", &out];
        let ran = world.keyward(&[&sign[..], &rest].concat()).ended(0);
        let id = ran.stderr.trim().strip_prefix("proof bundle: ").expect("its id").to_owned();
        let out = world.path(&format!("{name}.bundle")).display().to_string();
        world.clock.advance(60);
        world.keyward(&["proof", "export", &id, "--out", &out]).ended(0);
    }
    let export = |name: &str| {
        let out = world.path(name).display().to_string();
        world.keyward(&["audit", "export", "--out", &out]).ended(0);
    };
    world.clock.set("2025-04-01T00:00:00Z");
    // An event, so that a checkpoint of that day signs it.
    world.keyward(&["key", "generate", "--stage", "--key-id", "other"]).ended(0);
    export("trust.good");
    world.clock.set("2025-06-01T00:00:00Z");
    world.keyward(&["key", "revoke", "k", "--reason", "compromise"]).ended(0);
    export("trust");
    world
}

#[test]
fn what_the_log_knew_then_is_told_from_a_trust_bundle_as_from_the_store() {
    let world = ended();
    let path = |name: &str| world.path(name).display().to_string();
    let (trust, early, late) = (path("trust"), path("early.bundle"), path("late.bundle"));
    let cases = [
        // Proven to be as old as the view.
        ("2025-02-01", &early, 0, "VALID IN_WINDOW"),
        ("2025-04-01", &late, 0, "VALID IN_WINDOW"),
        // Not there yet: it may have been made since.
        ("2025-02-01", &late, 1, "INDETERMINATE STALE_VIEW"),
        // Before there was an anchor.
        ("2024-12-01", &early, 1, "INVALID UNTRUSTED"),
        ("2025-06-01T12:00:00Z", &early, 1, "INDETERMINATE LOGGED_BY_SUSPECT"),
    ];
    world.clock.set("2025-06-02T00:00:00Z");
    for (then, bundle, code, first) in cases {
        let online = world.run(&["verify", bundle, "--as-of", then]).ended(code);
        let offline = ["verify", "--trust", &trust, bundle, "--as-of", then];
        let offline = world.run(&offline).ended(code);
        assert_eq!(offline.stdout.lines().next(), Some(first), "{then}: {}", offline.stdout);
        assert_eq!(offline.stdout, online.stdout, "{then}");
    }
}

#[test]
fn a_bundle_that_ends_too_long_before_the_time_asked_about_calls_nothing_valid() {
    let world = ended();
    let path = |name: &str| world.path(name).display().to_string();
    let (trust, early) = (path("trust.good"), path("early.bundle"));
    world.clock.set("2026-01-01T00:00:00Z");
    let first = |words: &[&str]| {
        let words = [&["verify", "--trust", &trust, &early, "--max-view-age"], words].concat();
        world.run(&words).stdout.lines().next().map(str::to_owned).expect("a line")
    };
    // It ends on 2025-04-01: what came before it tells in full, whenever it is asked.
    assert_eq!(first(&["1d", "--as-of", "2025-02-01"]), "VALID IN_WINDOW");
    assert_eq!(first(&["1d", "--as-of", "2025-04-20"]), "INDETERMINATE STALE_VIEW");
    assert_eq!(first(&["30d", "--as-of", "2025-04-20"]), "VALID IN_WINDOW");
    assert_eq!(first(&["30d"]), "INDETERMINATE STALE_VIEW");
}

#[test]
fn a_batch_and_a_view_of_the_past_do_not_go_together() {
    let world = World::at("2025-01-01T00:00:00Z");
    let words = ["verify", "--batch", ".", "--as-of", "2025-01-01"];
    let ran = binary(world.home.path(), &[], &words).ended(2);
    assert!(ran.stderr.contains("cannot be used with"), "{}", ran.stderr);
}
