//! Student's t and the normal distribution.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// The 97.5 % point of the standard normal distribution.
pub const Z95: f64 = 1.959_963_984_540_054;

/// Degrees of freedom beyond which Student's t is taken for normal; the library's is less exact there.
pub(crate) const NORMAL_FROM: f64 = 1e4;

/// The 97.5 % points of Student's t from one degree of freedom on: the library searches for each.
const T975: [f64; 30] = [
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010,
    2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687,
    2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
];

/// A quantile of Student's t; normal for infinite degrees of freedom.
pub fn t_quantile(p: f64, degrees: f64) -> f64 {
    let whole = degrees.fract() == 0.0 && (1.0..=T975.len() as f64).contains(&degrees);
    if whole && p == 0.975 {
        return T975[degrees as usize - 1];
    }
    match student(degrees) {
        Some(student) => student.inverse_cdf(p),
        None => Normal::standard().inverse_cdf(p),
    }
}

/// The probability of a value above `t`.
pub fn t_tail(t: f64, degrees: f64) -> f64 {
    match student(degrees) {
        Some(student) => student.sf(t),
        None => Normal::standard().sf(t),
    }
}

fn student(degrees: f64) -> Option<StudentsT> {
    let few = degrees < NORMAL_FROM;
    few.then(|| StudentsT::new(0.0, 1.0, degrees.max(1.0)).expect("the parameters are positive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_table_and_of_the_library() {
        for degrees in 1..=30 {
            let degrees = f64::from(degrees);
            let searched = student(degrees).unwrap().inverse_cdf(0.975);
            let found = t_quantile(0.975, degrees);
            assert!(
                (found - searched).abs() < 1e-4,
                "{degrees}: {found} {searched}"
            );
        }
        assert!((t_quantile(0.975, f64::INFINITY) - Z95).abs() < 1e-9);
        assert!((t_tail(2.7764, 4.0) - 0.025).abs() < 1e-5);
        assert!((t_tail(Z95, f64::INFINITY) - 0.025).abs() < 1e-9);
    }
}
