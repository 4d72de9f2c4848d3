//! The pictures of a page with the words around them.

use crate::report::chart::{Curves, Panel, svg};

/// A picture with its words.
pub(super) struct Figure {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) words: String,
    pub(super) svg: String,
    /// Names of lines with their samples.
    pub(super) legend: Vec<(String, String)>,
    pub(super) is_tall: bool,
}

/// The charts of a panel.
pub(super) struct Group {
    pub(super) title: String,
    pub(super) words: Vec<String>,
    pub(super) figures: Vec<Figure>,
}

/// Percentile curves of a phase.
pub(super) fn curve_figure((at, curves): (usize, &Curves)) -> Figure {
    let lines = curves.lines.iter().filter(|line| line.request.is_none());
    let legend = lines.map(|line| (line.name.clone(), svg::sample(line)));
    Figure {
        id: format!("curve-{at}"),
        title: format!("Latency by percentile · {}", curves.phase),
        words: "Each step to the right is a tenth of the requests: 99 % means that one in a hundred took longer.".to_owned(),
        svg: svg::of_curves(curves, svg::Place::InPage),
        legend: legend.collect(),
        is_tall: true,
    }
}

/// All charts of a panel.
pub(super) fn group((at, panel): (usize, &Panel)) -> Group {
    let charts = panel.charts.iter().enumerate().map(|(of, chart)| Figure {
        id: format!("chart-{at}-{of}"),
        title: chart.title.clone(),
        words: chart.words.clone(),
        svg: svg::of_chart(panel, chart, svg::Place::InPage),
        legend: chart
            .lines
            .iter()
            .map(|line| (line.name.clone(), svg::sample(line)))
            .collect(),
        is_tall: false,
    });
    let heats = panel.heats.iter().enumerate().map(|(of, heat)| Figure {
        id: format!("heat-{at}-{of}"),
        title: format!("Latencies over time · {}", heat.name),
        words: "Each column has the OK answers of a moment; the darker, the more took so long."
            .to_owned(),
        svg: svg::of_heat(panel, heat, svg::Place::InPage),
        legend: Vec::new(),
        is_tall: false,
    });
    let mut words = Vec::new();
    if panel.joined > 1 {
        words.push(format!(
            "Each point stands for {} intervals: rates and CPU are averages, p50 is their median, p99 and max are the largest of them.",
            panel.joined
        ));
    }
    if !panel.marks.is_empty() {
        words.push("Upright dashed lines: a stage of the load ends.".to_owned());
    }
    if !panel.expiries.is_empty() {
        words.push(
            "Upright dotted lines: a burst of bcrypts begins, for credentials have expired."
                .to_owned(),
        );
    }
    words.extend(panel.missing.iter().map(|what| format!("Missing: {what}.")));
    let launch = if panel.round > 1 {
        format!(", launch {}", panel.round)
    } else {
        String::new()
    };
    Group {
        title: format!("{}{launch}", panel.phase),
        words,
        figures: charts.chain(heats).collect(),
    }
}
