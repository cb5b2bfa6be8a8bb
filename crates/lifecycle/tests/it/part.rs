//! One part of the conformance vectors: a folder whose files are told apart by their members.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// The cases of one part, while they are run.
pub(crate) struct Part {
    name: &'static str,
    folder: PathBuf,
    /// Whether these are the project's own vectors, whose counts are golden.
    is_own: bool,
    cases: usize,
    not_for_us: BTreeMap<&'static str, usize>,
    unknown: Vec<String>,
}

impl Part {
    /// The part `name` of `$KEYWARD_VECTORS`, else of the project's vectors.
    pub(crate) fn open(name: &'static str) -> Self {
        let given = std::env::var_os("KEYWARD_VECTORS").map(PathBuf::from);
        let is_own = given.is_none();
        let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors");
        let folder = given.unwrap_or_else(own).join(name);
        let (not_for_us, unknown) = (BTreeMap::new(), Vec::new());
        Self { name, folder, is_own, cases: 0, not_for_us, unknown }
    }

    /// Whether the folder is there; says so if not.
    pub(crate) fn is_there(&self) -> bool {
        let there = self.folder.is_dir();
        if !there {
            say(&format!("{}: absent", self.name));
        }
        there
    }

    /// The files and folders of the part, by name, without the README files.
    pub(crate) fn entries(&self) -> Vec<PathBuf> {
        Self::entries_of(&self.folder)
    }

    /// The files and folders of a folder within the part, as [`Self::entries`].
    pub(crate) fn entries_of(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.file_name().is_none_or(|name| name != "README.md"));
        paths.sort();
        paths
    }

    /// The file as JSON, if it is that.
    pub(crate) fn json(path: &Path) -> Option<Value> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// One more case that was run.
    pub(crate) fn count(&mut self, cases: usize) {
        self.cases += cases;
    }

    /// Cases that ask for what the product does not offer.
    pub(crate) fn not_for_us(&mut self, cases: usize, reason: &'static str) {
        self.count(cases);
        *self.not_for_us.entry(reason).or_default() += cases;
    }

    /// A file that no runner knows, or a case in it.
    pub(crate) fn unknown(&mut self, path: &Path, what: &str) {
        self.unknown.push(format!("{} {what}", path.display()));
    }

    /// Prints the counts and judges them; `golden` are those not for our interface, by reason.
    #[track_caller]
    pub(crate) fn finish(self, golden: &[(&str, usize)]) {
        let Self { name, folder, is_own, cases, not_for_us, unknown } = self;
        let left_out: usize = not_for_us.values().sum();
        say(&format!("{name}: {cases} cases, {left_out} not for our interface"));
        for (reason, count) in &not_for_us {
            say(&format!("  {count}: {reason}"));
        }
        assert_eq!(unknown, Vec::<String>::new(), "no runner knows these");
        assert_ne!(cases, 0, "{} has no case", folder.display());
        if is_own {
            assert_eq!(not_for_us, golden.iter().copied().collect::<BTreeMap<_, _>>());
        }
    }
}

/// Writes a line to standard output, past the test harness.
fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").unwrap();
}
