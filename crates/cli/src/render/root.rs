//! The root key.

use super::{Document, fields, table};

/// The root key's state, one line a fact.
pub(crate) fn status(answer: &Document) -> String {
    let known = |member| answer.text(member).or_else(|| Some("n/a".to_owned()));
    let mut text = fields(&[
        ("Root ID", answer.text("rootId")),
        ("Epoch", answer.text("epoch")),
        ("State", answer.text("state")),
        ("Memory", known("memory")),
        ("Backup", Some(backup(answer))),
        ("Next Rotation", next(answer)),
    ]);
    if answer.inner("rotation").is_some() {
        text.push_str(&rotation(answer));
    }
    for keeper in answer.list("keepers") {
        let part = |member| keeper.text(member).unwrap_or_default();
        let since = part("since");
        text.push_str(&format!("Keeper: {}, {} since {since}", part("name"), part("state")));
        let (state, detail) = (part("state"), part("detail"));
        let is_news = !matches!(state.as_str(), "sound" | "refilled") && state != detail;
        text.push_str(&if is_news { format!(": {detail}\n") } else { "\n".to_owned() });
    }
    text
}

fn next(answer: &Document) -> Option<String> {
    let next = answer.inner("nextRotation")?;
    let by = if next.text("by")? == "schedule" { "by schedule" } else { "by hand" };
    let age = answer.text("epochAgeDays").unwrap_or_default();
    Some(format!("{}, {by}; the epoch is {age} days old", next.text("at")?))
}

/// The newest backup and the newest check, on one line.
pub(crate) fn backup(answer: &Document) -> String {
    let backup = answer.inner("backup").unwrap_or_else(|| Document::from(serde_json::json!({})));
    let mut text = match backup.text("at") {
        None => "none".to_owned(),
        Some(at) if backup.is_true("current") => format!("{at}, current"),
        Some(at) => format!("{at}, outdated"),
    };
    if let Some(check) = backup.inner("check") {
        let part = |member| check.text(member).unwrap_or_default();
        text.push_str(&format!("; check {} at {}", part("outcome"), part("at")));
    }
    text
}

/// The rotation that is open.
pub(crate) fn rotation(answer: &Document) -> String {
    let Some(rotation) = answer.inner("rotation") else { return String::new() };
    let part = |member| rotation.text(member).unwrap_or_default();
    let way = match (part("direction").as_str(), part("kind").as_str()) {
        ("back", _) => ", turned back",
        (_, "emergency") => ", emergency",
        _ => "",
    };
    let records = match rotation.is_true("complete") {
        true if part("direction") == "back" => format!("{} brought back", part("moved")),
        true => format!("{} sealed anew and validated", part("moved")),
        false => format!(
            "{} of {} sealed anew and validated ({} %)",
            part("moved"),
            part("records"),
            part("percent")
        ),
    };
    let pace = rotation.number("recordsPerSecond").map(|pace| format!("{pace} records/s"));
    let mut text = fields(&[
        ("Rotation", Some(format!("epoch {} to {}{way}", part("from"), part("to")))),
        ("Records", Some(records)),
        ("Rate", pace),
        ("Paused", rotation.text("paused")),
    ]);
    for name in rotation.texts("failed") {
        text.push_str(&format!("Does Not Open: {name}\n"));
    }
    let (named, all) = (rotation.texts("failed").len() as u64, rotation.number("failedCount"));
    if let Some(more) = all.and_then(|all| all.checked_sub(named)).filter(|more| *more > 0) {
        text.push_str(&format!("Does Not Open: {more} more\n"));
    }
    text
}

/// What a rotation, or its end, came to.
pub(crate) fn impact(report: &Document) -> String {
    let mut text = rotation(report);
    text.push_str(&fields(&[
        ("Epoch", report.text("epoch")),
        ("Touched", report.text("touched").map(|count| format!("{count} records"))),
        ("Duration", report.text("seconds").map(|seconds| format!("{seconds} s"))),
        ("Backup", Some(backup(report))),
    ]));
    text
}

/// The checks before a rotation.
pub(crate) fn checks(answer: &Document) -> String {
    let rows = answer.list("checks").into_iter().map(|check| {
        let outcome = if check.is_true("passed") { "ok" } else { "no" };
        let why = check.text("why").unwrap_or_else(|| "-".to_owned());
        [check.text("name").unwrap_or_default(), outcome.to_owned(), why]
    });
    table(["Check", "Result", "Why"], rows.collect())
}

/// The key in memory, and a sample of records.
pub(crate) fn check(answer: &Document) -> String {
    fields(&[
        ("Key", answer.text("key")),
        ("Memory", answer.text("memory")),
        ("Records", answer.text("records")),
    ])
}

/// A backup, as it says of itself.
pub(crate) fn made(answer: &Document) -> String {
    let ways = answer.list("slots").into_iter().filter_map(|slot| {
        let (kind, label) = (slot.text("kind")?, slot.text("label")?);
        Some(if kind == label { kind } else { format!("{kind} {label}") })
    });
    let ways: Vec<String> = ways.collect();
    let current = if answer.is_true("current") { "yes" } else { "no" };
    fields(&[
        ("Backup", answer.text("file")),
        ("Root ID", answer.text("rootId")),
        ("Epoch", answer.text("epoch")),
        ("Created", answer.text("created")),
        ("Slots", Some(ways.join(", "))),
        ("Current", Some(current.to_owned())),
        ("Opened", answer.is_true("opened").then(|| "yes".to_owned())),
        ("Records", answer.text("records").map(|count| format!("{count} opened"))),
    ])
}

/// The ways to the root key.
pub(crate) fn slots(answer: &Document) -> String {
    let rows = answer.list("slots").into_iter().map(|slot| {
        let part = |member| slot.text(member).unwrap_or_default();
        let shares = match (slot.text("threshold"), slot.text("count")) {
            (Some(threshold), Some(count)) => format!("{threshold} of {count}"),
            _ => "-".to_owned(),
        };
        [part("id"), part("kind"), part("label"), part("created"), shares]
    });
    let mut text = table(["Slot", "Kind", "Label", "Created", "Shares"], rows.collect());
    if let Some(set) = answer.inner("keepers") {
        text.push_str(&keepers(&set));
    }
    text
}

/// Keepers among whom the root key was split.
pub(crate) fn keepers(answer: &Document) -> String {
    let part = |member| answer.text(member).unwrap_or_default();
    let names = answer.joined("names").unwrap_or_default();
    format!("Keepers: any {} of {names}\n", part("threshold"))
}

/// A slot that was added, changed, removed or found.
pub(crate) fn slot(answer: &Document) -> String {
    fields(&[
        ("Slot", answer.text("id").or_else(|| answer.text("slot"))),
        ("Kind", answer.text("kind")),
        ("Removed", answer.text("removed")),
    ])
}

/// A rehearsal.
pub(crate) fn drill(answer: &Document) -> String {
    fields(&[
        ("Drill", answer.text("outcome")),
        ("Records", answer.text("records").map(|count| format!("{count} opened"))),
        ("Why", answer.text("why")),
    ])
}
