//! The ends of intervals as distances from the estimate, and how those of independent errors add up.

use super::student::t_quantile;

/// How far a 95 % interval reaches below and above its estimate; infinite where it is open. Of ratios these are natural logarithms.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reach {
    /// Downwards; not negative.
    pub down: f64,
    /// Upwards; not negative.
    pub up: f64,
}

/// An independent error, as the reach of its own interval and the degrees of freedom that this rests on; infinite of an assumption.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Of its own 95 % interval.
    pub reach: Reach,
    /// Degrees of freedom.
    pub degrees: f64,
}

impl Reach {
    /// As far to both sides.
    pub const fn even(half: f64) -> Self {
        Self {
            down: half,
            up: half,
        }
    }

    /// Of what is divided by it.
    #[must_use]
    pub const fn inverse(self) -> Self {
        Self {
            down: self.up,
            up: self.down,
        }
    }

    /// The longer of both.
    pub const fn longer(self) -> f64 {
        self.down.max(self.up)
    }
}

/// The reach of the mean of so many values that each have one.
pub fn reach_of_mean(reaches: &[Reach]) -> Reach {
    let norm = |of: fn(&Reach) -> f64| {
        let squares: f64 = reaches.iter().map(|reach| of(reach).powi(2)).sum();
        squares.sqrt() / reaches.len() as f64
    };
    Reach {
        down: norm(|reach| reach.down),
        up: norm(|reach| reach.up),
    }
}

/// The error of the mean of values, two at least, from what they are seen to differ by.
pub fn error_of_mean(values: &[f64]) -> Part {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let error = (squares / (count - 1.0) / count).sqrt();
    Part {
        reach: Reach::even(t_quantile(0.975, count - 1.0) * error),
        degrees: count - 1.0,
    }
}

/// Independent errors as one: reaches add up as squares and need not be even (G. Y. Zou and A. Donner, Stat. Med. 27, 2008, p. 1693),
/// and degrees of freedom follow Welch and Satterthwaite.
pub fn combined(parts: &[Part]) -> Part {
    let norm = |of: fn(&Reach) -> f64| {
        let squares: f64 = parts.iter().map(|part| of(&part.reach).powi(2)).sum();
        squares.sqrt()
    };
    let reach = Reach {
        down: norm(|reach| reach.down),
        up: norm(|reach| reach.up),
    };
    let (mut variance, mut limited) = (0.0, 0.0);
    for part in parts {
        let error = part.reach.longer() / t_quantile(0.975, part.degrees);
        variance += error.powi(2);
        limited += error.powi(4) / part.degrees;
    }
    let degrees = variance.powi(2) / limited;
    Part {
        reach,
        degrees: if degrees.is_nan() {
            f64::INFINITY
        } else {
            degrees
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_add_up_as_squares_and_few_degrees_stay_few() {
        let part = |half, degrees| Part {
            reach: Reach::even(half),
            degrees,
        };
        let of = combined(&[part(3.0, f64::INFINITY), part(4.0, f64::INFINITY)]);
        assert_eq!((of.reach, of.degrees), (Reach::even(5.0), f64::INFINITY));
        // Two equal errors of four degrees have eight, and beside a large assumption there are many.
        assert!((combined(&[part(1.0, 4.0); 2]).degrees - 8.0).abs() < 1e-9);
        assert!(combined(&[part(1.0, 4.0), part(10.0, f64::INFINITY)]).degrees > 1e4);
        let open = combined(&[part(f64::INFINITY, 4.0), part(1.0, 4.0)]);
        assert!(open.reach.up.is_infinite());
        assert_eq!(combined(&[part(0.0, 4.0)]).reach, Reach::even(0.0));
    }
}
