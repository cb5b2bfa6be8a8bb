//! Policies made for asking: what a question costs depends on the path asked about, not on how
//! many policies, rules or tokens there are.

use std::{collections::HashMap, sync::Arc};

use keyward_lifecycle::access::Role;

use super::{Action, Policy, Subject, subject::Who};

/// All policies together.
#[derive(Default)]
pub(crate) struct PolicyIndex {
    tokens: HashMap<Arc<str>, Tree<u8>>,
    roles: HashMap<&'static str, Tree<u8>>,
    /// By trust domain and path: the place of their grants.
    workloads: Tree<Option<usize>>,
    grants: Vec<Tree<u8>>,
    /// Policies whose records did not open: they grant nothing.
    pub(crate) unreadable: usize,
}

impl PolicyIndex {
    /// Adds what a policy grants.
    pub(crate) fn add(&mut self, policy: &Policy) {
        for (who, prefix, bits) in policy.grants() {
            let tree = match who {
                Who::Token(name) => self.tokens.entry(name.into()).or_default(),
                Who::Role(role) => self.roles.entry(role.name()).or_default(),
                Who::Workloads(pattern) => {
                    let place = self.workloads.at(pattern.split('/'));
                    let number = *place.get_or_insert(self.grants.len());
                    if number == self.grants.len() {
                        self.grants.push(Tree::default());
                    }
                    let Some(tree) = self.grants.get_mut(number) else { continue };
                    tree
                }
            };
            let segments = prefix.split('/').filter(|segment| !segment.is_empty());
            *tree.at(segments) |= bits;
        }
    }

    /// Whether `subject` may do `action` at the place with these segments.
    pub(crate) fn grants(&self, subject: &Subject, action: Action, segments: &[&str]) -> bool {
        let mut granted = false;
        let mut ask = |tree: Option<&Tree<u8>>| {
            let Some(tree) = tree.filter(|_| !granted) else { return };
            tree.walk(segments, |bits, _| granted |= bits & action.bit() != 0);
        };
        let by_role = |role: Role| self.roles.get(role.name());
        match subject {
            Subject::Admin => return true,
            Subject::Token { name, role } => {
                ask(self.tokens.get(name));
                ask(by_role(*role));
            }
            Subject::Workload { id, role } => {
                let domain = std::iter::once(id.trust_domain().as_str());
                let name: Vec<&str> = domain.chain(id.segments()).collect();
                self.workloads.walk(&name, |place, is_end| {
                    ask(place.filter(|_| is_end).and_then(|place| self.grants.get(place)));
                });
                ask(role.and_then(by_role));
            }
        }
        granted
    }
}

/// Things at prefixes of segments, where a segment may be any one.
struct Tree<T> {
    nodes: Vec<Node<T>>,
}

struct Node<T> {
    here: T,
    named: HashMap<Box<str>, usize>,
    any: Option<usize>,
}

impl<T: Default> Default for Tree<T> {
    fn default() -> Self {
        Self { nodes: vec![Node::new()] }
    }
}

impl<T: Default> Node<T> {
    fn new() -> Self {
        Self { here: T::default(), named: HashMap::new(), any: None }
    }
}

impl<T: Default + Copy> Tree<T> {
    /// What stands at that prefix; it is made.
    #[expect(clippy::indexing_slicing, reason = "numbers of nodes, which are never removed")]
    fn at<'s>(&mut self, segments: impl Iterator<Item = &'s str>) -> &mut T {
        let mut place = 0;
        for segment in segments {
            let next = self.nodes.len();
            let node = &mut self.nodes[place];
            let found = match segment {
                "*" => *node.any.get_or_insert(next),
                _ => *node.named.entry(segment.into()).or_insert(next),
            };
            if found == next {
                self.nodes.push(Node::new());
            }
            place = found;
        }
        &mut self.nodes[place].here
    }

    /// Shows what stands at every prefix of `segments`, and whether it is all of them.
    fn walk(&self, segments: &[&str], mut show: impl FnMut(T, bool)) {
        let mut places = vec![0];
        for depth in 0..=segments.len() {
            let nodes: Vec<&Node<T>> =
                places.iter().filter_map(|place| self.nodes.get(*place)).collect();
            for node in &nodes {
                show(node.here, depth == segments.len());
            }
            let Some(segment) = segments.get(depth) else { return };
            let next = nodes.iter().flat_map(|node| {
                [node.named.get(*segment).copied(), node.any].into_iter().flatten()
            });
            places = next.collect();
            if places.is_empty() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use keyward_lifecycle::spiffe::SpiffeId;

    use super::*;

    fn index(rules: &str) -> PolicyIndex {
        let policy = Policy::parse(format!(r#"{{"rules":[{rules}]}}"#).as_bytes());
        let mut index = PolicyIndex::default();
        index.add(&policy.expect("a policy"));
        index
    }

    fn token(name: &str) -> Subject {
        Subject::Token { name: name.into(), role: Role::Signer }
    }

    #[track_caller]
    fn check(index: &PolicyIndex, subject: &Subject, asked: (Action, &str), granted: bool) {
        let (action, path) = asked;
        let segments: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
        assert_eq!(index.grants(subject, action, &segments), granted, "{action:?} {path}");
    }

    #[test]
    fn a_prefix_covers_whole_segments_and_nothing_is_granted_by_default() {
        let index = index(r#"{"who":["token:ci"],"may":["read"],"under":["app"]}"#);
        check(&index, &token("ci"), (Action::Read, "app"), true);
        check(&index, &token("ci"), (Action::Read, "app/prod/db"), true);
        check(&index, &token("ci"), (Action::Read, "apple"), false);
        check(&index, &token("ci"), (Action::Read, "ap"), false);
        check(&index, &token("ci"), (Action::Read, ""), false);
        check(&index, &token("ci"), (Action::Write, "app"), false);
        check(&index, &token("other"), (Action::Read, "app"), false);
        check(&PolicyIndex::default(), &token("ci"), (Action::Read, "app"), false);
        check(&PolicyIndex::default(), &Subject::Admin, (Action::Delete, "app"), true);
    }

    #[test]
    fn a_star_is_any_one_segment_and_a_slash_alone_is_every_path() {
        let index = index(
            r#"{"who":["role:signer"],"may":["read"],"under":["app/*/db","*/shared/*"]},
               {"who":["token:ops"],"may":["list"],"under":["/"]}"#,
        );
        check(&index, &token("ci"), (Action::Read, "app/prod/db/password"), true);
        check(&index, &token("ci"), (Action::Read, "app/db"), false);
        check(&index, &token("ci"), (Action::Read, "app/a/b/db"), false);
        check(&index, &token("ci"), (Action::Read, "app/shared/x"), true);
        check(&index, &token("ci"), (Action::Read, "app/shared"), false);
        check(&index, &token("ops"), (Action::List, ""), true);
        check(&index, &token("ops"), (Action::List, "any/thing"), true);
        check(&index, &token("ops"), (Action::Read, "any/thing"), false);
    }

    #[test]
    fn workloads_are_matched_segment_by_segment() {
        let index = index(
            r#"{"who":["spiffe://example.org/app/*"],"may":["read"],"under":["app"]},
               {"who":["spiffe://example.org"],"may":["write"],"under":["app"]}"#,
        );
        let workload = |id: &str| {
            let id = SpiffeId::parse(id).expect("a SPIFFE ID");
            Subject::Workload { id, role: None }
        };
        check(&index, &workload("spiffe://example.org/app/web"), (Action::Read, "app/x"), true);
        check(&index, &workload("spiffe://example.org/app/web"), (Action::Write, "app/x"), false);
        check(&index, &workload("spiffe://example.org/app"), (Action::Read, "app/x"), false);
        check(&index, &workload("spiffe://example.org/app/a/b"), (Action::Read, "app/x"), false);
        check(&index, &workload("spiffe://example.com/app/web"), (Action::Read, "app/x"), false);
        check(&index, &workload("spiffe://example.org"), (Action::Write, "app/x"), true);
    }

    #[test]
    fn a_policy_says_which_rule_is_wrong() {
        let check = |rules: &str, expected: &str| {
            let error = Policy::parse(format!(r#"{{"rules":[{rules}]}}"#).as_bytes());
            assert_eq!(error.expect_err(rules).to_string(), expected);
        };
        check("", "the policy is malformed: it has from 1 to 256 rules");
        let good = r#"{"who":["token:ci"],"may":["read"],"under":["app"]}"#;
        let none = r#"{"who":["token:ci"],"may":[],"under":["app"]}"#;
        let expected = "the policy's rule 2 is malformed: `who`, `may` and `under` each name at \
                        least one";
        check(&format!("{good},{none}"), expected);
        check(
            r#"{"who":["token:ci"],"may":["read"],"under":["app/"]}"#,
            "the policy's rule 1 is malformed: the prefix `app/` has no empty segment, and no \
             slash at its beginning or end",
        );
    }
}
