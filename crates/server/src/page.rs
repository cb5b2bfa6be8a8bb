//! Paging: a list is read in pieces, each beginning after the last name of the one before.

use crate::problem::Problem;

/// Entries in one piece unless a number is asked for.
pub(crate) const PAGE_DEFAULT: u32 = 100;
/// Most entries in one piece.
pub(crate) const PAGE_MAX: u32 = 1000;

/// How many entries are given.
pub(crate) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked {
        None => Ok(PAGE_DEFAULT),
        Some(limit @ 1..=PAGE_MAX) => Ok(limit),
        Some(_) => Err(Problem::malformed("limit", format!("expected from 1 to {PAGE_MAX}"))),
    }
}

/// Cuts what was read to `limit` entries, and says after which the next piece begins. One entry
/// more than `limit` must have been read if there is one.
pub(crate) fn cut<T>(
    entries: impl Iterator<Item = T>,
    limit: u32,
    name: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut page: Vec<T> = entries.take(limit.saturating_add(1)).collect();
    if page.len() <= limit {
        return (page, None);
    }
    page.truncate(limit);
    let next = page.last().map(name);
    (page, next)
}
