//! The rules of a look: what the differences of some launches say of one metric. Both looks are fixed before anything is measured.
//!
//! The first look ends a metric only where it is plain: it passes below `tolerate` rather than below `catch`, for a change between both
//! that is seen well has to fail. A test in tests/statistics has the rates of wrong and of missing verdicts.

use crate::scenario::plan::gate::{GateMetric, GatePlan, Limits};
use crate::statistics::{Paired, sign_flip, smallest_effect, t_quantile};

/// Launches at the first look, and the fewest of any verdict: the smallest p of the sign-flip test is 2⁻¹⁰ of ten.
pub const FIRST_LOOK: usize = 10;
/// Launches at the last look.
pub const LAST_LOOK: usize = 16;
/// Fresh launches that confirm a failure.
pub const CONFIRMING: usize = 8;
/// The chance of a failure of two arms that are alike, over all metrics.
pub const FALSE_FAILS: f64 = 0.004;
/// One-sided p up to which fresh launches confirm.
pub(super) const CONFIRMED: f64 = 0.05;
/// Probability with which the smallest effect fails.
pub(super) const POWER: f64 = 0.9;

/// One-sided p up to which a figure fails. A failure of equal arms is as likely however many are judged.
pub(super) fn level(plan: &GatePlan) -> f64 {
    FALSE_FAILS / plan.judged().max(1) as f64
}

/// The two limits as ln of a change for the worse.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogLimits {
    pub(super) catch: f64,
    pub(super) tolerate: f64,
}

impl LogLimits {
    pub(super) fn of(metric: GateMetric, limits: Limits) -> Self {
        let log = |share: f64| {
            if metric.more_is_worse() {
                share.ln_1p()
            } else {
                -(-share).ln_1p()
            }
        };
        Self {
            catch: log(limits.catch),
            tolerate: log(limits.tolerate),
        }
    }
}

/// What a look says of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is no worse than allowed.
    Passes,
    /// It is worse.
    Fails,
    /// More would tell.
    Open,
}

/// After the first ten launches.
pub(super) fn first(worse: &[f64], limits: LogLimits, level: f64) -> Seen {
    let Some(paired) = enough(worse) else {
        return Seen::Open;
    };
    if paired.p() <= level / 4.0
        && sign_flip(worse) <= allowed(level, worse)
        && paired.bound(0.01) >= limits.tolerate
    {
        Seen::Fails
    } else if paired.bound(0.99) < limits.tolerate {
        Seen::Passes
    } else {
        Seen::Open
    }
}

/// After the last launch.
pub(super) fn last(worse: &[f64], limits: LogLimits, level: f64) -> Seen {
    let Some(paired) = enough(worse) else {
        return Seen::Open;
    };
    if paired.p() <= level
        && sign_flip(worse) <= allowed(level, worse)
        && paired.mean >= limits.tolerate
    {
        Seen::Fails
    } else if paired.bound(0.95) < limits.catch {
        Seen::Passes
    } else {
        Seen::Open
    }
}

/// Whether fresh launches agree with a failure.
pub(super) fn confirms(worse: &[f64], limits: LogLimits) -> bool {
    worse.len() >= CONFIRMING
        && Paired::of(worse)
            .is_some_and(|paired| paired.p() <= CONFIRMED && paired.mean >= limits.tolerate)
}

fn enough(worse: &[f64]) -> Option<Paired> {
    Paired::of(worse).filter(|paired| paired.n >= FIRST_LOOK)
}

/// No p of the sign-flip test is smaller than that of launches which all agree.
fn allowed(level: f64, worse: &[f64]) -> f64 {
    level.max(0.5_f64.powi(worse.len() as i32))
}

/// ln of the smallest change for the worse that the last look fails with a probability of 90 %.
pub(super) fn seen_from(paired: &Paired, limits: LogLimits, level: f64) -> f64 {
    let degrees = paired.n as f64 - 1.0;
    let by_test = smallest_effect(2.0 * level, degrees, POWER) * paired.error();
    let by_estimate = limits.tolerate + t_quantile(POWER, degrees) * paired.error();
    by_test.max(by_estimate)
}

/// How many times as many launches as there are would settle it if the estimate holds; `None` if none would.
pub(super) fn times_needed(paired: &Paired, limits: LogLimits, level: f64) -> Option<f64> {
    let degrees = paired.n as f64 - 1.0;
    // The error falls with the root of the number of launches.
    let times = |error: f64| (paired.error() / error).powi(2);
    let passes = (paired.mean < limits.catch)
        .then(|| times((limits.catch - paired.mean) / t_quantile(0.95, degrees)));
    let fails = (paired.mean >= limits.tolerate)
        .then(|| times(paired.mean / t_quantile(1.0 - level, degrees)));
    // What there is did not do, whatever the estimate says.
    let times = [passes, fails].into_iter().flatten();
    times.filter(|times| *times > 1.0).reduce(f64::min)
}
