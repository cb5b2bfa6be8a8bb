//! The pattern for a purl among many, without scanning: a radix tree over the literals.
//!
//! One walk down the tree along the purl meets every pattern that matches it, the widest first,
//! so the last one met is the answer. The walk takes at most [`PATTERN_BYTES_MAX`] steps,
//! whatever the number of patterns. A clone shares the tree; a change copies the nodes on its
//! path alone.
//!
//! [`PATTERN_BYTES_MAX`]: super::PATTERN_BYTES_MAX

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

use super::{Literal, Pattern};
use crate::purl::Purl;

/// A persistent map from patterns to small numbers, searched by purl.
#[derive(Clone, Debug, Default)]
pub struct PatternIndex {
    root: Arc<Node>,
    len: usize,
}

/// A stretch of bytes that the literals below share, and the patterns that end here.
#[derive(Clone, Debug, Default)]
struct Node {
    label: Box<[u8]>,
    exact: Option<u32>,
    wild: Option<u32>,
    /// Sorted by the first byte of their labels, which no two share.
    children: Vec<(u8, Arc<Self>)>,
}

impl Node {
    fn leaf(label: &[u8]) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    fn child(&self, first: u8) -> Result<usize, usize> {
        self.children.binary_search_by_key(&first, |(byte, _)| *byte)
    }

    fn slot(&mut self, exact: bool) -> &mut Option<u32> {
        if exact { &mut self.exact } else { &mut self.wild }
    }

    fn is_bare(&self) -> bool {
        self.exact.is_none() && self.wild.is_none()
    }

    /// Cuts the label after `at` bytes; what followed becomes the one child.
    fn split(&mut self, at: usize) {
        let Some((upper, lower)) = self.label.split_at_checked(at) else { return };
        let (upper, Some(first)) = (Self::leaf(upper), lower.first().copied()) else { return };
        let lower = lower.into();
        let below = Self { label: lower, ..core::mem::replace(self, upper) };
        self.children.push((first, Arc::new(below)));
    }

    /// Joins a node that holds nothing with its only child.
    fn join(&mut self) {
        if !self.is_bare() || self.children.len() != 1 {
            return;
        }
        if let Some((_, child)) = self.children.pop() {
            let child = Arc::unwrap_or_clone(child);
            let label = [&*self.label, &*child.label].concat().into();
            *self = Self { label, ..child };
        }
    }

    /// Takes out the pattern whose literal is `rest` below this node.
    fn remove(&mut self, rest: &[u8], exact: bool) -> Option<u32> {
        let Some(first) = rest.first() else { return self.slot(exact).take() };
        let at = self.child(*first).ok()?;
        let (_, shared) = self.children.get_mut(at)?;
        let rest = rest.strip_prefix(&*shared.label)?;
        let child = Arc::make_mut(shared);
        let taken = child.remove(rest, exact)?;
        child.join();
        if child.is_bare() && child.children.is_empty() {
            self.children.remove(at);
        }
        Some(taken)
    }
}

fn common(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}

impl PatternIndex {
    /// Without patterns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many patterns there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts `id` under `pattern` and gives back the number that stood there.
    pub fn insert(&mut self, pattern: &Pattern, id: u32) -> Option<u32> {
        let mut node = Arc::make_mut(&mut self.root);
        let mut rest = pattern.literal().as_bytes();
        while let Some(first) = rest.first().copied() {
            let at = match node.child(first) {
                Ok(at) => at,
                Err(at) => {
                    node.children.insert(at, (first, Arc::new(Node::leaf(rest))));
                    at
                }
            };
            // `at` was found or made just above.
            let (_, child) = node.children.get_mut(at)?;
            let child = Arc::make_mut(child);
            let shared = common(&child.label, rest);
            child.split(shared);
            rest = rest.get(shared..).unwrap_or_default();
            node = child;
        }
        let before = node.slot(pattern.is_exact()).replace(id);
        if before.is_none() {
            self.len = self.len.saturating_add(1);
        }
        before
    }

    /// Takes `pattern` out and gives back its number.
    pub fn remove(&mut self, pattern: &Pattern) -> Option<u32> {
        // Looked up first, so that a pattern that is not there copies nothing.
        self.get(pattern)?;
        let literal = pattern.literal().as_bytes();
        let taken = Arc::make_mut(&mut self.root).remove(literal, pattern.is_exact())?;
        self.len = self.len.saturating_sub(1);
        Some(taken)
    }

    /// The number under exactly this pattern.
    #[must_use]
    pub fn get(&self, pattern: &Pattern) -> Option<u32> {
        let mut node = &*self.root;
        let mut rest = pattern.literal().as_bytes();
        while let Some(first) = rest.first() {
            let (_, child) = node.children.get(node.child(*first).ok()?)?;
            rest = rest.strip_prefix(&*child.label)?;
            node = child;
        }
        if pattern.is_exact() { node.exact } else { node.wild }
    }

    /// The number of the narrowest pattern that matches `purl`: the one with the longest
    /// literal, and of two with the same literal the one without `*`.
    ///
    /// Patterns that match one purl are nested, so there is one narrowest.
    #[must_use]
    pub fn find(&self, purl: &Purl) -> Option<u32> {
        let subject = purl.versioned().as_bytes();
        let after_scope = subject.len().saturating_sub(purl.scope().len());
        let mut node = &*self.root;
        let mut rest = subject;
        let mut best = node.wild;
        while let Some(first) = rest.first() {
            let Some((_, child)) = node.child(*first).ok().and_then(|at| node.children.get(at))
            else {
                break;
            };
            let Some(after) = rest.strip_prefix(&*child.label) else { break };
            rest = after;
            node = child;
            // Literals have the `@` before a version exactly where the subject has it, so a
            // literal that ends within the scope is of the scope.
            best = node.wild.or(best);
            if rest.is_empty() || rest.len() == after_scope {
                best = node.exact.or(best);
            }
        }
        best
    }

    /// Every pattern with its number, in the order of the literals.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { ahead: [(0, &*self.root)].into(), literal: Vec::new(), exact: None }
    }
}

impl<'a> IntoIterator for &'a PatternIndex {
    type Item = (Pattern, u32);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The patterns of an index, in the order of the literals; of two with the same literal, the
/// one with `*` first.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    /// Nodes still to see, the next one last, with the length of the literal above each.
    ahead: Vec<(usize, &'a Node)>,
    literal: Vec<u8>,
    /// The pattern without `*` that ends where `literal` does, still to be given.
    exact: Option<u32>,
}

impl Iter<'_> {
    fn text(&self) -> Literal {
        // Literals went in as text, so they come out as text.
        Literal(String::from_utf8_lossy(&self.literal).into())
    }
}

impl Iterator for Iter<'_> {
    type Item = (Pattern, u32);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(id) = self.exact.take() {
                return Some((Pattern::Exact(self.text()), id));
            }
            let (above, node) = self.ahead.pop()?;
            self.literal.truncate(above);
            self.literal.extend_from_slice(&node.label);
            let depth = self.literal.len();
            self.ahead.extend(node.children.iter().rev().map(|(_, child)| (depth, &**child)));
            self.exact = node.exact;
            if let Some(id) = node.wild {
                let pattern = if self.literal.is_empty() {
                    Pattern::Universal
                } else {
                    Pattern::Prefix(self.text())
                };
                return Some((pattern, id));
            }
        }
    }
}
