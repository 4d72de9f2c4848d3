//! Flame graphs in a page: the interactive one of each comparison, in a frame, and a static picture of each variant.

use std::fmt::Write as _;

use super::figures::Figure;
use crate::profile::Profile;
use crate::profile::union::{Node, union};
use crate::report::document::run::Concluded;
use crate::report::figures::shortened;
use crate::report::inert::escaped;
use crate::report::page::flame_files::compared;
use crate::report::page::island::embedded;
use crate::result::{PhaseResult, RunResult};
use crate::units::{format_share, format_us};

/// Frames that are narrower are left out of static pictures.
const NARROWEST: f64 = 0.004;
const WIDTH: f64 = 960.0;
const ROW: f64 = 17.0;
/// Rows of a picture at most.
const DEEPEST: usize = 48;

/// What the graph of each compared phase is drawn of, in the order of comparisons; `None` where that is too much for a page.
pub(super) fn frames(run: &Concluded<'_>) -> Vec<Option<String>> {
    let of = |comparison| compared(&run.result.scenario.name, run.result, comparison);
    let pairs: Vec<_> = run.comparisons.iter().flat_map(of).collect();
    embedded(&pairs)
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
            "{} samples; the whole width is {whole}. A frame lies below its caller. Frames that only call one other, and those narrower than {}, are left out; flame.svg in its directory has all.",
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
    let passes = passing(&tree.nodes);
    let mut text = String::new();
    // Where the next frame of each depth begins, as a share, and in which row.
    let (mut begins, mut places) = (vec![0.0], vec![0]);
    let mut rows = 0;
    // Writing to a String cannot fail.
    for (node, passes) in tree.nodes.iter().zip(passes) {
        let share = node.head.total;
        begins.truncate(node.depth + 1);
        let Some(&from) = begins.get(node.depth) else {
            continue;
        };
        begins[node.depth] = from + share;
        begins.push(from);
        places.truncate(node.depth + 1);
        let row = places[node.depth];
        places.push(row + usize::from(!passes));
        if share < NARROWEST || row >= DEEPEST || passes {
            continue;
        }
        rows = rows.max(row + 1);
        let name = node.name.map_or("all", |name| tree.names[name].as_str());
        let (x, width, y) = (from * WIDTH, share * WIDTH, row as f64 * ROW);
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

/// Which frames do nothing but call one other: they have no row, so that what matters is not far below.
fn passing(nodes: &[Node]) -> Vec<bool> {
    const ALL: f64 = 0.97;
    let mut widest = vec![0.0_f64; nodes.len()];
    let mut open: Vec<usize> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        open.truncate(node.depth);
        if let Some(&caller) = open.last() {
            widest[caller] = widest[caller].max(node.head.total);
        }
        open.push(at);
    }
    let all = nodes.iter().zip(widest);
    all.map(|(node, widest)| node.depth > 0 && widest >= ALL * node.head.total)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Choice, read};

    #[test]
    fn frames_that_pass_on_have_no_row() {
        let stacks = b"main;run;poll;work;hash 90\nmain;run;poll;read 10\n";
        let profile = read(stacks, Choice::default()).unwrap();
        let svg = icicle(&profile, "t", Some(200.0)).unwrap();
        for (name, row) in [("all", 0.0), ("poll", 1.0), ("read", 2.0), ("hash", 2.0)] {
            let frame = svg
                .split("<g>")
                .find(|of| of.contains(&format!("<title>{name}:")));
            let frame = frame.unwrap_or_else(|| panic!("no {name} in {svg}"));
            assert!(frame.contains(&format!(" y=\"{}\" ", row * ROW)), "{frame}");
        }
        assert!(
            !svg.contains("<title>run:") && !svg.contains("<title>work:"),
            "{svg}"
        );
        assert!(svg.contains("<title>hash: 90 %, 180 µs</title>"), "{svg}");
    }
}
