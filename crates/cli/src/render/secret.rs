//! Secrets and path policies; never a value.

use super::{Document, fields, plain, table};

/// What a put made.
pub(crate) fn written(answer: &Document) -> String {
    fields(&[
        ("Version", answer.text("version")),
        ("Removed", answer.joined("dropped").filter(|dropped| !dropped.is_empty())),
    ])
}

/// A path a line, and what is to be said of it.
pub(crate) fn paths(answer: &Document) -> String {
    let line = |secret: &Document| {
        let mark = if secret.is_true("deleted") { "  deleted" } else { "" };
        Some(secret.text("path")? + mark + "\n")
    };
    answer.list("secrets").iter().filter_map(line).collect()
}

/// What became of versions.
pub(crate) fn changed(done: &str, answer: &Document) -> String {
    let versions = answer.joined("versions").filter(|versions| !versions.is_empty());
    let what = match versions {
        _ if answer.is_true("whole") => "the whole secret, with its path and metadata".to_owned(),
        Some(versions) => format!("version {versions}"),
        None => "nothing, it was so already".to_owned(),
    };
    format!("{done}: {what}\n")
}

/// What is known of a secret beside its value.
pub(crate) fn metadata(answer: &Document) -> String {
    let mut text = fields(&[
        ("Path", answer.text("path")),
        ("Secret ID", answer.text("secretId")),
        ("Version", answer.text("version")),
        ("Versions Kept", answer.text("versionsMax")),
    ]);
    for (name, value) in answer.texts_by_name("metadata") {
        text.push_str(&format!("{}: {}\n", plain(&name), plain(&value)));
    }
    let row = |version: &Document| {
        let deleted = version.text("deletedAt").unwrap_or_else(|| "-".to_owned());
        let of = |member| version.text(member).unwrap_or_default();
        [of("version"), of("createdAt"), deleted]
    };
    let rows = answer.list("versions").iter().map(row).collect();
    text + &table(["Version", "Created", "Deleted"], rows)
}

/// A policy that was set.
pub(crate) fn policy_set(answer: &Document) -> String {
    fields(&[("Policy", answer.text("name")), ("Version", answer.text("version"))])
}

/// A policy, as it can be set again.
pub(crate) fn policy(answer: &Document) -> String {
    answer.inner("policy").map(|policy| policy.to_json()).unwrap_or_default()
}

/// The policies.
pub(crate) fn policies(answer: &Document) -> String {
    let of = |policy: &Document, member| policy.text(member).unwrap_or_default();
    let policies = answer.list("policies");
    let rows = policies.iter().map(|policy| [of(policy, "name"), of(policy, "version")]);
    table(["Policy", "Version"], rows.collect())
}

/// A policy that is gone.
pub(crate) fn policy_removed(answer: &Document) -> String {
    fields(&[("Removed", answer.text("name"))])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn deleted_secrets_are_marked_in_a_list() {
        let listed = json!({"secrets": [
            {"path": "app/a", "version": 1, "deleted": false},
            {"path": "app/b", "version": 2, "deleted": true},
        ]});
        assert_eq!(paths(&Document::from(listed)), "app/a\napp/b  deleted\n");
    }

    #[test]
    fn a_purge_says_whether_anything_is_left() {
        let purged = |whole| Document::from(json!({"versions": [1], "whole": whole}));
        assert_eq!(changed("Purged", &purged(false)), "Purged: version 1\n");
        let gone = "Purged: the whole secret, with its path and metadata\n";
        assert_eq!(changed("Purged", &purged(true)), gone);
    }
}
