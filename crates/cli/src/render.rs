//! The answers of the API as text for people. Nothing here decides; nothing here does I/O.

pub(crate) mod access;
pub(crate) mod anchor;
pub(crate) mod audit;
pub(crate) mod authority;
mod document;
pub(crate) mod key;
pub(crate) mod proof;
pub(crate) mod root;
pub(crate) mod secret;
pub(crate) mod store;
mod table;
pub(crate) mod verdict;

pub(crate) use self::{
    document::{Document, plain},
    table::table,
};

/// Whether signs beyond ASCII may be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signs {
    /// They may: a terminal with UTF-8.
    Unicode,
    /// They may not.
    Ascii,
}

/// Lines of `Label: value`, for what has a value.
pub(crate) fn fields(fields: &[(&str, Option<String>)]) -> String {
    let lines = fields
        .iter()
        .filter_map(|(label, value)| value.as_ref().map(|value| format!("{label}: {value}\n")));
    lines.collect()
}

/// An anchor with its pattern, on one line.
pub(crate) fn anchors(document: &Document) -> String {
    let anchors = document.list("anchors");
    let lines = anchors.iter().map(|anchor| {
        let id = anchor.text("anchorId").unwrap_or_default();
        let pattern = anchor.text("purlPattern").unwrap_or_default();
        format!("Anchor: {id} {pattern}\n")
    });
    lines.collect()
}
