//! Tokens and actors.

use super::{Document, fields, table};

/// What goes with a new token.
pub(crate) fn token(answer: &Document) -> String {
    fields(&[
        ("Token ID", answer.text("tokenId")),
        ("Role", answer.text("role")),
        ("Expires", answer.text("expiresAt")),
        ("Status", answer.is_true("revoked").then(|| "revoked".to_owned())),
    ])
}

/// The tokens.
pub(crate) fn tokens(answer: &Document) -> String {
    let row = |token: &Document| {
        let text = |member| token.text(member).unwrap_or_else(|| "-".to_owned());
        let scopes = token.joined("scopes").unwrap_or_else(|| "all of the role".to_owned());
        let status = token.text("status").unwrap_or_else(|| {
            if token.is_true("revoked") { "revoked".to_owned() } else { "active".to_owned() }
        });
        [text("tokenId"), text("role"), scopes, text("expiresAt"), status]
    };
    let rows = answer.list("tokens").iter().map(row).collect();
    table(["Token ID", "Role", "Scopes", "Expires", "Status"], rows)
}

/// The actors.
pub(crate) fn actors(answer: &Document) -> String {
    let row = |actor: &Document| {
        let name = actor.text("name").unwrap_or_else(|| {
            if actor.is_true("forgotten") { "(forgotten)".to_owned() } else { "-".to_owned() }
        });
        [actor.text("actorId").unwrap_or_default(), name]
    };
    table(["Actor", "Name"], answer.list("actors").iter().map(row).collect())
}
