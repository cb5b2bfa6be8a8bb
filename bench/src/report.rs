//! A row of the table, and the table.

use serde::{Deserialize, Serialize};

/// One measured thing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    /// What was measured, with its unit.
    pub(crate) measured: String,
    /// The same against a peer or the machine's own rate in this run.
    pub(crate) ratio: String,
    /// Least to greatest of the rounds.
    pub(crate) spread: String,
    /// What it must reach; empty where the row is there for comparison.
    pub(crate) target: String,
    /// Whether it does.
    pub(crate) met: Option<bool>,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            measured: measured.into(),
            ratio: String::new(),
            spread: String::new(),
            target: String::new(),
            met: None,
        }
    }

    pub(crate) fn ratio(self, ratio: impl Into<String>) -> Self {
        Self { ratio: ratio.into(), ..self }
    }

    pub(crate) fn spread(self, spread: impl Into<String>) -> Self {
        Self { spread: spread.into(), ..self }
    }

    pub(crate) fn target(self, target: impl Into<String>, met: bool) -> Self {
        Self { target: target.into(), met: Some(met), ..self }
    }

    /// Prints it as one line of JSON, which the process above reads.
    pub(crate) fn send(&self) {
        if let Ok(line) = serde_json::to_string(self) {
            println!("{line}");
        }
    }

    /// A line of a Markdown table.
    pub(crate) fn line(&self) -> String {
        let Self { what, measured, ratio, spread, target, met } = self;
        let met = match met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        format!("| {what} | {measured} | {ratio} | {spread} | {target} | {met} |")
    }
}

/// What stands above the rows.
pub(crate) const HEAD: &str = "\
| what | measured | against | spread | target | met |
| --- | --- | --- | --- | --- | --- |";
