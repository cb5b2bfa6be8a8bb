//! How a run ends: the three exit codes, and failures that say what to do next.

use std::{fmt, io};

use keyward_lifecycle::verify::Outcome;

/// How a command ended (design section 6: "exit codes everywhere").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Valid, or done.
    Done,
    /// Invalid, indeterminate, or refused by a rule.
    No,
    /// Usage or system error.
    Error,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Error => 2,
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Valid => Self::Done,
            Outcome::Invalid | Outcome::Indeterminate => Self::No,
        }
    }
}

/// Why a command stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    exit: Exit,
    what: String,
    hint: Option<String>,
}

impl Failure {
    /// Something is wrong with the call or the system.
    pub(crate) fn error(what: impl Into<String>) -> Self {
        Self { exit: Exit::Error, what: what.into(), hint: None }
    }

    /// A rule says no.
    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self { exit: Exit::No, ..Self::error(what) }
    }

    /// An error with its causes, each said once.
    pub(crate) fn of(error: &dyn std::error::Error) -> Self {
        let mut what = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            let text = deeper.to_string();
            if !what.contains(&text) {
                what.push_str(": ");
                what.push_str(&text);
            }
            cause = deeper.source();
        }
        Self::error(what)
    }

    /// The same with the next step beside it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// What is wrong, in a sentence.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether there is anything to say.
    pub(crate) const fn is_silent(&self) -> bool {
        self.what.is_empty()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Whoever reads our output may stop reading: that is no error worth a word.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::Error, what: String::new(), hint: None };
        }
        Self::error(format!("the output cannot be written: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_the_error_already_says_is_not_said_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("the store cannot be read")]
        struct Outer(#[source] Inner);
        #[derive(Debug, thiserror::Error)]
        #[error("disk is gone")]
        struct Inner;
        let failure = Failure::of(&Outer(Inner)).hint("look at the disk");
        let expected = "error: the store cannot be read: disk is gone\nhint: look at the disk";
        assert_eq!(failure.to_string(), expected);
        assert_eq!(failure.exit(), Exit::Error);
    }
}
