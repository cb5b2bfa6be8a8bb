//! The pages of `docs/operate` and the runbook's own shell blocks, run as they stand: what they
//! say is printed is what is printed.
//!
//! In a page, ` ```console ` blocks are run in order by one shell in an empty directory, with the
//! real binary on `PATH`. A line after `$ ` is a command; it goes on after a `\` at its end, and
//! to the `EOF` of a here-document. What follows is its output, standard error included, word by
//! word: columns may be wider than the page shows them. What differs from run to run stands as a
//! placeholder: `TIME`, `DATE`, `NUMBER`, `MEMORY`, or six letters or digits and three dots, which stand for
//! the same long value wherever they are seen again, also in later commands.

mod page;
mod seed;
mod shell;

use std::path::{Path, PathBuf};

use self::{
    page::{Step, steps},
    shell::Shell,
};

/// Who answers the commands of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// Each command alone, on the directory.
    Itself,
    /// A server on the directory, started when the store has been made.
    Server,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate")
}

fn page(name: &str) -> Vec<Step> {
    let path = folder().join(name);
    steps(&std::fs::read_to_string(&path).expect("the page"))
}

/// Runs a page, and names everything that it printed otherwise.
#[track_caller]
fn check(name: &str, by: By) {
    let home = tempfile::tempdir().expect("a directory");
    let mut shell = Shell::start(home.path());
    let steps = page(name);
    assert!(!steps.is_empty(), "{name} has no console block");
    let mut wrong = String::new();
    for step in &steps {
        let printed = shell.run(&step.command);
        if let Err(why) = shell.compare(&step.printed, &printed) {
            let Step { line, command, printed: expected } = step;
            wrong.push_str(&format!(
                "\n{name}:{line} {why}\n$ {command}\n--- the page\n{expected}\n--- the binary\n{printed}"
            ));
        }
        if by == By::Server && step.command == "keyward init" {
            shell.run(SERVE);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Returns when the server answers on the socket.
const SERVE: &str = "keyward serve --listen 127.0.0.1:0 2> served.log &\n\
                     until grep -qs 'keyward.sock$' served.log; do sleep 0.1; done";

#[test]
fn every_page_is_run_here() {
    let mut found: Vec<String> = std::fs::read_dir(folder())
        .expect("the pages")
        .map(|entry| entry.expect("a page").file_name().into_string().expect("UTF-8"))
        .collect();
    found.sort();
    let run = [
        "authority.md",
        "backup.md",
        "config.md",
        "incident.md",
        "keeper.md",
        "metrics.md",
        "root-key.md",
        "runbook.md",
        "secret.md",
        "start.md",
    ];
    assert_eq!(found, run);
}

#[test]
fn the_page_about_the_authority_tells_the_truth() {
    check("authority.md", By::Itself);
}

#[test]
fn the_page_for_the_start_tells_the_truth() {
    check("start.md", By::Itself);
}

#[test]
fn the_page_for_secrets_tells_the_truth() {
    check("secret.md", By::Itself);
}

#[test]
fn the_page_for_secrets_tells_the_truth_about_a_server_too() {
    check("secret.md", By::Server);
}

#[test]
fn the_runbook_page_tells_the_truth() {
    check("runbook.md", By::Itself);
}

#[test]
fn the_runbook_page_tells_the_truth_about_a_server_too() {
    check("runbook.md", By::Server);
}

#[test]
fn the_page_for_incidents_tells_the_truth() {
    check("incident.md", By::Itself);
}

#[test]
fn the_page_for_incidents_tells_the_truth_about_a_server_too() {
    check("incident.md", By::Server);
}

#[test]
fn the_page_for_backups_tells_the_truth() {
    check("backup.md", By::Itself);
}

#[test]
fn the_page_for_the_root_key_tells_the_truth() {
    check("root-key.md", By::Itself);
}

#[test]
fn the_page_for_the_root_key_tells_the_truth_about_a_server_too() {
    check("root-key.md", By::Server);
}

#[test]
fn the_page_for_metrics_tells_the_truth() {
    check("metrics.md", By::Itself);
}

#[test]
fn the_page_for_keepers_tells_the_truth() {
    check("keeper.md", By::Itself);
}

#[test]
fn the_page_for_the_configuration_tells_the_truth() {
    check("config.md", By::Itself);
}
