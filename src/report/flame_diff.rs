//! The interactive differential flame graph: one HTML file that needs nothing else.
//!
//! Names come from profiles that others wrote. They reach the page as JSON in which no tag can begin, and the page's script sets them as
//! text alone; a policy in its head lets only the script and the style of this file run, told by their hashes, and no request leave.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::profile::union::{NodeDelta, Pruned, Union, union};
use crate::profile::{DeltaFinding, Error, Profile, Scale};

const PAGE: &str = include_str!("assets/flame-diff.html");
const STYLE: &str = include_str!("assets/flame-diff.css");
const SCRIPT: &str = include_str!("assets/flame-diff.js");

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
    /// CPU-µs per request of both, if both are known.
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
    notes: &'a [String],
    kind: String,
    names: &'a [String],
    raw: &'a [Option<String>],
    /// Depth of each frame, in the order of a walk.
    depth: Vec<usize>,
    /// Index of its name; -1 for the root.
    name: Vec<i64>,
    /// Shares: total and own, of base and head.
    b: Vec<f64>,
    bo: Vec<f64>,
    h: Vec<f64>,
    ho: Vec<f64>,
    per_request: Option<Deltas>,
    share: Deltas,
    pruned: PrunedJson,
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
    let tree = union(of.base, of.head, of.per_request)?;
    let data = serde_json::to_string(&data(of, &tree)).expect("all keys are strings");
    let parts = [
        ("{{policy}}", policy()),
        ("{{title}}", escaped(of.title)),
        ("{{style}}", STYLE.to_owned()),
        ("{{data}}", inert(&data)),
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
    Ok(page)
}

fn data<'a>(of: &FlameDiff<'a>, tree: &'a Union) -> Data<'a> {
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
        notes: of.notes,
        kind: of.head.kind(),
        names: &tree.names,
        raw: &tree.raw,
        depth: nodes.iter().map(|node| node.depth).collect(),
        name: nodes
            .iter()
            .map(|node| node.name.map_or(-1, |name| name as i64))
            .collect(),
        b: all(|node| node.base.total),
        bo: all(|node| node.base.own),
        h: all(|node| node.head.total),
        ho: all(|node| node.head.own),
        per_request: per_request.map(|all| deltas(&all)),
        share: deltas(&nodes.iter().map(|node| node.share).collect::<Vec<_>>()),
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
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// JSON in which nothing ends a script element or begins a comment.
fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(base: &str, head: &str) -> String {
        let read = |text: &str| crate::profile::folded::read(text.as_bytes()).unwrap();
        let scale = Scale::cost;
        let notes = ["</script><script>alert(3)</script>".to_owned()];
        let of = FlameDiff {
            title: "a & <b> {{data}}",
            base_label: "before",
            head_label: "</script>",
            base: &read(base),
            head: &read(head),
            per_request: Some((scale(200.0), scale(100.0))),
            notes: &notes,
        };
        html(&of).unwrap()
    }

    #[test]
    fn names_of_others_cannot_leave_their_place() {
        let hostile = "main;<script>alert(1)</script>;<!--<script> 900\n\"\\u003c/script>\u{2028};{{script}} 100";
        let page = page(hostile, hostile);
        // The page's own three: style is no script, data and code are.
        assert_eq!(page.matches("<script").count(), 2, "{page}");
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(!page.contains("alert(1)</") && !page.contains('\u{2028}'));
        assert!(page.contains("<title>a &amp; &lt;b&gt; {{data}}</title>"));
        let data = page
            .split("<script type=\"application/json\" id=\"data\">")
            .nth(1)
            .unwrap();
        let data: serde_json::Value =
            serde_json::from_str(data.split("</script>").next().unwrap()).unwrap();
        let names: Vec<&str> = data["names"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|name| name.as_str())
            .collect();
        assert!(
            names.contains(&"<script>alert(1)</script>") && names.contains(&"{{script}}"),
            "{names:?}"
        );
        assert_eq!(data["head"]["label"], "</script>");
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page("a 10", "b 10");
        for outside in [
            "http://",
            "https://",
            "src=",
            "href=",
            "@import",
            "url(",
            "innerHTML",
            "eval(",
        ] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn numbers_keep_seven_digits() {
        assert_eq!(
            [0.0, 1.0 / 3.0, -1234.56789, 1e-9 / 3.0].map(rounded),
            [0.0, 0.3333333, -1234.568, 3.333333e-10]
        );
    }
}
