//! A storage that lasts as long as the process: for tests, and for trying things out.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use keyward::storage::{
    AppendError, AuditQuery, AuditRow, Batch, Heads, Item, ItemChange, LedgerIndex, LedgerLeaf,
    READ_BYTES_MAX, ReadError, Row, Shelf, Storage, Table, Tree,
};
use keyward_lifecycle::{
    audit::tree::NodeAt,
    id::{Digest, Fingerprint},
};

use crate::{limit, wildcard};

mod row;

/// Everything in memory. Clones share what they hold, as two openings of one file would.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    held: Arc<RwLock<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    log: Vec<Vec<u8>>,
    ledger: Vec<Vec<u8>>,
    by_key: HashMap<Fingerprint, Vec<u64>>,
    by_signed: HashMap<(Fingerprint, Digest), Vec<u64>>,
    nodes: HashMap<(Tree, NodeAt), Digest>,
    items: HashMap<Shelf, BTreeMap<Vec<u8>, Vec<u8>>>,
    rows: HashMap<Table, BTreeMap<String, Row>>,
}

impl Memory {
    /// An empty storage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn held(&self) -> RwLockReadGuard<'_, Held> {
        // A batch is applied by steps that cannot fail, so what a panic left behind is whole.
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for Memory {
    fn heads(&self) -> Result<Heads, ReadError> {
        Ok(self.held().heads())
    }

    fn append(&self, after: Heads, batch: &Batch) -> Result<(), AppendError> {
        limit::check(batch)?;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let found = held.heads();
        if found != after {
            return Err(AppendError::Conflict { expected: after, found });
        }
        held.admit(batch)?;
        held.apply(batch);
        Ok(())
    }

    fn leaves(&self, tree: Tree, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, ReadError> {
        let held = self.held();
        let leaves = match tree {
            Tree::Log => &held.log,
            Tree::Ledger => &held.ledger,
        };
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let page = leaves.iter().skip(from).take(length(limit::page(limit)));
        Ok(within_bytes(page.cloned(), Vec::len))
    }

    fn nodes(&self, tree: Tree, at: &[NodeAt]) -> Result<Vec<Digest>, ReadError> {
        let held = self.held();
        let node = |at: &NodeAt| {
            held.nodes.get(&(tree, *at)).copied().ok_or_else(|| missing_node(tree, *at))
        };
        at.iter().map(node).collect()
    }

    fn item(&self, shelf: Shelf, name: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.held().items.get(&shelf).and_then(|items| items.get(name)).cloned())
    }

    fn items(
        &self,
        shelf: Shelf,
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Vec<Item>, ReadError> {
        let held = self.held();
        let Some(items) = held.items.get(&shelf) else { return Ok(Vec::new()) };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let page = items.range::<[u8], _>((start, Bound::Unbounded));
        let page = page.take(length(limit::page(limit))).map(item);
        Ok(within_bytes(page, |item| item.bytes.len()))
    }

    fn item_at_or_before(&self, shelf: Shelf, name: &[u8]) -> Result<Option<Item>, ReadError> {
        let held = self.held();
        let Some(items) = held.items.get(&shelf) else { return Ok(None) };
        let range = (Bound::Unbounded, Bound::Included(name));
        Ok(items.range::<[u8], _>(range).next_back().map(item))
    }

    fn ledger(
        &self,
        find: LedgerIndex,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<u64>, ReadError> {
        let held = self.held();
        let places = match find {
            LedgerIndex::Key(key) => held.by_key.get(&key),
            LedgerIndex::Signed(key, pae) => held.by_signed.get(&(key, pae)),
        };
        let places = places.map_or(&[][..], Vec::as_slice);
        let start = after.map_or(0, |after| places.partition_point(|place| *place <= after));
        Ok(places.iter().skip(start).take(length(limit::page(limit))).copied().collect())
    }

    fn signed(
        &self,
        pairs: &[(Fingerprint, Digest)],
        each: u32,
    ) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
        let held = self.held();
        let places = pairs.iter().filter_map(|pair| held.by_signed.get(pair));
        let places = places.flat_map(|places| places.iter().take(length(limit::page(each))));
        let leaves = places.filter_map(|place| {
            let index = usize::try_from(*place).ok()?;
            Some((*place, held.ledger.get(index)?.clone()))
        });
        Ok(within_bytes(leaves, |(_, leaf)| leaf.len()))
    }

    fn audit_rows(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, ReadError> {
        Ok(row::audit(self.held().rows.get(&Table::KeyAuditLog), query))
    }

    fn rows(&self, table: Table, after: Option<&str>, limit: u32) -> Result<Vec<Row>, ReadError> {
        let held = self.held();
        let Some(rows) = held.rows.get(&table) else { return Ok(Vec::new()) };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let page = rows.range::<str, _>((start, Bound::Unbounded));
        Ok(page.take(length(limit::page(limit))).map(|(_, row)| row.clone()).collect())
    }
}

impl Held {
    fn heads(&self) -> Heads {
        Heads { log: self.log.len() as u64, ledger: self.ledger.len() as u64 }
    }

    /// The rules that a database has as constraints.
    fn admit(&self, batch: &Batch) -> Result<(), AppendError> {
        let mut new = HashMap::with_capacity(batch.nodes.len());
        for (tree, at, _) in &batch.nodes {
            if self.nodes.contains_key(&(*tree, *at)) || new.insert((*tree, *at), ()).is_some() {
                return limit::refuse(format!(
                    "node {}/{} of {tree:?} is there",
                    at.level, at.index
                ));
            }
        }
        row::admit(&self.rows, &batch.rows)
    }

    fn apply(&mut self, batch: &Batch) {
        let Batch { log, ledger, nodes, items, rows } = batch;
        self.log.extend(log.iter().cloned());
        for LedgerLeaf { bytes, fingerprint, pae, signature: _ } in ledger {
            let place = self.ledger.len() as u64;
            self.by_key.entry(*fingerprint).or_default().push(place);
            self.by_signed.entry((*fingerprint, *pae)).or_default().push(place);
            self.ledger.push(bytes.clone());
        }
        self.nodes.extend(nodes.iter().map(|(tree, at, hash)| ((*tree, *at), *hash)));
        for change in items {
            match change {
                ItemChange::Put(shelf, Item { name, bytes }) => {
                    self.items.entry(*shelf).or_default().insert(name.clone(), bytes.clone());
                }
                ItemChange::Replace(shelf, Item { name, bytes }) => {
                    let shelf = self.items.entry(*shelf).or_default();
                    shelf.entry(name.clone()).and_modify(|held| held.clone_from(bytes));
                }
                ItemChange::Remove(shelf, name) => {
                    self.items.entry(*shelf).or_default().remove(name);
                }
            }
        }
        for row in rows {
            let row = row::kept(row);
            self.rows.entry(row.table()).or_default().insert(row.key(), row);
        }
    }
}

fn item((name, bytes): (&Vec<u8>, &Vec<u8>)) -> Item {
    Item { name: name.clone(), bytes: bytes.clone() }
}

/// The first of `page` that together have at most [`READ_BYTES_MAX`]; the very first always.
fn within_bytes<T>(page: impl Iterator<Item = T>, bytes: impl Fn(&T) -> usize) -> Vec<T> {
    let mut total = 0_usize;
    page.enumerate()
        .take_while(|(index, one)| {
            total = total.saturating_add(bytes(one));
            *index == 0 || total <= READ_BYTES_MAX
        })
        .map(|(_, one)| one)
        .collect()
}

pub(crate) fn missing_node(tree: Tree, at: NodeAt) -> ReadError {
    ReadError::Missing { what: format!("node {}/{} of {tree:?}", at.level, at.index) }
}

fn length(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn event_type_fits(pattern: Option<&String>, event_type: &str) -> bool {
    pattern.is_none_or(|pattern| wildcard::matches(pattern, event_type))
}
