//! By how much latencies may be less without what kept the generator or the machine from their work. Pure.
//!
//! Two arguments bound it. A part that stands still for a time makes no answer later than by that time, for whatever follows waits for what
//! goes before it and for nothing else. And in a closed loop it delays no more requests at once than there are connections, so that few of
//! them can be late by much. In an open loop a queue may grow meanwhile, and all that join it later are late too.

use hdrhistogram::Histogram;

use crate::metrics::Tally;
use crate::result::{Cause, Doubt, Figure, PhaseResult, Trust};
use crate::scenario::LoadModel;

/// Parts of what was lost with which the second argument is tried: each is so many times smaller than the one before it.
const PARTS: i32 = 50;
const STEP: f64 = 1.125;

/// What a judgement leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Without {
    /// So much of what each request took, µs.
    pub(super) delay_us: f64,
    /// So many requests, which may have been later than that.
    pub(super) requests: u64,
}

/// What the generator and the machine were late.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Delays {
    is_closed: bool,
    /// Requests that wait for an answer at once at most, in all launches.
    at_once: u64,
    /// How long they did not work while a request of a launch was under way, µs.
    lost_us: f64,
    /// The largest dispatch lag, µs.
    latest_us: f64,
    /// The sum of all dispatch lags by the connections, µs: in a backlog each request waits for those before it on its connection.
    late_us: f64,
}

impl Delays {
    /// Of what the doubts of a phase can have added; `None` if nothing bounds one of them.
    pub(super) fn of(
        phase: &PhaseResult,
        total: &Tally,
        trust: &Trust,
        cpus: usize,
    ) -> Option<Self> {
        let window = phase.rounds.iter().map(|round| round.seconds);
        let window = window.fold(0.0, f64::max);
        let connections = f64::from(phase.load.connections.max(1));
        let launches = phase.rounds.len().max(1) as u64;
        let mut delays = Self {
            is_closed: phase.load.model == LoadModel::Closed,
            at_once: u64::from(phase.load.connections) * launches,
            ..Self::default()
        };
        let mut lost = 0.0;
        let doubts = trust.about(Figure::Latency);
        for (doubt, _) in doubts.filter(|(_, bias)| bias.higher) {
            match doubt.cause {
                Cause::SentLate if !total.dispatch_lag.is_empty() => {
                    let lag = &total.dispatch_lag;
                    delays.latest_us = lag.max() as f64 / 1e3;
                    delays.late_us = lag.mean() / 1e3 * lag.len() as f64 / connections;
                }
                Cause::WaitedForCpu | Cause::Stopped | Cause::Throttled | Cause::Neighbour => {
                    lost += part(doubt)?;
                }
                // All of it may have been that of one CPU.
                Cause::Steal => lost += part(doubt)? * cpus as f64,
                _ => return None,
            }
        }
        // A backlog of the warm-up reaches into the window, and the last requests are answered behind it.
        let longest = total.latency.max().max(total.censored.max()) as f64 / 1e9;
        let reach = phase.load.warmup.as_secs_f64() + window + longest;
        delays.lost_us = lost * reach * 1e6;
        Some(delays)
    }

    /// What is left out of latencies, queue wait included.
    pub(super) fn of_latency(&self) -> Without {
        Without {
            delay_us: self.lost_us + self.latest_us + self.late_us,
            requests: 0,
        }
    }

    /// What is left out of each time from sending to an answer.
    pub(super) fn of_each(&self) -> Without {
        Without {
            delay_us: self.lost_us + self.latest_us,
            requests: 0,
        }
    }

    /// The times from sending to answer: in a closed loop nothing waits before.
    pub(super) fn served<'a>(
        &self,
        latency: &'a Histogram<u64>,
        service_time: &'a Histogram<u64>,
    ) -> &'a Histogram<u64> {
        if self.is_closed {
            latency
        } else {
            service_time
        }
    }

    /// What is left out of these, in one way or another: all that was lost, or a part of it and the requests that can have met more.
    pub(super) fn of_service(self) -> impl Iterator<Item = Without> {
        let parts = if self.is_closed && self.lost_us > 0.0 {
            PARTS
        } else {
            0
        };
        let parts = (1..=parts).map(move |at| Without {
            delay_us: self.lost_us / STEP.powi(at) + self.latest_us,
            requests: (self.at_once as f64 * STEP.powi(at)).ceil() as u64,
        });
        std::iter::once(self.of_each()).chain(parts)
    }
}

/// A share of time that a doubt says, which may come from a file.
fn part(doubt: &Doubt) -> Option<f64> {
    doubt.share.filter(|share| (0.0..=1.0).contains(share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::samples::{ok, phase};

    fn trust(doubts: &[(Cause, Option<f64>)]) -> Trust {
        let doubts = doubts.iter().map(|&(cause, share)| Doubt {
            cause,
            share,
            words: String::new(),
        });
        Trust {
            doubts: doubts.collect(),
        }
    }

    /// Of a window of 2 s in which 100 requests took 500 ms.
    fn lost(doubts: &[(Cause, Option<f64>)]) -> Option<f64> {
        let phase = phase(|tally| ok(tally, 100, 500_000));
        let found = Delays::of(&phase, &phase.total(), &trust(doubts), 2)?;
        Some((found.of_latency().delay_us / 1e3).round())
    }

    #[test]
    fn what_is_known_of_a_doubt_bounds_it() {
        assert_eq!(lost(&[]), Some(0.0));
        // The window and the longest answer: 2.5 s.
        assert_eq!(lost(&[(Cause::Stopped, Some(0.1))]), Some(250.0));
        assert_eq!(lost(&[(Cause::Steal, Some(0.1))]), Some(500.0));
        let both = [
            (Cause::Stopped, Some(0.1)),
            (Cause::WaitedForCpu, Some(0.2)),
        ];
        assert_eq!(lost(&both), Some(750.0));
        for unbounded in [
            (Cause::WorkerSaturated, Some(0.97)),
            (Cause::WorkerBusy, Some(0.9)),
            (Cause::WaitedForCpu, None),
            (Cause::Stopped, Some(-1.0)),
            (Cause::Stopped, Some(f64::NAN)),
        ] {
            assert_eq!(lost(&[(Cause::Throttled, Some(0.1)), unbounded]), None);
        }
        // It makes nothing later.
        assert_eq!(lost(&[(Cause::Stalled, Some(0.5))]), Some(0.0));
    }

    #[test]
    fn few_requests_can_be_late_by_much() {
        let delays = Delays {
            at_once: 10,
            lost_us: 1_000.0,
            latest_us: 5.0,
            late_us: 7.0,
            is_closed: true,
        };
        let each: Vec<Without> = delays.of_service().collect();
        let expected = |delay_us, requests| Without { delay_us, requests };
        assert_eq!(each[0], expected(1_005.0, 0));
        assert_eq!(each[1], expected(1_000.0 / 1.125 + 5.0, 12));
        // While 1 ms was lost in all, 100 can have met a tenth of it.
        let many = each.iter().find(|of| of.requests >= 100).unwrap();
        assert!((90.0..110.0).contains(&many.delay_us), "{many:?}");
        let unlost = Delays {
            lost_us: 0.0,
            ..delays
        };
        assert_eq!(unlost.of_service().count(), 1);
        let open = Delays {
            is_closed: false,
            ..delays
        };
        assert_eq!(open.of_service().count(), 1);
        assert_eq!(delays.of_latency(), expected(1_012.0, 0));
    }
}
