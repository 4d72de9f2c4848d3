//! A run as metrics in the text format of Prometheus (version 0.0.4).

use std::fmt::{Display, Write as _};
use std::time::Instant;

use super::second::Second;
use super::side::Counted;
use super::standing::{Place, Standing, Stretch};
use crate::metrics::ErrorKind;

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A label: name and value.
type Label<'a> = (&'a str, &'a dyn Display);

/// All metrics of a run. What is not known is absent.
pub fn metrics(standing: &Standing, now: Instant) -> String {
    let mut text = Text(String::new());
    let name = "run_info";
    text.family(
        name,
        "gauge",
        "The scenario under way, and the version of telemload.",
    );
    let version = env!("CARGO_PKG_VERSION");
    text.sample(
        name,
        &[("scenario", &standing.scenario), ("version", &version)],
        1.0,
    );
    text.gauge(
        "phases",
        "Stretches of load that the run has planned; a profiled repetition is one of its own.",
        Some(standing.planned.len() as f64),
    );
    if let Some(stretch) = &standing.stretch {
        under_way(standing, stretch, now, &mut text);
    }
    counted(standing, &mut text);
    text.0
}

/// The stretch under way, with the figures of the last second.
fn under_way(standing: &Standing, of: &Stretch, now: Instant, text: &mut Text) {
    let name = "phase_info";
    text.family(
        name,
        "gauge",
        "The stretch of load under way, of each variant that is loaded in it.",
    );
    for (place, _) in of.sides() {
        let mut labels = labels(&place).to_vec();
        labels.push(("round", &of.round.0));
        text.sample(name, &labels, 1.0);
    }
    let seconds = |of: std::time::Duration| of.as_secs_f64();
    for (name, help, value) in [
        (
            "phase_number",
            "Number of the stretch under way, from 1.",
            standing.number().map(|(number, _)| number as f64),
        ),
        (
            "phase_elapsed_seconds",
            "Time since the stretch under way began, warm-up included.",
            Some(seconds(of.elapsed(now))),
        ),
        (
            "phase_length_seconds",
            "Warm-up and window of the stretch under way.",
            of.length.map(seconds),
        ),
        (
            "run_remaining_seconds",
            "Load that is left of the whole run.",
            standing.left(now).map(seconds),
        ),
    ] {
        text.gauge(name, help, value);
    }
    figures(of, text);
}

/// A figure of the last second: its name, what it is, and its value if that is known.
type Figure = (&'static str, &'static str, fn(&Second) -> Option<f64>);

const FIGURES: [Figure; 5] = [
    (
        "figures_length_seconds",
        "Length of the last intervals that fit into a second, or of the last one if that is longer: figures without _total are of it. It is of the variant's own turns where two take turns.",
        |of| Some(of.length.as_secs_f64()),
    ),
    (
        "achieved_requests_per_second",
        "OK responses a second in the last second.",
        |of| Some(of.achieved),
    ),
    (
        "planned_requests_per_second",
        "Requests a second that the schedule asked for in the last second.",
        |of| of.planned,
    ),
    (
        "target_cpu_cores",
        "CPU of the target in the last second, in cores.",
        |of| of.target_cores,
    ),
    (
        "generator_cpu_cores",
        "CPU of telemload in the last second, in cores.",
        |of| of.generator_cores,
    ),
];

/// The figures of the last second, of each variant that is loaded.
fn figures(of: &Stretch, text: &mut Text) {
    for (name, help, value) in FIGURES {
        let known = of.sides().filter_map(|(place, side)| {
            let value = value(side.second.as_ref()?)?;
            Some((place, value))
        });
        let known: Vec<_> = known.collect();
        if !known.is_empty() {
            text.family(name, "gauge", help);
        }
        for (place, value) in &known {
            text.sample(name, &labels(place), *value);
        }
    }
}

/// What was counted since the run began.
fn counted(standing: &Standing, text: &mut Text) {
    let name = "ok_responses_total";
    text.family(
        name,
        "counter",
        "OK responses that completed in measured windows.",
    );
    for (place, of) in &standing.counted {
        text.sample(name, &labels(place), of.ok as f64);
    }
    let name = "failed_requests_total";
    text.family(
        name,
        "counter",
        "Requests of measured windows that failed, by kind.",
    );
    for (place, of) in &standing.counted {
        for (kind, count) in ErrorKind::ALL.iter().zip(of.errors) {
            let mut labels = labels(place).to_vec();
            labels.push(("kind", kind));
            text.sample(name, &labels, count as f64);
        }
    }
    text.family(
        "latency_seconds",
        "summary",
        "Latency: quantiles of the last second, sum and count since the run began.",
    );
    for (place, of) in &standing.counted {
        let sides = standing.stretch.iter().flat_map(Stretch::sides);
        let side = sides.into_iter().find(|(now, _)| now == place);
        let second = side.and_then(|(_, side)| side.second);
        latencies(place, of, second, text);
    }
}

fn latencies(place: &Place, of: &Counted, second: Option<Second>, text: &mut Text) {
    let quantiles = second.map(|second| [("0.5", second.p50_us), ("0.99", second.p99_us)]);
    for (quantile, us) in quantiles.into_iter().flatten() {
        let mut labels = labels(place).to_vec();
        labels.push(("quantile", &quantile));
        let seconds = us.map_or(f64::NAN, |us| us / 1e6);
        text.sample("latency_seconds", &labels, seconds);
    }
    let labels = labels(place);
    text.sample("latency_seconds_sum", &labels, of.latency_sum);
    text.sample("latency_seconds_count", &labels, of.latencies as f64);
}

fn labels(place: &Place) -> [Label<'_>; 3] {
    [
        ("variant", &place.variant),
        ("phase", &place.phase),
        ("profiled", &place.profiled),
    ]
}

/// The text so far. Writing to a String cannot fail.
struct Text(String);

impl Text {
    fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.family(name, "gauge", help);
            self.sample(name, &[], value);
        }
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let name = format!("telemload_{name}");
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[Label<'_>], value: f64) {
        let quoted = |(name, value): &Label<'_>| {
            let value = value.to_string().replace('\\', "\\\\");
            let value = value.replace('"', "\\\"").replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        };
        let labels: Vec<String> = labels.iter().map(quoted).collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "telemload_{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::experiment::PhaseStart;
    use crate::report::live::samples::{live, planned, start};

    #[test]
    fn what_is_known_now_and_what_was_counted_are_told() {
        let now = Instant::now();
        let mut standing = Standing::of("a \"b\" \\ c\nd\u{1b}[2J");
        standing.plan(&[planned("a", Some(10)), planned("b", Some(30))]);
        let text = metrics(&standing, now);
        assert!(
            text.contains(
                "telemload_run_info{scenario=\"a \\\"b\\\" \\\\ c\u{fffd}d\u{fffd}[2J\",version="
            ),
            "{text}"
        );
        assert!(!text.contains("phase_info"), "{text}");
        standing.begin(&start("a", Some(10)), now);
        for at in 0..2 {
            live(|of| standing.add("new", of), at);
        }
        let text = metrics(&standing, now + Duration::from_secs(4));
        for line in [
            "telemload_phases 2",
            "telemload_phase_number 1",
            "telemload_phase_info{variant=\"new\",phase=\"a\",profiled=\"false\",round=\"1\"} 1",
            "telemload_phase_elapsed_seconds 4",
            "telemload_run_remaining_seconds 36",
            "telemload_figures_length_seconds{variant=\"new\",phase=\"a\",profiled=\"false\"} 1",
            "telemload_achieved_requests_per_second{variant=\"new\",phase=\"a\",profiled=\"false\"} 100",
            "telemload_planned_requests_per_second{variant=\"new\",phase=\"a\",profiled=\"false\"} 100",
            "telemload_target_cpu_cores{variant=\"new\",phase=\"a\",profiled=\"false\"} 1.07",
            "telemload_ok_responses_total{variant=\"new\",phase=\"a\",profiled=\"false\"} 200",
            "telemload_failed_requests_total{variant=\"new\",phase=\"a\",profiled=\"false\",kind=\"timeout\"} 4",
            "telemload_failed_requests_total{variant=\"new\",phase=\"a\",profiled=\"false\",kind=\"reset\"} 0",
            "telemload_latency_seconds_count{variant=\"new\",phase=\"a\",profiled=\"false\"} 200",
        ] {
            assert!(text.lines().any(|of| of == line), "no {line} in {text}");
        }
        assert!(
            text.contains("profiled=\"false\",quantile=\"0.99\"} 0.001"),
            "{text}"
        );
        assert!(!text.contains("generator_cpu_cores"), "{text}");
        // What was counted stays when the phase is over.
        standing.end(&[]);
        let text = metrics(&standing, now);
        assert!(text.contains("telemload_ok_responses_total{") && !text.contains("quantile="));
        // Both that take turns are told of.
        let in_turns = PhaseStart {
            with: Some("old"),
            ..start("a", Some(10))
        };
        standing.begin(&in_turns, now);
        live(|of| standing.add("new", of), 0);
        live(|of| standing.add("old", of), 0);
        let text = metrics(&standing, now);
        for variant in ["new", "old"] {
            let labels = format!("{{variant=\"{variant}\",phase=\"a\",profiled=\"false\"");
            for figure in [
                format!("phase_info{labels},round=\"1\"}} 1\n"),
                format!("achieved_requests_per_second{labels}}} 100\n"),
                format!("target_cpu_cores{labels}}} 1.07\n"),
                format!("latency_seconds{labels},quantile=\"0.5\"}} 0.001"),
            ] {
                assert!(text.contains(&figure), "no {figure} in {text}");
            }
        }
        // Each family is told of once.
        let types = text.lines().filter(|line| line.starts_with("# TYPE"));
        let mut names: Vec<_> = types.collect();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
