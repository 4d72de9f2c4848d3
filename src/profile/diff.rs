//! The comparison of two tables of costs, function by function.
//!
//! Two profiles of the same program differ in most of their functions by chance: of some 300 functions half change by
//! 50 % at 1,000 samples. So a difference is called significant only if chance is an unlikely cause for it *and* for a table of
//! this length. It must not draw a conclusion from a function that is missing on one side without asking how many samples
//! could have shown it.

use std::collections::BTreeMap;

use statrs::function::erf::erfc;

use super::interval::Z95;
use super::{FunctionCost, Interval, wilson};

/// The part of the functions called significant that may be chance.
const FALSE_DISCOVERIES: f64 = 0.05;

/// How the cost of one function changed.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionDelta {
    /// The normalised name.
    pub function: String,
    /// Its cost before; `None` if it was in no sample.
    pub base: Option<FunctionCost>,
    /// Its cost after; `None` if it was in no sample.
    pub head: Option<FunctionCost>,
    /// Head minus base of the total cost, CPU-µs per request.
    pub delta_total_us: f64,
    /// Head minus base of the self cost, CPU-µs per request; these sum to the change of the CPU time per request.
    pub delta_self_us: f64,
    /// The 95 % interval of `delta_total_us` by Newcombe's method, from the Wilson intervals of the two shares
    /// (R. G. Newcombe, Stat. Med. 17, 1998, p. 873, method 10; each side scaled by its cost per request). It covers chance
    /// in sampling; the cost per request of each side is taken as exact.
    pub delta_total_interval: Interval,
    /// The 95 % Wilson intervals of the two total costs do not overlap, and the difference is kept by the procedure of
    /// Benjamini and Hochberg (J. R. Stat. Soc. B 57, 1995, p. 289) at 5 % over all functions.
    pub significant: bool,
}

/// The functions of both sides, the largest change of self cost first, then of total cost, then by name. A side without
/// any function (no profile) makes nothing significant.
pub fn diff(base: &[FunctionCost], head: &[FunctionCost]) -> Vec<FunctionDelta> {
    let mut by_name: BTreeMap<&str, (Option<&FunctionCost>, Option<&FunctionCost>)> =
        BTreeMap::new();
    for cost in base {
        by_name.entry(&cost.function).or_default().0 = Some(cost);
    }
    for cost in head {
        by_name.entry(&cost.function).or_default().1 = Some(cost);
    }
    let (base_side, head_side) = (Side::of(base), Side::of(head));
    let mut p_values = Vec::with_capacity(by_name.len());
    let mut deltas = Vec::with_capacity(by_name.len());
    for (function, (base, head)) in by_name {
        let (before, after) = (estimate(base_side, base), estimate(head_side, head));
        let delta_total_interval = difference(before, after);
        let delta_total_us = after.us - before.us;
        p_values.push(p_value(delta_total_us, delta_total_interval));
        deltas.push(FunctionDelta {
            function: function.to_owned(),
            delta_self_us: head.map_or(0.0, |cost| cost.self_us)
                - base.map_or(0.0, |cost| cost.self_us),
            base: base.cloned(),
            head: head.cloned(),
            delta_total_us,
            delta_total_interval,
            significant: !before.interval.overlaps(after.interval),
        });
    }
    let limit = benjamini_hochberg(&p_values);
    for (delta, p) in deltas.iter_mut().zip(p_values) {
        delta.significant &= p <= limit;
    }
    deltas.sort_by(|a, b| {
        let by = |f: fn(&FunctionDelta) -> f64| f(b).abs().total_cmp(&f(a).abs());
        by(|delta| delta.delta_self_us)
            .then_with(|| by(|delta| delta.delta_total_us))
            .then_with(|| a.function.cmp(&b.function))
    });
    deltas
}

/// One side's number of samples and CPU-µs per request.
#[derive(Clone, Copy)]
struct Side {
    samples: u64,
    us_per_request: f64,
}

/// A total cost in CPU-µs per request.
#[derive(Clone, Copy)]
struct Estimate {
    us: f64,
    interval: Interval,
}

impl Side {
    fn of(costs: &[FunctionCost]) -> Option<Self> {
        let seen = costs.iter().find(|cost| cost.total_share > 0.0)?;
        Some(Self {
            samples: seen.profile_samples,
            us_per_request: seen.total_us / seen.total_share,
        })
    }
}

/// A function that a side never showed has a share of 0 of that side's samples; without a side anything is possible.
fn estimate(side: Option<Side>, cost: Option<&FunctionCost>) -> Estimate {
    let Some(side) = side else {
        let interval = Interval {
            low: 0.0,
            high: f64::INFINITY,
        };
        return Estimate { us: 0.0, interval };
    };
    let shares = cost.map_or_else(|| wilson(0, side.samples), |cost| cost.total_share_interval);
    Estimate {
        us: cost.map_or(0.0, |cost| cost.total_us),
        interval: shares.scaled(side.us_per_request),
    }
}

/// d ± the root of the summed squares of the half-widths that face each other.
fn difference(before: Estimate, after: Estimate) -> Interval {
    let delta = after.us - before.us;
    Interval {
        low: delta - (after.us - after.interval.low).hypot(before.interval.high - before.us),
        high: delta + (after.interval.high - after.us).hypot(before.us - before.interval.low),
    }
}

/// Two-sided: the half-width of the interval towards zero stands for 1.96 standard errors.
fn p_value(delta: f64, interval: Interval) -> f64 {
    let half = if delta > 0.0 {
        delta - interval.low
    } else {
        interval.high - delta
    };
    if delta == 0.0 || !half.is_finite() {
        return 1.0;
    }
    if half <= 0.0 {
        return 0.0;
    }
    erfc(Z95 * delta.abs() / half / std::f64::consts::SQRT_2)
}

/// The largest p that is still a discovery; below every p if there is none.
fn benjamini_hochberg(p_values: &[f64]) -> f64 {
    let mut sorted = p_values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let all = sorted.len() as f64;
    let ranked: Vec<_> = (1_u32..).zip(&sorted).collect();
    let kept = ranked
        .into_iter()
        .rev()
        .find(|(rank, p)| **p <= FALSE_DISCOVERIES * f64::from(*rank) / all);
    kept.map_or(-1.0, |(_, p)| *p)
}

#[cfg(test)]
mod tests {
    use super::super::{Profile, costs};
    use super::*;

    fn table(samples: &[(&str, u64)], us_per_request: f64) -> Vec<FunctionCost> {
        let mut profile = Profile::new("samples", "count", 0);
        for (leaf, n) in samples {
            profile.add(["main", leaf], *n, *n).expect("small");
        }
        costs(&profile, us_per_request)
    }

    /// Function, rounded change of total cost, significant.
    #[track_caller]
    fn check(base: &[FunctionCost], head: &[FunctionCost], expected: &[(&str, i64, bool)]) {
        let deltas = diff(base, head);
        let rounded = |delta: &FunctionDelta| delta.delta_total_us.round() as i64;
        let got: Vec<_> = deltas
            .iter()
            .map(|d| (d.function.as_str(), rounded(d), d.significant))
            .collect();
        assert_eq!(got, expected);
        for delta in &deltas {
            let Interval { low, high } = delta.delta_total_interval;
            assert!(
                low <= delta.delta_total_us && delta.delta_total_us <= high,
                "{delta:?}"
            );
        }
        let change: f64 = deltas.iter().map(|delta| delta.delta_self_us).sum();
        let sum = |costs: &[FunctionCost]| costs.iter().map(|cost| cost.self_us).sum::<f64>();
        assert!(
            (change - (sum(head) - sum(base))).abs() < 1e-6,
            "self costs add up"
        );
    }

    #[test]
    fn changes_are_ranked_and_judged() {
        let before = table(&[("bcrypt", 950), ("parse", 50)], 8_000.0);
        // The same parsing per request is a larger share of a cheaper request: no change. Before, a function of up to
        // 30 us could have gone without a sample, so one of 21 us need not be new.
        let after = table(&[("parse", 950), ("lookup", 50)], 421.0);
        check(
            &before,
            &after,
            &[
                ("bcrypt", -7_600, true),
                ("lookup", 21, false),
                ("parse", 0, false),
                ("main", -7_579, true),
            ],
        );
        check(
            &before,
            &before,
            &[
                ("bcrypt", 0, false),
                ("main", 0, false),
                ("parse", 0, false),
            ],
        );
    }

    #[test]
    fn a_function_seen_a_few_times_more_is_no_news() {
        let before = table(&[("f", 990), ("g", 10)], 100.0);
        let after = table(&[("f", 982), ("g", 15), ("h", 3)], 100.0);
        check(
            &before,
            &after,
            &[
                ("f", -1, false),
                ("g", 1, false),
                ("h", 0, false),
                ("main", 0, false),
            ],
        );
    }

    #[test]
    fn nothing_is_significant_without_a_profile_on_both_sides() {
        let table = table(&[("f", 990), ("g", 10)], 100.0);
        check(
            &[],
            &table,
            &[("f", 99, false), ("g", 1, false), ("main", 100, false)],
        );
        check(
            &table,
            &[],
            &[("f", -99, false), ("g", -1, false), ("main", -100, false)],
        );
        check(&[], &[], &[]);
    }

    /// Newcombe 1998, table II, row (a) of method 10: 56/70 - 48/80 is 0.0524 to 0.3339.
    #[test]
    fn the_interval_of_a_difference_is_newcombes() {
        let estimate = |k, n| Estimate {
            us: k as f64 / n as f64,
            interval: wilson(k, n),
        };
        let Interval { low, high } = difference(estimate(48, 80), estimate(56, 70));
        assert!(
            (low - 0.0524).abs() < 5e-5 && (high - 0.3339).abs() < 5e-5,
            "{low} {high}"
        );
    }

    /// Two profiles drawn from the same 400 functions: many differ by half, none significantly.
    #[test]
    fn identical_programs_show_no_significant_change() {
        let names: Vec<String> = (0..400).map(|i| format!("f{i}")).collect();
        let weights: Vec<f64> = (1..=400).map(|rank| 1.0 / f64::from(rank)).collect();
        let all: f64 = weights.iter().sum();
        let mut state = 42_u64;
        let mut draw = || {
            let mut counts = vec![0; names.len()];
            for _ in 0..1_000 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let mut point = (state >> 11) as f64 / (1_u64 << 53) as f64 * all;
                let hit = weights.iter().position(|weight| {
                    point -= weight;
                    point < 0.0
                });
                counts[hit.unwrap_or(0)] += 1;
            }
            let pairs: Vec<_> = names.iter().map(String::as_str).zip(counts).collect();
            table(&pairs, 100.0)
        };
        for _ in 0..20 {
            let deltas = diff(&draw(), &draw());
            let halved = deltas.iter().filter(|d| match (&d.base, &d.head) {
                (Some(base), Some(head)) => (head.total_us / base.total_us - 1.0).abs() >= 0.5,
                _ => true,
            });
            assert!(halved.count() > 50);
            assert_eq!(deltas.iter().filter(|delta| delta.significant).count(), 0);
        }
    }
}
