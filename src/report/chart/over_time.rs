//! What happened over time: one panel for each phase and launch, in which all charts have one axis.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{Chart, Heat, Line, Look, Recorded, Shape, Unit};
use crate::metrics::{ErrorKind, StoredSeries};
use crate::pacer::Schedule;
use crate::result::{PhaseResult, RunResult};
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

/// A variant in a panel.
struct Source<'a> {
    at: usize,
    name: &'a str,
    phase: &'a PhaseResult,
    series: StoredSeries,
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
        let grid = Grid::of(&sources, points);
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
        Self {
            phase: phase.to_owned(),
            round,
            variants: sources.iter().map(|of| of.name.to_owned()).collect(),
            xs: (0..grid.cells).map(|at| at as f64 * grid.step).collect(),
            step: grid.step,
            joined: grid.joined,
            marks: sources
                .first()
                .map_or(Vec::new(), |of| marks(&of.phase.load)),
            charts: charts(&sources, &grid),
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

/// Cells of equal length that the rows of all series fall into.
struct Grid {
    /// s.
    step: f64,
    cells: usize,
    joined: usize,
}

/// What becomes of the rows of one cell.
#[derive(Clone, Copy)]
enum Join {
    Mean,
    Median,
    Largest,
    Sum,
}

impl Grid {
    fn of(sources: &[Source<'_>], points: usize) -> Self {
        let times = |of: &Source<'_>| -> Vec<f64> {
            let times = of.series.column("t_ms").unwrap_or_default();
            times
                .iter()
                .flatten()
                .copied()
                .filter(|t| *t >= 0.0)
                .collect()
        };
        let (mut interval, mut last) = (0.0_f64, 0.0_f64);
        for source in sources {
            let times = times(source);
            let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
            let gap = gaps.filter(|gap| *gap > 0.0).reduce(f64::min);
            interval = interval.max(gap.unwrap_or(0.0));
            last = times.into_iter().fold(last, f64::max);
        }
        if interval <= 0.0 {
            interval = 1_000.0;
        }
        let rows = (last / interval).floor() + 1.0;
        let joined = (rows / points as f64).ceil().max(1.0);
        Self {
            step: interval * joined / 1e3,
            cells: ((rows / joined).ceil() as usize).min(points),
            joined: joined as usize,
        }
    }

    /// A column of a series by cells.
    fn cells(&self, series: &StoredSeries, name: &str, join: Join) -> Vec<Option<f64>> {
        let times = series.column("t_ms").unwrap_or_default();
        let values = series.column(name).unwrap_or_default();
        let mut cells: Vec<Vec<f64>> = vec![Vec::new(); self.cells];
        for (time, value) in times.iter().zip(values) {
            let (Some(time), Some(value)) = (time, value) else {
                continue;
            };
            let at = (*time / 1e3 / self.step + 1e-9).floor();
            if let Some(cell) = cells.get_mut(at.max(0.0) as usize) {
                cell.push(*value);
            }
        }
        cells.into_iter().map(|cell| join.of(cell)).collect()
    }
}

impl Join {
    fn of(self, mut values: Vec<f64>) -> Option<f64> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        Some(match self {
            Self::Mean => values.iter().sum::<f64>() / count as f64,
            Self::Sum => values.iter().sum(),
            Self::Largest => values.into_iter().fold(f64::MIN, f64::max),
            Self::Median => {
                values.sort_by(f64::total_cmp);
                values[(count - 1) / 2]
            }
        })
    }
}

/// A column that becomes a line of each variant.
struct Column {
    name: &'static str,
    words: &'static str,
    look: Look,
    join: Join,
}

const fn column(name: &'static str, words: &'static str, look: Look, join: Join) -> Column {
    Column {
        name,
        words,
        look,
        join,
    }
}

/// A chart that has lines of columns alone.
struct Kind {
    name: &'static str,
    title: &'static str,
    words: &'static str,
    unit: Unit,
    shape: Shape,
    columns: &'static [Column],
    /// What a value is divided by: a cell's seconds, or nothing.
    per_second: bool,
}

const ACHIEVED: &[Column] = &[column("throughput_rps", "", Look::Solid, Join::Mean)];

const LATENCY: Kind = Kind {
    name: "latency",
    title: "Latency",
    words: "From the intended start to the end of the answer, on a logarithmic scale.",
    unit: Unit::Us,
    shape: Shape::Log,
    columns: &[
        column("latency_p50_us", "p50", Look::Dotted, Join::Median),
        column("latency_p99_us", "p99", Look::Solid, Join::Largest),
        column("latency_max_us", "max", Look::Thin, Join::Largest),
    ],
    per_second: false,
};

const BCRYPT: Kind = Kind {
    name: "bcrypt",
    title: "bcrypts of the gateway",
    words: "How many ran in each interval: a burst below a spike of latency is a herd that found a credential expired.",
    unit: Unit::Count,
    shape: Shape::Lanes,
    columns: &[column("bcrypt", "", Look::Solid, Join::Sum)],
    per_second: false,
};

const OTHERS: [Kind; 5] = [
    Kind {
        name: "waits",
        title: "Queue wait and dispatch lag, p99",
        words: "Queue wait is the target's: no connection was free. Dispatch lag is the generator's own; where it is high, latencies hold it too.",
        unit: Unit::Us,
        shape: Shape::Log,
        columns: &[
            column(
                "queue_wait_p99_us",
                "queue wait",
                Look::Solid,
                Join::Largest,
            ),
            column(
                "dispatch_lag_p99_us",
                "dispatch lag",
                Look::Dashed,
                Join::Largest,
            ),
        ],
        per_second: false,
    },
    Kind {
        name: "cores",
        title: "CPU",
        words: "Cores that each used.",
        unit: Unit::Cores,
        shape: Shape::Linear,
        columns: &[
            column("target_cores", "target", Look::Solid, Join::Mean),
            column("service_cores", "services", Look::Dotted, Join::Mean),
            column("generator_cores", "generator", Look::Dashed, Join::Mean),
        ],
        per_second: false,
    },
    Kind {
        name: "memory",
        title: "Memory of the target",
        words: "Resident memory of its processes.",
        unit: Unit::Bytes,
        shape: Shape::Linear,
        columns: &[column("target_bytes", "", Look::Solid, Join::Largest)],
        per_second: false,
    },
    Kind {
        name: "hits",
        title: "Cache hits of the gateway",
        words: "Credentials that were found in the cache, and those that were not.",
        unit: Unit::Rate,
        shape: Shape::Linear,
        columns: &[
            column("cache_hits", "hits", Look::Solid, Join::Sum),
            column("cache_misses", "misses", Look::Dashed, Join::Sum),
        ],
        per_second: true,
    },
    Kind {
        name: "payloads",
        title: "Payloads in the gateway",
        words: "Acknowledged and not stored yet, and waiting for a worker.",
        unit: Unit::Count,
        shape: Shape::Linear,
        columns: &[
            column(
                "acknowledged_unstored",
                "not stored",
                Look::Solid,
                Join::Largest,
            ),
            column("ingest_queue", "waiting", Look::Dashed, Join::Largest),
        ],
        per_second: false,
    },
];

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

impl Kind {
    fn chart(&self, sources: &[Source<'_>], grid: &Grid) -> Chart {
        let mut lines = Vec::new();
        for source in sources {
            for column in self.columns {
                let mut values = grid.cells(&source.series, column.name, column.join);
                // A counter that never moved has no lane.
                let is_idle = !matches!(self.shape, Shape::Log)
                    && matches!(self.unit, Unit::Count | Unit::Rate | Unit::Bytes);
                let nothing = |value: &f64| is_idle && *value == 0.0;
                if values.iter().flatten().all(nothing) {
                    continue;
                }
                if self.per_second {
                    values
                        .iter_mut()
                        .flatten()
                        .for_each(|value| *value /= grid.step);
                }
                if self.shape == Shape::Log {
                    values
                        .iter_mut()
                        .flatten()
                        .for_each(|value| *value = value.max(1.0));
                }
                lines.push(Line {
                    name: format!("{} {}", source.name, column.words)
                        .trim_end()
                        .to_owned(),
                    variant: Some(source.at),
                    request: None,
                    look: column.look,
                    values,
                });
            }
        }
        Chart {
            name: self.name,
            title: self.title.to_owned(),
            words: self.words.to_owned(),
            unit: self.unit,
            shape: self.shape,
            lines,
        }
    }
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
            values
                .iter_mut()
                .flatten()
                .for_each(|value| *value /= grid.step);
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
