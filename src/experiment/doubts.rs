//! What speaks against the figures of a phase, with its limits, in words that name the remedy. Pure.

use std::time::Duration;

use crate::metrics::{Tally, value_at};
use crate::result::answering;
use crate::result::{Cause, Doubt, PhaseResult, ProfileResult, Round, STEAL_LIMIT, Trust};
use crate::scenario::LoadModel;
use crate::units::{format_duration, format_share, format_us};

/// A worker above this share of a core may delay what it measures.
const BUSY_WORKER: f64 = 0.8;
/// A worker above this share of a core sets the pace.
pub(super) const SATURATED_WORKER: f64 = 0.95;
/// A worker that waits for a CPU for more than this share of a window disturbs a measurement.
const WAIT_LIMIT: f64 = 0.1;
/// The highest quantile that a summary looks at without being asked.
pub const COMMON_QUANTILE: f64 = 0.99;
/// Dispatch lag above this at p99 disturbs an open loop, µs.
const LAG_LIMIT_US: f64 = 1_000.0;
/// CPU that other processes may use of the one that is left, cores.
const NEIGHBOUR_LIMIT: f64 = 0.1;
/// Share of a window by which readings may miss its ends, above which the CPU time of the target may be off by as much.
const MISSED_LIMIT: f64 = 0.01;
/// A stall of this share of the window is many times what a closed loop's p99 can show of it.
const STALL_LIMIT: f64 = 0.05;
/// An answer that takes this share of the window is worth a word whatever the other connections do.
const LONG_ANSWER: f64 = 0.25;
/// Share of a closed loop's time that requests without an OK answer may take: that of the error rate which fails a run.
const LOST_LIMIT: f64 = 0.01;

impl PhaseResult {
    /// Concludes how far the figures are the target's, and why not; of several launches the worst one.
    pub(crate) fn conclude_trust(&mut self) {
        self.trust.doubts = self.doubts(COMMON_QUANTILE, &self.total());
    }

    /// The trust where latencies are looked at up to a quantile: one request in a thousand that was late is nothing to p99 and all of
    /// p99.9. What was concluded stands, and what a higher quantile adds needs figures that early results lack.
    pub fn trust_up_to(&self, quantile: f64, total: &Tally) -> Trust {
        let mut trust = self.trust.clone();
        if quantile <= COMMON_QUANTILE {
            return trust;
        }
        for doubt in self.doubts(quantile, total) {
            match trust.doubts.iter_mut().find(|of| of.cause == doubt.cause) {
                Some(known) => *known = doubt,
                None => trust.doubts.push(doubt),
            }
        }
        trust
    }

    /// What speaks against the figures, where latencies are looked at up to a quantile.
    fn doubts(&self, quantile: f64, total: &Tally) -> Vec<Doubt> {
        let worker = self.busiest_worker();
        let busy = worker.filter(|share| *share >= BUSY_WORKER).map(|share| {
            let used = format!(
                "a worker of the generator used {:.0} % of a core",
                share * 100.0
            );
            if share >= SATURATED_WORKER {
                let words = format!(
                    "{used}: the target may be faster; use more workers, or another machine for the generator"
                );
                (Cause::WorkerSaturated, Some(share), words)
            } else {
                let words = format!("{used} and may delay what it measures; use more workers");
                (Cause::WorkerBusy, Some(share), words)
            }
        });
        let all = [
            busy,
            self.sent_late(quantile, total),
            self.waited(),
            self.stopped(quantile),
            self.throttled(quantile),
            self.stolen(),
            crowded(self.neighbour_cores()),
            self.read_late(),
        ];
        let own = all.into_iter().flatten().map(doubt);
        // What a load that is meant to be too much does to the target is what it is for.
        let absent = self.absences(quantile, total).into_iter();
        let absent = absent.filter(|_| !self.load.overload);
        absent.chain(own).collect()
    }

    /// What the target did not answer, in so far as figures hide it.
    pub fn absences(&self, quantile: f64, total: &Tally) -> Vec<Doubt> {
        let gone = self.gone().map(|gone| {
            let words = format!("{}: figures of the whole window hold that", gone.words);
            (Cause::Gone, Some(gone.share), words)
        });
        let gone = gone.or_else(|| self.requests_gone());
        let all = [gone, self.lost_time(total), self.stalled(quantile, total)];
        all.into_iter().flatten().map(doubt).collect()
    }
}

impl ProfileResult {
    /// How far costs of functions are the target's: they are of the profiled phase, and so is what disturbed them.
    pub fn trust(&self) -> Trust {
        Trust {
            doubts: [stolen(self.steal_share), crowded(self.neighbour_cores)]
                .into_iter()
                .flatten()
                .map(doubt)
                .collect(),
        }
    }
}

fn stolen(share: Option<f64>) -> Option<Seen> {
    let steal = share.filter(|steal| *steal > STEAL_LIMIT)?;
    let words = format!(
        "the machine's host took {:.1} % of its CPU time: throughput is lower, latencies and CPU per request are higher than the target's; measure on a quieter machine",
        steal * 100.0
    );
    Some((Cause::Steal, Some(steal), words))
}

fn crowded(cores: Option<f64>) -> Option<Seen> {
    let cores = cores.filter(|cores| *cores > NEIGHBOUR_LIMIT)?;
    let words = format!(
        "other processes used {cores:.1} cores while less than one CPU was idle: throughput is lower, latencies and CPU per request are higher than the target's; measure on a quieter machine, or start what the target needs as a [[service]]"
    );
    Some((Cause::Neighbour, Some(cores.min(1.0)), words))
}

fn doubt((cause, share, words): Seen) -> Doubt {
    Doubt {
        cause,
        share,
        words,
    }
}

/// A cause, its share, and what was seen.
type Seen = (Cause, Option<f64>, String);

impl PhaseResult {
    /// The kinds of request that had no OK answer any more, where the target as a whole had.
    fn requests_gone(&self) -> Option<Seen> {
        let requests = self.requests.iter().enumerate();
        let gone: Vec<String> = requests
            .filter_map(|(at, name)| Some(self.request_gone(at)?.words(&format!(" to `{name}`"))))
            .collect();
        (!gone.is_empty()).then(|| {
            let words = format!(
                "{}: figures of all requests hide that; look at why, or give the request a threshold of its own",
                gone.join("; ")
            );
            (Cause::RequestGone, None, words)
        })
    }

    /// The largest share of a core that a worker used in any round.
    fn busiest_worker(&self) -> Option<f64> {
        let rounds = self.rounds.iter();
        rounds
            .filter_map(|round| round.busiest_worker)
            .reduce(f64::max)
    }

    fn sent_late(&self, quantile: f64, total: &Tally) -> Option<Seen> {
        let is_open = matches!(self.load.model, LoadModel::Open { .. });
        if !is_open || total.dispatch_lag.is_empty() {
            return None;
        }
        let lag = value_at(&total.dispatch_lag, quantile);
        (lag > LAG_LIMIT_US).then(|| {
            let words = format!(
                "the generator sent {} more than {} late: latencies hold that too; leave it a core, or use more workers",
                if quantile < 1.0 {
                    format!("{} of requests", format_share(1.0 - quantile))
                } else {
                    "a request".to_owned()
                },
                format_us(lag)
            );
            (Cause::SentLate, None, words)
        })
    }

    fn waited(&self) -> Option<Seen> {
        let wait = self.worker_wait().filter(|wait| *wait > WAIT_LIMIT)?;
        let words = format!(
            "a worker of the generator waited for a CPU for {:.0} % of the window: latencies hold that too; leave it a core",
            wait * 100.0
        );
        Some((Cause::WaitedForCpu, Some(wait), words))
    }

    fn stopped(&self, quantile: f64) -> Option<Seen> {
        let (seconds, window) = self.longest(quantile, |round| round.stopped_seconds)?;
        let words = format!(
            "the generator did not run for {} of the {} window: throughput is lower and latencies are higher than the target's; let nothing stop it, and leave it a core",
            in_words(seconds),
            in_words(window)
        );
        Some((Cause::Stopped, Some(seconds / window), words))
    }

    fn throttled(&self, quantile: f64) -> Option<Seen> {
        let (seconds, window) = self.longest(quantile, |round| round.throttled_seconds)?;
        let words = format!(
            "the generator's control group was throttled for {} of the {} window: throughput is lower and latencies are higher than the target's; raise the group's CPU limit",
            in_words(seconds),
            in_words(window)
        );
        Some((Cause::Throttled, Some(seconds / window), words))
    }

    /// The most CPU that other processes used in the way of the run, in any round.
    fn neighbour_cores(&self) -> Option<f64> {
        let rounds = self.rounds.iter();
        let cores = rounds.filter_map(|round| round.neighbour_cores);
        cores.reduce(f64::max)
    }

    fn stolen(&self) -> Option<Seen> {
        stolen(self.steal_share())
    }

    fn read_late(&self) -> Option<Seen> {
        let rounds = self.rounds.iter();
        let (share, window) = rounds
            .filter_map(|round| Some((round.missed_share?, round.seconds)))
            .max_by(|a, b| a.0.total_cmp(&b.0))?;
        (share > MISSED_LIMIT).then(|| {
            let words = format!(
                "the readings that tell the target's CPU miss the ends of the {} window by {} of it: that CPU may be off by as much; leave the generator a core, or use a longer window",
                in_words(window),
                format_share(share)
            );
            (Cause::LateReadings, Some(share.min(1.0)), words)
        })
    }

    /// While a closed loop waits for an answer it asks for nothing, so that its percentiles hold one request for each connection.
    fn stalled(&self, quantile: f64, total: &Tally) -> Option<Seen> {
        if self.load.model != LoadModel::Closed {
            return None;
        }
        let limit = STALL_LIMIT * ((1.0 - quantile) / (1.0 - COMMON_QUANTILE)).min(1.0);
        let remedy = "percentiles of a closed loop hide that; use an open loop (`rate`) to see what users would wait";
        let stall = self.stall().map(|(stall, window)| {
            let words = format!(
                "nothing answered for {} of the {} window, from {} on: {remedy}",
                answering::in_words(stall.seconds),
                answering::in_words(window),
                answering::in_words(stall.from),
            );
            (Cause::Stalled, Some(stall.seconds / window), words)
        });
        let is_large = |(_, share, _): &Seen| *share >= Some(limit);
        stall
            .filter(is_large)
            .or_else(|| self.waited_long(limit, remedy, total))
    }

    /// Answers that took long, if they held a share of the connections' time or one of them that of a window.
    fn waited_long(&self, limit: f64, remedy: &str, total: &Tally) -> Option<Seen> {
        let stops = self.rounds.iter().map(Round::own_stop);
        let at_once = f64::from(self.load.connections) * self.rounds.len() as f64;
        let long = answering::long(total, at_once, stops.fold(0.0, f64::max));
        let answers = total.latency.iter_recorded().map(|at| {
            let count = at.count_at_value();
            (at.value_iterated_to() as f64 / 1e9, count)
        });
        let (count, held) = answers
            .filter(|(seconds, _)| *seconds >= long)
            .fold((0, 0.0), |(all, sum), (seconds, count)| {
                (all + count, sum + seconds * count as f64)
            });
        let time = self.seconds() * f64::from(self.load.connections);
        let share = (held / time).min(1.0);
        let longest = total.latency.max() as f64 / 1e9;
        let windows = self.rounds.iter().map(|round| round.seconds);
        let window = windows.fold(f64::INFINITY, f64::min);
        let is_large = share >= limit || longest >= LONG_ANSWER * window;
        (count > 0 && is_large).then(|| {
            let words = format!(
                "{count} of the answers took {} or more, the longest {}, and held {} of the connections' time: {remedy}",
                answering::in_words(long),
                answering::in_words(longest),
                format_share(share),
            );
            (Cause::Stalled, Some(share), words)
        })
    }

    /// Time that requests without an OK answer took, if the error rate does not tell it.
    fn lost_time(&self, total: &Tally) -> Option<Seen> {
        let share = self
            .unanswered_share(total)
            .filter(|share| *share >= LOST_LIMIT)?;
        let words = format!(
            "requests without an OK answer in the window took {} of the connections' time, and the error rate is {}: a closed loop hides that; use an open loop (`rate`) to see what users would meet",
            format_share(share),
            format_share(total.error_rate())
        );
        Some((Cause::LostTime, Some(share), words))
    }

    /// Seconds and window of the round in which something took the largest share of it, if that reaches into latencies up to a
    /// quantile.
    fn longest(&self, quantile: f64, of: impl Fn(&Round) -> Option<f64>) -> Option<(f64, f64)> {
        let rounds = self.rounds.iter();
        let each = rounds.filter_map(|round| Some((of(round)?.min(round.seconds), round.seconds)));
        each.filter(|(seconds, window)| *seconds > (1.0 - quantile) * window)
            .max_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)))
    }
}

fn in_words(seconds: f64) -> String {
    format_duration(Duration::from_millis((seconds * 1e3).round() as u64))
}

#[cfg(test)]
#[path = "doubts_tests.rs"]
mod tests;
