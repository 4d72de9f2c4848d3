//! How long the turns of two arms are, and at which rate the ones at a fixed rate go: decided once, from what a short calibration found.
//! Pure.

use std::time::Duration;

use crate::metrics::{Slices, Tally, Timetable};
use crate::result::{Arms, Turns};
use crate::scenario::{Arrivals, Load, LoadModel, Pace};
use crate::units::Rate;

/// The shortest turn: noise of shared machines is slow, so that shorter ones would gain nothing and cost more switches.
const SHORTEST: Duration = Duration::from_millis(100);

/// Twice the median latencies in a turn, so that its edges hardly count. Answers that all take equally long come at the end of a turn of a
/// whole number of them, or just behind it: half of one more keeps the smallest of changes from moving an answer out of each turn.
const HALF_LATENCIES: u32 = 41;

/// Requests in a turn, at least.
const REQUESTS: f64 = 200.0;

/// The shortest gap between turns, in which what is under way ends.
const SHORTEST_GAP: Duration = Duration::from_millis(2);

/// The share of the capacity at which latencies are measured.
const LIGHT: f64 = 0.5;

/// A turn at a fixed rate.
const OPEN_SLICE: Duration = Duration::from_millis(200);

/// The longest gap between two of these.
const LONGEST_OPEN_GAP: Duration = Duration::from_millis(50);

/// The connections of a closed loop where the scenario's are the limit of an open one. More would wait for each other and make
/// turns longer.
const OPEN_CONNECTIONS: u32 = 16;

/// All turns of a block in which connections are never idle take no longer than this: many short blocks tell more than a few long
/// ones, for each is a launch of its own.
const CLOSED_WITHIN: Duration = Duration::from_millis(3_500);

/// How two arms are loaded in every block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pacing {
    /// The length of a turn in which connections are never idle.
    pub slice: Duration,
    /// The length that it should have: 20 median latencies, or 200 requests. Where it is shorter, because a block has no time for
    /// that, requests that are under way at its end are so many that it says little of throughput.
    pub wanted: Duration,
    /// Time between two of them.
    pub gap: Duration,
    /// How many of them.
    pub slices: Slices,
    /// Turns at a fixed rate; `None` where latencies are not asked for, or no arm has answered.
    pub open: Option<OpenPacing>,
}

/// Turns at a fixed rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenPacing {
    /// At most half of what the slower arm takes.
    pub rate: Rate,
    /// Length of a turn.
    pub slice: Duration,
    /// Time between two of them.
    pub gap: Duration,
}

/// Turns of a calibration.
const CALIBRATION: Slices = Slices {
    dropped: 4,
    measured: 8,
};

/// Turns of a block: the more the shorter they can be.
const BLOCK: [Slices; 3] = [
    Slices {
        dropped: 4,
        measured: 24,
    },
    Slices {
        dropped: 4,
        measured: 16,
    },
    FEWEST,
];

/// The turns of a block that is longer than the others because its answers are slow: they have one of both orders, and blocks alternate.
const SLOW: Slices = Slices {
    dropped: 2,
    measured: 4,
};

/// The fewest turns of a block that have both orders.
const FEWEST: Slices = Slices {
    dropped: 2,
    measured: 8,
};

/// Turns at a fixed rate in a block.
const OPEN: Slices = Slices {
    dropped: 2,
    measured: 8,
};

/// Turns of one arm after which the order of both repeats.
const OWN_IN_PATTERN: u128 = 4;

/// So that turns can be counted, however long the window is.
const MOST_PATTERNS: u128 = 1 << 24;

/// Both arms' turns.
pub(super) struct Tables {
    pub(super) of: Arms<Timetable>,
}

impl Tables {
    pub(super) fn new(slice: Duration, gap: Duration, slices: Slices, head_first: bool) -> Self {
        let first = Timetable::new(slice, gap, slices);
        let (base, head) = if head_first {
            (first.other(), first)
        } else {
            (first, first.other())
        };
        Self {
            of: Arms { base, head },
        }
    }
}

impl Pacing {
    /// The one that a calibration begins with.
    pub(super) fn first() -> Self {
        Self {
            slice: SHORTEST,
            wanted: SHORTEST,
            gap: SHORTEST_GAP,
            slices: CALIBRATION,
            open: None,
        }
    }

    /// The one for another calibration, with turns that are long enough as far as this one can tell; `None` if they were.
    pub(super) fn again(&self, found: &Arms<Turns>, longest: Duration) -> Option<Self> {
        let decided = Self::fitting(found, longest);
        (decided.slice > self.slice + self.slice / 2).then_some(Self {
            slices: if all(decided.slices) < all(FEWEST) {
                decided.slices
            } else {
                FEWEST
            },
            ..decided
        })
    }

    /// The one for all blocks, whose turns take so long at most where answers are slow.
    pub(super) fn decided(
        found: &Arms<Turns>,
        load: &Load,
        latencies: bool,
        longest: Duration,
    ) -> Self {
        Self {
            open: latencies.then(|| open(found, load)).flatten(),
            ..Self::fitting(found, longest)
        }
    }

    /// As many turns of the wanted length as a block has time for; the fewest are shorter if need be.
    fn fitting(found: &Arms<Turns>, longest: Duration) -> Self {
        let wanted = slice(found);
        let fits = |slices: &Slices| (wanted + gap(wanted, found)) * all(*slices) <= CLOSED_WITHIN;
        let usual = BLOCK.into_iter().find(fits);
        let slices = usual.unwrap_or(SLOW);
        let within = usual.map_or(longest.max(CLOSED_WITHIN), |_| CLOSED_WITHIN);
        let longest = within / all(slices);
        // What is under way ends in the gap, as far as there is time.
        let gap = gap(wanted, found).min(longest * 2 / 5);
        Self {
            slice: wanted.min(longest - gap),
            wanted,
            gap,
            slices,
            open: None,
        }
    }

    /// Turns that fill the window of a load, and its warm-up before that: of the wanted length, or as long as there is room for.
    pub(super) fn filling(found: &Arms<Turns>, load: &Load) -> Self {
        let wanted = slice(found);
        let gap = gap(wanted, found);
        let patterns = load.duration.as_nanos() / (wanted.as_nanos() * OWN_IN_PATTERN);
        let own = patterns.clamp(1, MOST_PATTERNS) * OWN_IN_PATTERN;
        let slice = Duration::from_nanos((load.duration.as_nanos() / own) as u64);
        let warm = load.warmup.as_nanos().div_ceil(slice.as_nanos().max(1));
        Self {
            slice,
            wanted,
            gap: gap.min(slice / 4).max(SHORTEST_GAP),
            slices: Slices {
                dropped: 2 * warm as u32,
                measured: 2 * own as u32,
            },
            open: None,
        }
    }

    /// Whether turns of the wanted length fill a window once at most: an estimate that is better by less than a factor of two changes nothing.
    pub(super) fn lacks_room(found: &Arms<Turns>, window: Duration) -> bool {
        slice(found) * OWN_IN_PATTERN as u32 >= window
    }

    /// How long the turns of a block take.
    pub fn closed(&self) -> Duration {
        (self.slice + self.gap) * all(self.slices)
    }

    /// How long the turns of a block would take if they were as long as they should be; `None` if they are.
    pub fn lacks(&self) -> Option<Duration> {
        (self.slice < self.wanted).then(|| (self.wanted + self.wanted / 4) * all(self.slices))
    }

    pub(super) fn closed_tables(&self, head_first: bool) -> Tables {
        Tables::new(self.slice, self.gap, self.slices, head_first)
    }

    /// The load of turns in which connections are never idle.
    pub(super) fn closed_load(&self, load: &Load) -> Load {
        let connections = match load.model {
            LoadModel::Closed => load.connections,
            LoadModel::Open { .. } => load.connections.min(OPEN_CONNECTIONS),
        };
        Load {
            model: LoadModel::Closed,
            connections: connections.max(load.workers),
            ..in_turns(load, &self.closed_tables(false))
        }
    }
}

impl OpenPacing {
    pub(super) fn tables(&self, head_first: bool) -> Tables {
        Tables::new(self.slice, self.gap, OPEN, head_first)
    }

    /// How long the turns of a block take.
    pub fn lasts(&self) -> Duration {
        (self.slice + self.gap) * all(OPEN)
    }

    /// The load of its turns.
    pub(super) fn load(&self, load: &Load) -> Load {
        let arrivals = match load.model {
            LoadModel::Closed => Arrivals::Constant,
            LoadModel::Open { arrivals, .. } => arrivals,
        };
        Load {
            model: LoadModel::Open {
                pace: Pace::Constant(self.rate),
                arrivals,
            },
            ..in_turns(load, &self.tables(false))
        }
    }
}

fn all(slices: Slices) -> u32 {
    slices.dropped + slices.measured
}

/// The load with the length of an arm's own turns.
fn in_turns(load: &Load, tables: &Tables) -> Load {
    Load {
        requests: None,
        warmup: Duration::ZERO,
        duration: tables.of.base.active(),
        overload: false,
        ..load.clone()
    }
}

/// How long turns should be: the slower arm counts.
fn slice(found: &Arms<Turns>) -> Duration {
    let of = |turns: &Turns| {
        let enough = match rate(turns) {
            Some(rate) => Duration::from_secs_f64(REQUESTS / rate),
            None => SHORTEST,
        };
        enough.max(median(turns) * HALF_LATENCIES / 2)
    };
    let longest = of(&found.base).max(of(&found.head));
    longest.max(SHORTEST)
}

fn gap(slice: Duration, found: &Arms<Turns>) -> Duration {
    let median = median(&found.base).max(median(&found.head));
    (median * 2).clamp(SHORTEST_GAP, slice / 4)
}

/// Turns at half of what the slower arm takes, or at the scenario's own rate if that is lower.
fn open(found: &Arms<Turns>, load: &Load) -> Option<OpenPacing> {
    let capacity = taken(&found.base)?.min(taken(&found.head)?);
    let light = match &load.model {
        LoadModel::Closed => capacity * LIGHT,
        LoadModel::Open { pace, .. } => (capacity * LIGHT).min(pace.highest().per_second()),
    };
    let median = median(&found.base).max(median(&found.head));
    Some(OpenPacing {
        rate: Rate::new(light).ok()?,
        slice: OPEN_SLICE,
        gap: median.clamp(5 * SHORTEST_GAP, LONGEST_OPEN_GAP),
    })
}

/// OK answers per second of its own turns; `None` without any.
fn rate(turns: &Turns) -> Option<f64> {
    let ok: u64 = turns.tallies.iter().map(|tally| tally.completed_ok).sum();
    (ok > 0).then(|| ok as f64 / turns.active.as_secs_f64())
}

/// OK answers per second to what was sent in its own turns, also of those that all came between two of them; `None` without any.
fn taken(turns: &Turns) -> Option<f64> {
    let ok: u64 = turns.tallies.iter().map(|tally| tally.ok).sum();
    // A turn that is shorter than its answers is no longer for that.
    let seconds = turns.active.max(median(turns) * turns.count);
    (ok > 0).then(|| ok as f64 / seconds.as_secs_f64())
}

fn median(turns: &Turns) -> Duration {
    let all = Tally::sum(&turns.tallies);
    let answered = !all.latency.is_empty();
    let nanos = answered.then(|| all.latency.value_at_quantile(0.5));
    Duration::from_nanos(nanos.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::result::samples;

    const MS: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_millis(5_300);

    /// An arm that answered so many requests a second with this latency.
    fn arm(rate: f64, latency: Duration) -> Turns {
        let mut tally = Tally::default();
        let ok = (rate * 0.4) as u64;
        (tally.ok, tally.completed_ok) = (ok, ok);
        let nanos = latency.as_nanos() as u64;
        tally.latency.record_n(nanos, ok).unwrap();
        Turns {
            active: 400 * MS,
            count: 4,
            are_short: false,
            tallies: vec![tally, Tally::default()],
            exemplars: BTreeMap::new(),
            by_turn: Vec::new(),
        }
    }

    fn arms(base: (f64, Duration), head: (f64, Duration)) -> Arms<Turns> {
        Arms {
            base: arm(base.0, base.1),
            head: arm(head.0, head.1),
        }
    }

    #[test]
    fn turns_are_as_long_as_the_slower_arm_needs() {
        let load = samples::phase(|_| ()).load;
        let check = |base, head, slice: Duration, measured: u32| {
            let found = arms(base, head);
            let pacing = Pacing::decided(&found, &load, true, LONGEST);
            let close = |a: Duration, b: Duration| a.abs_diff(b) < b / 100;
            assert!(close(pacing.slice, slice), "{pacing:?}");
            assert_eq!(pacing.slices.measured, measured, "{pacing:?}");
            let within = if measured > 4 { CLOSED_WITHIN } else { LONGEST };
            assert!(
                (pacing.slice + pacing.gap) * all(pacing.slices) <= within,
                "{pacing:?}"
            );
            assert!(pacing.gap >= 2 * MS, "{pacing:?}");
            assert!(pacing.wanted >= pacing.slice, "{pacing:?}");
        };
        let fast = (20_000.0, 3 * MS);
        check(fast, fast, 100 * MS, 24);
        // 200 requests.
        check(fast, (1_400.0, MS), 143 * MS, 16);
        // 20.5 median latencies.
        check((20_000.0, 10 * MS), fast, 205 * MS, 8);
        // Fewer turns in a longer block.
        check((400.0, 20 * MS), fast, 500 * MS, 4);
        // More than that has time for: what is under way ends between turns all the same.
        check((200.0, 20 * MS), fast, 843 * MS, 4);
        check((200.0, 320 * MS), fast, 530 * MS, 4);
        // Without an answer there is nothing to go by.
        check((0.0, MS), (0.0, MS), 100 * MS, 24);
    }

    #[test]
    fn turns_that_are_too_short_say_what_they_lack() {
        let load = samples::phase(|_| ()).load;
        let lacks = |rate| {
            let found = arms((rate, 20 * MS), (rate, MS));
            Pacing::decided(&found, &load, true, LONGEST).lacks()
        };
        assert_eq!(lacks(20_000.0), None);
        assert_eq!(lacks(400.0), None);
        // Six turns of a second, with their gaps.
        assert_eq!(lacks(200.0), Some(7_500 * MS));
    }

    #[test]
    fn the_fixed_rate_is_half_of_what_the_slower_arm_takes_or_the_scenarios_own() {
        let found = arms((20_000.0, MS), (10_000.0, MS));
        let closed = Load {
            model: LoadModel::Closed,
            ..samples::phase(|_| ()).load
        };
        let rate = |load: &Load| {
            let open = Pacing::decided(&found, load, true, LONGEST).open.unwrap();
            open.rate.per_second()
        };
        assert_eq!(rate(&closed), 5_000.0);
        let own = Load {
            model: LoadModel::Open {
                pace: Pace::Constant(Rate::new(800.0).unwrap()),
                arrivals: Arrivals::Poisson,
            },
            ..closed.clone()
        };
        assert_eq!(rate(&own), 800.0);
        assert_eq!(Pacing::decided(&found, &own, false, LONGEST).open, None);
        let deaf = arms((0.0, MS), (10_000.0, MS));
        assert_eq!(Pacing::decided(&deaf, &closed, true, LONGEST).open, None);
    }

    #[test]
    fn answers_that_all_come_between_turns_are_answers_at_a_fixed_rate() {
        let mut slow = arms((100.0, 200 * MS), (100.0, 200 * MS));
        for turns in [&mut slow.base, &mut slow.head] {
            turns.tallies[0].completed_ok = 0;
        }
        let load = Load {
            model: LoadModel::Closed,
            ..samples::phase(|_| ()).load
        };
        // 40 answers that took 200 ms, in four turns of 100 ms.
        let open = Pacing::decided(&slow, &load, true, LONGEST).open.unwrap();
        let rate = open.rate.per_second();
        assert!((24.0..26.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_calibration_is_repeated_until_its_turns_are_long_enough() {
        let slow = arms((200.0, 50 * MS), (200.0, 50 * MS));
        let again = Pacing::first().again(&slow, LONGEST).unwrap();
        assert!(again.slice > 200 * MS, "{again:?}");
        assert_eq!(again.again(&slow, LONGEST), None);
        let fast = arms((20_000.0, 3 * MS), (20_000.0, 3 * MS));
        assert_eq!(Pacing::first().again(&fast, LONGEST), None);
        // Four turns of a second each, and of 0.1 s, in windows of 4 s and of 5 s.
        assert!(Pacing::lacks_room(&slow, 4_000 * MS) && !Pacing::lacks_room(&slow, 5_000 * MS));
        assert!(!Pacing::lacks_room(&fast, 4_000 * MS));
    }
}
