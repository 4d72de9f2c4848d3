//! How far a mean of few values may be off: what they themselves show of their spread, together with what is expected of it.

/// Degrees of freedom that an expected spread is worth. Spreads whose variances scatter by the inverse of a chi-squared with four degrees differ by a factor
/// of two to three from each other, as those of a program's functions do from launch to launch.
const EXPECTED_DEGREES: f64 = 4.0;

/// A standard error with its degrees of freedom, from the one that is expected and the one that so many values show:
/// s² = (d₀ s₀² + d s_seen²) / (d₀ + d) with d = n − 1 (G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 3, 2004, article 3, section 3). Two values
/// alone would have one degree, with which nothing is ever found.
pub fn moderated(expected: f64, seen: Option<(f64, usize)>) -> (f64, f64) {
    let (error, values) = seen.unwrap_or((0.0, 1));
    let own = values.saturating_sub(1) as f64;
    let degrees = EXPECTED_DEGREES + own;
    let squares = EXPECTED_DEGREES * expected.powi(2) + own * error.powi(2);
    ((squares / degrees).sqrt(), degrees)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_counts_by_its_degrees() {
        assert_eq!(moderated(0.03, None), (0.03, 4.0));
        // √((4 · 9 + 1 · 144)/5) = 6.
        let (error, degrees) = moderated(3.0, Some((12.0, 2)));
        assert!((error - 6.0).abs() < 1e-12 && degrees == 5.0);
        let (error, degrees) = moderated(3.0, Some((0.0, 4)));
        assert!((error - (36.0_f64 / 7.0).sqrt()).abs() < 1e-12 && degrees == 7.0);
    }
}
