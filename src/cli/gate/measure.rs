//! Blocks, for as long as the decision asks for more and the budget lasts.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::arms::Compared;
use super::shown::note;
use crate::cli::output::say;
use crate::experiment::{self, Observer, Pair, Paired, RunDir, Stop};
use crate::gate::Outcome;
use crate::gate::paired::{CONFIRMING, Ended, FIRST_LOOK, Measured, Next, Time, next};
use crate::result::{Block, Failure};
use crate::scenario::plan::gate::{Confirm, GateMetric, GatePlan, LONGEST_BUDGET, Relaunch};
use crate::units::format_duration;

/// What is measured in.
pub(super) struct Surroundings<'a> {
    pub(super) dir: &'a RunDir,
    pub(super) observer: &'a dyn Observer,
    pub(super) stop: &'a Stop,
    pub(super) started_at: jiff::Timestamp,
    /// When the budget began to be used.
    pub(super) began: Instant,
    pub(super) quiet: bool,
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) blocks: Vec<Block>,
    pub(super) confirming: Vec<Block>,
    pub(super) ended: Ended,
}

/// Measures until the decision stops.
pub(super) async fn measure(compared: &Compared, around: &Surroundings<'_>) -> Found {
    let mut found = Found {
        blocks: Vec::new(),
        confirming: Vec::new(),
        ended: Ended::Planned,
    };
    let paired = Paired {
        plan: &compared.plan,
        arms: compared.arms.as_ref(),
        load: &compared.load,
        relaunch: match compared.gate.relaunch {
            Relaunch::Every(blocks) => {
                experiment::Relaunch::Every(NonZeroU32::new(blocks).unwrap_or(NonZeroU32::MIN))
            }
            Relaunch::Never => experiment::Relaunch::Never,
        },
        latencies: compared.has_latencies(),
        longest: longest(&compared.gate),
        dir: around.dir,
        observer: around.observer,
        stop: around.stop,
    };
    let pair = match Pair::new(paired, around.started_at) {
        Ok(pair) => pair,
        Err(failure) => {
            found.ended = Ended::Early(outcome(failure));
            return found;
        }
    };
    let mut measuring = Measuring {
        compared,
        around,
        pair,
        clock: Clock {
            has_latencies: compared.has_latencies(),
            ..Clock::default()
        },
        blocks: given(&compared.gate),
        found,
    };
    let ended = measuring.all().await;
    measuring.pair.finish().await;
    measuring.found.ended = ended;
    measuring.found
}

struct Measuring<'a> {
    compared: &'a Compared,
    around: &'a Surroundings<'a>,
    pair: Pair<'a>,
    clock: Clock,
    /// Blocks on each launch.
    blocks: u32,
    found: Found,
}

/// What fits into the budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Fits {
    /// Looks, and fresh launches that confirm a failure.
    #[default]
    Confirmed,
    /// The first look alone: what is no worse can pass, and nothing can fail.
    FirstLook,
    /// Not even that.
    Nothing,
}

/// How long launches take.
#[derive(Debug, Default)]
struct Clock {
    fits: Fits,
    /// Whether blocks have turns at a fixed rate.
    has_latencies: bool,
    /// Each with its blocks, in their order. Turns are tried in the first one, which is longer for that.
    launches: Vec<Duration>,
}

impl Clock {
    /// What a launch takes, as far as it is known; of a single one nothing is.
    fn launch(&self) -> Option<Duration> {
        let later = self.launches.get(1..)?;
        let count = later.len() as u32;
        (count > 0).then(|| later.iter().sum::<Duration>() / count)
    }

    /// Launches that the first look lacks, however many blocks each of them has.
    fn left_to_look(&self) -> u32 {
        FIRST_LOOK.saturating_sub(self.launches.len()) as u32
    }
}

/// Launches of a gate that has time for a look between the first and the last one, and for confirming.
const LAUNCHES: u32 = (FIRST_LOOK + 3 + CONFIRMING) as u32;

/// For each of so many seconds of the budget a block more may run on each launch: launches differ less then.
const EACH_BLOCK_SECONDS: u64 = 120;

/// The part of the budget in which blocks of slow answers fit, launching left aside.
const LOADED: f64 = 0.8;

/// Blocks on each launch as the scenario has them.
fn given(gate: &GatePlan) -> u32 {
    match gate.relaunch {
        Relaunch::Every(blocks) => blocks,
        Relaunch::Never => 1,
    }
}

/// How long the turns of a block may be where answers are slow: the first look and confirming have to fit.
fn longest(gate: &GatePlan) -> Duration {
    gate.budget.mul_f64(LOADED) / (FIRST_LOOK + CONFIRMING) as u32 / given(gate)
}

impl Measuring<'_> {
    async fn all(&mut self) -> Ended {
        loop {
            let measured = Measured {
                blocks: &self.found.blocks,
                confirming: &self.found.confirming,
            };
            let time = self.time();
            let confirms = match next(&self.compared.gate, measured, time) {
                Next::Stop if time == Time::Left => return Ended::Planned,
                Next::Stop => return self.short(),
                Next::Measure if time == Time::Over => return self.short(),
                Next::Measure => false,
                Next::Confirm { at_rate } => {
                    if !at_rate {
                        self.leave_out_latencies();
                    }
                    if !self.has_time_to_confirm() {
                        return self.short();
                    }
                    true
                }
            };
            if let Err(ended) = self.launch(confirms).await {
                return ended;
            }
        }
    }

    /// One launch of both arms with all its blocks.
    async fn launch(&mut self, confirms: bool) -> Result<(), Ended> {
        let began = Instant::now();
        for _ in 0..self.blocks {
            let number = self.found.blocks.len() + self.found.confirming.len() + 1;
            let block = self.pair.block(number as u32).await;
            let block = block.map_err(|failure| Ended::Early(outcome(failure)))?;
            let Some(block) = block else {
                return Err(Ended::Early(Outcome::Interrupted));
            };
            self.tell(&block, confirms);
            let into = if confirms {
                &mut self.found.confirming
            } else {
                &mut self.found.blocks
            };
            into.push(block);
        }
        if !confirms {
            self.clock.launches.push(began.elapsed());
            match self.clock.launches.len() {
                1 => {
                    let notes = self.pair.notes();
                    notes.for_each(|words| note(self.around.quiet, words));
                    self.say_what_capacity_needs();
                }
                // Where it is over already, no budget matters.
                2 if !self.is_over() => self.fit(),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether what was found so far is a verdict, as of a head that never became ready.
    fn is_over(&self) -> bool {
        let measured = Measured {
            blocks: &self.found.blocks,
            confirming: &self.found.confirming,
        };
        next(&self.compared.gate, measured, Time::Left) == Next::Stop
    }

    /// Whether another launch, and those that confirm a failure, end within the budget.
    fn time(&self) -> Time {
        let launch = self.clock.launch().unwrap_or_default();
        let reserved = match self.clock.fits {
            // Some are longer than others.
            Fits::Confirmed => self.confirming().mul_f64(1.05),
            Fits::FirstLook => Duration::ZERO,
            Fits::Nothing => return Time::Over,
        };
        if launch + reserved > self.left() {
            Time::Over
        } else {
            Time::Left
        }
    }

    /// Whether all launches that are left to confirm a failure end within the budget.
    fn has_time_to_confirm(&self) -> bool {
        let done = self.found.confirming.len() as u32 / self.blocks;
        let left = (CONFIRMING as u32).saturating_sub(done);
        self.to_confirm() * left <= self.left()
    }

    /// The budget was too short: of which length it would not be.
    fn short(&self) -> Ended {
        let looking = self.to_confirm() * self.clock.left_to_look();
        let confirming = self.found.confirming.len() as u32 / self.blocks;
        let confirmed = self.to_confirm() * confirming;
        let elapsed = self.around.began.elapsed();
        Ended::Short(rounded(
            (elapsed + looking + self.confirming()).saturating_sub(confirmed),
        ))
    }

    fn left(&self) -> Duration {
        let budget = self.compared.gate.budget;
        budget.saturating_sub(self.around.began.elapsed())
    }

    /// How long all launches take that confirm a failure.
    fn confirming(&self) -> Duration {
        match self.compared.gate.confirm {
            Confirm::Fresh => self.to_confirm() * CONFIRMING as u32,
            Confirm::No => Duration::ZERO,
        }
    }

    /// How long one of them takes: a figure at a fixed rate, which may fail as well, is confirmed by whole launches. Turns at a fixed rate
    /// are left out of those that confirm anything else.
    fn to_confirm(&self) -> Duration {
        let launch = self.clock.launch().unwrap_or_default();
        let mut metrics = self.compared.gate.metrics.iter();
        if metrics.any(|of| of.limits.is_some() && of.metric.is_at_rate()) {
            launch
        } else {
            launch.saturating_sub(self.at_rate())
        }
    }

    /// How long the turns at a fixed rate of one launch take.
    fn at_rate(&self) -> Duration {
        let open = self.pair.pacing().and_then(|pacing| pacing.open);
        let open = open.filter(|_| self.clock.has_latencies);
        open.map_or(Duration::ZERO, |open| open.lasts() * self.blocks)
    }

    /// Blocks are shorter from now on, and so is what is known of them.
    fn leave_out_latencies(&mut self) {
        let at_rate = self.at_rate();
        for launch in &mut self.clock.launches {
            *launch = launch.saturating_sub(at_rate);
        }
        self.clock.has_latencies = false;
        self.pair.leave_out_latencies();
    }

    /// Leaves latencies out if the first look and its confirmation fit into the budget without them alone; where they do not fit at
    /// all, the user is told now. Runs several blocks on each launch if the budget has time for that.
    fn fit(&mut self) {
        let first_look = FIRST_LOOK as u32 - 2;
        let launch = self.clock.launch().unwrap_or_default();
        if launch * first_look + self.confirming() <= self.left() {
            self.more_blocks(launch);
            return;
        }
        self.leave_out_latencies();
        let launch = self.clock.launch().unwrap_or_default();
        let confirming = self.confirming();
        let budget = format_duration(self.compared.gate.budget);
        let whole = rounded(self.around.began.elapsed() + launch * first_look + confirming);
        let more = format!("use `--budget {}s` or more", whole.as_secs());
        let words = if launch * first_look + confirming <= self.left() {
            format!(
                "latencies are left out: {FIRST_LOOK} launches with them, and {CONFIRMING} that confirm a failure, do not fit into {budget}"
            )
        } else if launch * first_look <= self.left() {
            self.clock.fits = Fits::FirstLook;
            format!("a failure cannot be confirmed within {budget}, so that nothing fails: {more}")
        } else {
            self.clock.fits = Fits::Nothing;
            format!(
                "{FIRST_LOOK} launches of {:.1} s each do not fit into {budget}: {more}",
                launch.as_secs_f64()
            )
        };
        self.say(&format!("note: {words}"));
    }

    /// As many blocks on each launch as the budget has time for.
    fn more_blocks(&mut self, launch: Duration) {
        let gate = &self.compared.gate;
        let Some(pacing) = self
            .pair
            .pacing()
            .filter(|_| gate.relaunch != Relaunch::Never)
        else {
            return;
        };
        let block = pacing.closed() + self.at_rate() / self.blocks;
        let most = self.blocks * (gate.budget.as_secs() / EACH_BLOCK_SECONDS).max(1) as u32;
        let fits = |more: &u32| (launch + block * *more) * LAUNCHES <= gate.budget;
        let more = (1..=most - self.blocks).take_while(fits).last();
        if let Some(more) = more {
            self.blocks += more;
            let blocks = NonZeroU32::new(self.blocks).unwrap_or(NonZeroU32::MIN);
            self.pair.relaunch_every(blocks);
            for launch in &mut self.clock.launches {
                *launch += block * more;
            }
        }
    }

    /// Which budget has time for turns that are long enough, if this one has not.
    fn say_what_capacity_needs(&self) {
        let gate = &self.compared.gate;
        let mut metrics = gate.metrics.iter();
        let is_judged = metrics.any(|of| of.metric == GateMetric::Capacity && of.limits.is_some());
        let lacks = self.pair.pacing().and_then(|pacing| pacing.lacks());
        let Some(lacks) = lacks.filter(|_| is_judged) else {
            return;
        };
        let launches = (FIRST_LOOK + CONFIRMING) as u32 * given(gate);
        let budget = rounded((lacks * launches).div_f64(LOADED));
        let remedy = if budget <= LONGEST_BUDGET {
            format!("use `--budget {}s` or more", budget.as_secs())
        } else {
            "no budget has time for longer ones".to_owned()
        };
        self.say(&format!(
            "note: answers are so slow that the turns of a block are too short for capacity, which is not judged: {remedy}"
        ));
    }

    fn say(&self, words: &str) {
        if !self.around.quiet {
            say(words);
        }
    }

    fn tell(&self, block: &Block, confirms: bool) {
        let arms = block.arms.as_ref();
        let cost = arms.map(|arm| {
            let ok: u64 = arm.closed.tallies.iter().map(|of| of.ok).sum();
            arm.cpu.map(|cpu| cpu.as_secs_f64() / ok.max(1) as f64)
        });
        let change = match (cost.base, cost.head) {
            (Some(base), Some(head)) if base > 0.0 => {
                format!("CPU per request {:+.1} %", (head / base - 1.0) * 100.0)
            }
            _ => "CPU is not known".to_owned(),
        };
        let died = [("base", &arms.base.died), ("head", &arms.head.died)];
        let died: String = died
            .iter()
            .filter_map(|(name, died)| {
                let down = died.as_ref()?;
                Some(format!("; the {name} {}: {}", down.what(), down.words()))
            })
            .collect();
        let what = if confirms { "confirming, " } else { "" };
        let seconds = self.around.began.elapsed().as_secs();
        self.say(&format!(
            "{seconds:>4} s  {what}block {}: {change}{died}",
            block.number
        ));
    }
}

/// As budgets are given.
fn rounded(budget: Duration) -> Duration {
    Duration::from_secs((budget.as_secs() + 1).next_multiple_of(10))
}

fn outcome(failure: Failure) -> Outcome {
    match failure {
        Failure::Internal(words) => Outcome::Internal(words),
        Failure::Target(words) => Outcome::Invalid(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_lacks_launches_and_not_blocks() {
        let clock = |launches| Clock {
            launches: vec![Duration::from_secs(1); launches],
            ..Clock::default()
        };
        for (launches, lacks) in [(0, 10), (1, 9), (3, 7), (10, 0), (12, 0)] {
            assert_eq!(clock(launches).left_to_look(), lacks, "{launches}");
        }
    }
}
