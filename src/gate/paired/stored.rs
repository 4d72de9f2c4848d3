//! A gate against figures that were stored: the same metrics and limits, and the assumption that a machine differs from one time to
//! another. No launch averages that out, so that what is seen beside a stored baseline is much larger than what two arms show.

use super::decide::{Ended, Measured, conclude, overall};
use super::errors;
use super::gross;
use super::look::{self, FIRST_LOOK, LogLimits};
use super::metric::{untold, worse_share};
use super::observe::{Series, by_launch};
use super::verdict::{Change, Figures, GateVerdict, MetricVerdict, Stored};
use super::words;
use crate::gate::Verdict;
use crate::result::{ASSUMED_LATENCY_RUN_SPREAD, ASSUMED_RUN_SPREAD, Block};
use crate::scenario::plan::gate::{GateMetric, GatePlan, Gated};
use crate::statistics::{Paired, Z95, t_quantile};

/// What a baseline stores of the head.
pub fn stored(plan: &GatePlan, measured: Measured<'_>) -> Stored {
    let launches = by_launch(measured.blocks, plan.relaunch);
    Stored {
        figures: figures(plan, &launches),
        answered: Some(errors::answered(&launches)),
    }
}

/// What the head did on each launch.
fn figures(plan: &GatePlan, launches: &[Vec<&Block>]) -> Figures {
    let metrics = plan.metrics.iter().map(|of| of.metric);
    let known = metrics.filter_map(|metric| {
        let series = Series::of(metric, launches);
        let values: Vec<f64> = series.logs.iter().map(|of| of.head.exp()).collect();
        // What the generator takes is no figure of the head.
        let is_other = metric == GateMetric::Capacity && series.are_most(series.outruns.head);
        (!values.is_empty() && !is_other).then(|| (metric.name(), values))
    });
    let metrics = plan.metrics.iter().map(|of| of.metric);
    let looked_at = metrics.flat_map(|metric| gross::figures(metric, launches));
    known.chain(looked_at).collect()
}

/// The verdict on what was measured now, with both arms the same, against what was stored. Errors are those of now, and do not pass where
/// the baseline had fewer.
pub fn against(
    plan: &GatePlan,
    measured: Measured<'_>,
    ended: Ended,
    stored: &Stored,
) -> GateVerdict {
    let mut verdict = conclude(plan, measured, ended, None);
    let launches = by_launch(measured.blocks, plan.relaunch);
    let now = figures(plan, &launches);
    let level = look::level(plan);
    // Both are in the order of the plan.
    for (of, gated) in verdict.metrics.iter_mut().zip(&plan.metrics) {
        let name = of.name();
        let pair = stored.figures.get(&name).zip(now.get(&name));
        *of = held_against(of, *gated, pair, level);
    }
    gross::doubt_beside(&mut verdict.metrics, &stored.figures, &now);
    if verdict.errors.verdict == Some(Verdict::Pass)
        && let Some(worse) = errors::worse_than(stored.answered, &launches, plan.answers)
    {
        verdict.errors.verdict = Some(Verdict::Inconclusive);
        verdict.errors.reason = Some(worse);
    }
    if verdict.is_a_verdict() {
        let nothing = "no metric of the baseline could be judged";
        (verdict.outcome, verdict.reasons) = overall(&verdict.errors, &verdict.metrics, nothing);
    }
    verdict
}

/// A metric of which nothing is known yet.
fn unjudged(of: &MetricVerdict, gated: Gated, is_open: bool) -> MetricVerdict {
    MetricVerdict {
        base: None,
        head: None,
        change: None,
        verdict: if is_open {
            Some(Verdict::Inconclusive)
        } else {
            untold(gated)
        },
        reason: None,
        needs: None,
        n: 0,
        sd: None,
        p: None,
        sign_flip_p: None,
        smallest_effect: None,
        launches: Vec::new(),
        confirmation: None,
        ..of.clone()
    }
}

fn held_against(
    of: &MetricVerdict,
    gated: Gated,
    pair: Option<(&Vec<f64>, &Vec<f64>)>,
    level: f64,
) -> MetricVerdict {
    let is_gated = of.verdict.is_some();
    let blank = unjudged(of, gated, is_gated && pair.is_some());
    let sample = |values: &Vec<f64>| {
        let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
        Paired::of(&logs).filter(|of| of.n >= FIRST_LOOK)
    };
    let Some((before, now)) = pair.and_then(|(before, now)| sample(before).zip(sample(now))) else {
        return MetricVerdict {
            reason: Some(format!(
                "the baseline or this gate has fewer than {FIRST_LOOK} launches of it"
            )),
            ..blank
        };
    };
    let metric = of.metric;
    let spread = match metric {
        GateMetric::Latency(_) => ASSUMED_LATENCY_RUN_SPREAD,
        _ => ASSUMED_RUN_SPREAD,
    };
    let error = before.error().hypot(now.error()).hypot(spread);
    let by = now.mean - before.mean;
    let worse = if metric.more_is_worse() { by } else { -by };
    let seen = MetricVerdict {
        base: Some(before.mean.exp()),
        head: Some(now.mean.exp()),
        change: Some(Change {
            by: by.exp_m1(),
            low: (by - Z95 * error).exp_m1(),
            high: (by + Z95 * error).exp_m1(),
        }),
        n: now.n,
        sd: Some(now.sd),
        ..blank
    };
    let Some(limits) = of.limits.filter(|_| is_gated) else {
        return MetricVerdict {
            reason: of.reason.clone(),
            ..seen
        };
    };
    let logs = LogLimits::of(metric, limits);
    let quantile = |p: f64| t_quantile(p, f64::INFINITY);
    let upper = worse + quantile(0.95) * error;
    if worse - quantile(1.0 - level) * error > 0.0 && worse >= logs.tolerate {
        MetricVerdict {
            verdict: Some(Verdict::Fail),
            reason: Some(words::fails(&seen, limits)),
            ..seen
        }
    } else if upper < logs.catch {
        MetricVerdict {
            verdict: Some(Verdict::Pass),
            reason: Some(words::passes(worse_share(metric, upper), limits)),
            ..seen
        }
    } else {
        MetricVerdict {
            reason: Some(words::between(&seen, limits)),
            needs: Some(words::side_by_side(spread, worse_share(metric, upper))),
            ..seen
        }
    }
}
