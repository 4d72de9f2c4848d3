//! Blocks, for as long as the decision asks for more and the budget lasts.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::arms::Compared;
use crate::cli::output::say;
use crate::experiment::{self, Observer, Pair, Paired, RunDir, Stop};
use crate::gate::Outcome;
use crate::gate::paired::{CONFIRMING, Ended, FIRST_LOOK, Measured, Next, Time, next};
use crate::result::{Block, Failure};
use crate::scenario::plan::gate::{Confirm, Relaunch};
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
        clock: Clock::default(),
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
                Next::Stop => return Ended::Planned,
                Next::Measure if time == Time::Over => return Ended::Planned,
                Next::Measure => false,
                Next::Confirm { .. }
                    if self.clock.fits == Fits::FirstLook || self.left().is_zero() =>
                {
                    return Ended::Planned;
                }
                Next::Confirm { at_rate } => {
                    if !at_rate {
                        self.pair.leave_out_latencies();
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
        let blocks = match self.compared.gate.relaunch {
            Relaunch::Every(blocks) => blocks,
            Relaunch::Never => 1,
        };
        for _ in 0..blocks {
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
            if self.clock.launches.len() == 2 {
                self.fit();
            }
        }
        Ok(())
    }

    /// Whether another launch, and those that confirm a failure, end within the budget.
    fn time(&self) -> Time {
        let launch = self.clock.launch().unwrap_or_default();
        let reserved = match self.clock.fits {
            // A figure at a fixed rate, which may fail from the first look on, is confirmed by whole launches. Turns at a fixed rate
            // are left out of those that confirm anything else.
            Fits::Confirmed if self.judges_rates() && self.clock.launches.len() >= FIRST_LOOK => {
                launch * self.confirming()
            }
            Fits::Confirmed => launch.saturating_sub(self.at_rate()) * self.confirming(),
            Fits::FirstLook => Duration::ZERO,
            Fits::Nothing => return Time::Over,
        };
        if launch + reserved > self.left() {
            Time::Over
        } else {
            Time::Left
        }
    }

    fn judges_rates(&self) -> bool {
        let mut metrics = self.compared.gate.metrics.iter();
        metrics.any(|of| of.limits.is_some() && of.metric.is_at_rate())
    }

    fn left(&self) -> Duration {
        let budget = self.compared.gate.budget;
        budget.saturating_sub(self.around.began.elapsed())
    }

    /// Launches that confirm a failure.
    fn confirming(&self) -> u32 {
        match self.compared.gate.confirm {
            Confirm::Fresh => CONFIRMING as u32,
            Confirm::No => 0,
        }
    }

    /// How long the turns at a fixed rate of one launch take.
    fn at_rate(&self) -> Duration {
        let open = self.pair.pacing().and_then(|pacing| pacing.open);
        let blocks = match self.compared.gate.relaunch {
            Relaunch::Every(blocks) => blocks,
            Relaunch::Never => 1,
        };
        open.map_or(Duration::ZERO, |open| (open.slice + open.gap) * 10 * blocks)
    }

    /// Leaves latencies out if the first look and its confirmation fit into the budget without them alone; where they do not fit at
    /// all, the user is told now.
    fn fit(&mut self) {
        let launch = self.clock.launch().unwrap_or_default();
        let closed = launch.saturating_sub(self.at_rate());
        let first_look = FIRST_LOOK as u32 - 2;
        let confirming = closed * self.confirming();
        if launch * first_look + confirming <= self.left() {
            return;
        }
        self.pair.leave_out_latencies();
        let budget = format_duration(self.compared.gate.budget);
        let whole = self.around.began.elapsed() + closed * first_look + confirming;
        let more = format!(
            "use `--budget {}s` or more",
            whole.as_secs().next_multiple_of(10)
        );
        let words = if closed * first_look + confirming <= self.left() {
            format!(
                "latencies are left out: {FIRST_LOOK} launches with them do not fit into {budget}"
            )
        } else if closed * first_look <= self.left() {
            self.clock.fits = Fits::FirstLook;
            format!("a failure cannot be confirmed within {budget}, so that nothing fails: {more}")
        } else {
            self.clock.fits = Fits::Nothing;
            format!(
                "{FIRST_LOOK} launches of {:.1} s each do not fit into {budget}: {more}",
                closed.as_secs_f64()
            )
        };
        self.say(&format!("note: {words}"));
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
            .filter_map(|(name, died)| Some(format!("; the {name} ended: {}", died.as_ref()?)))
            .collect();
        let what = if confirms { "confirming, " } else { "" };
        let seconds = self.around.began.elapsed().as_secs();
        self.say(&format!(
            "{seconds:>4} s  {what}block {}: {change}{died}",
            block.number
        ));
    }
}

fn outcome(failure: Failure) -> Outcome {
    match failure {
        Failure::Internal(words) => Outcome::Internal(words),
        Failure::Target(words) => Outcome::Invalid(words),
    }
}
