//! Which request is next, and when it is due: one worker's part of the load model. Pure: the caller brings the time.

use crate::metrics::Window;
use crate::pacer::{Pacer, Schedule};
use crate::scenario::{Load, LoadModel};

/// A request that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    /// Number of the request within the phase.
    pub(super) n: u64,
    /// Intended start, ns.
    pub(super) intended: u64,
}

/// The answer to asking for a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Due(Ticket),
    /// The next request is due later.
    NotBefore,
    /// No request will be due again.
    Finished,
}

#[derive(Debug)]
pub(super) struct Feed {
    model: Model,
    begin: u64,
    window: Window,
    /// Requests of the window that may still start.
    left: Option<u64>,
}

#[derive(Debug)]
enum Model {
    Closed { next: u64, step: u64 },
    Open(Pacer),
}

impl Feed {
    /// The part of `worker`; the schedule begins at `begin`, which is before the window by the warm-up.
    pub(super) fn new(load: &Load, seed: u64, worker: u32, begin: u64, window: Window) -> Self {
        let workers = u64::from(load.workers);
        let model = match &load.model {
            LoadModel::Closed => Model::Closed {
                next: u64::from(worker),
                step: workers,
            },
            LoadModel::Open { pace, arrivals } => {
                let schedule = Schedule::new(pace, load.warmup);
                Model::Open(Pacer::new(schedule, *arrivals, seed, worker, load.workers))
            }
        };
        let left = load
            .requests
            .map(|requests| (requests + workers - 1 - u64::from(worker)) / workers);
        Self {
            model,
            begin,
            window,
            left,
        }
    }

    /// The same schedule to wait by, whatever is taken from this one; `None` for a closed loop.
    pub(super) fn alarm(&self) -> Option<Pacer> {
        match &self.model {
            Model::Closed { .. } => None,
            Model::Open(pacer) => Some(pacer.clone()),
        }
    }

    /// The next request for a connection that is free at `now`.
    pub(super) fn take(&mut self, now: u64) -> Next {
        let next = match &mut self.model {
            _ if self.left == Some(0) => Next::Finished,
            Model::Closed { .. } if now >= self.window.end => Next::Finished,
            Model::Closed { .. } if now < self.begin => Next::NotBefore,
            Model::Closed { next, step } => {
                let n = *next;
                *next += *step;
                Next::Due(Ticket { n, intended: now })
            }
            Model::Open(pacer) => {
                // A very low rate, or a schedule that has ended, has offsets beyond all time.
                let intended = self.begin.saturating_add(pacer.peek().offset_ns);
                if intended >= self.window.end {
                    Next::Finished
                } else if intended > now {
                    Next::NotBefore
                } else {
                    Next::Due(Ticket {
                        n: pacer.take().n,
                        intended,
                    })
                }
            }
        };
        if let (Next::Due(ticket), Some(left)) = (next, &mut self.left)
            && self.window.contains(ticket.intended)
        {
            *left -= 1;
        }
        next
    }

    /// Nothing is due any more from `end` on.
    pub(super) fn cut(&mut self, end: u64) {
        self.window.end = self.window.end.min(end);
    }

    /// Whether nothing will be due at `now` or later, whatever was due before.
    pub(super) fn is_over(&self, now: u64) -> bool {
        now >= self.window.end || self.is_used_up()
    }

    /// Whether the number of requests was reached.
    pub(super) fn is_used_up(&self) -> bool {
        self.left == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Arrivals, Pace, Stage};
    use crate::units::Rate;
    use std::time::Duration;

    fn load(model: LoadModel, requests: Option<u64>, workers: u32) -> Load {
        Load {
            model,
            connections: 4,
            duration: Duration::from_secs(1),
            requests,
            warmup: Duration::ZERO,
            timeout: Duration::from_secs(1),
            workers,
            keep_alive: true,
            overload: false,
        }
    }

    const WINDOW: Window = Window {
        start: 1_000_000_000,
        end: 2_000_000_000,
    };

    #[test]
    fn a_closed_loop_is_due_whenever_a_connection_is_free() {
        let mut feed = Feed::new(
            &load(LoadModel::Closed, None, 2),
            0,
            1,
            WINDOW.start,
            WINDOW,
        );
        assert_eq!(
            feed.take(1_500_000_000),
            Next::Due(Ticket {
                n: 1,
                intended: 1_500_000_000
            })
        );
        assert_eq!(
            feed.take(1_600_000_000),
            Next::Due(Ticket {
                n: 3,
                intended: 1_600_000_000
            })
        );
        assert_eq!(feed.take(WINDOW.start - 1), Next::NotBefore);
        assert!(!feed.is_over(WINDOW.end - 1));
        assert_eq!(feed.take(2_000_000_000), Next::Finished);
        assert!(feed.is_over(WINDOW.end));
    }

    #[test]
    fn an_open_loop_keeps_its_schedule_however_late_it_is_asked() {
        let model = LoadModel::Open {
            pace: Pace::Constant(Rate::new(10.0).unwrap()),
            arrivals: Arrivals::Constant,
        };
        let mut feed = Feed::new(&load(model.clone(), None, 1), 0, 0, 900_000_000, WINDOW);
        let mut intended = Vec::new();
        while let Next::Due(ticket) = feed.take(u64::MAX) {
            intended.push(ticket.intended / 1_000_000);
        }
        assert_eq!(
            intended,
            [
                900, 1_000, 1_100, 1_200, 1_300, 1_400, 1_500, 1_600, 1_700, 1_800, 1_900
            ]
        );
        let mut feed = Feed::new(&load(model.clone(), None, 1), 0, 0, 900_000_000, WINDOW);
        feed.take(900_000_000);
        assert_eq!(feed.take(999_999_999), Next::NotBefore);
    }

    #[test]
    fn stages_begin_with_the_window_and_are_its_end() {
        let stage = |to, ms| Stage {
            to,
            over: Duration::from_millis(ms),
        };
        let model = LoadModel::Open {
            pace: Pace::Staged {
                begin: 10.0,
                stages: [stage(30.0, 500), stage(30.0, 500)].into(),
            },
            arrivals: Arrivals::Constant,
        };
        let load = Load {
            warmup: Duration::from_millis(200),
            ..load(model, None, 1)
        };
        let mut feed = Feed::new(&load, 0, 0, 800_000_000, WINDOW);
        let mut intended = Vec::new();
        while let Next::Due(ticket) = feed.take(u64::MAX) {
            intended.push(ticket.intended / 1_000_000);
        }
        assert_eq!(intended[..3], [800, 900, 1_000]);
        let ramp = intended.iter().filter(|at| (1_000..1_500).contains(*at));
        assert_eq!(ramp.count(), 10);
        assert_eq!(intended.iter().filter(|at| **at >= 1_500).count(), 15);
    }

    #[test]
    fn a_rate_next_to_nothing_has_one_request() {
        for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
            let pace = Pace::Constant(Rate::new(1e-14).unwrap());
            let model = LoadModel::Open { pace, arrivals };
            let mut feed = Feed::new(&load(model.clone(), None, 1), 0, 0, WINDOW.start, WINDOW);
            let mut due = 0;
            while let Next::Due(_) = feed.take(WINDOW.start) {
                due += 1;
            }
            assert_eq!((due, feed.take(u64::MAX)), (1, Next::Finished));
        }
    }

    #[test]
    fn a_number_of_requests_is_shared_by_the_workers_and_spares_the_warm_up() {
        let total: u64 = (0..3)
            .map(|worker| {
                let mut feed =
                    Feed::new(&load(LoadModel::Closed, Some(10), 3), 0, worker, 0, WINDOW);
                assert!(matches!(feed.take(5), Next::Due(_)));
                std::iter::from_fn(|| matches!(feed.take(WINDOW.start), Next::Due(_)).then_some(()))
                    .count() as u64
            })
            .sum();
        assert_eq!(total, 10);
    }
}
