//! The interactive differential flame graph: one HTML file that needs nothing else.
//!
//! Names come from profiles that others wrote. They reach the page as JSON in which no tag can begin, and the page's script sets them as
//! text alone; a policy in its head lets only the script and the style of this file run, told by their hashes, and no request leave.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::compare::amounts;
use crate::profile::union::{NodeDelta, Pruned, Union, union};
use crate::profile::{
    DeltaFinding, Diff, Error, FunctionDelta, FunctionShare, FunctionTable, Profile, Scale, Share,
    Unit, diff, with_threads_of,
};
use crate::report::inert::{escaped, hash, json};

const PAGE: &str = include_str!("assets/flame-diff.html");
const STYLE: &str = include_str!("assets/flame-diff.css");
const SCRIPT: &str = concat!(
    "'use strict';\n(() => {\n",
    include_str!("assets/flame-diff.js"),
    include_str!("assets/flame-diff-selftest.js"),
    "})();\n"
);

/// Functions with the largest change that are told also if no frame of theirs is drawn.
const TOLD: usize = 200;

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct FlameDiff<'a> {
    /// The title of the page.
    pub title: &'a str,
    /// What the base is called.
    pub base_label: &'a str,
    /// What the head is called.
    pub head_label: &'a str,
    /// Before.
    pub base: &'a Profile,
    /// After.
    pub head: &'a Profile,
    /// CPU-µs per request of both, if both are known; without them what profiles can be compared in is shown.
    pub per_request: Option<(Scale, Scale)>,
    /// What makes the comparison doubtful.
    pub notes: &'a [String],
}

#[derive(Serialize)]
struct Data<'a> {
    schema: &'static str,
    title: &'a str,
    base: Side<'a>,
    head: Side<'a>,
    /// What the figures under `per_request` are in.
    unit: &'static str,
    notes: &'a [String],
    kind: String,
    names: Vec<&'a str>,
    raw: Vec<Option<&'a str>>,
    /// Depth of each frame, in the order of a walk.
    depth: Vec<usize>,
    /// Index of its name; -1 for the root.
    name: Vec<i64>,
    #[serde(flatten)]
    figures: Figures,
    functions: Functions,
    pruned: PrunedJson,
}

/// Of frames, or of functions.
#[derive(Serialize)]
struct Figures {
    /// Shares: total and own, of base and head.
    b: Vec<f64>,
    bo: Vec<f64>,
    h: Vec<f64>,
    ho: Vec<f64>,
    per_request: Option<Deltas>,
    share: Deltas,
}

/// Functions over all their frames, drawn or not, as in a comparison's table: those that are drawn, and those that changed most.
#[derive(Serialize)]
struct Functions {
    /// Index of the name.
    name: Vec<usize>,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Serialize)]
struct Side<'a> {
    label: &'a str,
    samples: u64,
    slices: usize,
    us: Option<f64>,
}

/// Of each frame in one unit: the ends of the intervals of its change and of its own, and a letter for what follows of each.
#[derive(Serialize)]
struct Deltas {
    low: Vec<f64>,
    high: Vec<f64>,
    own_low: Vec<f64>,
    own_high: Vec<f64>,
    found: String,
    own_found: String,
}

#[derive(Serialize)]
struct PrunedJson {
    frames: usize,
    below: f64,
    base: f64,
    head: f64,
}

/// The page.
///
/// # Errors
/// [`Error::Empty`] if neither profile has a sample.
pub fn html(of: &FlameDiff<'_>) -> Result<String, Error> {
    Ok(around(of.title, &island(of)?))
}

/// What the page's script reads, inert in markup.
pub(super) fn island(of: &FlameDiff<'_>) -> Result<String, Error> {
    let (unit, scales) = match of.per_request {
        Some(scales) => (Unit::PerRequest, Some(scales)),
        None => match amounts(of.base, of.head) {
            (Unit::Share, _) => (Unit::Share, None),
            (unit, scales) => (unit, Some(scales)),
        },
    };
    let head = &*with_threads_of(of.base, of.head);
    let of = &FlameDiff {
        head,
        per_request: scales,
        ..*of
    };
    let tree = union(of.base, of.head, of.per_request)?;
    let tables = (FunctionTable::of(of.base), FunctionTable::of(of.head));
    let compared = |unit, scales: (Scale, Scale)| {
        let side = |table, scale| crate::profile::Side { table, scale };
        diff(side(&tables.0, scales.0), side(&tables.1, scales.1), unit)
    };
    let per_request = of.per_request.map(|scales| compared(unit, scales));
    let share = compared(Unit::Share, (Scale::SHARE, Scale::SHARE));
    let told = Told::of(&tree, share, per_request);
    Ok(json(
        &serde_json::to_string(&data(of, unit, &tree, &told)).expect("all keys are strings"),
    ))
}

/// The page around some data.
pub(super) fn around(title: &str, data: &str) -> String {
    let parts = [
        ("{{policy}}", policy()),
        ("{{title}}", escaped(title)),
        ("{{style}}", STYLE.to_owned()),
        ("{{data}}", data.to_owned()),
        ("{{script}}", SCRIPT.to_owned()),
    ];
    // In one pass: what is put in is not looked at again.
    let mut page = String::with_capacity(PAGE.len() + data.len() + STYLE.len() + SCRIPT.len());
    let mut rest = PAGE;
    for (mark, text) in &parts {
        let (before, after) = rest
            .split_once(mark)
            .expect("the page has every mark once, in this order");
        page.push_str(before);
        page.push_str(text);
        rest = after;
    }
    page.push_str(rest);
    page
}

/// What is told of functions, and the names that the page needs.
struct Told {
    /// Names of the tree, in their order.
    names: Vec<usize>,
    /// By name, in the same order.
    share: Vec<FunctionDelta>,
    per_request: Option<Vec<FunctionDelta>>,
}

impl Told {
    fn of(tree: &Union, share: Diff, per_request: Option<Diff>) -> Self {
        let drawn = tree.nodes.iter().filter_map(|node| node.name);
        let mut told: BTreeSet<&str> = drawn.map(|name| tree.names[name].as_str()).collect();
        for diff in [Some(&share), per_request.as_ref()].into_iter().flatten() {
            let largest = diff.functions.iter().take(TOLD);
            told.extend(largest.map(|delta| delta.function.as_str()));
        }
        let names = tree.names.iter().enumerate();
        let names: Vec<usize> = names
            .filter(|(_, name)| told.contains(name.as_str()))
            .map(|(at, _)| at)
            .collect();
        let kept = |diff: Diff| {
            let by_name = diff
                .functions
                .into_iter()
                .map(|delta| (delta.function.clone(), delta));
            let mut by_name: BTreeMap<String, FunctionDelta> = by_name.collect();
            let kept = names
                .iter()
                .filter_map(|at| by_name.remove(&tree.names[*at]));
            kept.collect()
        };
        Self {
            share: kept(share),
            per_request: per_request.map(kept),
            names,
        }
    }

    fn index(&self, name: usize) -> usize {
        self.names.partition_point(|at| *at < name)
    }

    fn functions(&self, tree: &Union) -> Functions {
        let shares = |side: fn(&FunctionDelta) -> Option<&FunctionShare>,
                      part: fn(&FunctionShare) -> Share| {
            let all = self.share.iter();
            all.map(|delta| rounded(side(delta).map_or(0.0, |of| part(of).value)))
                .collect()
        };
        let deltas_of = |all: &[FunctionDelta]| {
            let nodes = all.iter().map(|delta| NodeDelta {
                total: delta.total,
                total_finding: delta.total_finding,
                own: delta.own,
                own_finding: delta.own_finding,
            });
            deltas(&nodes.collect::<Vec<_>>())
        };
        let of_tree: BTreeMap<&str, usize> = self
            .names
            .iter()
            .enumerate()
            .map(|(at, name)| (tree.names[*name].as_str(), at))
            .collect();
        Functions {
            name: self
                .share
                .iter()
                .map(|delta| of_tree[delta.function.as_str()])
                .collect(),
            figures: Figures {
                b: shares(|delta| delta.base.as_ref(), |of| of.total_share),
                bo: shares(|delta| delta.base.as_ref(), |of| of.self_share),
                h: shares(|delta| delta.head.as_ref(), |of| of.total_share),
                ho: shares(|delta| delta.head.as_ref(), |of| of.self_share),
                per_request: self.per_request.as_deref().map(deltas_of),
                share: deltas_of(&self.share),
            },
        }
    }
}

fn data<'a>(of: &FlameDiff<'a>, unit: Unit, tree: &'a Union, told: &Told) -> Data<'a> {
    let side = |label, profile: &Profile, us: Option<f64>| Side {
        label,
        samples: profile.samples(),
        slices: profile.slices().len(),
        us,
    };
    let nodes = &tree.nodes;
    let all = |part: fn(&crate::profile::union::Node) -> f64| -> Vec<f64> {
        nodes.iter().map(|node| rounded(part(node))).collect()
    };
    let Pruned { frames, below, own } = tree.pruned;
    let per_request: Option<Vec<NodeDelta>> = nodes.iter().map(|node| node.per_request).collect();
    Data {
        schema: "telemload.flame-diff/1",
        title: of.title,
        base: side(
            of.base_label,
            of.base,
            of.per_request.map(|scales| scales.0.factor),
        ),
        head: side(
            of.head_label,
            of.head,
            of.per_request.map(|scales| scales.1.factor),
        ),
        unit: unit.name(),
        notes: of.notes,
        kind: of.head.kind(),
        names: told
            .names
            .iter()
            .map(|at| tree.names[*at].as_str())
            .collect(),
        raw: told
            .names
            .iter()
            .map(|at| tree.raw[*at].as_deref())
            .collect(),
        depth: nodes.iter().map(|node| node.depth).collect(),
        name: nodes
            .iter()
            .map(|node| node.name.map_or(-1, |name| told.index(name) as i64))
            .collect(),
        figures: Figures {
            b: all(|node| node.base.total),
            bo: all(|node| node.base.own),
            h: all(|node| node.head.total),
            ho: all(|node| node.head.own),
            per_request: per_request.map(|all| deltas(&all)),
            share: deltas(&nodes.iter().map(|node| node.share).collect::<Vec<_>>()),
        },
        functions: told.functions(tree),
        pruned: PrunedJson {
            frames,
            below,
            base: own.0,
            head: own.1,
        },
    }
}

fn deltas(all: &[NodeDelta]) -> Deltas {
    let ends = |end: fn(&NodeDelta) -> f64| all.iter().map(|delta| rounded(end(delta))).collect();
    let letter = |finding| match finding {
        DeltaFinding::Changed => 'c',
        DeltaFinding::NotDetected => 'n',
        DeltaFinding::TooFew => 'f',
    };
    Deltas {
        low: ends(|delta| delta.total.interval.low),
        high: ends(|delta| delta.total.interval.high),
        own_low: ends(|delta| delta.own.interval.low),
        own_high: ends(|delta| delta.own.interval.high),
        found: all
            .iter()
            .map(|delta| letter(delta.total_finding))
            .collect(),
        own_found: all.iter().map(|delta| letter(delta.own_finding)).collect(),
    }
}

/// Seven significant digits: a page does not show more.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = 10_f64.powi(6 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

fn policy() -> String {
    let [style, script] = hashes();
    format!(
        "default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"
    )
}

/// Of style and script, for a page that has this one in a frame.
pub(super) fn hashes() -> [String; 2] {
    [hash(STYLE), hash(SCRIPT)]
}

#[cfg(test)]
#[path = "flame_diff_tests.rs"]
mod tests;
