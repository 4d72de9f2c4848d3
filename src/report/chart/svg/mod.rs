//! Charts as SVG: no script and no style, so that they are seen wherever a picture is.

mod drawing;
mod place;
mod scale;

use self::drawing::{Drawing, LANE, dashes, paint, thickness};
use self::scale::Scale;
use super::{Axis, Chart, Curves, Heat, Line, Panel, Shape, Unit};

pub use self::place::Place;

/// A piece of a line, for a legend.
pub(in crate::report) fn sample(line: &Line) -> String {
    let (colour, class) = paint(line.variant);
    format!(
        "<svg viewBox=\"0 0 26 8\" width=\"26\" height=\"8\" aria-hidden=\"true\"><path class=\"{class}\" d=\"M0 4h26\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{}\"{}/></svg>",
        thickness(line.look) + 0.5,
        dashes(line.look)
    )
}

/// A chart of a panel.
pub fn of_chart(panel: &Panel, chart: &Chart, place: Place) -> String {
    let end = panel.xs.last().copied().unwrap_or(0.0) + panel.step;
    let lanes = chart.shape == Shape::Lanes;
    let height = if lanes {
        LANE * chart.lines.len() as f64
    } else {
        150.0
    };
    let mut draw = Drawing::new(&title(panel, &chart.title), place, height, (0.0, end));
    if place == Place::Alone {
        draw.legend(&chart.lines);
    }
    draw.marks(&panel.expiries, "1 3");
    if lanes {
        draw.lanes(&panel.xs, panel.step, &chart.lines);
    } else {
        let scale = Scale::of(chart.shape, chart.lines.iter(), std::iter::empty());
        draw.scale_lines(&scale, chart.unit);
        draw.marks(&panel.marks, "4 3");
        for line in &chart.lines {
            draw.line(&panel.xs, line, &scale);
        }
    }
    draw.time_axis();
    draw.end()
}

/// The percentile curves of a phase: those of all requests together.
pub fn of_curves(curves: &Curves, place: Place) -> String {
    let lines: Vec<Line> = curves
        .lines
        .iter()
        .filter(|of| of.request.is_none())
        .cloned()
        .collect();
    let end = curves.xs.last().copied().unwrap_or(1.0);
    let title = format!("Latency by percentile · {}", curves.phase);
    let mut draw = Drawing::new(&title, place, 230.0, (0.0, end));
    if place == Place::Alone {
        draw.legend(&lines);
    }
    let limits = curves.limits.iter().map(|limit| limit.value);
    let scale = Scale::of(Shape::Log, lines.iter(), limits);
    draw.scale_lines(&scale, Unit::Us);
    for span in &curves.spans {
        draw.span(span, &scale);
    }
    for line in &lines {
        draw.line(&curves.xs, line, &scale);
    }
    for limit in &curves.limits {
        draw.limit(limit, &scale);
    }
    draw.axis(Axis::Percentile);
    draw.end()
}

/// The latencies of a launch over time.
pub fn of_heat(panel: &Panel, heat: &Heat, place: Place) -> String {
    let end = panel.xs.last().copied().unwrap_or(0.0) + panel.step;
    let title = title(panel, &format!("Latencies over time · {}", heat.name));
    let mut draw = Drawing::new(&title, place, 150.0, (0.0, end));
    if let Some((first, last)) = heat.range() {
        let scale = Scale {
            low: Heat::bounds(first).0,
            high: Heat::bounds(last).1,
            is_log: true,
        };
        draw.heat(heat, &scale);
        draw.scale_lines(&scale, Unit::Us);
    }
    draw.time_axis();
    draw.end()
}

fn title(panel: &Panel, title: &str) -> String {
    let launch = if panel.round > 1 {
        format!(", launch {}", panel.round)
    } else {
        String::new()
    };
    format!("{title} · {}{launch}", panel.phase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::{Limit, Look, Span};

    #[test]
    fn names_are_text() {
        let limit = Limit {
            at: 2.0,
            value: 5e4,
            words: "</text><script>alert(1)</script>\u{202e}'".to_owned(),
        };
        let line = Line {
            name: "\"><img src=x onerror=alert(1)>".to_owned(),
            variant: Some(7),
            request: None,
            look: Look::Solid,
            values: vec![Some(10.0), None, Some(1e6)],
        };
        let curves = Curves {
            phase: "<b>".to_owned(),
            xs: vec![0.0, 1.0, 2.0],
            lines: vec![line],
            limits: vec![limit],
            spans: vec![Span {
                variant: 0,
                at: 1.0,
                low: 5.0,
                high: None,
            }],
        };
        for place in [Place::Alone, Place::InPage] {
            let svg = of_curves(&curves, place);
            for hostile in ["<script", "<img", "<b>", "\u{202e}"] {
                assert!(!svg.contains(hostile), "{svg}");
            }
            assert!(svg.contains("&lt;script&gt;") && !svg.contains("NaN"));
        }
    }
}
