//! Cells of equal length that the rows of several series fall into, so that all charts have one axis with few points.

use crate::metrics::StoredSeries;

/// Cells of equal length that the rows of all series fall into.
pub(super) struct Grid {
    /// s.
    pub(super) step: f64,
    pub(super) cells: usize,
    /// Intervals of a series in a cell, at most.
    pub(super) joined: usize,
}

/// What becomes of the rows of one cell.
#[derive(Clone, Copy)]
pub(super) enum Join {
    Mean,
    Median,
    Largest,
    Sum,
}

impl Grid {
    /// The grid of several series, of so many cells at most.
    pub(super) fn of<'a>(all: impl Iterator<Item = &'a StoredSeries>, points: usize) -> Self {
        /// ms: telemload stores no shorter ones.
        const SHORTEST: f64 = 1.0;
        let (mut interval, mut last) = (0.0_f64, 0.0_f64);
        for series in all {
            let times = times(series);
            interval = interval.max(gap(&times).unwrap_or(0.0));
            last = times.into_iter().fold(last, f64::max);
        }
        let interval = if interval > 0.0 {
            interval.max(SHORTEST)
        } else {
            1_000.0
        };
        let rows = (last / interval).floor() + 1.0;
        let joined = (rows / points as f64).ceil().max(1.0);
        Self {
            step: interval * joined / 1e3,
            cells: ((rows / joined).ceil() as usize).min(points),
            joined: joined as usize,
        }
    }

    /// A column of a series by cells.
    pub(super) fn cells(&self, series: &StoredSeries, name: &str, join: Join) -> Vec<Option<f64>> {
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

    /// Makes rates of sums of cells: the rows of a series may cover a part of its last cell alone.
    pub(super) fn per_second(&self, series: &StoredSeries, sums: &mut [Option<f64>]) {
        let times = times(series);
        let interval = gap(&times).map_or(self.step / self.joined as f64, |gap| gap / 1e3);
        let end = times.into_iter().fold(0.0, f64::max) / 1e3 + interval;
        for (at, sum) in sums.iter_mut().enumerate() {
            let covered = (end - at as f64 * self.step).max(interval).min(self.step);
            if let Some(sum) = sum {
                *sum /= covered;
            }
        }
    }
}

/// Where the rows of a series begin, ms.
fn times(series: &StoredSeries) -> Vec<f64> {
    let times = series.column("t_ms").unwrap_or_default();
    let times = times.iter().flatten().copied();
    times.filter(|time| *time >= 0.0).collect()
}

/// The interval of rows that begin then.
fn gap(times: &[f64]) -> Option<f64> {
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.filter(|gap| *gap > 0.0).reduce(f64::min)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_the_last_cell_is_that_of_its_rows() {
        let series = StoredSeries::read("t_ms,n\n0,6\n1000,6\n2000,6\n3000,6\n4000,6\n");
        let grid = Grid::of([&series].into_iter(), 3);
        let mut sums = grid.cells(&series, "n", Join::Sum);
        assert_eq!(sums, [Some(12.0), Some(12.0), Some(6.0)]);
        grid.per_second(&series, &mut sums);
        assert_eq!(sums, [Some(6.0); 3]);
    }

    #[test]
    fn an_interval_of_nothing_is_a_millisecond() {
        let series = StoredSeries::read("t_ms,n\n0,1\n5e-324,1\n1e300,1\n");
        let grid = Grid::of([&series].into_iter(), 600);
        assert_eq!(grid.cells, 600);
        assert!(grid.step.is_normal(), "{}", grid.step);
        let mut sums = grid.cells(&series, "n", Join::Sum);
        grid.per_second(&series, &mut sums);
        assert!(
            sums.iter().flatten().all(|rate| rate.is_finite()),
            "{sums:?}"
        );
    }
}
