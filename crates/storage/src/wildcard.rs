//! The one wildcard of an audit query: `*` stands for any run of characters, everything else
//! for itself (so `_` in `KEY_*` is an underscore, traps HA-22).

/// Longest pattern of event types. A longer one matches nothing: no event type is nearly as
/// long.
pub(crate) const PATTERN_BYTES_MAX: usize = 256;

/// Whether `text` is an instance of `pattern`, letter case included.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    if pattern.len() > PATTERN_BYTES_MAX {
        return false;
    }
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0_usize, 0_usize);
    // Where to go on when what follows the last `*` does not fit: one character further.
    let mut again: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                p = p.saturating_add(1);
                again = Some((p, t));
            }
            Some(same) if same == byte => {
                p = p.saturating_add(1);
                t = t.saturating_add(1);
            }
            Some(_) | None => match again {
                Some((after_star, from)) => {
                    t = from.saturating_add(1);
                    again = Some((after_star, t));
                    p = after_star;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// The same pattern for SQLite's `GLOB`, whose other wildcards (`?`, `[`) are taken literally;
/// `None` for one that is too long. `GLOB` and not `LIKE`, which ignores letter case there.
pub(crate) fn to_glob(pattern: &str) -> Option<String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return None;
    }
    let mut glob = String::with_capacity(pattern.len());
    let mut last = None;
    for letter in pattern.chars() {
        match letter {
            '*' if last == Some('*') => {}
            '?' => glob.push_str("[?]"),
            '[' => glob.push_str("[[]"),
            _ => glob.push(letter),
        }
        last = Some(letter);
    }
    Some(glob)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        let sqlite = rusqlite::Connection::open_in_memory().expect("memory");
        let found: bool = sqlite
            .query_row("SELECT ?1 GLOB ?2", [Some(text.to_owned()), to_glob(pattern)], |row| {
                row.get(0)
            })
            .expect("a row");
        assert_eq!(found, expected, "GLOB {pattern} {text}");
    }

    #[test]
    fn only_the_star_is_a_wildcard() {
        // HA-22
        check("KEY_*", "KEY_REVOKED", true);
        check("KEY_*", "KEYS_REVOKED", false);
        check("KEY_*", "key_revoked", false);
        check("*_REVOKED", "KEY_REVOKED", true);
        check("K*Y*D", "KEY_REVOKED", true);
        check("K*Z*D", "KEY_REVOKED", false);
        check("KEY%", "KEY_REVOKED", false);
        check("?EY*", "KEY_REVOKED", false);
        check("[K]EY*", "KEY_REVOKED", false);
        check("[K]?", "[K]?", true);
        check("***", "", true);
        check("", "", true);
        check("", "x", false);
        assert!(!matches(&"*".repeat(PATTERN_BYTES_MAX + 1), "x"));
        assert_eq!(to_glob(&"*".repeat(PATTERN_BYTES_MAX + 1)), None);
    }

    proptest! {
        #[test]
        fn both_forms_of_a_pattern_agree(pattern in "[ab*?\\[_]{0,8}", text in "[ab?\\[_]{0,8}") {
            check(&pattern, &text, matches(&pattern, &text));
        }
    }
}
