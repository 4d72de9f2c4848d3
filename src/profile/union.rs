//! The tree of two profiles: every path of either, with what it weighs on both sides.
//!
//! A frame that only one side has stays in it; frames that are too narrow to be seen are left out and counted. It must not draw.

use super::difference::{Difference, Scale, findings_up_to};
use super::names::normalise;
use super::share::{FEWEST_SAMPLES, Share};
use super::stacks::Profile;
use super::table::{Count, FunctionTable};
pub use super::tree::Pruned;
use super::tree::{self, Frame, Limits, Names, grow};
use super::{DeltaFinding, Error};

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
#[derive(Debug, Clone, Default)]
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
#[derive(Debug, Clone, Copy, PartialEq, Default)]
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
    let profiles = [base, head];
    let names = Names::of(&profiles, |name| normalise(name).into_owned());
    let mut raw = vec![None; names.texts.len()];
    for (side, profile) in profiles.into_iter().enumerate() {
        for (id, name) in profile.names().iter().enumerate() {
            let at = names.index(side, id);
            if raw[at].is_none() && **name != *names.texts[at] {
                raw[at] = Some(name.to_string());
            }
        }
    }
    let tables = profiles.map(FunctionTable::without_functions);
    let judging = Judging {
        tables: &tables,
        scales,
    };
    let limits = Limits {
        frames: MAX_NODES,
        text: usize::MAX,
    };
    let sides = profiles.map(tree::Side::of);
    let mut tree = grow(&sides, &names, limits, |frame| judging.node(frame));
    judge(&mut tree.nodes);
    Ok(Union {
        names: names.texts,
        raw,
        nodes: tree.nodes,
        pruned: tree.pruned,
    })
}

/// What frames are judged by.
struct Judging<'a> {
    tables: &'a [FunctionTable; 2],
    scales: Option<(Scale, Scale)>,
}

impl Judging<'_> {
    fn node(&self, frame: &Frame) -> Node {
        let share = |counts: &[Count; 2]| {
            let [base, head] = self.tables;
            let seen = |side: usize| {
                (counts[side].weight > 0).then(|| self.tables[side].share(&counts[side]))
            };
            let (base, head) = base.beside(seen(0), head, seen(1));
            [base, head]
        };
        let (own, total) = (share(&frame.own), share(&frame.total));
        let judged = |shares: &[Share; 2]| {
            let known = self.tables.iter().all(|table| table.samples > 0);
            if known && shares[0].hits + shares[1].hits >= FEWEST_SAMPLES as f64 - 1e-6 {
                DeltaFinding::NotDetected
            } else {
                DeltaFinding::TooFew
            }
        };
        let delta = |scales: (Scale, Scale)| NodeDelta {
            total: Difference::of((total[0], scales.0), (total[1], scales.1)),
            total_finding: judged(&total),
            own: Difference::of((own[0], scales.0), (own[1], scales.1)),
            own_finding: judged(&own),
        };
        let weights = |side: usize| Weights {
            total: total[side].value,
            own: own[side].value,
        };
        Node {
            depth: frame.depth,
            name: (frame.depth > 0).then_some(frame.name as usize),
            base: weights(0),
            head: weights(1),
            per_request: self.scales.map(delta),
            share: delta((Scale::SHARE, Scale::SHARE)),
        }
    }
}

/// Marks findings, for each unit and for totals and leaves apart.
fn judge(nodes: &mut [Node]) {
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
        let all = nodes.iter_mut().filter_map(part);
        let p_values: Vec<f64> = all
            .filter(|(finding, _)| **finding == DeltaFinding::NotDetected)
            .map(|(_, p)| p)
            .collect();
        let limit = findings_up_to(p_values.into_iter());
        for (finding, p) in nodes.iter_mut().filter_map(part) {
            if *finding == DeltaFinding::NotDetected && p <= limit {
                *finding = DeltaFinding::Changed;
            }
        }
    }
}

impl Default for NodeDelta {
    fn default() -> Self {
        Self {
            total: Difference::NONE,
            total_finding: DeltaFinding::TooFew,
            own: Difference::NONE,
            own_finding: DeltaFinding::TooFew,
        }
    }
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
            "main;bcrypt;expand 5000\nmain;parse 5000",
            "main;parse 8800\nmain;lookup 1200",
        );
        assert_eq!(
            lines(&tree),
            [
                "0 all 200 100 Changed",
                "1 main 200 100 Changed",
                "2 bcrypt 100 0 Changed",
                "3 expand 100 0 Changed",
                "2 lookup 0 12 Changed",
                "2 parse 100 88 NotDetected",
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
