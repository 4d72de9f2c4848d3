//! Stacks of one or two profiles as one tree, without frames that are too narrow to be seen.
//!
//! Paths are walked in order and only the open one is held, so that memory follows what is kept. What is left out stays in what its
//! caller weighs. It must not know what is made of a frame.

use std::collections::BTreeMap;

use super::Profile;
use super::stacks::Weight;
use super::table::{Count, Seen};

/// Frames below this share of every side are not kept: a quarter of a pixel of a wide screen.
pub(super) const NARROWEST: f64 = 1e-4;

/// What may be kept; with more the limit on the width of frames rises.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) frames: usize,
    /// Bytes of all stacks with a weight of their own, written out.
    pub(super) text: usize,
}

/// One side of a tree: a profile, or nothing.
pub(super) struct Side<'a> {
    pub(super) profile: &'a Profile,
    /// What a stack weighs.
    pub(super) weight: fn(&Profile, Weight) -> u64,
    /// What all of them weigh.
    pub(super) whole: u64,
}

impl<'a> Side<'a> {
    /// Weighed as its shares are.
    pub(super) fn of(profile: &'a Profile) -> Self {
        Self {
            profile,
            weight: |profile, weight| profile.weighed(weight),
            whole: profile.whole(),
        }
    }
}

/// A frame on one path with everything that was counted of it on both sides.
#[derive(Default)]
pub(super) struct Frame {
    /// 0 for the root.
    pub(super) depth: usize,
    /// Index of its name; of no meaning for the root.
    pub(super) name: u32,
    /// Itself.
    pub(super) own: [Count; 2],
    /// With what it calls.
    pub(super) total: [Count; 2],
    /// The weight of callees that are kept.
    callees: [u64; 2],
    /// Where its node is.
    at: usize,
    /// Bytes of its path.
    text: usize,
}

impl Frame {
    /// The weight that is in no callee that is kept: its own and that of what was left out.
    pub(super) fn rest(&self) -> [u64; 2] {
        [0, 1].map(|side| self.total[side].weight - self.callees[side])
    }
}

/// What is kept of each frame, in the order of a walk that begins at the root, siblings by name.
pub(super) struct Tree<N> {
    pub(super) nodes: Vec<N>,
    pub(super) pruned: Pruned,
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

/// The tree of one or two sides, in which functions are told apart by `names`.
pub(super) fn grow<N: Default>(
    sides: &[Side<'_>],
    names: &Names,
    limits: Limits,
    keep: impl Fn(&Frame) -> N,
) -> Tree<N> {
    let paths = paths(sides, names);
    let mut below = NARROWEST;
    loop {
        let mut walk = Walk {
            sides,
            names,
            limits,
            keep: &keep,
            open: Vec::new(),
            nodes: Vec::new(),
            text: 0,
            pruned: Pruned {
                frames: 0,
                below,
                own: (0.0, 0.0),
            },
        };
        if walk.all(&paths) {
            return Tree {
                nodes: walk.nodes,
                pruned: walk.pruned,
            };
        }
        below *= 2.0;
    }
}

/// The names of a tree in order, and which of them a profile's own names are.
pub(super) struct Names {
    pub(super) texts: Vec<String>,
    /// By side and the profile's index.
    of: Vec<Vec<u32>>,
}

impl Names {
    /// Names of profiles as `text` has them.
    pub(super) fn of(profiles: &[&Profile], text: impl Fn(&str) -> String) -> Self {
        let texts: Vec<Vec<String>> = profiles
            .iter()
            .map(|profile| profile.names().iter().map(|name| text(name)).collect())
            .collect();
        let mut ranks: BTreeMap<&str, u32> = BTreeMap::new();
        ranks.extend(texts.iter().flatten().map(|text| (text.as_str(), 0)));
        for (rank, of) in (0..).zip(ranks.values_mut()) {
            *of = rank;
        }
        let rank = |text: &String| ranks[text.as_str()];
        Self {
            of: texts
                .iter()
                .map(|texts| texts.iter().map(rank).collect())
                .collect(),
            texts: ranks.keys().map(|text| (*text).to_owned()).collect(),
        }
    }

    /// The index of a profile's name.
    pub(super) fn index(&self, side: usize, id: usize) -> usize {
        self.of[side][id] as usize
    }
}

struct Path<'a> {
    ids: &'a [u32],
    side: usize,
    seen: Seen<'a>,
    /// Frames that it has in common with the path before it.
    shared: usize,
}

/// All stacks in the order of their names, each without a copy of its frames.
fn paths<'a>(sides: &'a [Side<'_>], names: &Names) -> Vec<Path<'a>> {
    let mut paths: Vec<Path<'a>> = Vec::new();
    for (number, side) in sides.iter().enumerate() {
        let stacks = side.profile.unordered();
        paths.extend(stacks.map(|counts| Path {
            ids: counts.ids,
            side: number,
            seen: Seen {
                weight: (side.weight)(side.profile, counts.weight),
                ..Seen::of(side.profile, counts)
            },
            shared: 0,
        }));
    }
    paths.sort_unstable_by(|a, b| {
        let at = common(a, b, names);
        match (a.ids.get(at), b.ids.get(at)) {
            (Some(x), Some(y)) => names.of[a.side][*x as usize].cmp(&names.of[b.side][*y as usize]),
            (x, y) => x.is_some().cmp(&y.is_some()),
        }
    });
    for at in 1..paths.len() {
        paths[at].shared = common(&paths[at - 1], &paths[at], names);
    }
    paths
}

/// How many frames two paths begin with alike.
fn common(a: &Path<'_>, b: &Path<'_>, names: &Names) -> usize {
    const BLOCK: usize = 32;
    let mut at = 0;
    if a.side == b.side {
        // Most of two deep stacks are the same ids, which are compared by the block.
        let blocks = a.ids.chunks_exact(BLOCK).zip(b.ids.chunks_exact(BLOCK));
        at = blocks.take_while(|(a, b)| a == b).count() * BLOCK;
    }
    let (of_a, of_b) = (&names.of[a.side], &names.of[b.side]);
    let rest = a.ids[at..].iter().zip(&b.ids[at..]);
    at + rest
        .take_while(|(a, b)| of_a[**a as usize] == of_b[**b as usize])
        .count()
}

struct Walk<'a, N, F> {
    sides: &'a [Side<'a>],
    names: &'a Names,
    limits: Limits,
    keep: &'a F,
    open: Vec<Frame>,
    nodes: Vec<N>,
    /// Bytes of all stacks with a weight of their own.
    text: usize,
    pruned: Pruned,
}

impl<N: Default, F: Fn(&Frame) -> N> Walk<'_, N, F> {
    /// Walks ordered paths; `false` if there is too much to keep.
    fn all(&mut self, paths: &[Path<'_>]) -> bool {
        self.begin(0, 0);
        let mut walked = 0;
        // A stack that both sides have is two paths.
        for same in paths.chunk_by(|a, b| a.ids.len() == b.shared && b.ids.len() == b.shared) {
            let path = &same[0];
            walked += same.len();
            self.close_to(1 + path.shared);
            let next = paths.get(walked).map_or(0, |next| next.shared);
            // Beyond what either neighbour has there is this stack alone: it is wide enough, or none of its frames is.
            let mut depth = path.ids.len();
            let alone = depth - path.shared.max(next);
            let mut weights = [0, 0];
            same.iter()
                .for_each(|path| weights[path.side] += path.seen.weight);
            let narrow = |side: usize| self.part(side, weights[side]) < self.pruned.below;
            if alone > 0 && narrow(0) && narrow(1) {
                depth -= alone;
                self.pruned.frames += alone;
                self.leave_out(weights);
            }
            for id in &path.ids[path.shared..depth] {
                let name = self.names.of[path.side][*id as usize];
                self.begin(name, self.names.texts[name as usize].len() + 1);
            }
            let last = self.open.last_mut().expect("the root stays open");
            for path in same {
                if depth == path.ids.len() {
                    last.own[path.side].add(path.seen);
                }
                last.total[path.side].add(path.seen);
            }
            if self.nodes.len() > self.limits.frames + self.open.len() || !self.fits() {
                return false;
            }
        }
        self.close_to(0);
        self.nodes.len() <= self.limits.frames + 1 && self.fits()
    }

    fn fits(&self) -> bool {
        self.text <= self.limits.text
    }

    fn begin(&mut self, name: u32, length: usize) {
        let text = self.open.last().map_or(0, |caller| caller.text) + length;
        self.open.push(Frame {
            depth: self.open.len(),
            name,
            at: self.nodes.len(),
            text,
            ..Frame::default()
        });
        self.nodes.push(N::default());
    }

    fn part(&self, side: usize, weight: u64) -> f64 {
        let whole = self.sides.get(side).map_or(1, |side| side.whole.max(1));
        weight as f64 / whole as f64
    }

    /// Counts what a frame that is left out weighs itself.
    fn leave_out(&mut self, weights: [u64; 2]) {
        self.pruned.own.0 += self.part(0, weights[0]);
        self.pruned.own.1 += self.part(1, weights[1]);
    }

    fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            let Some(closed) = self.open.pop() else {
                return;
            };
            let part = |side: usize| self.part(side, closed.total[side].weight);
            let widest = part(0).max(part(1));
            let kept = closed.depth == 0 || widest >= self.pruned.below;
            if let Some(caller) = self.open.last_mut() {
                for (side, total) in closed.total.iter().enumerate() {
                    caller.total[side].join(total);
                    caller.callees[side] += if kept { total.weight } else { 0 };
                }
            }
            if !kept {
                // What it calls is narrower still and already gone.
                self.nodes.truncate(closed.at);
                self.pruned.frames += 1;
                self.leave_out([0, 1].map(|side| closed.own[side].weight));
                continue;
            }
            if closed.rest() != [0, 0] {
                self.text += closed.text;
            }
            self.nodes[closed.at] = (self.keep)(&closed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::folded;
    use super::*;

    fn grown(sides: &[&Profile], limits: Limits) -> (Vec<String>, Pruned) {
        let names = Names::of(sides, str::to_owned);
        let sides: Vec<Side<'_>> = sides.iter().map(|profile| Side::of(profile)).collect();
        let tree = grow(&sides, &names, limits, |frame| {
            let name = match frame.depth {
                0 => "all",
                _ => &names.texts[frame.name as usize],
            };
            format!("{} {name} {:?}", frame.depth, frame.rest())
        });
        (tree.nodes, tree.pruned)
    }

    fn read(text: &str) -> Profile {
        folded::read(text.as_bytes()).expect("reads")
    }

    const ROOMY: Limits = Limits {
        frames: 1000,
        text: 1 << 20,
    };

    #[test]
    fn what_is_left_out_stays_in_its_caller() {
        let profile = read("m;a 50000\nm;b;x 2\nm;b;y 2\nm;b 50000\nz 1");
        let (nodes, pruned) = grown(&[&profile], ROOMY);
        assert_eq!(
            nodes,
            [
                "0 all [1, 0]",
                "1 m [0, 0]",
                "2 a [50000, 0]",
                "2 b [50004, 0]"
            ]
        );
        assert_eq!((pruned.frames, pruned.below), (3, NARROWEST));
    }

    #[test]
    fn both_sides_are_one_tree_whatever_their_names_are_numbered() {
        let (base, head) = (read("m;a 3\nm;b 4"), read("b 1\nm;b 5\nm;a 6\nm;a;c 7"));
        assert_eq!(
            grown(&[&base, &head], ROOMY).0,
            [
                "0 all [0, 0]",
                "1 b [0, 1]",
                "1 m [0, 0]",
                "2 a [3, 6]",
                "3 c [0, 7]",
                "2 b [4, 5]"
            ]
        );
    }

    #[test]
    fn deep_stacks_part_where_they_differ() {
        for depth in [31, 32, 33, 100] {
            let stem = vec!["f"; depth].join(";");
            let profile = read(&format!("{stem};a 1\n{stem};b 2\n{stem} 3\n{stem};a;c 4"));
            let (nodes, _) = grown(&[&profile], ROOMY);
            assert_eq!(nodes.len(), 1 + depth + 3);
            assert_eq!(nodes[depth], format!("{depth} f [3, 0]"));
            assert_eq!(nodes[depth + 3], format!("{} b [2, 0]", depth + 1));
        }
    }

    #[test]
    fn narrow_ends_of_stacks_are_left_out_wherever_they_part() {
        let profile = read(
            "m 60000\nm;a 2\nm;a;b 2\nm;a;b;c;d 3\nm;a;e 1\nm;f;g 50000\nm;f;h;i 2\nn;o;p 4\nq 5",
        );
        let (nodes, pruned) = grown(&[&profile], ROOMY);
        assert_eq!(
            nodes,
            [
                "0 all [9, 0]",
                "1 m [60008, 0]",
                "2 f [2, 0]",
                "3 g [50000, 0]"
            ]
        );
        assert_eq!(pruned.frames, 11);
        assert!((pruned.own.0 - 19.0 / 110_019.0).abs() < 1e-12);
    }

    #[test]
    fn what_both_sides_have_is_as_wide_as_on_the_wider() {
        let (base, head) = (
            read("m;a;b 1\nm;c 99999"),
            read("m;a;b 20\nm;a 1\nm;c 99979"),
        );
        let (nodes, pruned) = grown(&[&base, &head], ROOMY);
        assert_eq!(
            nodes,
            [
                "0 all [0, 0]",
                "1 m [0, 0]",
                "2 a [0, 1]",
                "3 b [1, 20]",
                "2 c [99999, 99979]"
            ]
        );
        assert_eq!(pruned.frames, 0);
        let (nodes, pruned) = grown(&[&base, &base], ROOMY);
        assert_eq!(nodes, ["0 all [0, 0]", "1 m [1, 1]", "2 c [99999, 99999]"]);
        assert_eq!((pruned.frames, pruned.own), (2, (1e-5, 1e-5)));
    }

    #[test]
    fn with_too_much_to_keep_the_narrowest_go() {
        let lines: Vec<String> = (0..100)
            .map(|at| format!("m;f{at:03} {}", 100 + at))
            .collect();
        let profile = read(&lines.join("\n"));
        let (nodes, pruned) = grown(&[&profile], ROOMY);
        assert_eq!((nodes.len(), pruned.frames), (102, 0));
        for limits in [
            Limits {
                frames: 60,
                ..ROOMY
            },
            Limits { text: 500, ..ROOMY },
        ] {
            let (nodes, pruned) = grown(&[&profile], limits);
            assert!(nodes.len() <= 61, "{nodes:?}");
            assert_eq!(nodes.len() + pruned.frames, 102);
            assert!(pruned.below > NARROWEST);
        }
    }
}
