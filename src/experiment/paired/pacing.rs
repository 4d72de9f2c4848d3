//! How long the turns of two arms are, and at which rate the ones at a fixed rate go: decided once, from what a short calibration found.
//! Pure.

use std::time::Duration;

use crate::metrics::{Slices, Tally, Timetable};
use crate::result::{Arms, Turns};
use crate::scenario::{Arrivals, Load, LoadModel, Pace};
use crate::units::Rate;

/// What a turn has at least, so that its edges hardly count.
#[derive(Debug, Clone, Copy)]
struct Least {
    length: Duration,
    half_latencies: u32,
    requests: f64,
}

/// Those of a window that is as long as the user says, in which latencies are told as well: the first answers of each turn are faster.
const OF_WINDOW: Least = Least {
    length: USUAL,
    ..OF_BLOCK
};
const OF_WINDOWS: Arms<Least> = Arms {
    base: OF_WINDOW,
    head: OF_WINDOW,
};

/// Those of a block: much of the noise of shared machines lasts for some tens of milliseconds. Answers that all take equally long come at
/// the end of a turn of a whole number of them, or just behind it: half of one more keeps the smallest of changes from moving an answer out
/// of each turn.
const OF_BLOCK: Least = Least {
    length: Duration::from_millis(20),
    half_latencies: 41,
    requests: 200.0,
};

/// Those of an arm that computes all the while: most answers come one after the other, and an edge parts few that belong together.
const OF_COMPUTING: Least = Least {
    half_latencies: 17,
    requests: 100.0,
    ..OF_BLOCK
};

/// CPUs that an arm which computes all the while uses at least.
const COMPUTES: f64 = 0.8;

/// The turns of the first calibration, and of a window. A block has more of shorter ones, so that it is as long.
const USUAL: Duration = Duration::from_millis(100);

/// How long all turns of a block take that are shorter than usual: those that are dropped, and those that are measured.
const SHORT_TURNS: [Duration; 2] = [Duration::from_millis(420), Duration::from_millis(2_520)];

/// The time in which both arms are read before short turns: each has to be idle then, and a machine that is busy reads tens of milliseconds
/// too late.
const PAUSE: Duration = Duration::from_millis(150);

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

/// What a calibration found.
pub(super) struct Calibrated {
    pub(super) turns: Arms<Turns>,
    /// CPUs that each used in its own turns, as far as that can be read.
    pub(super) cores: Arms<Option<f64>>,
}

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
        let first = Timetable::new(slice, gap, slices).with_pause(pause(slice));
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
            slice: USUAL,
            wanted: USUAL,
            gap: SHORTEST_GAP,
            slices: CALIBRATION,
            open: None,
        }
    }

    /// The one for another calibration, with turns that are long enough as far as this one can tell; `None` if they were.
    pub(super) fn again(&self, found: &Calibrated, longest: Duration) -> Option<Self> {
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
        found: &Calibrated,
        load: &Load,
        latencies: bool,
        longest: Duration,
    ) -> Self {
        Self {
            open: latencies.then(|| open(&found.turns, load)).flatten(),
            ..Self::fitting(found, longest)
        }
    }

    /// As many turns of the wanted length as a block has time for; the fewest are shorter if need be.
    fn fitting(found: &Calibrated, longest: Duration) -> Self {
        let turns = &found.turns;
        let wanted = slice(turns, found.cores.map(Least::of_block));
        if wanted < USUAL {
            let gap = gap(wanted, turns);
            return Self {
                slice: wanted,
                wanted,
                gap,
                slices: short(wanted + gap),
                open: None,
            };
        }
        let fits = |slices: &Slices| (wanted + gap(wanted, turns)) * all(*slices) <= CLOSED_WITHIN;
        let usual = BLOCK.into_iter().find(fits);
        let slices = usual.unwrap_or(SLOW);
        let within = usual.map_or(longest.max(CLOSED_WITHIN), |_| CLOSED_WITHIN);
        let longest = within / all(slices);
        // What is under way ends in the gap, as far as there is time.
        let gap = gap(wanted, turns).min(longest * 2 / 5);
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
        let wanted = slice(found, OF_WINDOWS);
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
        slice(found, OF_WINDOWS) * OWN_IN_PATTERN as u32 >= window
    }

    /// How long the turns of a block take.
    pub fn closed(&self) -> Duration {
        (self.slice + self.gap) * all(self.slices) + pause(self.slice)
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

/// The pause before the first measured turn.
fn pause(slice: Duration) -> Duration {
    match slice < USUAL {
        true => PAUSE,
        false => Duration::ZERO,
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

/// How long turns should be: the arm counts that needs longer ones.
fn slice(found: &Arms<Turns>, least: Arms<Least>) -> Duration {
    let of = |turns: &Turns, least: Least| {
        let enough = match rate(turns) {
            Some(rate) => Duration::from_secs_f64(least.requests / rate),
            None => USUAL,
        };
        let latencies = median(turns) * least.half_latencies / 2;
        enough.max(latencies).max(least.length)
    };
    of(&found.base, least.base).max(of(&found.head, least.head))
}

impl Least {
    /// What turns of a block need for an arm that used so many CPUs in its own.
    fn of_block(cores: Option<f64>) -> Self {
        match cores.is_some_and(|cores| cores >= COMPUTES) {
            true => OF_COMPUTING,
            false => OF_BLOCK,
        }
    }
}

/// How many turns a block has if they take so long, with their gaps, and are shorter than usual.
fn short(period: Duration) -> Slices {
    let [dropped, measured] = SHORT_TURNS.map(|all| all.as_secs_f64() / period.as_secs_f64());
    Slices {
        dropped: (dropped / 4.0).round() as u32 * 4,
        measured: ((measured / 8.0).round() as u32 * 8).max(BLOCK[0].measured),
    }
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
#[path = "pacing_tests.rs"]
mod tests;
