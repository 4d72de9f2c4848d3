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
        let times = |of: &StoredSeries| -> Vec<f64> {
            let times = of.column("t_ms").unwrap_or_default();
            times
                .iter()
                .flatten()
                .copied()
                .filter(|t| *t >= 0.0)
                .collect()
        };
        let (mut interval, mut last) = (0.0_f64, 0.0_f64);
        for series in all {
            let times = times(series);
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
