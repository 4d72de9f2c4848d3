//! How far the mean of a window may be off, from what differs within it. Neighbouring intervals are alike: a machine that is slow now
//! is slow in the next second too, so that forty intervals say less than forty.

use super::student::t_quantile;

/// Batches below which intervals are joined no further.
const FEWEST: usize = 5;

/// Half of the 95 % interval of R = Σ amount / Σ of, relative to R, from consecutive pairs (amount, of).
///
/// Intervals are joined to batches of 1, 2, 4, … as long as five are left, and the widest interval counts (nested batch means;
/// G. S. Fishman, Discrete-Event Simulation, 2001, section 6.6). At each length the standard error is that of a ratio (W. G. Cochran,
/// Sampling Techniques, 3rd ed., 1977, eq. 6.9, without the correction for a finite population):
/// √(K/(K − 1) Σ(amount − R of)²) / Σ amount, with Student's t of K − 1 degrees of freedom. `None` for fewer than two intervals, or if
/// nothing was counted.
pub fn nested_half(intervals: &[(f64, f64)]) -> Option<f64> {
    let mut widest: Option<f64> = None;
    let mut batches = intervals.to_vec();
    loop {
        let half = t_half(&batches)?;
        widest = Some(widest.map_or(half, |widest| widest.max(half)));
        if batches.len() / 2 < FEWEST {
            return widest;
        }
        batches = batches
            .chunks_exact(2)
            .map(|pair| (pair[0].0 + pair[1].0, pair[0].1 + pair[1].1))
            .collect();
    }
}

fn t_half(batches: &[(f64, f64)]) -> Option<f64> {
    let (amount, of) = batches
        .iter()
        .fold((0.0, 0.0), |sum, batch| (sum.0 + batch.0, sum.1 + batch.1));
    if batches.len() < 2 || amount <= 0.0 || of <= 0.0 {
        return None;
    }
    let ratio = amount / of;
    let squares: f64 = batches
        .iter()
        .map(|batch| (batch.0 - ratio * batch.1).powi(2))
        .sum();
    let count = batches.len() as f64;
    Some(t_quantile(0.975, count - 1.0) * (count / (count - 1.0) * squares).sqrt() / amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[f64], expected: f64) {
        let intervals: Vec<_> = values.iter().map(|value| (*value, 1.0)).collect();
        let half = nested_half(&intervals).unwrap();
        assert!((half - expected).abs() < 1e-3, "{half}");
    }

    #[test]
    fn what_lasts_longer_than_an_interval_counts_at_its_length() {
        // Two values: t(1) = 12.706, standard error 1, mean 10.
        check(&[9.0, 11.0], 1.2706);
        // Alternating values cancel within batches of two; alone √(10/9 × 10)/100 × 2.262.
        check(
            &[9.0, 11.0, 9.0, 11.0, 9.0, 11.0, 9.0, 11.0, 9.0, 11.0],
            0.0754,
        );
        // Pairs of one value are five values: √(5/4 × 5 × 4)/… of sums 18 and 22: Σ(x − 19.6)² = 19.2; √(5/4 × 19.2)/98 × 2.776.
        check(
            &[9.0, 9.0, 11.0, 11.0, 9.0, 9.0, 11.0, 11.0, 9.0, 9.0],
            0.1388,
        );
        assert_eq!(nested_half(&[(1.0, 1.0)]), None);
        assert_eq!(nested_half(&[(0.0, 1.0), (0.0, 1.0)]), None);
        assert_eq!(nested_half(&[]), None);
    }
}
