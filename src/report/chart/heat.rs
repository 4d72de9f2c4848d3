//! How latencies are spread, over time: counts by a bin of time and a bin of latency.

use serde::Serialize;

use crate::metrics::read_intervals;

/// Bins of latency for each power of ten.
const PER_DECADE: f64 = 8.0;
/// Bins of latency, from 1 µs to 100 s.
const BINS: usize = 64;
/// Bins of time at most.
const COLUMNS: usize = 240;

/// The latencies of one launch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Heat {
    /// Index of its variant.
    pub variant: usize,
    /// Its variant's name.
    pub name: String,
    /// Length of a bin of time, s.
    pub step: f64,
    /// By bin of time the first bin of latency that has a count, and the counts from there on.
    pub columns: Vec<(usize, Vec<u64>)>,
    /// The largest count.
    pub most: u64,
    /// Why it ends early; empty if it does not.
    pub broken: String,
}

impl Heat {
    /// The latencies in the log of a launch whose cells are `step` long, `cells` of them.
    pub fn of(variant: usize, name: &str, log: &str, step: f64, cells: usize) -> Self {
        let joined = cells.div_ceil(COLUMNS).max(1);
        let step = step * joined as f64;
        let mut counts = vec![[0_u64; BINS]; cells.div_ceil(joined)];
        let mut broken = String::new();
        for interval in read_intervals(log) {
            let (start, histogram) = match interval {
                Ok(read) => read,
                Err(error) => {
                    broken = format!("latency.hlog is broken: {error}");
                    break;
                }
            };
            // What is cut to a millisecond belongs to the bin that it begins.
            let Some(column) = counts.get_mut(((start + 5e-4) / step) as usize) else {
                continue;
            };
            for value in histogram.iter_recorded() {
                let us = value.value_iterated_to() as f64 / 1e3;
                let bin = (us.max(1.0).log10() * PER_DECADE) as usize;
                column[bin.min(BINS - 1)] += value.count_since_last_iteration();
            }
        }
        let most = counts.iter().flatten().copied().max().unwrap_or(0);
        Self {
            variant,
            name: name.to_owned(),
            step,
            columns: counts.iter().map(|column| trimmed(column)).collect(),
            most,
            broken,
        }
    }

    /// The bounds of a bin of latency, µs.
    pub fn bounds(bin: usize) -> (f64, f64) {
        let at = |bin: usize| 10_f64.powf(bin as f64 / PER_DECADE);
        (at(bin), at(bin + 1))
    }

    /// The first and the last bin that has a count; `None` if none has.
    pub fn range(&self) -> Option<(usize, usize)> {
        let filled = self.columns.iter().filter(|(_, counts)| !counts.is_empty());
        let ends = filled.map(|(first, counts)| (*first, first + counts.len() - 1));
        ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }
}

fn trimmed(column: &[u64]) -> (usize, Vec<u64>) {
    let filled = |count: &u64| *count > 0;
    let Some(first) = column.iter().position(filled) else {
        return (0, Vec::new());
    };
    let last = column.iter().rposition(filled).unwrap_or(first);
    (first, column[first..=last].to_vec())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::metrics::{Durations, IntervalLog};

    #[test]
    fn counts_are_by_time_and_latency_and_bounded() {
        let mut text = Vec::new();
        let mut log = IntervalLog::new(&mut text, SystemTime::UNIX_EPOCH).unwrap();
        for second in 0..3_600 {
            let mut latencies = Durations::default();
            latencies.record(150_000);
            latencies.record(20_000_000);
            let start = Duration::from_secs(second);
            let written = log.write(start, Duration::from_secs(1), latencies.histogram());
            written.unwrap();
        }
        let text = String::from_utf8(text).unwrap();
        let heat = Heat::of(1, "v", &text, 6.0, 600);
        assert_eq!((heat.step, heat.columns.len()), (18.0, 200));
        // 150 µs and 20 ms, in each of 18 s.
        let (first, counts) = &heat.columns[100];
        assert_eq!((*first, counts.len()), (17, 18));
        assert_eq!((counts[0], counts[17], heat.most), (18, 18, 18));
        assert_eq!(heat.range(), Some((17, 34)));
        let (low, high) = Heat::bounds(17);
        assert!(low < 150.0 && 150.0 < high);
        let broken = Heat::of(0, "v", "0.0,1.0,1,x\n", 1.0, 2);
        assert_eq!(
            broken.broken,
            "latency.hlog is broken: line 1: it holds no histogram"
        );
        assert_eq!(broken.range(), None);
    }
}
