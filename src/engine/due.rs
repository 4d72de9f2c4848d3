//! Which request is next, and when it is due: one worker's part of the load model. Pure: the caller brings the time.

use super::spread::Spread;
use crate::metrics::{Timetable, Window};
use crate::pacer::{Pacer, Schedule};
use crate::scenario::{Load, LoadModel};
use crate::shard::Lane;

/// A request that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    /// Number of the request within the phase.
    pub(super) n: u64,
    /// Intended start, ns.
    pub(super) intended: u64,
    /// Instance that it goes to.
    pub(super) instance: usize,
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
pub(super) struct DueRequests {
    model: Model,
    spread: Spread,
    begin: u64,
    window: Window,
    /// When a closed loop may send, if not always; an open one has that in its schedule.
    turns: Option<Timetable>,
}

#[derive(Debug)]
enum Model {
    Closed {
        /// By instance: where to look for its next number.
        next: Vec<u64>,
        step: u64,
        /// Requests of the window that may still start.
        left: Option<u64>,
    },
    /// By instance. Each follows the whole schedule and takes its own requests, so that those of one wait for that one alone,
    /// without a queue that could grow.
    Open(Vec<Cursor>),
}

/// How far one instance is in the schedule.
#[derive(Debug, Clone)]
struct Cursor {
    pacer: Pacer,
    /// Requests of the window, whoever takes them, that may still pass this cursor.
    left: Option<u64>,
}

impl DueRequests {
    /// The part of a worker; the schedule begins at `begin`, which is before the window by the warm-up.
    pub(super) fn new(load: &Load, spread: Spread, lane: Lane, begin: u64, window: Window) -> Self {
        let left = load.requests.map(|requests| lane.share(requests));
        let model = match &load.model {
            LoadModel::Closed => Model::Closed {
                next: vec![u64::from(lane.number()); spread.instances()],
                step: u64::from(lane.all()),
                left,
            },
            LoadModel::Open { pace, arrivals } => {
                let schedule = Schedule::new(pace, load.warmup);
                let pacer = Pacer::new(schedule, *arrivals, spread.seed(), lane);
                Model::Open(vec![Cursor { pacer, left }; spread.instances()])
            }
        };
        Self {
            model,
            spread,
            begin,
            window,
            turns: None,
        }
    }

    /// The same for a load that takes turns with another one, if it does.
    pub(super) fn in_turns(mut self, turns: Option<Timetable>) -> Self {
        self.turns = turns;
        if let (Model::Open(cursors), Some(turns)) = (&mut self.model, turns) {
            for cursor in cursors {
                cursor.pacer = cursor.pacer.clone().in_turns(turns);
            }
        }
        self
    }

    /// When a connection that waits until `instant` may ask next.
    pub(super) fn next_turn(&self, instant: u64) -> u64 {
        let offset = instant.saturating_sub(self.begin);
        match self.turns {
            Some(turns) if !turns.may_send(offset) => {
                let next = turns.next_turn(offset);
                next.map_or(instant, |next| self.begin + next)
            }
            _ => instant,
        }
    }

    /// The same schedule to wait by, whatever is taken from this one; `None` for a closed loop.
    pub(super) fn alarm(&self) -> Option<Pacer> {
        match &self.model {
            Model::Closed { .. } => None,
            Model::Open(cursors) => cursors.first().map(|cursor| cursor.pacer.clone()),
        }
    }

    /// The next request for a connection to the instance `instance` that is free at `now`.
    pub(super) fn take(&mut self, instance: usize, now: u64) -> Next {
        let Self {
            model,
            spread,
            begin,
            window,
            turns,
        } = self;
        match model {
            Model::Closed { left: Some(0), .. } => Next::Finished,
            Model::Closed { .. } if now >= window.end => Next::Finished,
            Model::Closed { .. } if now < *begin => Next::NotBefore,
            Model::Closed { .. } if turns.is_some_and(|turns| !turns.may_send(now - *begin)) => {
                Next::NotBefore
            }
            Model::Closed { next, step, left } => {
                let next = &mut next[instance];
                while spread.of(*next) != instance {
                    *next += *step;
                }
                let n = *next;
                *next += *step;
                if let Some(left) = left
                    && window.contains(now)
                {
                    *left -= 1;
                }
                Next::Due(Ticket {
                    n,
                    intended: now,
                    instance,
                })
            }
            Model::Open(cursors) => loop {
                let cursor = &mut cursors[instance];
                // A very low rate, or a schedule that has ended, has offsets beyond all time.
                let intended = begin.saturating_add(cursor.pacer.peek().offset_ns);
                if intended >= window.end || cursor.left == Some(0) {
                    return Next::Finished;
                }
                if intended > now {
                    return Next::NotBefore;
                }
                let n = cursor.take(window.contains(intended));
                if spread.of(n) == instance {
                    return Next::Due(Ticket {
                        n,
                        intended,
                        instance,
                    });
                }
            },
        }
    }

    /// Lets every instance see what has become due for the others: whether the number of requests is reached does not wait for
    /// a request of its own.
    pub(super) fn pass(&mut self, now: u64) {
        let Model::Open(cursors) = &mut self.model else {
            return;
        };
        for (instance, cursor) in cursors.iter_mut().enumerate() {
            while cursor.left.is_some_and(|left| left > 0) {
                let due = cursor.pacer.peek();
                let intended = self.begin.saturating_add(due.offset_ns);
                if intended > now
                    || intended >= self.window.end
                    || self.spread.of(due.n) == instance
                {
                    break;
                }
                cursor.take(self.window.contains(intended));
            }
        }
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
        (0..self.spread.instances()).all(|instance| self.is_used_up_for(instance))
    }

    /// Whether it was for an instance.
    pub(super) fn is_used_up_for(&self, instance: usize) -> bool {
        match &self.model {
            Model::Closed { left, .. } => *left == Some(0),
            Model::Open(cursors) => cursors[instance].left == Some(0),
        }
    }
}

impl Cursor {
    /// Takes the number of the next request, whosever it is.
    fn take(&mut self, is_in_window: bool) -> u64 {
        if let Some(left) = &mut self.left
            && is_in_window
        {
            *left -= 1;
        }
        self.pacer.take().n
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
            weights: std::collections::BTreeMap::new(),
            overload: false,
            silent_for: None,
        }
    }

    const ALONE: Lane = Lane::new(0, 1);

    const WINDOW: Window = Window {
        start: 1_000_000_000,
        end: 2_000_000_000,
    };

    #[test]
    fn a_closed_loop_is_due_whenever_a_connection_is_free() {
        let mut requests = DueRequests::new(
            &load(LoadModel::Closed, None, 2),
            Spread::new(0, 1),
            Lane::new(1, 2),
            WINDOW.start,
            WINDOW,
        );
        assert_eq!(
            requests.take(0, 1_500_000_000),
            Next::Due(Ticket {
                n: 1,
                intended: 1_500_000_000,
                instance: 0
            })
        );
        assert_eq!(
            requests.take(0, 1_600_000_000),
            Next::Due(Ticket {
                n: 3,
                intended: 1_600_000_000,
                instance: 0
            })
        );
        assert_eq!(requests.take(0, WINDOW.start - 1), Next::NotBefore);
        assert!(!requests.is_over(WINDOW.end - 1));
        assert_eq!(requests.take(0, 2_000_000_000), Next::Finished);
        assert!(requests.is_over(WINDOW.end));
    }

    #[test]
    fn an_open_loop_keeps_its_schedule_however_late_it_is_asked() {
        let model = LoadModel::Open {
            pace: Pace::Constant(Rate::new(10.0).unwrap()),
            arrivals: Arrivals::Constant,
        };
        let mut requests = DueRequests::new(
            &load(model.clone(), None, 1),
            Spread::new(0, 1),
            ALONE,
            900_000_000,
            WINDOW,
        );
        let mut intended = Vec::new();
        while let Next::Due(ticket) = requests.take(0, u64::MAX) {
            intended.push(ticket.intended / 1_000_000);
        }
        assert_eq!(
            intended,
            [
                900, 1_000, 1_100, 1_200, 1_300, 1_400, 1_500, 1_600, 1_700, 1_800, 1_900
            ]
        );
        let mut requests = DueRequests::new(
            &load(model.clone(), None, 1),
            Spread::new(0, 1),
            ALONE,
            900_000_000,
            WINDOW,
        );
        requests.take(0, 900_000_000);
        assert_eq!(requests.take(0, 999_999_999), Next::NotBefore);
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
        let mut requests = DueRequests::new(&load, Spread::new(0, 1), ALONE, 800_000_000, WINDOW);
        let mut intended = Vec::new();
        while let Next::Due(ticket) = requests.take(0, u64::MAX) {
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
            let mut requests = DueRequests::new(
                &load(model.clone(), None, 1),
                Spread::new(0, 1),
                ALONE,
                WINDOW.start,
                WINDOW,
            );
            let mut taken = 0;
            while let Next::Due(_) = requests.take(0, WINDOW.start) {
                taken += 1;
            }
            assert_eq!((taken, requests.take(0, u64::MAX)), (1, Next::Finished));
        }
    }

    #[test]
    fn a_number_of_requests_is_shared_by_the_workers_and_spares_the_warm_up() {
        let total: u64 = (0..3)
            .map(|worker| {
                let mut requests = DueRequests::new(
                    &load(LoadModel::Closed, Some(10), 3),
                    Spread::new(0, 1),
                    Lane::new(worker, 3),
                    0,
                    WINDOW,
                );
                assert!(matches!(requests.take(0, 5), Next::Due(_)));
                std::iter::from_fn(|| {
                    matches!(requests.take(0, WINDOW.start), Next::Due(_)).then_some(())
                })
                .count() as u64
            })
            .sum();
        assert_eq!(total, 10);
    }

    /// What several instances take when each asks for all that is due by `now`, in turn.
    fn taken(requests: &mut DueRequests, instances: usize, now: u64) -> Vec<Ticket> {
        let mut taken = Vec::new();
        for instance in 0..instances {
            while let Next::Due(ticket) = requests.take(instance, now) {
                taken.push(ticket);
            }
        }
        taken.sort_by_key(|ticket| ticket.n);
        taken
    }

    fn open(rate: f64, arrivals: Arrivals) -> LoadModel {
        LoadModel::Open {
            pace: Pace::Constant(Rate::new(rate).unwrap()),
            arrivals,
        }
    }

    #[test]
    fn the_schedule_is_the_same_however_many_instances_share_it() {
        for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
            let load = load(open(1_000.0, arrivals), None, 1);
            let due = |instances| {
                let spread = Spread::new(9, instances);
                let mut requests = DueRequests::new(&load, spread, ALONE, WINDOW.start, WINDOW);
                let due = taken(&mut requests, instances, u64::MAX);
                assert!(
                    due.iter()
                        .all(|ticket| ticket.instance == spread.of(ticket.n))
                );
                due.iter().map(|of| (of.n, of.intended)).collect::<Vec<_>>()
            };
            assert_eq!(due(1), due(3));
            assert!(due(1).len() > 900);
        }
    }

    #[test]
    fn an_instance_that_takes_nothing_keeps_its_requests_and_theirs_alone() {
        let load = load(open(1_000.0, Arrivals::Constant), None, 1);
        let spread = Spread::new(9, 2);
        let mut requests = DueRequests::new(&load, spread, ALONE, WINDOW.start, WINDOW);
        let mut first = 0;
        while let Next::Due(_) = requests.take(0, WINDOW.start + 500_000_000) {
            first += 1;
        }
        assert!((200..300).contains(&first), "{first}");
        // Half a second later, what waits is still there with its intended start.
        let Next::Due(waiting) = requests.take(1, WINDOW.start + 500_000_000) else {
            panic!("it waits");
        };
        assert!(waiting.intended < WINDOW.start + 20_000_000, "{waiting:?}");
    }

    #[test]
    fn a_number_of_requests_is_reached_by_all_instances_together() {
        let load = load(open(1_000.0, Arrivals::Constant), Some(40), 1);
        let mut requests = DueRequests::new(&load, Spread::new(9, 3), ALONE, WINDOW.start, WINDOW);
        assert_eq!(taken(&mut requests, 3, u64::MAX).len(), 40);
        assert!(requests.is_used_up());
        // Before the last ones are due for their own instance, nobody is done.
        let mut requests = DueRequests::new(&load, Spread::new(9, 3), ALONE, WINDOW.start, WINDOW);
        let before = WINDOW.start + 38_500_000;
        assert_eq!(taken(&mut requests, 3, before).len(), 39);
        requests.pass(before);
        assert!((0..3).all(|instance| !requests.is_used_up_for(instance)));
        // The last one passes the others by.
        let last = WINDOW.start + 39_000_000;
        requests.pass(last);
        let done = (0..3)
            .filter(|&instance| requests.is_used_up_for(instance))
            .count();
        assert_eq!(done, 2);
        assert_eq!(taken(&mut requests, 3, last).len(), 1);
        assert!(requests.is_used_up());
        let load = Load {
            model: LoadModel::Closed,
            ..load
        };
        let mut requests = DueRequests::new(&load, Spread::new(9, 3), ALONE, WINDOW.start, WINDOW);
        let numbers: std::collections::BTreeSet<u64> = taken(&mut requests, 3, WINDOW.start)
            .iter()
            .map(|of| of.n)
            .collect();
        assert_eq!(numbers.len(), 40);
    }
}
