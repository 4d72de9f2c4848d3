//! The charts over time that have lines of columns of a series alone: which columns, and how they are drawn.

use super::grid::{Grid, Join};
use super::{Chart, Line, Look, Shape, Unit};
use crate::metrics::StoredSeries;
use crate::result::PhaseResult;

/// A variant in a panel.
pub(super) struct Source<'a> {
    pub(super) at: usize,
    pub(super) name: &'a str,
    pub(super) phase: &'a PhaseResult,
    pub(super) series: StoredSeries,
}

/// A column that becomes a line of each variant.
pub(super) struct Column {
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
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) words: &'static str,
    pub(super) unit: Unit,
    pub(super) shape: Shape,
    pub(super) columns: &'static [Column],
    /// What a value is divided by: a cell's seconds, or nothing.
    pub(super) per_second: bool,
}

pub(super) const ACHIEVED: &[Column] = &[column("throughput_rps", "", Look::Solid, Join::Mean)];

pub(super) const LATENCY: Kind = Kind {
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

pub(super) const BCRYPT: Kind = Kind {
    name: "bcrypt",
    title: "bcrypts of the gateway",
    words: "How many ran in each interval: a burst below a spike of latency is a herd that found a credential expired.",
    unit: Unit::Count,
    shape: Shape::Lanes,
    columns: &[column("bcrypt", "", Look::Solid, Join::Sum)],
    per_second: false,
};

pub(super) const OTHERS: [Kind; 5] = [
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

impl Kind {
    /// The chart of these variants.
    pub(super) fn chart(&self, sources: &[Source<'_>], grid: &Grid) -> Chart {
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
                    grid.per_second(&source.series, &mut values);
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
