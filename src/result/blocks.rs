//! Two arms that were loaded in turns: what a gate and a comparison of variants side by side judge. Plain values.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::metrics::{ErrorKind, Tally};

/// The two sides of a comparison: what was before a change, and what is after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arms<T> {
    /// Before the change.
    pub base: T,
    /// After it.
    pub head: T,
}

impl<T> Arms<T> {
    /// The same of each arm.
    pub fn map<U>(self, mut of: impl FnMut(T) -> U) -> Arms<U> {
        Arms {
            base: of(self.base),
            head: of(self.head),
        }
    }

    /// Each by reference.
    pub fn as_ref(&self) -> Arms<&T> {
        Arms {
            base: &self.base,
            head: &self.head,
        }
    }
}

/// One block: both arms up at once, loaded in turns by one generator.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Its number, from 1.
    pub number: u32,
    /// Which launch of the arms it ran on, from 1: blocks of one launch are one observation.
    pub launch: u32,
    /// Whether the measured turns began with head, base, base, head rather than with base, head, head, base. The two orders alternate
    /// in groups of four turns.
    pub head_first: bool,
    /// What each arm did.
    pub arms: Arms<ArmBlock>,
    /// What else the machine did.
    pub around: Around,
}

/// What one arm did in a block.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmBlock {
    /// CPU time of its processes from before the first measured turn of `closed` to behind the last one, the other arm's turns
    /// included, so that work which is done later is charged. It is that of the `ok` answers to what was due in these turns, of
    /// which `completed_ok` lacks those that came between two turns. `None` if it cannot be read, or was read too late: when
    /// the arm had begun again.
    pub cpu: Option<Duration>,
    /// The same over the turns of `open`: a light load costs another amount per request.
    pub open_cpu: Option<Duration>,
    /// Largest memory, bytes.
    pub peak_bytes: Option<u64>,
    /// Turns in which its connections were never idle.
    pub closed: Turns,
    /// Turns at a fixed rate; `None` where latencies are not asked for.
    pub open: Option<Turns>,
    /// Why it is not up, if it is not.
    pub died: Option<Down>,
}

/// Why an arm is not up, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Down {
    /// It never became ready.
    Unready(String),
    /// It was ready, and ended by itself.
    Ended(String),
}

impl Down {
    /// What became of it.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Unready(_) => "never became ready",
            Self::Ended(_) => "ended by itself",
        }
    }

    /// What was seen of that.
    pub fn words(&self) -> &str {
        match self {
            Self::Unready(words) | Self::Ended(words) => words,
        }
    }
}

/// All turns of one kind of one arm in one block.
#[derive(Debug, Clone, PartialEq)]
pub struct Turns {
    /// Length of all of them, without the first ones that were dropped.
    pub active: Duration,
    /// How many.
    pub count: u32,
    /// Whether each is shorter than its answers need: requests that are under way at its end are so many that it says little of
    /// throughput.
    pub are_short: bool,
    /// Whether a worker of the generator was busy all the while: the arm may take more than it was sent.
    pub outruns_generator: bool,
    /// What was counted in them, by request in the order of the plan.
    pub tallies: Vec<Tally>,
    /// The first failure of each kind, in words.
    pub exemplars: BTreeMap<ErrorKind, String>,
    /// Of turns at a fixed rate: latencies of what ended in each of them or in the gap behind it, ns, and how often each came. A turn in
    /// which nothing ended is left out.
    pub by_turn: Vec<Vec<(u64, u64)>>,
}

impl Turns {
    /// Of an arm that was not loaded.
    pub fn nothing() -> Self {
        Self {
            active: Duration::ZERO,
            count: 0,
            are_short: false,
            outruns_generator: false,
            tallies: Vec::new(),
            exemplars: BTreeMap::new(),
            by_turn: Vec::new(),
        }
    }
}

/// What the machine did beside the arms and the generator during a block: evidence, and the fixed rules by which latencies are void.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Around {
    /// CPUs that others used; `None` if the system does not say.
    pub foreign_cores: Option<f64>,
    /// Share of CPU time that the hypervisor took, 0 to 1.
    pub steal: Option<f64>,
    /// How long the control group was throttled.
    pub throttled: Duration,
    /// CPUs that the generator used.
    pub generator_cores: f64,
    /// 99th percentile of the generator's lateness in the turns at a fixed rate; zero without such.
    pub dispatch_lag_p99: Duration,
}
