//! Where a value is drawn, and which round values an axis names.

use crate::report::chart::{Line, Shape};

/// Values to heights.
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) is_log: bool,
}

impl Scale {
    pub(super) fn of<'a>(
        shape: Shape,
        lines: impl Iterator<Item = &'a Line>,
        others: impl Iterator<Item = f64>,
    ) -> Self {
        let values = lines.flat_map(|line| line.values.iter().flatten().copied());
        let ends = values
            .chain(others)
            .fold((f64::INFINITY, 0.0_f64), |ends, value| {
                (ends.0.min(value), ends.1.max(value))
            });
        let high = if ends.1 > 0.0 { ends.1 } else { 1.0 };
        match shape {
            Shape::Log => {
                let low = 10_f64.powf(ends.0.max(1.0).min(high).log10().floor());
                Self {
                    low,
                    high: (high * 1.15).max(low * 10.0),
                    is_log: true,
                }
            }
            Shape::Linear | Shape::Lanes => Self {
                low: 0.0,
                high: high * 1.08,
                is_log: false,
            },
        }
    }

    /// Part of the height, 0 at the bottom.
    pub(super) fn part(&self, value: f64) -> f64 {
        let part = if self.is_log {
            (value.max(1e-9) / self.low).log10() / (self.high / self.low).log10()
        } else {
            value / self.high
        };
        part.clamp(0.0, 1.0)
    }

    /// Where lines go across.
    pub(super) fn steps(&self) -> Vec<f64> {
        if self.is_log {
            return self.log_steps();
        }
        let step = nice(self.high / 3.0);
        (0..=count(self.high, step))
            .map(|at| at as f64 * step)
            .filter(|value| value.is_finite())
            .collect()
    }
}

impl Scale {
    /// Powers of ten; where two or fewer are on the axis also round values between them, and without any its ends.
    fn log_steps(&self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let every = (decades / 5.0).ceil().max(1.0);
        let first = (self.low.log10() - 1e-9).ceil();
        let power = |at: f64| 10_f64.powf(first + at);
        let on_axis = |value: &f64| *value >= self.low * 0.999 && *value <= self.high * 1.001;
        let powers = (0..=count(decades, every)).map(|at| power(at as f64 * every));
        let powers: Vec<f64> = powers.filter(on_axis).collect();
        if powers.len() > 2 {
            return powers;
        }
        let between = [-1.0, 0.0, 1.0].into_iter();
        let between = between.flat_map(|at| [1.0, 2.0, 5.0].map(|of| of * power(at)));
        let between: Vec<f64> = between.filter(on_axis).collect();
        match between.len() {
            0 | 1 => vec![self.low, self.high],
            _ => between,
        }
    }
}

/// Steps up to a value. No axis has room for more than some, and a length too small for a normal number is one step.
pub(super) fn count(high: f64, step: f64) -> usize {
    const MOST: usize = 20;
    if step.is_normal() {
        ((high / step).floor() as usize).min(MOST)
    } else {
        1
    }
}

/// A length that is 1, 2 or 5 of a power of ten, and at least so long.
pub(super) fn nice(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|of| of * power);
    steps
        .into_iter()
        .find(|step| *step >= least * 0.999)
        .unwrap_or(power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        let linear = |high| {
            Scale {
                low: 0.0,
                high,
                is_log: false,
            }
            .steps()
        };
        assert_eq!(linear(10_800.0), [0.0, 5_000.0, 10_000.0]);
        assert_eq!(linear(1.08), [0.0, 0.5, 1.0]);
        for extreme in [5e-324, 1e-308, f64::MAX, f64::INFINITY] {
            assert!(linear(extreme).len() <= 21, "{extreme}");
        }
        let log = Scale {
            low: 10.0,
            high: 2e6,
            is_log: true,
        }
        .steps();
        assert_eq!(log.len(), 3, "{log:?}");
    }

    #[test]
    fn an_axis_of_less_than_two_powers_of_ten_has_values_too() {
        let check = |low: f64, high: f64, expected: &[f64]| {
            let steps = Scale {
                low,
                high,
                is_log: true,
            }
            .steps();
            let close = |(a, b): (&f64, &f64)| (a / b - 1.0).abs() < 1e-6;
            let are_all = steps.len() == expected.len() && steps.iter().zip(expected).all(close);
            assert!(are_all, "{low} to {high}: {steps:?}");
        };
        check(1e4, 1e5, &[1e4, 2e4, 5e4, 1e5]);
        check(13_335.2, 17_782.8, &[13_335.2, 17_782.8]);
        check(13_335.2, 56_234.1, &[2e4, 5e4]);
        check(7_498.9, 13_335.2, &[7_498.9, 13_335.2]);
        check(1e3, 1.15e5, &[1e3, 1e4, 1e5]);
        check(1.0, 10.0, &[1.0, 2.0, 5.0, 10.0]);
    }
}
