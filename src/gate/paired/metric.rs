//! One metric over a whole gate: where it stands after what was measured, and its verdict in words.

use std::time::Duration;

use super::bursts;
use super::look::{self, CONFIRMING, FIRST_LOOK, LogLimits, Seen};
use super::observe::Series;
use super::verdict::{Change, Confirmation, MetricVerdict};
use super::words;
use crate::gate::Verdict;
use crate::result::{Arms, Block};
use crate::scenario::plan::gate::{Confirm, GateMetric, Gated};
use crate::statistics::{Paired, sign_flip, t_quantile};

/// How much was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The first look may be followed by another one.
    Running,
    /// Nothing follows.
    Over,
}

/// What a verdict on a metric takes from elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beside<'a> {
    pub(super) confirm: Confirm,
    /// What should have confirmed a failure, by launch.
    pub(super) confirming: &'a [Vec<&'a Block>],
    /// What the arms answer differently.
    pub(super) differs: Option<&'a str>,
    /// A budget that has time for all launches, where there was none.
    pub(super) budget: Option<Duration>,
}

/// A metric with what was measured of it.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) gated: Gated,
    series: Series,
    /// ln of how much worse the head is, by launch.
    worse: Vec<f64>,
    /// The same of those launches that the first look sees.
    worse_first: Vec<f64>,
    /// One-sided p up to which it fails.
    level: f64,
}

impl Metric {
    /// From the blocks of each launch.
    pub(super) fn of(gated: Gated, launches: &[Vec<&Block>], level: f64) -> Self {
        let metric = gated.metric;
        let series = Series::of(metric, launches);
        let seen_first = &launches[..launches.len().min(FIRST_LOOK)];
        Self {
            gated,
            worse: series.worse(metric),
            worse_first: Series::of(metric, seen_first).worse(metric),
            series,
            level,
        }
    }

    fn limits(&self) -> Option<LogLimits> {
        let limits = self.gated.limits?;
        Some(LogLimits::of(self.gated.metric, limits))
    }

    /// Why it is not judged although it has limits; nothing of that makes a verdict inconclusive unless it was asked for.
    fn unjudged(&self) -> Option<String> {
        self.limits()?;
        let bursts = self.series.bursts;
        if let Some(bursts) = bursts.filter(|of| of.base.min(of.head) < bursts::ENOUGH) {
            return Some(words::few_bursts(bursts));
        }
        let is_unknown = self.worse.is_empty() && self.series.voided == 0;
        let (_, why) = self.series.unknown.filter(|_| is_unknown)?;
        Some(why.to_owned())
    }

    /// Whether it may fail but keeps nothing from a verdict: a coarse figure that nobody asked for.
    fn is_coarse(&self) -> bool {
        self.gated.metric == GateMetric::CpuAtRate && !self.gated.asked
    }

    /// Whether it is the generator's capacity rather than the base's, so that a head that is slower than that passes.
    fn is_of_generator(&self) -> bool {
        let is_capacity = self.gated.metric == GateMetric::Capacity;
        is_capacity && self.series.are_most(self.series.outruns.base)
    }

    /// Whether something else on the machine left too few launches of it, and nobody asked for it.
    fn is_disturbed(&self) -> bool {
        let is_short = self.worse.len() < FIRST_LOOK && self.series.voided > 0;
        is_short && !self.gated.asked
    }

    /// Whether more launches would tell what is not told yet.
    pub(super) fn asks_for_more(&self) -> bool {
        !self.is_coarse() && self.seen(Progress::Running) == Some(Seen::Open)
    }

    /// Where it stands; `None` if it is not judged.
    pub(super) fn seen(&self, progress: Progress) -> Option<Seen> {
        let limits = self.limits()?;
        if self.unjudged().is_some() {
            return None;
        }
        let first = look::first(&self.worse_first, limits, self.level);
        let last = || look::last(&self.worse, limits, self.level);
        Some(match (first, progress) {
            (Seen::Open, Progress::Over) => last(),
            // Launches that were asked for by something else may only take a pass back.
            (Seen::Passes, Progress::Over) if last() != Seen::Passes => Seen::Open,
            (seen, _) => seen,
        })
    }

    /// What follows from all that was measured, and from what is beside it.
    pub(super) fn verdict(&self, beside: Beside<'_>) -> MetricVerdict {
        let metric = self.gated.metric;
        let paired = Paired::of(&self.worse);
        let mean = |of: fn(&Arms<f64>) -> f64| {
            let logs = &self.series.logs;
            let sum: f64 = logs.iter().map(of).sum();
            (!logs.is_empty()).then(|| (sum / logs.len() as f64).exp())
        };
        let limits = self.limits();
        // Fewer launches never fail, whatever the change.
        let enough = paired.filter(|paired| paired.n >= FIRST_LOOK);
        let smallest = limits.zip(enough).map(|(limits, paired)| {
            let log = look::seen_from(&paired, limits, self.level);
            worse_share(metric, log)
        });
        let mut verdict = MetricVerdict {
            metric,
            function: None,
            limits: self.gated.limits,
            base: mean(|of| of.base),
            head: mean(|of| of.head),
            change: change(metric, &self.worse),
            verdict: None,
            reason: None,
            needs: None,
            n: self.worse.len(),
            sd: paired.map(|paired| paired.sd),
            p: paired.map(|paired| paired.p()),
            sign_flip_p: (!self.worse.is_empty()).then(|| sign_flip(&self.worse)),
            smallest_effect: smallest,
            bursts: self.series.bursts,
            launches: self.worse.iter().map(|log| natural(metric, *log)).collect(),
            confirmation: None,
        };
        self.judge(&mut verdict, beside);
        verdict
    }

    fn judge(&self, verdict: &mut MetricVerdict, beside: Beside<'_>) {
        let Some((limits, shares)) = self.limits().zip(self.gated.limits) else {
            let Series {
                logs,
                voided,
                unknown,
                ..
            } = &self.series;
            let voided = (logs.is_empty() && *voided > 0).then(|| words::void(*voided));
            verdict.reason = unknown.map(|(_, why)| why.to_owned()).or(voided);
            return;
        };
        let Some(seen) = self.seen(Progress::Over) else {
            verdict.verdict = untold(self.gated);
            verdict.reason = self.unjudged();
            verdict.needs = verdict.bursts.map(words::more_bursts);
            return;
        };
        match seen {
            Seen::Fails => {
                let confirmed = self.confirmed(beside.confirm, beside.confirming, limits);
                verdict.confirmation = confirmed.1;
                if confirmed.0 {
                    verdict.verdict = Some(Verdict::Fail);
                    verdict.reason = Some(words::fails(verdict, shares));
                } else {
                    verdict.verdict = Some(Verdict::Inconclusive);
                    verdict.reason = Some(words::unconfirmed(verdict, CONFIRMING));
                    let is_short = verdict.confirmation.is_none_or(|of| of.n < CONFIRMING);
                    let budget = beside.budget.filter(|_| is_short);
                    let needs = || words::NEEDS_CONFIRMATION.to_owned();
                    verdict.needs = Some(budget.map_or_else(needs, words::budget));
                }
            }
            Seen::Passes if self.is_of_generator() => {
                verdict.verdict = untold(self.gated);
                verdict.reason = Some(words::OUTRUNS.to_owned());
                verdict.needs = Some(words::NEEDS_WORKERS.to_owned());
            }
            Seen::Passes => {
                let upper = Paired::of(&self.worse).map(|paired| paired.bound(0.95));
                let upper = upper.map(|log| worse_share(self.gated.metric, log));
                verdict.verdict = Some(Verdict::Pass);
                verdict.reason = upper.map(|upper| words::passes(upper, shares));
            }
            Seen::Open => {
                verdict.verdict = Some(Verdict::Inconclusive);
                let paired = Paired::of(&self.worse);
                if let Some(paired) = paired.filter(|paired| paired.n >= FIRST_LOOK) {
                    let times = look::times_needed(&paired, limits, self.level);
                    verdict.reason = Some(words::between(verdict, shares));
                    verdict.needs = times.map(|times| words::quieter(paired.sd, times));
                } else {
                    let (voided, unknown) = (self.series.voided, self.series.unknown);
                    verdict.reason = Some(words::few(self.worse.len(), voided, unknown));
                    let budget = beside.budget.filter(|_| voided == 0);
                    let needs = || words::needs_launches(voided);
                    verdict.needs = Some(budget.map_or_else(needs, words::budget));
                }
                if self.is_coarse() || self.is_disturbed() {
                    verdict.verdict = None;
                }
            }
        }
        if let Some(differs) = beside
            .differs
            .filter(|_| verdict.verdict == Some(Verdict::Pass))
        {
            verdict.verdict = Some(Verdict::Inconclusive);
            verdict.reason = Some(differs.to_owned());
            verdict.needs = Some(words::NEEDS_ANSWERS.to_owned());
        }
    }

    fn confirmed(
        &self,
        confirm: Confirm,
        launches: &[Vec<&Block>],
        limits: LogLimits,
    ) -> (bool, Option<Confirmation>) {
        if confirm == Confirm::No {
            return (true, None);
        }
        let metric = self.gated.metric;
        let worse = Series::of(metric, launches).worse(metric);
        let agrees = look::confirms(&worse, limits);
        let confirmation = Confirmation {
            n: worse.len(),
            change: change(metric, &worse),
            p: Paired::of(&worse).map(|paired| paired.p()),
            agrees,
        };
        (agrees, (!launches.is_empty()).then_some(confirmation))
    }
}

/// The verdict on a metric of which nothing can be told: it keeps nothing from a verdict unless it was asked for.
pub(super) fn untold(gated: Gated) -> Option<Verdict> {
    let is_asked = gated.asked && gated.limits.is_some();
    is_asked.then_some(Verdict::Inconclusive)
}

/// How much larger the head's figure is, as a share, from ln of how much worse it is.
fn natural(metric: GateMetric, worse: f64) -> f64 {
    if metric.more_is_worse() {
        worse.exp_m1()
    } else {
        (-worse).exp_m1()
    }
}

/// How much worse it is, as a positive share of the base.
pub(super) fn worse_share(metric: GateMetric, worse: f64) -> f64 {
    if metric.more_is_worse() {
        worse.exp_m1()
    } else {
        -(-worse).exp_m1()
    }
}

fn change(metric: GateMetric, worse: &[f64]) -> Option<Change> {
    let paired = Paired::of(worse)?;
    let half = t_quantile(0.975, paired.n as f64 - 1.0) * paired.error();
    let ends = [paired.mean - half, paired.mean + half].map(|log| natural(metric, log));
    Some(Change {
        by: natural(metric, paired.mean),
        low: ends[0].min(ends[1]),
        high: ends[0].max(ends[1]),
    })
}
