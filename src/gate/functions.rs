//! What profiles of several launches of both arms show of the functions that a gate judges. Pure.

use super::paired::{Change, FunctionSeen, Profiled};
use crate::profile::{Difference, LaunchSpread, Profile, Scale, Share, inclusive};
use crate::result::Arms;
use crate::scenario::plan::gate::{FunctionFigure, GatedFunction};
use crate::statistics::boundary;

/// The change beyond which the end of an interval is not looked for: a thousand times as much. The other end is -1: none at all is left.
const FARTHEST: f64 = 1_000.0;

/// The profiles of some launches of one arm as one.
#[derive(Debug, Clone, Copy)]
pub struct Sampled<'a> {
    /// All samples.
    pub profile: &'a Profile,
    /// CPU per request while they were taken; `None` if that is not known.
    pub cost: Option<Scale>,
    /// What they differ by.
    pub launches: LaunchSpread,
}

/// What is seen of the functions of a plan, in their order.
///
/// # Errors
/// A figure that is not known, in words.
pub fn seen(functions: &[GatedFunction], arms: Arms<Sampled<'_>>) -> Profiled {
    functions.iter().map(|of| one(of, arms)).collect()
}

fn one(function: &GatedFunction, arms: Arms<Sampled<'_>>) -> Result<FunctionSeen, String> {
    let scale = |arm: Sampled<'_>| {
        let scale = match function.figure {
            FunctionFigure::Share => Some(Scale::SHARE),
            FunctionFigure::Cost => arm.cost,
        };
        Some(scale?.of_launches(arm.launches))
    };
    let scales = scale(arms.base).zip(scale(arms.head));
    let (of_base, of_head) =
        scales.ok_or("the CPU per request of an arm is not known while it was profiled")?;
    if arms.base.profile.is_empty() || arms.head.profile.is_empty() {
        return Err("the profile of an arm holds no sample".to_owned());
    }
    let found = arms.map(|arm| inclusive(arm.profile, &function.pattern));
    let base = (found.base.share, of_base);
    let head = (found.head.share, of_head);
    let rise = Difference::beyond(base, head, 0.0);
    let (error, degrees) = rise.error();
    let value = |(share, scale): (Share, Scale)| share.value * scale.factor;
    let is_there = value(base) > 0.0;
    let of_base = |amount: f64| is_there.then(|| amount / value(base));
    // What more than the base must be to be as much as the head, as the test has it.
    let where_it = |holds: &dyn Fn(&Difference) -> bool| {
        is_there.then(|| {
            boundary(-1.0, FARTHEST, |by| {
                holds(&Difference::beyond(base, head, by))
            })
        })
    };
    let low = where_it(&|difference| difference.interval.low > 0.0);
    let high = where_it(&|difference| difference.interval.high > 0.0);
    let by = of_base(value(head) - value(base));
    Ok(FunctionSeen {
        launches: (arms.base.launches.launches()).min(arms.head.launches.launches()),
        samples: found.base.samples + found.head.samples,
        base: value(base),
        head: value(head),
        change: by
            .zip(low.zip(high))
            .map(|(by, (low, high))| Change { by, low, high }),
        upper: where_it(&|difference| difference.p_of_rise() < 0.95),
        p: rise.p_of_rise(),
        error: of_base(error),
        degrees,
    })
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::profile::FunctionTable;
    use crate::scenario::plan::gate::Limits;

    /// Five launches, in which `f` has so many of 400 samples.
    fn profile(f: [u64; 5]) -> Profile {
        let launches = f.map(|f| {
            let mut profile = Profile::new("cpu", "nanoseconds", 10).with_duration_ns(7);
            profile.add(["main", "f", "g"], f, f * 10).unwrap();
            let rest = 400 - f;
            profile.add(["main", "h"], rest, rest * 10).unwrap();
            profile
        });
        let [first, rest @ ..] = &launches;
        let joined = rest
            .iter()
            .try_fold(first.clone(), |all, of| all.with_launch(of, 1));
        joined.unwrap()
    }

    fn function(figure: FunctionFigure, pattern: &str) -> GatedFunction {
        GatedFunction {
            name: pattern.to_owned(),
            figure,
            pattern: Regex::new(pattern).unwrap(),
            limits: Limits {
                catch: 0.3,
                tolerate: 0.18,
            },
        }
    }

    fn found(figure: FunctionFigure, pattern: &str, f: [[u64; 5]; 2], us: f64) -> FunctionSeen {
        let profiles = f.map(profile);
        let arm = |profile, us| Sampled {
            profile,
            cost: Some(Scale::cost(us).known_to(0.01, 5)),
            launches: FunctionTable::of(profile).launches,
        };
        let arms = Arms {
            base: arm(&profiles[0], 100.0),
            head: arm(&profiles[1], us),
        };
        seen(&[function(figure, pattern)], arms).unwrap()[0]
    }

    const FIFTH: [u64; 5] = [80, 85, 75, 82, 78];

    #[test]
    fn a_function_that_costs_half_as_much_again_is_seen() {
        let more = [110, 120, 115, 125, 130];
        let seen = found(FunctionFigure::Cost, "^f$", [FIFTH, more], 110.0);
        assert!((seen.base - 20.0).abs() < 1e-9 && (seen.head - 33.0).abs() < 1e-9);
        assert_eq!((seen.launches, seen.samples), (5, 1_000));
        let change = seen.change.unwrap();
        assert!((change.by - 0.65).abs() < 1e-9, "{change:?}");
        assert!(change.low > 0.3 && change.high < 1.2, "{change:?}");
        assert!(seen.p < 1e-3, "{}", seen.p);
        let upper = seen.upper.unwrap();
        assert!(upper > change.by && upper < change.high, "{seen:?}");
        // As a share it is what its samples are.
        let share = found(FunctionFigure::Share, "^f$", [FIFTH, more], 110.0);
        assert!((share.base - 0.2).abs() < 1e-9 && (share.head - 0.3).abs() < 1e-9);
        // With what it calls, and whatever calls it.
        let callee = found(FunctionFigure::Cost, "^g$", [FIFTH, more], 110.0);
        assert_eq!(callee.samples, 1_000);
    }

    #[test]
    fn launches_that_differ_tell_less_than_their_samples() {
        let even = found(FunctionFigure::Share, "^f$", [FIFTH, FIFTH], 100.0);
        let uneven = [20, 160, 40, 150, 30];
        let odd = found(FunctionFigure::Share, "^f$", [uneven, uneven], 100.0);
        assert!(even.upper.unwrap() < 0.3, "{even:?}");
        assert!(odd.upper.unwrap() > 1.0, "{odd:?}");
        assert!((even.p - 0.5).abs() < 1e-9 && even.error.unwrap() < odd.error.unwrap());
    }

    #[test]
    fn a_function_that_the_base_lacks_has_no_ratio() {
        let seen = found(FunctionFigure::Cost, "^f$", [[0; 5], FIFTH], 100.0);
        assert_eq!((seen.change, seen.upper, seen.error), (None, None, None));
        assert!(seen.p < 1e-3 && seen.head > 19.0, "{seen:?}");
        let gone = found(FunctionFigure::Cost, "^f$", [FIFTH, [0; 5]], 100.0);
        let change = gone.change.unwrap();
        assert!(
            (change.by + 1.0).abs() < 1e-9 && change.high < -0.9,
            "{change:?}"
        );
        let nowhere = found(FunctionFigure::Cost, "^no$", [FIFTH, FIFTH], 100.0);
        assert_eq!(nowhere.samples, 0);
    }

    #[test]
    fn a_cost_that_is_not_known_is_said() {
        let profile = profile(FIFTH);
        let arm = Sampled {
            profile: &profile,
            cost: None,
            launches: LaunchSpread::of(5, 0.0),
        };
        let arms = Arms {
            base: arm,
            head: arm,
        };
        let why = seen(&[function(FunctionFigure::Cost, "f")], arms).unwrap_err();
        assert!(
            why.contains("CPU per request of an arm is not known"),
            "{why}"
        );
        assert!(seen(&[function(FunctionFigure::Share, "f")], arms).is_ok());
    }
}
