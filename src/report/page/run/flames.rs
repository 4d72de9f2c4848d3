//! Flame graphs in a page: the interactive one of each comparison, in a frame, and a static picture of each variant.

use std::fmt::Write as _;

use super::figures::Figure;
use crate::profile::Profile;
use crate::profile::union::union;
use crate::report::document::run::Concluded;
use crate::report::figures::shortened;
use crate::report::inert::escaped;
use crate::report::page::flame_diff;
use crate::report::page::flame_files::compared;
use crate::result::{PhaseResult, RunResult};
use crate::units::{format_share, format_us};

/// Bytes of the data of a graph in a page at most: a larger one is in its file alone.
const MOST: usize = 500_000;
/// Bytes of all of them.
const MOST_OF_ALL: usize = 700_000;
/// Frames that are narrower are left out of static pictures.
const NARROWEST: f64 = 0.004;
const WIDTH: f64 = 960.0;
const ROW: f64 = 17.0;
/// Rows of a picture at most.
const DEEPEST: usize = 48;

/// What the graph of each compared phase is drawn of, in the order of comparisons; `None` where that is too much for a page.
pub(super) fn frames(run: &Concluded<'_>) -> Vec<Option<String>> {
    let mut used = 0;
    let of = |comparison| compared(&run.result.scenario.name, run.result, comparison);
    let pairs = run.comparisons.iter().flat_map(of);
    pairs
        .map(|pair| {
            let data = flame_diff::island(&pair.pair()).ok();
            let data = data.filter(|data| data.len() <= MOST && used + data.len() <= MOST_OF_ALL);
            used += data.as_ref().map_or(0, String::len);
            data
        })
        .collect()
}

/// A picture of each profile.
pub(super) fn figures(run: &RunResult) -> Vec<Figure> {
    let phases = run.variants.iter().flat_map(|variant| {
        let phases = variant.phases.iter();
        phases.map(move |phase| (variant.name.as_str(), phase))
    });
    phases
        .filter_map(|(variant, phase)| figure(variant, phase))
        .collect()
}

fn figure(variant: &str, phase: &PhaseResult) -> Option<Figure> {
    let profile = phase.profile.as_ref()?;
    let taken = profile.taken.as_ref()?;
    let title = format!("Where the CPU goes · {variant} · {}", phase.name);
    let cost = profile.us_per_request;
    let whole = cost.map_or_else(
        || "100 % of the profile".to_owned(),
        |us| format!("{} of CPU per request", format_us(us)),
    );
    Some(Figure {
        id: format!("flame-{variant}-{}", phase.name),
        words: format!(
            "{} samples; the whole width is {whole}. A frame lies below its caller. Frames narrower than {} are left out.",
            profile.samples,
            format_share(NARROWEST)
        ),
        svg: icicle(&taken.profile, &title, cost)?,
        title,
        legend: Vec::new(),
        is_tall: true,
    })
}

/// The frames of a profile, callers above what they call.
fn icicle(profile: &Profile, title: &str, cost: Option<f64>) -> Option<String> {
    let tree = union(profile, profile, None).ok()?;
    let mut text = String::new();
    // Where the next frame of each depth begins, as a share.
    let mut begins = vec![0.0];
    let mut rows = 0;
    // Writing to a String cannot fail.
    for node in &tree.nodes {
        let share = node.head.total;
        begins.truncate(node.depth + 1);
        let Some(&from) = begins.get(node.depth) else {
            continue;
        };
        begins[node.depth] = from + share;
        begins.push(from);
        if share < NARROWEST || node.depth >= DEEPEST {
            continue;
        }
        rows = rows.max(node.depth + 1);
        let name = node.name.map_or("all", |name| tree.names[name].as_str());
        let (x, width, y) = (from * WIDTH, share * WIDTH, node.depth as f64 * ROW);
        let amount = cost.map_or_else(String::new, |us| format!(", {}", format_us(us * share)));
        let tone = name
            .bytes()
            .fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte))
            % 4;
        let colour = ["#cfe0f0", "#dbe6d3", "#f0e3c8", "#e6dcec"][usize::from(tone)];
        let _ = write!(
            text,
            "<g><title>{}: {}{amount}</title><rect class=\"k{tone}\" x=\"{x:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{}\" fill=\"{colour}\"/>",
            escaped(name),
            format_share(share),
            (width - 0.6).max(0.4),
            ROW - 1.0
        );
        let fits = ((width - 6.0) / 6.2).max(0.0) as usize;
        if fits >= 3 {
            let name = shortened(name);
            let label: String = if name.chars().count() > fits {
                name.chars().take(fits - 1).chain(['…']).collect()
            } else {
                name
            };
            let _ = write!(
                text,
                "<text class=\"text\" x=\"{:.1}\" y=\"{}\" fill=\"#1b2026\">{}</text>",
                x + 3.0,
                y + 12.0,
                escaped(&label)
            );
        }
        text.push_str("</g>");
    }
    let height = rows as f64 * ROW;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"{}\" font-family=\"ui-monospace, monospace\" font-size=\"10.5\">{text}</svg>",
        escaped(title)
    ))
}
