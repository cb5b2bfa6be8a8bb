//! `cargo xtask test`: everything that must hold before a change lands, on a machine with
//! nothing of ours.
//!
//! The tests themselves come last, so that the closing lines of a run are theirs. All builds use
//! the one `dev` profile and the same flags, so that the steps share what they compile.

use crate::step::Run;
use crate::tool::{self, Tools};
use crate::{Failure, cargo, kill, process, tidy};
use std::path::Path;
use std::process::Command;

/// How much of a full run is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Every step.
    Everything,
    /// The set-up and the tests.
    TestsAlone,
}

const ALERT_RULES: &str = "deploy/prometheus/keyward.rules.yml";
const ALERT_RULE_TESTS: [&str; 2] =
    ["deploy/prometheus/keyward.rules.test.yml", "deploy/prometheus/root-key.rules.test.yml"];

/// Runs the steps over the workspace at `root`.
pub(crate) fn run(root: &Path, extent: Extent) -> Result<(), Failure> {
    let mut run = Run::default();
    let mut tools = None;
    run.step("tools", || {
        tools = Some(tool::set_up(root)?);
        Ok(())
    });
    let Some(tools) = tools else {
        // Without its tools a run would fail in places that have nothing wrong with them.
        return run.end();
    };
    if extent == Extent::Everything {
        judge(root, &tools, &mut run);
    }
    if extent == Extent::Everything {
        run.step("killed while the root key rotates", || kill::run(root, &kill::Plan::of_a_run()));
    }
    run.step("test", || {
        let mut tests = cargo_at(root, &["test", "--workspace", "--no-fail-fast"]);
        tests.env("KEYWARD_TEST_PYTHON", &tools.python).env("KEYWARD_PROMTOOL", &tools.promtool);
        process::show(&mut tests)
    });
    run.end()
}

/// The steps that judge the tree without running it, the quick ones first.
fn judge(root: &Path, tools: &Tools, run: &mut Run) {
    run.step("format", || format(root));
    run.step("tidy", || tidy::run(root));
    run.step("alert rules", || alert_rules(root, tools));
    run.step("licences and bans", || licences(root));
    // Alone, because in the workspace another crate could switch on a library's clock for it.
    run.step("rules alone", || {
        process::show(&mut cargo_at(root, &["check", "--quiet", "--package", "keyward-lifecycle"]))
    });
    run.step("clippy", || {
        let words = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
        process::show(&mut cargo_at(root, &words))
    });
    run.step("documentation", || {
        let words = ["doc", "--quiet", "--workspace", "--no-deps"];
        process::show(cargo_at(root, &words).env("RUSTDOCFLAGS", "-D warnings"))
    });
}

/// Names the files that rustfmt would change.
fn format(root: &Path) -> Result<(), Failure> {
    process::show(&mut cargo_at(root, &["fmt", "--all", "--check", "--", "-l"]))
        .map_err(|failure| failure.hint("`cargo fmt --all` mends the files named above"))
}

/// The shipped rules are well formed, and fire when they are meant to and only then.
fn alert_rules(root: &Path, tools: &Tools) -> Result<(), Failure> {
    let [keys, root_key] = ALERT_RULE_TESTS;
    for words in
        [["check", "rules", ALERT_RULES], ["test", "rules", keys], ["test", "rules", root_key]]
    {
        process::read(Command::new(&tools.promtool).args(words).current_dir(root))?;
    }
    Ok(())
}

fn licences(root: &Path) -> Result<(), Failure> {
    if process::on_path("cargo-deny").is_none() {
        println!("    not run: cargo-deny is not on PATH (`cargo install --locked cargo-deny`)");
        return Ok(());
    }
    process::show(&mut cargo_at(root, &["deny", "check", "bans", "licenses", "sources"]))
}

fn cargo_at(root: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command.args(words).current_dir(root);
    command
}
