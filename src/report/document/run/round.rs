//! A launch in `result.json`, written and read again.

use serde::{Deserialize, Serialize};

use crate::result::{Answerings, Estimates, RatioErrors, Round, Tail, Uncertainty};
use crate::statistics::Z95;

#[derive(Serialize, Deserialize)]
pub(super) struct RoundJson {
    round: Option<u32>,
    #[serde(default)]
    window_s: f64,
    #[serde(flatten)]
    figures: Figures,
    /// Relative standard errors.
    #[serde(default)]
    relative_error: Figures,
    latency_p50_interval_us: Option<Ends>,
    latency_p99_interval_us: Option<Ends>,
    target_cpu_s: Option<f64>,
    generator_cores: Option<f64>,
    busiest_worker_share: Option<f64>,
    generator_wait_share: Option<f64>,
    stopped_s: Option<f64>,
    throttled_s: Option<f64>,
    steal_share: Option<f64>,
    neighbour_cores: Option<f64>,
    missed_share: Option<f64>,
    answering: Option<Answerings>,
    #[serde(default)]
    tails: Vec<Tail>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ratio_error: Option<RatioErrors>,
}

/// The ends of an interval; `None` where it is open.
type Ends = (Option<f64>, Option<f64>);

#[derive(Default, Serialize, Deserialize)]
struct Figures {
    throughput_rps: Option<f64>,
    target_us_per_request: Option<f64>,
    latency_p50_us: Option<f64>,
    latency_p99_us: Option<f64>,
}

impl RoundJson {
    pub(super) fn of(round: &Round) -> Self {
        let (whole, known) = (&round.whole, &round.uncertainty);
        // An even error that reaches as far.
        let even = |(low, high): (f64, f64)| {
            (low > 0.0 && high.is_finite()).then(|| (high / low).ln() / 2.0 / Z95)
        };
        Self {
            round: Some(round.number),
            window_s: round.seconds,
            figures: Figures {
                throughput_rps: whole.throughput_rps,
                target_us_per_request: whole.us_per_request,
                latency_p50_us: whole.p50_us,
                latency_p99_us: whole.p99_us,
            },
            relative_error: Figures {
                throughput_rps: known.throughput,
                target_us_per_request: known.us_per_request,
                latency_p50_us: known.p50_us.and_then(even),
                latency_p99_us: known.p99_us.and_then(even),
            },
            latency_p50_interval_us: known.p50_us.map(ends),
            latency_p99_interval_us: known.p99_us.map(ends),
            target_cpu_s: round.target_cpu_seconds,
            generator_cores: round.generator_cores,
            busiest_worker_share: round.busiest_worker,
            generator_wait_share: round.worker_wait,
            stopped_s: round.stopped_seconds,
            throttled_s: round.throttled_seconds,
            steal_share: round.steal_share,
            neighbour_cores: round.neighbour_cores,
            missed_share: round.missed_share,
            answering: Some(round.answerings.clone()),
            tails: round.tails.clone(),
            ratio_error: round.ratio_errors,
        }
    }

    /// The launch, which is the one with this number if it has none of its own.
    pub(super) fn round(self, number: u32) -> Round {
        let (figures, errors) = (self.figures, self.relative_error);
        // Results of earlier versions have errors alone.
        let even = |value: Option<f64>, error: Option<f64>| {
            let (value, reach) = (value?, (Z95 * error?).exp());
            Some((value / reach, value * reach))
        };
        // And no CPU time but that of a request.
        let cpu = figures
            .target_us_per_request
            .zip(figures.throughput_rps)
            .map(|(us, rate)| us / 1e6 * rate * self.window_s);
        Round {
            number: self.round.unwrap_or(number),
            seconds: self.window_s,
            target_cpu_seconds: self.target_cpu_s.or(cpu),
            generator_cores: self.generator_cores,
            busiest_worker: self.busiest_worker_share,
            worker_wait: self.generator_wait_share,
            stopped_seconds: self.stopped_s,
            throttled_seconds: self.throttled_s,
            steal_share: self.steal_share,
            neighbour_cores: self.neighbour_cores,
            missed_share: self.missed_share,
            answerings: self.answering.unwrap_or_default(),
            tails: self.tails,
            ratio_errors: self.ratio_error,
            uncertainty: Uncertainty {
                throughput: errors.throughput_rps,
                us_per_request: errors.target_us_per_request,
                p50_us: self
                    .latency_p50_interval_us
                    .map(interval)
                    .or_else(|| even(figures.latency_p50_us, errors.latency_p50_us)),
                p99_us: self
                    .latency_p99_interval_us
                    .map(interval)
                    .or_else(|| even(figures.latency_p99_us, errors.latency_p99_us)),
            },
            whole: Estimates {
                throughput_rps: figures.throughput_rps,
                us_per_request: figures.target_us_per_request,
                p50_us: figures.latency_p50_us,
                p99_us: figures.latency_p99_us,
            },
        }
    }
}

fn ends((low, high): (f64, f64)) -> Ends {
    let closed = |end: f64| Some(end).filter(|end| end.is_finite());
    (closed(low), closed(high))
}

fn interval((low, high): Ends) -> (f64, f64) {
    (low.unwrap_or(0.0), high.unwrap_or(f64::INFINITY))
}
