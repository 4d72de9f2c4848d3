//! Figures of two phases, launch by launch: head by base, with an interval. Pure arithmetic on what rounds found.

use super::change::{Basis, Finding, Metric, MetricChange, Unjudged, Unmeasured};
use crate::result::{
    ASSUMED_LATENCY_LAUNCH_SPREAD, ASSUMED_LATENCY_RUN_SPREAD, ASSUMED_LATENCY_TIME_SPREAD,
    ASSUMED_LAUNCH_SPREAD, ASSUMED_RUN_SPREAD, ASSUMED_TIME_SPREAD, Estimates, RatioErrors,
    Uncertainty,
};
use crate::statistics::{
    Family, Part, Reach, Spread, Z95, combined, error_of_mean, reach_of_mean, smallest_effect,
    t_quantile, t_tail,
};

/// Figures of one launch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundFigures {
    /// Number of the round that it was launched in, from 1.
    pub round: u32,
    /// The launch as a whole.
    pub whole: Estimates,
    /// How far it may be off within the launch.
    pub uncertainty: Uncertainty,
    /// How far the ratio to the launch that it took turns with may be off, if it did.
    pub ratio_errors: Option<RatioErrors>,
}

/// Launches of each side from which their own spread is used.
pub const ENOUGH_ROUNDS: usize = 3;

/// Launches of each side from which it is said what would have been found: the error of fewer is itself known to a factor of two.
const ENOUGH_FOR_POWER: usize = 5;

/// The power at which the smallest detectable change is stated.
const POWER: f64 = 0.8;

/// The part of reports of equal things that may have a finding.
const FALSE_ALARMS: f64 = 0.05;

/// Factor beyond which an interval says nothing: its end is open.
const SAYS_NOTHING: f64 = 10.0;

/// Degrees of freedom of an error within a launch at least: intervals are joined while five batches are left.
const FEWEST_DEGREES: f64 = 4.0;

/// What lies between the measurements of two sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Between {
    pub(super) apart: Apart,
    /// ln of the generator's CPU per request, head by base, where both have the same work: evidence of the machine's speed.
    pub(super) speed: Option<f64>,
}

/// How far apart both sides were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Apart {
    /// At the same time: launches of one round took turns.
    Turns,
    /// In one run: launches of one round follow each other.
    Rounds,
    /// In different runs.
    Runs,
}

/// One figure of both sides, not yet judged.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    metric: Metric,
    base: f64,
    head: f64,
    /// ln of head by base.
    log: f64,
    error: Part,
    basis: Basis,
}

impl Metric {
    /// Standard deviation of ln of a figure that is assumed between times and between runs.
    fn assumed_spread(self, apart: Apart) -> f64 {
        match (self, apart) {
            (Self::Throughput | Self::CpuPerRequest, Apart::Turns) => ASSUMED_LAUNCH_SPREAD,
            (Self::P50 | Self::P99, Apart::Turns) => ASSUMED_LATENCY_LAUNCH_SPREAD,
            (Self::Throughput | Self::CpuPerRequest, Apart::Rounds) => ASSUMED_TIME_SPREAD,
            (Self::Throughput | Self::CpuPerRequest, Apart::Runs) => ASSUMED_RUN_SPREAD,
            (Self::P50 | Self::P99, Apart::Rounds) => ASSUMED_LATENCY_TIME_SPREAD,
            (Self::P50 | Self::P99, Apart::Runs) => ASSUMED_LATENCY_RUN_SPREAD,
        }
    }

    /// Where the ratio of launches that took turns has an error of its own; drifts move percentiles of both sides alike too, but what makes
    /// a tail does not.
    fn ratio_error(self) -> Option<fn(&RatioErrors) -> Option<f64>> {
        match self {
            Self::Throughput => Some(|errors| errors.throughput),
            Self::CpuPerRequest => Some(|errors| errors.us_per_request),
            Self::P50 | Self::P99 => None,
        }
    }

    fn of(self, estimates: &Estimates) -> Option<f64> {
        let value = match self {
            Self::Throughput => estimates.throughput_rps,
            Self::CpuPerRequest => estimates.us_per_request,
            Self::P50 => estimates.p50_us,
            Self::P99 => estimates.p99_us,
        };
        // Ratios need values above zero.
        value.filter(|value| *value > 0.0 && value.is_finite())
    }

    /// How far the figure of a launch reaches. One that shows no error of its own is assumed to be off as much as at another time, and a
    /// percentile by anything.
    fn reach(self, round: &RoundFigures) -> Reach {
        let known = &round.uncertainty;
        let even = |error: Option<f64>| Reach::even(Z95 * error.unwrap_or(ASSUMED_TIME_SPREAD));
        let ends = |ends: Option<(f64, f64)>| {
            let (value, (low, high)) = (self.of(&round.whole)?, ends?);
            (low > 0.0).then(|| Reach {
                down: (value / low).ln().max(0.0),
                up: (high / value).ln().max(0.0),
            })
        };
        match self {
            Self::Throughput => even(known.throughput),
            Self::CpuPerRequest => even(known.us_per_request),
            Self::P50 => ends(known.p50_us).unwrap_or(Reach::even(f64::INFINITY)),
            Self::P99 => ends(known.p99_us).unwrap_or(Reach::even(f64::INFINITY)),
        }
    }
}

/// What is known on both sides, in the order of reports.
pub(super) fn measured(
    base: &[RoundFigures],
    head: &[RoundFigures],
    between: Between,
) -> Vec<Measured> {
    let metrics = Metric::ALL.into_iter();
    metrics
        .filter_map(|metric| measure(metric, base, head, between))
        .collect()
}

/// What is known on one side alone, in the order of reports.
pub(super) fn unmeasured(base: &[RoundFigures], head: &[RoundFigures]) -> Vec<Unmeasured> {
    let of_side = |metric, rounds| {
        let known = known(metric, rounds);
        (!known.is_empty()).then(|| mean(known.iter().map(|of| of.value)))
    };
    let metrics = Metric::ALL.into_iter().map(|metric| Unmeasured {
        metric,
        base: of_side(metric, base),
        head: of_side(metric, head),
    });
    metrics
        .filter(|of| of.base.is_some() != of.head.is_some())
        .collect()
}

/// Whether no launch of a side tells a figure.
pub(super) fn is_unknown(metric: Metric, rounds: &[RoundFigures]) -> bool {
    known(metric, rounds).is_empty()
}

/// A figure of one launch.
#[derive(Debug, Clone, Copy)]
struct Known<'a> {
    of: &'a RoundFigures,
    value: f64,
}

fn measure(
    metric: Metric,
    base: &[RoundFigures],
    head: &[RoundFigures],
    between: Between,
) -> Option<Measured> {
    let (base, head) = (known(metric, base), known(metric, head));
    if base.is_empty() || head.is_empty() {
        return None;
    }
    let pairs = match between.apart {
        Apart::Turns | Apart::Rounds => pairs(&base, &head),
        Apart::Runs => Vec::new(),
    };
    // Launches without a pair took no turns.
    let took_turns = between.apart == Apart::Turns && !pairs.is_empty();
    let apart = match between.apart {
        Apart::Turns if !took_turns => Apart::Rounds,
        apart => apart,
    };
    let between = Between { apart, ..between };
    let measured = if pairs.len() >= ENOUGH_ROUNDS {
        let (base, head): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let logs = base.iter().zip(&head);
        let logs: Vec<f64> = logs
            .map(|(base, head)| (head.value / base.value).ln())
            .collect();
        Measured {
            metric,
            base: mean(base.iter().map(|of| of.value)),
            head: mean(head.iter().map(|of| of.value)),
            log: mean(logs.iter().copied()),
            error: error_of_mean(&logs),
            basis: Basis::Rounds(logs.len()),
        }
    } else {
        let (base, head) = match took_turns {
            true => pairs.into_iter().unzip(),
            false => (base, head),
        };
        let logs =
            |side: &[Known<'_>]| -> Vec<f64> { side.iter().map(|of| of.value.ln()).collect() };
        let (before, after) = (logs(&base), logs(&head));
        Measured {
            metric,
            base: mean(base.iter().map(|of| of.value)),
            head: mean(head.iter().map(|of| of.value)),
            log: mean(after.iter().copied()) - mean(before.iter().copied()),
            error: unpaired(metric, &base, &head, between),
            basis: match between.apart {
                Apart::Turns => Basis::Turns,
                Apart::Rounds => Basis::Times,
                Apart::Runs => Basis::Runs,
            },
        }
    };
    Some(measured.open_where_it_says_nothing())
}

fn known(metric: Metric, rounds: &[RoundFigures]) -> Vec<Known<'_>> {
    let known = rounds.iter().filter_map(|of| {
        let value = metric.of(&of.whole)?;
        Some(Known { of, value })
    });
    known.collect()
}

/// Launches of the same round: one that died has no pair, and shifts no other.
fn pairs<'a>(base: &[Known<'a>], head: &[Known<'a>]) -> Vec<(Known<'a>, Known<'a>)> {
    let pairs = base.iter().filter_map(|base| {
        let mut head = head.iter();
        let head = head.find(|head| head.of.round == base.of.round)?;
        Some((*base, *head))
    });
    pairs.collect()
}

/// The error of two means. Of few launches what differs within them counts, of more what they differ by. The assumed spread of one run
/// is divided by launches, for each is at a time of its own; that between runs never is, for all rounds of a run share it.
fn unpaired(metric: Metric, base: &[Known<'_>], head: &[Known<'_>], between: Between) -> Part {
    let launches = |side: &[Known<'_>]| side.len() as f64;
    let per_side = match between.apart {
        Apart::Turns | Apart::Rounds => 1.0 / launches(base) + 1.0 / launches(head),
        Apart::Runs => 2.0,
    };
    let assumed = Z95 * metric.assumed_spread(between.apart) * f64::sqrt(per_side);
    // The machine's speed was the same for both if they took turns.
    let speed = between.speed.filter(|_| between.apart != Apart::Turns);
    let speed = Z95 * speed.unwrap_or(0.0).abs();
    let assumption = |half| Part {
        reach: Reach::even(half),
        degrees: f64::INFINITY,
    };
    if let (Apart::Turns, Some(error)) = (between.apart, metric.ratio_error()) {
        return combined(&[ratio(error, head), assumption(assumed)]);
    }
    let (of_base, of_head) = (
        side(metric, base, between.apart),
        side(metric, head, between.apart),
    );
    let of_base = Part {
        reach: of_base.reach.inverse(),
        ..of_base
    };
    combined(&[of_head, of_base, assumption(assumed), assumption(speed)])
}

/// The error of the mean ratio of launches that took turns. One that shows none is assumed to be off as much as at another time.
fn ratio(error: fn(&RatioErrors) -> Option<f64>, launches: &[Known<'_>]) -> Part {
    let reach = |launch: &Known<'_>| {
        let known = launch.of.ratio_errors.as_ref().and_then(error);
        Reach::even(Z95 * known.unwrap_or(ASSUMED_TIME_SPREAD))
    };
    let reaches: Vec<Reach> = launches.iter().map(reach).collect();
    Part {
        reach: reach_of_mean(&reaches),
        degrees: FEWEST_DEGREES,
    }
}

/// The error of the mean of one side's launches.
fn side(metric: Metric, launches: &[Known<'_>], apart: Apart) -> Part {
    if apart == Apart::Runs && launches.len() >= ENOUGH_ROUNDS {
        let logs: Vec<f64> = launches.iter().map(|of| of.value.ln()).collect();
        return error_of_mean(&logs);
    }
    let reaches: Vec<Reach> = launches
        .iter()
        .map(|launch| metric.reach(launch.of))
        .collect();
    Part {
        reach: reach_of_mean(&reaches),
        degrees: FEWEST_DEGREES,
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

impl Measured {
    fn open_where_it_says_nothing(self) -> Self {
        let open = |reach: f64| {
            if reach > SAYS_NOTHING.ln() {
                f64::INFINITY
            } else {
                reach
            }
        };
        let reach = self.error.reach;
        Self {
            error: Part {
                reach: Reach {
                    down: open(reach.down),
                    up: open(reach.up),
                },
                ..self.error
            },
            ..self
        }
    }

    /// Standard error that a reach stands for.
    fn error_of(&self, reach: f64) -> f64 {
        reach / t_quantile(0.975, self.error.degrees)
    }

    /// Which figure it is.
    pub(super) fn metric(&self) -> Metric {
        self.metric
    }

    /// What pairs of launches differ by; `None` if the error rests on something else.
    pub(super) fn spread(&self) -> Option<Spread> {
        let Basis::Rounds(pairs) = self.basis else {
            return None;
        };
        let reach = self.error.reach.longer();
        reach.is_finite().then(|| Spread {
            sd: self.error_of(reach) * (pairs as f64).sqrt(),
            degrees: self.error.degrees,
        })
    }

    /// The same with the error that it has in common with others.
    pub(super) fn with_spread(self, common: Spread) -> Self {
        let Basis::Rounds(pairs) = self.basis else {
            return self;
        };
        let error = common.sd / (pairs as f64).sqrt();
        let pooled = Self {
            error: Part {
                reach: Reach::even(t_quantile(0.975, common.degrees) * error),
                degrees: common.degrees,
            },
            ..self
        };
        pooled.open_where_it_says_nothing()
    }

    /// How probable so large a difference is by chance, two-sided: it is 0.05 where the interval ends at "no change".
    pub(super) fn p(&self) -> f64 {
        let reach = self.error.reach;
        let towards_zero = if self.log > 0.0 { reach.down } else { reach.up };
        if self.log == 0.0 {
            return 1.0;
        }
        2.0 * t_tail(
            self.log.abs() / self.error_of(towards_zero),
            self.error.degrees,
        )
    }

    /// Whether it can be judged: of different loads a target has one cost per request, and everything else differs.
    pub(super) fn is_comparable(&self, loads_differ: bool) -> bool {
        !loads_differ || self.metric == Metric::CpuPerRequest
    }

    /// The same where it cannot be judged because the loads differ.
    pub(super) fn withheld(&self) -> MetricChange {
        MetricChange {
            finding: Finding::NotJudged,
            unjudged: Some(Unjudged::LoadsDiffer),
            detectable: None,
            ..self.judged(&Family::of([self.p()]))
        }
    }

    /// How far the interval reaches where it is looked at so often: all intervals of one figure hold the truth at once in 95 % of cases.
    fn reach_over(&self, looks: f64) -> Reach {
        let Reach { down, up } = self.error.reach;
        let tail = FALSE_ALARMS / 2.0;
        let of = |tail: f64| t_quantile(1.0 - tail, self.error.degrees);
        let longer = if looks > 1.0 {
            of(tail / looks) / of(tail)
        } else {
            1.0
        };
        Reach {
            down: down * longer,
            up: up * longer,
        }
    }

    /// What follows, where it is judged together with others.
    pub(super) fn judged(&self, family: &Family) -> MetricChange {
        let reach = self.reach_over(family.looks());
        let interval = (self.log - reach.down, self.log + reach.up);
        let (p, p_adjusted) = (self.p(), family.adjusted(self.p()));
        let is_open = reach.longer().is_infinite();
        let holds_none = interval.0 <= 0.0 && interval.1 >= 0.0;
        let finding = match (self.metric, self.log > 0.0) {
            _ if is_open && holds_none => Finding::NotJudged,
            _ if holds_none || p_adjusted > FALSE_ALARMS => Finding::NotDetected,
            (Metric::Throughput, true) => Finding::Better,
            (Metric::Throughput, false) => Finding::Worse,
            (Metric::CpuPerRequest | Metric::P50 | Metric::P99, true) => Finding::Worse,
            (Metric::CpuPerRequest | Metric::P50 | Metric::P99, false) => Finding::Better,
        };
        MetricChange {
            metric: self.metric,
            base: self.base,
            head: self.head,
            ratio: self.log.exp(),
            interval: (interval.0.exp(), interval.1.exp()),
            p,
            p_adjusted,
            together: family.len(),
            finding,
            detectable: self.detectable(family),
            basis: self.basis,
            unjudged: (finding == Finding::NotJudged).then_some(Unjudged::TooWide),
            doubts: Vec::new(),
        }
    }

    /// The relative change that would have been found with 80 % power, alone among others; `None` if that is not known.
    fn detectable(&self, family: &Family) -> Option<f64> {
        let error = self.error_of(self.error.reach.longer());
        let is_known = match self.basis {
            Basis::Rounds(pairs) => pairs >= ENOUGH_FOR_POWER,
            Basis::Turns | Basis::Times | Basis::Runs => true,
        };
        let level = FALSE_ALARMS / family.len().max(1) as f64 / family.looks();
        (is_known && error.is_finite())
            .then(|| (smallest_effect(level, self.error.degrees, POWER) * error).exp_m1())
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
