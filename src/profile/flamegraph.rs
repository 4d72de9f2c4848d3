//! Flame graphs as self-contained SVG files, drawn by inferno.
//!
//! Stacks are weighted and ordered here: inferno's own scaling truncates, and its own order by text draws a function twice whose
//! neighbour's name begins with its name (`f`, `f::{{closure}}`, `f` again). Frames that are too narrow to be seen are left out and counted. It
//! must not write a file that shows nothing, nor one that no viewer opens.

use std::borrow::Cow;

use inferno::flamegraph::{Options, from_lines};

use super::names::normalise;
use super::threads::with_threads_of;
use super::tree::{Limits, Names, Pruned, Side, Tree, grow};
use super::{Error, Profile, folded};
use crate::units::printable;

/// A viewer of SVG holds each frame as five elements; inferno takes every stack as a line of text.
const LIMITS: Limits = Limits {
    frames: 50_000,
    text: 32 << 20,
};

/// Bytes of a name that are shown, from its beginning and its end.
const SHOWN: (usize, usize) = (3072, 1024);

/// What stands for stacks of which no frame is wide enough.
const NO_FRAME: &str = "[frames left out]";

/// Inferno rounds what it prints to whole numbers and derives percentages from the rounded ones, so a cost of some µs needs
/// a finer unit: weights are ps and what is printed is ns.
const PS_PER_US: f64 = 1e6;
const NS_PER_PS: f64 = 1e-3;

/// Draws a profile; equal profiles give equal bytes. With `us_per_request`, the target's CPU time per request in µs, widths and
/// tooltips are CPU time per request, else samples (the value in a profile of something other than CPU time).
///
/// # Errors
/// [`Error::Empty`] without samples, [`Error::Cost`] for a cost that is not positive or too far from any real one, [`Error::Io`] from inferno.
pub fn svg(
    profile: &Profile,
    title: &str,
    subtitle: &str,
    us_per_request: Option<f64>,
) -> Result<String, Error> {
    if profile.is_empty() {
        return Err(Error::Empty);
    }
    let scale = Scale::of(profile, us_per_request)?;
    let names = Names::of(&[profile], frame);
    let tree = stacks(&names, &[Side::of(profile)]);
    // Inferno reads a flame chart from last to first and does not order it again.
    let lines = lines(&tree, &names).rev().map(|(frames, [weight, _])| {
        let weight = scale.weight(weight);
        (weight, format!("{frames} {weight}"))
    });
    let (weights, lines): (Vec<u64>, Vec<String>) = lines.unzip();
    if let Some(cost) = us_per_request
        && weights.iter().all(|weight| *weight == 0)
    {
        return Err(Error::Cost(cost));
    }
    let texts = Texts {
        title,
        subtitle: &with_pruned(subtitle, tree.pruned, "narrower than"),
        unit: scale.unit,
        factor: scale.factor,
    };
    draw(texts, &lines)
}

/// Both sides of a differential graph.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// Before.
    pub base: &'a Profile,
    /// After.
    pub head: &'a Profile,
    /// CPU-µs per request of both; without them each side is taken as a whole of the same size.
    pub us_per_request: Option<(f64, f64)>,
}

/// The classic differential graph: widths are those of the head, colours the change of a frame's own cost (red more, blue
/// less). Frames that vanished have no width and are not seen: `union` shows them. Both sides are scaled in floating point to what a request costs, or
/// to one whole, before they are compared.
///
/// # Errors
/// [`Error::Empty`] if either side has no samples, [`Error::Cost`] and [`Error::Io`] as in [`svg`].
pub fn diff_svg(pair: Pair<'_>, title: &str, subtitle: &str) -> Result<String, Error> {
    if pair.base.is_empty() || pair.head.is_empty() {
        return Err(Error::Empty);
    }
    let head = &*with_threads_of(pair.base, pair.head);
    let pair = Pair { head, ..pair };
    let costs = pair.us_per_request.unwrap_or((WHOLE_US, WHOLE_US));
    let sides = [(pair.base, costs.0), (pair.head, costs.1)];
    if let Some((_, cost)) = sides
        .iter()
        .find(|(_, cost)| !cost.is_finite() || *cost <= 0.0 || *cost > 1e12)
    {
        return Err(Error::Cost(*cost));
    }
    let names = Names::of(&[pair.base, pair.head], frame);
    let tree = stacks(&names, &[Side::of(pair.base), Side::of(pair.head)]);
    // Scaled when all of a stack is added up: rounding is once per stack.
    let scaled = sides.map(|(profile, cost)| {
        move |weight: u64| {
            (weight as f64 * (cost * PS_PER_US / profile.whole() as f64)).round() as u64
        }
    });
    let lines: Vec<String> = lines(&tree, &names)
        .rev()
        .map(|(frames, [base, head])| format!("{frames} {} {}", scaled[0](base), scaled[1](head)))
        .collect();
    let (unit, factor) = match pair.us_per_request {
        Some(_) => ("ns CPU per request", NS_PER_PS),
        None => ("ppm of the profile", 1e6 / (WHOLE_US * PS_PER_US)),
    };
    let texts = Texts {
        title,
        subtitle: &with_pruned(subtitle, tree.pruned, "on both sides narrower than"),
        unit: unit.to_owned(),
        factor,
    };
    draw(texts, &lines)
}

/// Stacks with a weight that is in no wider one: depth, name, and weight by side.
type Stack = (usize, u32, [u64; 2]);

fn stacks(names: &Names, sides: &[Side<'_>]) -> Tree<Stack> {
    grow(sides, names, LIMITS, |frame| {
        (frame.depth, frame.name, frame.rest())
    })
}

/// Stacks as text without weights that are nothing, in the order of the tree.
fn lines(tree: &Tree<Stack>, names: &Names) -> std::vec::IntoIter<(String, [u64; 2])> {
    let mut open: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for (depth, name, weights) in &tree.nodes {
        open.truncate(depth.saturating_sub(1));
        if *depth > 0 {
            open.push(&names.texts[*name as usize]);
        }
        match (weights, open.is_empty()) {
            ([0, 0], _) => {}
            (weights, true) => lines.push((NO_FRAME.to_owned(), *weights)),
            (weights, false) => lines.push((open.join(";"), *weights)),
        }
    }
    lines.into_iter()
}

/// What is written around a picture.
struct Texts<'a> {
    title: &'a str,
    subtitle: &'a str,
    unit: String,
    factor: f64,
}

fn draw(texts: Texts<'_>, lines: &[String]) -> Result<String, Error> {
    let mut options = Options::default();
    options.title = drawn(texts.title);
    options.subtitle = Some(drawn(texts.subtitle)).filter(|subtitle| !subtitle.is_empty());
    options.count_name = texts.unit;
    options.factor = texts.factor;
    options.deterministic = true;
    options.flame_chart = true;
    let mut bytes = Vec::new();
    from_lines(&mut options, lines.iter().map(String::as_str), &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The subtitle with what is not drawn.
fn with_pruned(subtitle: &str, pruned: Pruned, narrower: &str) -> String {
    let Pruned { frames, below, .. } = pruned;
    if frames == 0 {
        return subtitle.to_owned();
    }
    let (noun, verb) = if frames == 1 {
        ("frame", "is")
    } else {
        ("frames", "are")
    };
    let said = format!(
        "{frames} {noun} {narrower} {:.2} % {verb} left out",
        below * 100.0
    );
    if subtitle.is_empty() {
        return said;
    }
    format!("{subtitle} · {said}")
}

/// What stands for the whole of a profile whose cost is not known.
const WHOLE_US: f64 = 1e6;

/// How a stack's weight becomes a width and a number.
struct Scale {
    /// The width of one sample or value; without it a weight is its own width, exact up to 64 bits.
    ps_per_weight: Option<f64>,
    factor: f64,
    unit: String,
}

impl Scale {
    fn of(profile: &Profile, us_per_request: Option<f64>) -> Result<Self, Error> {
        let Some(cost) = us_per_request else {
            let unit = if profile.is_of_values() {
                drawn(profile.unit())
            } else {
                "samples".to_owned()
            };
            return Ok(Self {
                ps_per_weight: None,
                factor: 1.0,
                unit,
            });
        };
        // 1e12 µs are eleven days of CPU time for one request.
        if !cost.is_finite() || cost <= 0.0 || cost > 1e12 {
            return Err(Error::Cost(cost));
        }
        Ok(Self {
            ps_per_weight: Some(cost * PS_PER_US / profile.whole() as f64),
            factor: NS_PER_PS,
            unit: "ns CPU per request".to_owned(),
        })
    }

    fn weight(&self, weight: u64) -> u64 {
        self.ps_per_weight
            .map_or(weight, |ps| (weight as f64 * ps).round() as u64)
    }
}

/// A name that inferno takes for one frame: it reads a number behind the last blank as a second column, and a line
/// that begins with `# ` as a comment.
fn frame(name: &str) -> String {
    let name = drawn(&shortened(&folded::clean(&normalise(name))));
    let Some((stem, last)) = name.rsplit_once(' ') else {
        return name;
    };
    let number = last.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    if number || stem == "#" || name.starts_with("# ") {
        return name.replace(' ', "\u{a0}");
    }
    name
}

/// Beginning and end of a name that is longer than both.
fn shortened(name: &str) -> Cow<'_, str> {
    let (first, last) = SHOWN;
    if name.len() <= first + last {
        return Cow::Borrowed(name);
    }
    let start = &name[..name.floor_char_boundary(first)];
    let end = &name[name.ceil_char_boundary(name.len() - last)..];
    Cow::Owned(format!("{start}…{end}"))
}

/// Text that a viewer, a terminal and a runner of CI can be given: without characters that XML 1.0 does not allow, too.
fn drawn(text: &str) -> String {
    printable(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[cfg(test)]
#[path = "flamegraph_tests.rs"]
mod tests;
