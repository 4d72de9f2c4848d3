//! The tree of two profiles: every path of either, with what it weighs on both sides.
//!
//! A frame that only one side has stays in it. Paths are walked in order and only the open one is held, so that memory follows
//! what is kept: frames that are too narrow to be seen are left out and counted. It must not draw.

use std::collections::BTreeMap;

use super::names::normalise;
use super::share::{Difference, FEWEST_SAMPLES, Scale, findings_up_to};
use super::stacks::Profile;
use super::table::{Count, FunctionTable};
use super::{DeltaFinding, Error};

/// Frames below this share of both sides are not kept: a quarter of a pixel of a wide screen.
pub const NARROWEST: f64 = 1e-4;

/// Frames that are kept at most; with more the limit on their width rises.
const MAX_NODES: usize = 200_000;

/// Two profiles as one tree.
#[derive(Debug)]
pub struct Union {
    /// Normalised names.
    pub names: Vec<String>,
    /// A raw name for each that has another one.
    pub raw: Vec<Option<String>>,
    /// In the order of a walk that begins at the root, siblings by name. The first is the root: everything.
    pub nodes: Vec<Node>,
    /// What was left out.
    pub pruned: Pruned,
}

/// One frame on one path.
#[derive(Debug, Clone)]
pub struct Node {
    /// 0 for the root.
    pub depth: usize,
    /// Index of its name; the root has none of its own.
    pub name: Option<usize>,
    /// Before.
    pub base: Weights,
    /// After.
    pub head: Weights,
    /// Changes in CPU-µs per request, if both sides have that.
    pub per_request: Option<NodeDelta>,
    /// Changes of shares.
    pub share: NodeDelta,
}

/// What a frame weighs on one side, as shares of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// With what it calls.
    pub total: f64,
    /// Itself.
    pub own: f64,
}

/// How a frame changed, in one unit.
#[derive(Debug, Clone, Copy)]
pub struct NodeDelta {
    /// With what it calls.
    pub total: Difference,
    /// What follows from that.
    pub total_finding: DeltaFinding,
    /// Itself.
    pub own: Difference,
    /// What follows from that.
    pub own_finding: DeltaFinding,
}

/// What is not in the tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pruned {
    /// How many frames.
    pub frames: usize,
    /// They have less than this share on both sides.
    pub below: f64,
    /// The shares of both sides whose leaf is one of them.
    pub own: (f64, f64),
}

/// Joins two profiles. `scales` are the CPU-µs per request of both.
///
/// # Errors
/// [`Error::Empty`] if neither has a sample.
pub fn union(
    base: &Profile,
    head: &Profile,
    scales: Option<(Scale, Scale)>,
) -> Result<Union, Error> {
    if base.is_empty() && head.is_empty() {
        return Err(Error::Empty);
    }
    let mut names = BTreeMap::new();
    for profile in [base, head] {
        for name in profile.names() {
            let normal = normalise(name).into_owned();
            let raw = (*normal != **name).then(|| name.to_string());
            let known: &mut Option<String> = names.entry(normal).or_default();
            *known = known.take().or(raw);
        }
    }
    let order: BTreeMap<&str, u32> = names.keys().map(String::as_str).zip(0..).collect();
    let (paths, walked) = (paths(base, 0, &order), paths(head, 1, &order));
    let mut paths = [paths, walked].concat();
    paths.sort_unstable_by(|a, b| a.frames.cmp(&b.frames));
    let sides =
        [base, head].map(|profile| (FunctionTable::without_functions(profile), profile.whole()));
    let mut below = NARROWEST;
    let mut tree = loop {
        let mut walk = Walk::new(&sides, scales, below);
        if walk.all(&paths) {
            break walk;
        }
        below *= 2.0;
    };
    tree.judge();
    let pruned = Pruned {
        frames: tree.pruned,
        below,
        own: tree.pruned_own,
    };
    let nodes = tree.nodes;
    let (names, raw) = names.into_iter().unzip();
    Ok(Union {
        names,
        raw,
        nodes,
        pruned,
    })
}

#[derive(Clone)]
struct Path<'a> {
    frames: Vec<u32>,
    side: usize,
    samples: u64,
    weight: u64,
    by_slice: &'a [(u8, u64)],
}

fn paths<'a>(profile: &'a Profile, side: usize, order: &BTreeMap<&str, u32>) -> Vec<Path<'a>> {
    let names = profile.names().iter();
    let ids: Vec<u32> = names.map(|name| order[&*normalise(name)]).collect();
    let stacks = profile.unordered();
    stacks
        .map(|counts| Path {
            frames: counts.ids.iter().map(|id| ids[*id as usize]).collect(),
            side,
            samples: counts.weight.samples,
            weight: profile.weighed(counts.weight),
            by_slice: counts.by_slice,
        })
        .collect()
}

/// A frame that may still get more.
#[derive(Default)]
struct Open {
    /// Where its node is.
    at: usize,
    name: u32,
    own: [Count; 2],
    total: [Count; 2],
}

struct Walk<'a> {
    sides: &'a [(FunctionTable, u64); 2],
    scales: Option<(Scale, Scale)>,
    below: f64,
    open: Vec<Open>,
    nodes: Vec<Node>,
    pruned: usize,
    pruned_own: (f64, f64),
}

impl<'a> Walk<'a> {
    fn new(
        sides: &'a [(FunctionTable, u64); 2],
        scales: Option<(Scale, Scale)>,
        below: f64,
    ) -> Self {
        Self {
            sides,
            scales,
            below,
            open: Vec::new(),
            nodes: Vec::new(),
            pruned: 0,
            pruned_own: (0.0, 0.0),
        }
    }

    /// Walks ordered paths; `false` if there is too much to keep.
    fn all(&mut self, paths: &[Path<'_>]) -> bool {
        self.begin(0);
        for path in paths {
            let open = self.open[1..].iter().map(|open| open.name);
            let shared = open.zip(&path.frames).take_while(|(a, b)| a == *b).count();
            self.close_to(1 + shared);
            for name in &path.frames[shared..] {
                self.begin(*name);
            }
            let leaf = self.open.last_mut().expect("the root stays open");
            leaf.own[path.side].add(path.samples, path.weight, path.by_slice);
            leaf.total[path.side].add(path.samples, path.weight, path.by_slice);
            if self.nodes.len() > 2 * MAX_NODES {
                return false;
            }
        }
        self.close_to(0);
        self.nodes.len() <= MAX_NODES
    }

    fn begin(&mut self, name: u32) {
        const NOTHING: Weights = Weights {
            total: 0.0,
            own: 0.0,
        };
        let depth = self.open.len();
        self.open.push(Open {
            at: self.nodes.len(),
            name,
            ..Open::default()
        });
        self.nodes.push(Node {
            depth,
            name: (depth > 0).then_some(name as usize),
            base: NOTHING,
            head: NOTHING,
            per_request: None,
            share: NodeDelta::NONE,
        });
    }

    fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            let Some(closed) = self.open.pop() else {
                return;
            };
            if let Some(parent) = self.open.last_mut() {
                for side in [0, 1] {
                    let child = &closed.total[side];
                    parent.total[side].join(child);
                }
            }
            self.close(&closed);
        }
    }

    fn close(&mut self, closed: &Open) {
        let part = |counts: &[Count; 2], side: usize| {
            counts[side].weight as f64 / self.sides[side].1.max(1) as f64
        };
        let widest = part(&closed.total, 0).max(part(&closed.total, 1));
        if closed.at > 0 && widest < self.below {
            // What it calls is narrower still and already gone.
            self.nodes.truncate(closed.at);
            self.pruned += 1;
            let own = (part(&closed.own, 0), part(&closed.own, 1));
            self.pruned_own.0 += own.0;
            self.pruned_own.1 += own.1;
            return;
        }
        let share = |count: &Count, side: usize| {
            let (table, whole) = &self.sides[side];
            table.share(count, *whole)
        };
        let (own, total) = (
            [share(&closed.own[0], 0), share(&closed.own[1], 1)],
            [share(&closed.total[0], 0), share(&closed.total[1], 1)],
        );
        let judged = |counts: &[Count; 2]| {
            let known = self.sides.iter().all(|(table, _)| table.samples > 0);
            if known && counts[0].samples.saturating_add(counts[1].samples) >= FEWEST_SAMPLES {
                DeltaFinding::NotDetected
            } else {
                DeltaFinding::TooFew
            }
        };
        let delta = |scales: (Scale, Scale)| NodeDelta {
            total: Difference::of((total[0], scales.0), (total[1], scales.1)),
            total_finding: judged(&closed.total),
            own: Difference::of((own[0], scales.0), (own[1], scales.1)),
            own_finding: judged(&closed.own),
        };
        let (per_request, share) = (self.scales.map(delta), delta((Scale::SHARE, Scale::SHARE)));
        let weights = |side: usize| Weights {
            total: total[side].value,
            own: own[side].value,
        };
        let (base, head) = (weights(0), weights(1));
        let node = &mut self.nodes[closed.at];
        (node.base, node.head) = (base, head);
        (node.per_request, node.share) = (per_request, share);
    }

    /// Marks findings, for each unit and for totals and leaves apart.
    fn judge(&mut self) {
        type Part = fn(&mut Node) -> Option<(&mut DeltaFinding, f64)>;
        let parts: [Part; 4] = [
            |node| Some((&mut node.share.total_finding, node.share.total.p)),
            |node| Some((&mut node.share.own_finding, node.share.own.p)),
            |node| {
                let delta = node.per_request.as_mut()?;
                Some((&mut delta.total_finding, delta.total.p))
            },
            |node| {
                let delta = node.per_request.as_mut()?;
                Some((&mut delta.own_finding, delta.own.p))
            },
        ];
        for part in parts {
            let all = self.nodes.iter_mut().filter_map(part);
            let p_values: Vec<f64> = all
                .filter(|(finding, _)| **finding == DeltaFinding::NotDetected)
                .map(|(_, p)| p)
                .collect();
            let limit = findings_up_to(p_values.into_iter());
            for (finding, p) in self.nodes.iter_mut().filter_map(part) {
                if *finding == DeltaFinding::NotDetected && p <= limit {
                    *finding = DeltaFinding::Changed;
                }
            }
        }
    }
}

impl NodeDelta {
    const NONE: Self = Self {
        total: Difference::NONE,
        total_finding: DeltaFinding::TooFew,
        own: Difference::NONE,
        own_finding: DeltaFinding::TooFew,
    };
}

#[cfg(test)]
mod tests {
    use super::super::folded;
    use super::*;

    fn tree(base: &str, head: &str) -> Union {
        let read = |text: &str| folded::read(text.as_bytes()).expect("reads");
        let scale = Scale::cost;
        union(&read(base), &read(head), Some((scale(200.0), scale(100.0)))).expect("has samples")
    }

    /// Depth, name, total of base and head in µs, finding.
    fn lines(tree: &Union) -> Vec<String> {
        let nodes = tree.nodes.iter();
        nodes
            .map(|node| {
                let name = node.name.map_or("all", |name| &tree.names[name]);
                let delta = node.per_request.expect("has costs");
                format!(
                    "{} {name} {:.0} {:.0} {:?}",
                    node.depth,
                    node.base.total * 200.0,
                    node.head.total * 100.0,
                    delta.total_finding
                )
            })
            .collect()
    }

    #[test]
    fn frames_of_either_side_are_in_the_tree() {
        let tree = tree(
            "main;bcrypt;expand 500\nmain;parse 500",
            "main;parse 980\nmain;lookup 20",
        );
        assert_eq!(
            lines(&tree),
            [
                "0 all 200 100 Changed",
                "1 main 200 100 Changed",
                "2 bcrypt 100 0 Changed",
                "3 expand 100 0 Changed",
                "2 lookup 0 2 Changed",
                "2 parse 100 98 NotDetected",
            ]
        );
        assert_eq!(tree.pruned.frames, 0);
        // In shares parse has doubled, because the rest fell.
        assert_eq!(tree.nodes[5].share.total_finding, DeltaFinding::Changed);
    }

    #[test]
    fn narrow_frames_are_left_out_and_counted() {
        let mut text = "main;wide 1000000\n".to_owned();
        for leaf in 0..100 {
            text += &format!("main;few;leaf{leaf};x 3\n");
        }
        let tree = tree(&text, &text);
        let names: Vec<String> = lines(&tree);
        assert_eq!(names.len(), 4, "{names:?}");
        assert_eq!(tree.pruned.frames, 200);
        assert!((tree.pruned.own.0 - 300.0 / 1_000_300.0).abs() < 1e-9);
    }

    #[test]
    fn without_samples_there_is_no_tree() {
        let empty = || Profile::new("cpu", "nanoseconds", 0);
        assert!(matches!(union(&empty(), &empty(), None), Err(Error::Empty)));
        let one = folded::read(&b"a 5"[..]).expect("reads");
        assert_eq!(
            union(&one, &empty(), None).expect("one side").nodes.len(),
            2
        );
    }
}
