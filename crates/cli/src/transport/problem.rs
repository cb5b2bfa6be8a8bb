//! RFC 9457 problems, and what each means for the exit code.

use serde::Deserialize;

use super::Response;
use crate::{exit::Failure, render::plain};

/// What the API says when it does not do what is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: u16,
    code: String,
    detail: String,
    hint: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    title: Option<String>,
    detail: Option<String>,
    hint: Option<String>,
    code: Option<String>,
}

impl Problem {
    /// Reads an answer that is not a success.
    pub(crate) fn of(response: &Response) -> Self {
        let status = response.status;
        let Ok(wire) = serde_json::from_slice::<Wire>(&response.body) else {
            let detail = format!("the server answers {status} and does not say why");
            return Self { status, code: String::new(), detail, hint: None };
        };
        let detail = wire.detail.or(wire.title);
        Self {
            status,
            code: wire.code.unwrap_or_default(),
            detail: detail
                .map_or_else(|| format!("the server answers {status}"), |text| plain(&text)),
            hint: wire.hint.map(|text| plain(&text)),
        }
    }

    /// Whether the store is sealed.
    pub(crate) fn is_sealed(&self) -> bool {
        self.status == 503 && self.code == "sealed"
    }

    /// Whether it says itself that the store is quarantined.
    pub(crate) fn is_quarantine(&self) -> bool {
        self.status == 503 && self.code == "quarantined"
    }

    /// Whether a rule said no, rather than the call or the system being at fault.
    fn is_refusal(&self) -> bool {
        match self.status {
            404 => self.code != "no-such-route",
            409 | 410 | 422 => true,
            429 => self.code == "too-many-attempts",
            403 => !ACCESS_CODES.contains(&self.code.as_str()),
            _ => false,
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let refused = problem.is_refusal();
        let Problem { status: _, code: _, detail, hint } = problem;
        let detail = in_words(&detail).to_owned();
        let hint = hint.filter(|hint| !hint.contains("/openapi.json"));
        let failure = if refused { Self::refused(detail) } else { Self::error(detail) };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// What is said of a request, without its place in a body or a path that nobody wrote by hand.
fn in_words(detail: &str) -> &str {
    let rest = if let Some(rest) = detail.strip_prefix("body: line ") {
        // A line, a column, and what is wrong there.
        rest.split_once(": ").map(|(_, rest)| rest)
    } else {
        detail.strip_prefix("path: Invalid URL: ")
    };
    let rest = rest.unwrap_or(detail);
    match rest.split_once(": ") {
        Some((member, text)) if text.strip_prefix(member).is_some_and(|t| t.starts_with(' ')) => {
            text
        }
        _ => rest,
    }
}

/// The words for 403 when it is the caller who may not, not the thing that cannot.
const ACCESS_CODES: [&str; 5] =
    ["forbidden", "missing-scope", "under-scoped", "not-allowed", "plain-transport"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[track_caller]
    fn check(status: u16, body: &str, exit: Exit, text: &str) {
        let response = Response { status, quarantined: false, body: body.as_bytes().to_vec() };
        let failure = Failure::from(Problem::of(&response));
        assert_eq!(failure.exit(), exit);
        assert_eq!(failure.to_string(), text);
    }

    #[test]
    fn a_refusal_exits_1_and_everything_else_2() {
        let body = r#"{"type":"about:blank","title":"Not Found","status":404,
            "detail":"there is no key `k`","hint":"`keyward key list` shows the keys",
            "code":"no-such-key"}"#;
        let text = "error: there is no key `k`\nhint: `keyward key list` shows the keys";
        check(404, body, Exit::No, text);
        check(422, r#"{"detail":"no"}"#, Exit::No, "error: no");
        check(403, r#"{"detail":"no","code":"key-unusable"}"#, Exit::No, "error: no");
        check(403, r#"{"detail":"no","code":"forbidden"}"#, Exit::Error, "error: no");
        check(400, r#"{"title":"Bad Request"}"#, Exit::Error, "error: Bad Request");
        check(502, "<html>", Exit::Error, "error: the server answers 502 and does not say why");
    }

    #[test]
    fn the_place_in_a_body_that_nobody_wrote_is_not_said() {
        let hint = r#""hint":"GET /openapi.json describes the members""#;
        let body =
            format!(r#"{{"detail":"body: line 1, column 18: algorithm `foo` is unknown",{hint}}}"#);
        check(400, &body, Exit::Error, "error: algorithm `foo` is unknown");
        let body = r#"{"detail":"path: Invalid URL: content id `a` is malformed"}"#;
        check(400, body, Exit::Error, "error: content id `a` is malformed");
        let body = r#"{"detail":"reason: reason `a` is unknown: expected b"}"#;
        check(400, body, Exit::Error, "error: reason `a` is unknown: expected b");
        let body = r#"{"detail":"purlPattern: `a` is no pattern"}"#;
        check(400, body, Exit::Error, "error: purlPattern: `a` is no pattern");
    }

    #[test]
    fn a_problem_cannot_steer_the_terminal() {
        check(409, r#"{"detail":"a\u001b[2Jb\nc"}"#, Exit::No, "error: a\u{fffd}[2Jb\u{fffd}c");
    }
}
