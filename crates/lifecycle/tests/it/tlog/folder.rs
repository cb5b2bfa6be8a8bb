//! A log as a folder of c2sp.org/tlog-tiles: checkpoints, tiles and entry bundles.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use keyward_lifecycle::audit::{
    checkpoint::{Checkpoint, TreeHead},
    note::{Note, NoteVerifier},
    tree::NodeAt,
};

use super::verifiers;
use crate::{
    part::Part,
    tree::{Kept, check_consistency},
};

/// Hashes in a full tile, and entries in a full bundle.
const WIDTH: u64 = 256;

/// Rebuilds the log from its entries and compares every file; each is a case.
pub(super) fn run(part: &mut Part, log: &Path, vkeys: &[String]) {
    let files = files_below(log);
    if !files.keys().any(|name| name.starts_with("tile/")) {
        part.unknown(log, "is no log");
        return;
    }
    let own = fs::read_to_string(log.join("vkey.txt")).into_iter();
    let own = own.map(|line| line.trim_end().to_owned());
    let verifiers = verifiers(&own.chain(vkeys.iter().cloned()).collect::<Vec<_>>());
    let entries = entries(&files);
    let kept = Kept::of(&entries);
    let mut heads = Vec::new();
    for (name, path) in &files {
        let bytes = fs::read(path).unwrap();
        if name == "vkey.txt" {
            continue;
        }
        if name.starts_with("checkpoint") {
            heads.push(check_checkpoint(&bytes, &verifiers, &kept));
        } else if let Some(tile) = Tile::of(name) {
            assert_eq!(tile.bytes(&kept, &entries), bytes, "{}", path.display());
        } else {
            part.unknown(path, "");
        }
        part.count(1);
    }
    heads.sort_by_key(|head| head.size);
    check_growth(&kept, &heads);
    let newest = heads.last().unwrap().size;
    assert_eq!(newest, entries.len() as u64, "{} lacks entries", log.display());
    for name in expected_files(newest) {
        assert!(files.contains_key(&name), "{} lacks {name}", log.display());
    }
}

fn check_checkpoint(bytes: &[u8], verifiers: &[NoteVerifier], kept: &Kept) -> TreeHead {
    let note = Note::parse(bytes).unwrap();
    let opened = note.verified_by(verifiers).unwrap();
    let checkpoint = Checkpoint::parse(opened.text()).unwrap();
    assert!(opened.signers().iter().any(|signer| signer.name == checkpoint.origin()));
    assert_eq!(note.to_string().as_bytes(), bytes);
    assert_eq!(checkpoint.to_string(), opened.text());
    let head = checkpoint.head();
    assert_eq!(kept.root_at(head.size), head.root, "{}", head.size);
    head
}

/// Every head grew out of every earlier one.
fn check_growth(kept: &Kept, heads: &[TreeHead]) {
    for (number, new) in heads.iter().enumerate() {
        for old in heads[..number].iter().filter(|old| old.size != 0) {
            let proof = kept.consistency(old.size, new.size);
            check_consistency((old.size, &old.root), (new.size, &new.root), &proof);
        }
    }
}

/// A tile or a bundle, as its path names it.
struct Tile {
    /// None for a bundle of entries.
    level: Option<u8>,
    number: u64,
    width: u64,
}

impl Tile {
    /// Reads `tile/<L>/<N>[.p/<W>]`.
    fn of(name: &str) -> Option<Self> {
        let (level, rest) = name.strip_prefix("tile/")?.split_once('/')?;
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok()?),
            None => (rest, WIDTH),
        };
        let digits = number.replace(['x', '/'], "");
        let level = if level == "entries" { None } else { Some(level.parse().ok()?) };
        Some(Self { level, number: digits.parse().ok()?, width })
    }

    fn bytes(&self, kept: &Kept, entries: &[Vec<u8>]) -> Vec<u8> {
        let numbers = self.number * WIDTH..self.number * WIDTH + self.width;
        let one = |index: u64| match self.level {
            Some(level) => kept.nodes[&NodeAt { level: level * 8, index }].as_bytes().to_vec(),
            None => {
                let entry = &entries[usize::try_from(index).unwrap()];
                let length = u16::try_from(entry.len()).unwrap().to_be_bytes();
                [&length, entry.as_slice()].concat()
            }
        };
        numbers.flat_map(one).collect()
    }
}

/// The entries, from the widest bundle of each number.
fn entries(files: &BTreeMap<String, PathBuf>) -> Vec<Vec<u8>> {
    let mut bundles = BTreeMap::new();
    for (name, path) in files {
        if let Some(Tile { level: None, number, width }) = Tile::of(name) {
            let widest = bundles.entry(number).or_insert((width, path));
            *widest = (*widest).max((width, path));
        }
    }
    bundles.values().flat_map(|(_, path)| bundle(&fs::read(path).unwrap())).collect()
}

/// Splits a bundle: each entry after its length in two bytes, big-endian.
fn bundle(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)));
        entries.push(entry.to_vec());
        bytes = rest;
    }
    entries
}

/// What a log of this size consists of, for logs of fewer than 256,000 entries.
fn expected_files(size: u64) -> Vec<String> {
    let mut names = Vec::new();
    let mut level_of = |level: &str, nodes: u64| {
        names.extend((0..nodes / WIDTH).map(|number| format!("tile/{level}/{number:03}")));
        if !nodes.is_multiple_of(WIDTH) {
            let (number, width) = (nodes / WIDTH, nodes % WIDTH);
            names.push(format!("tile/{level}/{number:03}.p/{width}"));
        }
    };
    level_of("entries", size);
    for (level, nodes) in [("0", size), ("1", size / WIDTH)] {
        level_of(level, nodes);
    }
    names
}

/// The files below `folder` by their path in it.
fn files_below(folder: &Path) -> BTreeMap<String, PathBuf> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, path);
            }
        }
    }
    files
}
