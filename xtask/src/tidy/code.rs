//! Rust text with its comments and literals blanked out, so that a rule about code does not
//! trip over words.

/// `text` with every comment, string and character literal replaced by spaces. Lines stay where
/// they are.
pub(super) fn blank(text: &str) -> String {
    let mut blanker = Blanker { out: String::with_capacity(text.len()), rest: text, last: ' ' };
    while !blanker.rest.is_empty() {
        match blanker.foreign() {
            Some(length) => blanker.erase(length),
            None => blanker.keep(),
        }
    }
    blanker.out
}

struct Blanker<'a> {
    out: String,
    rest: &'a str,
    last: char,
}

impl Blanker<'_> {
    /// The length in bytes of the comment or literal that begins here, if one does.
    fn foreign(&self) -> Option<usize> {
        let rest = self.rest;
        if rest.starts_with("//") {
            return Some(rest.find('\n').unwrap_or(rest.len()));
        }
        if rest.starts_with("/*") {
            return Some(block_comment(rest));
        }
        if rest.starts_with('"') {
            return Some(quoted(rest, '"'));
        }
        if rest.starts_with('\'') {
            return character(rest);
        }
        if self.last.is_alphanumeric() || self.last == '_' {
            return None;
        }
        raw_string(rest)
    }

    fn erase(&mut self, length: usize) {
        let (gone, rest) = self.rest.split_at(length);
        self.out.extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
        self.last = ' ';
    }

    fn keep(&mut self) {
        let mut chars = self.rest.chars();
        if let Some(next) = chars.next() {
            self.out.push(next);
            self.last = next;
        }
        self.rest = chars.as_str();
    }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0_usize;
    while let Some(tail) = rest.get(at..) {
        if tail.is_empty() {
            break;
        }
        let step = if tail.starts_with("/*") {
            depth = depth.saturating_add(1);
            2
        } else if tail.starts_with("*/") {
            depth = depth.saturating_sub(1);
            2
        } else {
            tail.chars().next().map_or(1, char::len_utf8)
        };
        at = at.saturating_add(step);
        if depth == 0 {
            break;
        }
    }
    at.min(rest.len())
}

/// From an opening quote to behind the closing one; a backslash hides what follows it.
fn quoted(rest: &str, quote: char) -> usize {
    let mut hidden = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            _ if c == quote => return at.saturating_add(1),
            _ => {}
        }
    }
    rest.len()
}

/// A character literal, told from a lifetime by its closing quote.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.chars().skip(1);
    let first = chars.next()?;
    if first == '\\' || chars.next() == Some('\'') {
        return Some(quoted(rest, '\''));
    }
    None
}

/// `r"…"`, `r#"…"#` and so on, with `b` or `c` before.
fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let fenced = body.trim_start_matches('#');
    let fence = body.len().saturating_sub(fenced.len());
    let inside = fenced.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(fence));
    let before = rest.len().saturating_sub(inside.len());
    let length = inside.find(&end).map_or(inside.len(), |at| at.saturating_add(end.len()));
    Some(before.saturating_add(length))
}

#[cfg(test)]
mod tests {
    use super::blank;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let squeezed: Vec<String> = blank(text)
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(squeezed.join("\n"), expected);
    }

    #[test]
    fn comments_are_blanked_and_lines_kept() {
        check("a // unsafe\nb /* unsafe /* \n */ unsafe */ c", "a\nb\nc");
    }

    #[test]
    fn strings_are_blanked_with_their_escapes() {
        check(r#"a("x \" unsafe // ", b)"#, "a( , b)");
        check("r#\"unsafe \" \"# after", "after");
        check("br\"unsafe\\\" after", "after");
    }

    #[test]
    fn a_lifetime_is_no_character() {
        check("fn a<'a>(c: &'a str) { '\"'; '\\''; }", "fn a<'a>(c: &'a str) { ; ; }");
    }

    #[test]
    fn an_identifier_that_ends_in_r_begins_no_string() {
        check("for_r\"text\" x", "for_r x");
    }
}
