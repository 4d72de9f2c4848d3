//! What happened over time: one panel for each phase and launch, in which all charts have one axis.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::grid::{Grid, Join};
use super::kinds::{ACHIEVED, BCRYPT, Kind, LATENCY, OTHERS, Source};
use super::{Chart, Heat, Line, Look, Recorded, Shape, Unit};
use crate::metrics::{ErrorKind, StoredSeries};
use crate::pacer::Schedule;
use crate::result::RunResult;
use crate::scenario::{Load, LoadModel, Pace};

/// Points of an axis at most.
const POINTS: usize = 600;
/// Numbers of all panels at most, roughly: with more panels each has fewer points.
const NUMBERS: usize = 120_000;
/// Points of an axis in any case.
const FEWEST_POINTS: usize = 100;

/// One phase of one launch, of all variants.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Panel {
    /// Name of the phase.
    pub phase: String,
    /// Number of the launch.
    pub round: u32,
    /// Names of the variants that have a series in it.
    #[serde(skip)]
    pub variants: Vec<String>,
    /// Start of each cell since the start of the window, s.
    #[serde(serialize_with = "seconds")]
    pub xs: Vec<f64>,
    /// Length of a cell, s.
    pub step: f64,
    /// Intervals of a series in a cell, at most.
    pub joined: usize,
    /// Where stages end, s.
    pub marks: Vec<f64>,
    /// Where bcrypts begin that come in bursts, s: a credential has expired.
    #[serde(serialize_with = "seconds")]
    pub expiries: Vec<f64>,
    /// In the order in which they stand.
    pub charts: Vec<Chart>,
    /// One for each variant.
    pub heats: Vec<Heat>,
    /// What is missing, in words.
    #[serde(skip)]
    pub missing: Vec<String>,
}

fn seconds<S: Serializer>(values: &[f64], document: S) -> Result<S::Ok, S::Error> {
    document.collect_seq(values.iter().map(|value| (value * 1e3).round() / 1e3))
}

/// The panels of a run, in the order of its phases.
pub fn panels(run: &RunResult, recorded: &[Recorded]) -> Vec<Panel> {
    let mut places: Vec<(&str, u32)> = Vec::new();
    for variant in &run.variants {
        for phase in &variant.phases {
            for round in &phase.rounds {
                let place = (phase.name.as_str(), round.number);
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
    }
    // Launches of a phase stand together.
    let names: Vec<&str> = places.iter().map(|(phase, _)| *phase).collect();
    places.sort_by_key(|(phase, round)| (names.iter().position(|name| name == phase), *round));
    let lines = places.len() * run.variants.len().max(1) * 16;
    let points = (NUMBERS / lines.max(1)).clamp(FEWEST_POINTS, POINTS);
    let panel = |&(phase, round): &(&str, u32)| Panel::of(run, recorded, (phase, round), points);
    places.iter().map(panel).collect()
}

impl Panel {
    fn of(
        run: &RunResult,
        recorded: &[Recorded],
        (phase, round): (&str, u32),
        points: usize,
    ) -> Self {
        let mut sources = Vec::new();
        let mut missing = Vec::new();
        let mut logs = Vec::new();
        for (at, variant) in run.variants.iter().enumerate() {
            let Some(found) = variant.phases.iter().find(|of| of.name == phase) else {
                continue;
            };
            let name = variant.name.as_str();
            let mut files = recorded.iter();
            let files = files.find(|of| {
                (of.variant.as_str(), of.phase.as_str(), of.round) == (name, phase, round)
            });
            let Some(text) = files.and_then(|of| of.series.as_deref()) else {
                missing.push(format!("{name} has no series.csv of it"));
                continue;
            };
            let series = StoredSeries::read(text);
            if series.column("t_ms").is_none_or(<[_]>::is_empty) {
                missing.push(format!("the series.csv of {name} has no row"));
                continue;
            }
            sources.push(Source {
                at,
                name,
                phase: found,
                series,
            });
            match files.and_then(|of| of.latency.as_deref()) {
                Some(log) => logs.push((at, name, log)),
                None => missing.push(format!("{name} has no latency.hlog of it")),
            }
        }
        let grid = Grid::of(sources.iter().map(|of| &of.series), points);
        let heats: Vec<Heat> = logs
            .iter()
            .map(|(at, name, log)| Heat::of(*at, name, log, grid.step, grid.cells))
            .filter(|heat| heat.most > 0 || !heat.broken.is_empty())
            .collect();
        missing.extend(
            heats
                .iter()
                .filter(|heat| !heat.broken.is_empty())
                .map(|heat| format!("{}: {}", heat.name, heat.broken)),
        );
        let charts = charts(&sources, &grid);
        Self {
            phase: phase.to_owned(),
            round,
            expiries: expiries(&charts, grid.step),
            variants: sources.iter().map(|of| of.name.to_owned()).collect(),
            xs: (0..grid.cells).map(|at| at as f64 * grid.step).collect(),
            step: grid.step,
            joined: grid.joined,
            marks: sources
                .first()
                .map_or(Vec::new(), |of| marks(&of.phase.load)),
            charts,
            heats,
            missing,
        }
    }
}

/// Where stages end within the window, s.
fn marks(load: &Load) -> Vec<f64> {
    let LoadModel::Open {
        pace: Pace::Staged { stages, .. },
        ..
    } = &load.model
    else {
        return Vec::new();
    };
    let mut end = 0.0;
    let ends = stages.iter().map(|stage| {
        end += stage.over.as_secs_f64();
        end
    });
    let mut ends: Vec<f64> = ends.collect();
    ends.pop();
    ends.dedup();
    ends
}

/// Where bursts of bcrypts begin, s. Bcrypts that run most of the time are no bursts, and many marks mark nothing.
fn expiries(charts: &[Chart], step: f64) -> Vec<f64> {
    const MOST: usize = 24;
    let mut begins = Vec::new();
    let lines = charts.iter().filter(|chart| chart.name == BCRYPT.name);
    for line in lines.flat_map(|chart| &chart.lines) {
        let runs: Vec<bool> = line
            .values
            .iter()
            .map(|of| of.unwrap_or(0.0) > 0.0)
            .collect();
        if runs.iter().filter(|runs| **runs).count() * 2 > runs.len() {
            continue;
        }
        let pairs = runs.windows(2).enumerate();
        begins.extend(
            pairs
                .filter(|(_, pair)| *pair == [false, true])
                .map(|(at, _)| at + 1),
        );
    }
    begins.sort_unstable();
    // Variants that expire together have one mark.
    begins.dedup_by(|next, last| *next <= *last + 1);
    if begins.len() > MOST {
        return Vec::new();
    }
    begins.into_iter().map(|at| at as f64 * step).collect()
}

fn charts(sources: &[Source<'_>], grid: &Grid) -> Vec<Chart> {
    let of_kind = |kind: &Kind| kind.chart(sources, grid);
    let first = [
        Some(rates(sources, grid)),
        Some(of_kind(&LATENCY)),
        Some(of_kind(&BCRYPT)),
    ];
    let errors = errors(sources, grid);
    let rest = OTHERS.iter().map(of_kind);
    let all = first.into_iter().flatten().chain(errors).chain(rest);
    all.filter(|chart| !chart.lines.is_empty()).collect()
}

fn rates(sources: &[Source<'_>], grid: &Grid) -> Chart {
    let mut lines: Vec<Line> = Vec::new();
    for source in sources {
        let Some(values) = planned(&source.phase.load, grid) else {
            continue;
        };
        // One line for all variants with one plan.
        if lines.iter().any(|line| line.values == values) {
            continue;
        }
        let is_first = lines.is_empty();
        lines.push(Line {
            name: if is_first {
                "planned".to_owned()
            } else {
                format!("{} planned", source.name)
            },
            variant: None,
            request: None,
            look: Look::Dashed,
            values,
        });
    }
    let achieved = Kind {
        name: "rate",
        title: "Rate",
        words: if lines.is_empty() {
            "OK answers a second. In a closed loop nothing is planned: each connection sends when it has its answer."
        } else {
            "Planned requests and OK answers a second."
        },
        unit: Unit::Rate,
        shape: Shape::Linear,
        columns: ACHIEVED,
        per_second: false,
    };
    let mut chart = achieved.chart(sources, grid);
    lines.append(&mut chart.lines);
    Chart { lines, ..chart }
}

/// Planned requests a second in each cell, which follow from the schedule alone; `None` for a closed loop.
fn planned(load: &Load, grid: &Grid) -> Option<Vec<Option<f64>>> {
    let LoadModel::Open { pace, .. } = &load.model else {
        return None;
    };
    let schedule = Schedule::new(pace, load.warmup);
    let (begin, end) = (load.warmup.as_secs_f64(), load.duration.as_secs_f64());
    let before = |at: f64| schedule.requests_before(((begin + at.min(end)) * 1e9) as u64);
    let cell = |at: usize| {
        let (from, to) = (at as f64 * grid.step, (at + 1) as f64 * grid.step);
        let length = to.min(end) - from;
        (length > grid.step / 100.0).then(|| (before(to) - before(from)) / length)
    };
    Some((0..grid.cells).map(cell).collect())
}

/// Failures by kind; older series tell their sum alone. `None` if nothing failed.
fn errors(sources: &[Source<'_>], grid: &Grid) -> Option<Chart> {
    const LOOKS: [Look; 4] = [Look::Solid, Look::Dashed, Look::Dotted, Look::Thin];
    let mut lines = Vec::new();
    for source in sources {
        let kinds = ErrorKind::ALL.map(|kind| (format!("errors_{kind}"), kind.name().to_owned()));
        let mut kinds: BTreeMap<String, String> = kinds.into();
        if !kinds
            .keys()
            .any(|name| source.series.column(name).is_some())
        {
            kinds = BTreeMap::from([("failed".to_owned(), "failed".to_owned())]);
        }
        let mut looks = LOOKS.into_iter().cycle();
        for (name, words) in kinds {
            let mut values = grid.cells(&source.series, &name, Join::Sum);
            if values.iter().flatten().all(|value| *value == 0.0) {
                continue;
            }
            grid.per_second(&source.series, &mut values);
            lines.push(Line {
                name: format!("{} {words}", source.name),
                variant: Some(source.at),
                request: None,
                look: looks.next().unwrap_or(Look::Solid),
                values,
            });
        }
    }
    (!lines.is_empty()).then(|| Chart {
        name: "errors",
        title: "Failed requests by kind".to_owned(),
        words: "Failures a second; the kinds are told in the table of errors.".to_owned(),
        unit: Unit::Rate,
        shape: Shape::Linear,
        lines,
    })
}

#[cfg(test)]
#[path = "over_time_tests.rs"]
mod tests;
