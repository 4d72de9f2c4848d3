//! Two arms that are loaded in turns, block by block: both are launched afresh and stay up, one generator drains and switches
//! between them, and all that drifts on the machine falls on both alike.
//!
//! A block holds what was found, also of an arm that did not come up or died; it judges nothing.

mod both;
mod calibration;
mod drive;
mod meter;
mod pacing;
mod side;
mod surroundings;
mod variants;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use self::both::{Arm, Both, Launcher};
use self::calibration::{Calibration, answered};
use self::drive::{Course, Driven};
use self::meter::{Meter, Used};
use self::pacing::Tables;
use self::surroundings::Foreign;
use super::launch::Launched;
use super::variant::Stamps;
use super::{Observer, RunDir, Stop};
use crate::metrics::Tally;
use crate::result::{ArmBlock, Arms, Around, Block, Down, Failure, Turns};
use crate::scenario::{Load, Plan, Variant, shared_port};
use crate::traffic::fleet::Hashes;

pub use self::pacing::{OpenPacing, Pacing};
pub(super) use self::variants::{Pacings, Together};

/// What is compared, and how.
pub struct Paired<'a> {
    /// Of the seed and of how secrets are shown.
    pub plan: &'a Plan,
    /// What is loaded; their requests are the same, or are meant to be.
    pub arms: Arms<&'a Variant>,
    /// How both are loaded: its connections, workers, timeout and mix count, and its rate as a limit of the turns at a fixed rate.
    pub load: &'a Load,
    /// How often they are launched.
    pub relaunch: Relaunch,
    /// Whether latencies are measured, by turns at a fixed rate.
    pub latencies: bool,
    /// How long all turns of a block may take in which connections are never idle, where answers are slow; else they are shorter.
    pub longest: Duration,
    /// Where logs go, below `launch-N`.
    pub dir: &'a RunDir,
    /// Is told of hashes.
    pub observer: &'a dyn Observer,
    /// The user's wish to end.
    pub stop: &'a Stop,
}

/// How often both arms are launched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relaunch {
    /// For so many blocks in a row at a time.
    Every(NonZeroU32),
    /// Once, before the first block.
    Never,
}

/// Two arms, ready for blocks.
pub struct Pair<'a> {
    paired: Paired<'a>,
    launcher: Launcher<'a>,
    hashes: Hashes,
    stamps: Stamps,
    both: Option<Both>,
    launches: u32,
    /// Blocks that ran on the launch.
    blocks: u32,
    pacing: Option<Pacing>,
    /// Why CPU time and memory of arms are not read.
    notes: BTreeSet<String>,
}

impl<'a> Pair<'a> {
    /// Nothing is launched yet.
    ///
    /// # Errors
    /// The arms cannot be up at the same time, in words.
    pub fn new(paired: Paired<'a>, started_at: jiff::Timestamp) -> Result<Self, Failure> {
        if let Some(port) = shared_port(paired.arms.base, paired.arms.head) {
            return Err(Failure::Target(format!(
                "both arms are to listen at port {port}, and both are up at the same time; leave out `port` of `target`, or let the command take `{{port}}`"
            )));
        }
        Ok(Self {
            launcher: Launcher {
                arms: paired.arms.map(Arm::of),
                dir: paired.dir,
                observer: paired.observer,
                stop: paired.stop,
            },
            paired,
            hashes: Hashes::default(),
            stamps: Stamps::of(started_at),
            both: None,
            launches: 0,
            blocks: 0,
            pacing: None,
            notes: BTreeSet::new(),
        })
    }

    /// How long turns are, and at which rate latencies are measured: decided in the first block in which both arms were up, and
    /// the same from then on.
    pub fn pacing(&self) -> Option<Pacing> {
        self.pacing
    }

    /// Why CPU time and memory of arms are not read, as far as it was seen, in words.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().map(String::as_str)
    }

    /// From now on blocks have no turns at a fixed rate: they are shorter.
    pub fn leave_out_latencies(&mut self) {
        self.paired.latencies = false;
    }

    /// Runs the block `number`, from 1. `None` if the user wishes to end, and after that nothing runs any more. An arm that does not
    /// come up, fails or dies is what was found.
    ///
    /// # Errors
    /// telemload or its machine failed.
    pub async fn block(&mut self, number: u32) -> Result<Option<Block>, Failure> {
        if self.is_used() || self.both.is_none() {
            self.finish().await;
            self.launches += 1;
            let directory = PathBuf::from(format!("launch-{}", self.launches));
            let directories = Arms {
                base: directory.join("base"),
                head: directory.join("head"),
            };
            self.blocks = 0;
            self.both = self
                .launcher
                .launch(self.launches, &directories, &mut self.hashes)
                .await?;
        }
        let Some(mut both) = self.both.take() else {
            return Ok(None);
        };
        let block = self.run(&mut both, number).await;
        let has_died = [&both.arms.base, &both.arms.head]
            .into_iter()
            .any(|arm| arm.died.is_some());
        self.blocks += 1;
        let is_asked = self.paired.stop.is_asked();
        if is_asked || self.is_used() || has_died || block.is_err() {
            both.stop(self.paired.stop).await;
        } else {
            self.both = Some(both);
        }
        block.map(|block| (!is_asked).then_some(block))
    }

    /// From the next launch on so many blocks run on each.
    pub fn relaunch_every(&mut self, blocks: NonZeroU32) {
        self.paired.relaunch = Relaunch::Every(blocks);
    }

    /// Whether all blocks of a launch ran on it.
    fn is_used(&self) -> bool {
        match self.paired.relaunch {
            Relaunch::Every(blocks) => self.blocks >= blocks.get(),
            Relaunch::Never => false,
        }
    }

    /// Stops what still runs.
    pub async fn finish(&mut self) {
        if let Some(mut both) = self.both.take() {
            both.stop(self.paired.stop).await;
        }
    }

    async fn run(&mut self, both: &mut Both, number: u32) -> Result<Block, Failure> {
        let head_first = number.is_multiple_of(2);
        let Some(targets) = both.targets() else {
            return Ok(block(both, number, head_first));
        };
        let misread = misread(&targets);
        let mut meters = Arms {
            base: Meter::of(targets.base)?.blind(misread.base.is_some()),
            head: Meter::of(targets.head)?.blind(misread.head.is_some()),
        };
        self.notes
            .extend(misread.base.into_iter().chain(misread.head));
        let pacing = match self.pacing {
            Some(pacing) => pacing,
            None => self.calibrate(both, &mut meters).await?,
        };
        meters.base.restart_peaks();
        meters.head.restart_peaks();
        let load = pacing.closed_load(self.paired.load);
        let tables = pacing.closed_tables(head_first);
        let mut closed = self.turns(both, &mut meters, &load, &tables).await?;
        for turns in [&mut closed.turns.base, &mut closed.turns.head] {
            turns.are_short = pacing.slice < pacing.wanted;
        }
        let is_open = self.paired.latencies && self.goes_on(both);
        let open = match pacing.open.filter(|_| is_open) {
            Some(open) => {
                let load = open.load(self.paired.load);
                let tables = open.tables(head_first);
                Some(self.turns(both, &mut meters, &load, &tables).await?)
            }
            None => None,
        };
        let mut block = block(both, number, head_first);
        block.arms.base.peak_bytes = meters.base.peak_bytes();
        block.arms.head.peak_bytes = meters.head.peak_bytes();
        block.around = around(&closed, open.as_ref());
        fill(&mut block, closed, open);
        Ok(block)
    }

    fn goes_on(&self, both: &Both) -> bool {
        both.targets().is_some() && !self.paired.stop.is_asked()
    }

    /// Finds out how long turns must be. What one of the arms does not answer is left for a later block.
    async fn calibrate(
        &mut self,
        both: &mut Both,
        meters: &mut Arms<Meter>,
    ) -> Result<Pacing, Failure> {
        let Paired {
            plan,
            load,
            stop,
            longest,
            latencies,
            ..
        } = self.paired;
        let calibration = Calibration {
            plan,
            arms: &self.launcher.arms,
            load,
            longest,
            window: None,
            stamps: &self.stamps,
            stop,
        };
        let found = calibration.run(both, meters).await?;
        let decided = Pacing::decided(&found, load, latencies, longest);
        if answered(&found.turns.base) && answered(&found.turns.head) {
            self.pacing = Some(decided);
        }
        Ok(decided)
    }

    async fn turns(
        &mut self,
        both: &mut Both,
        meters: &mut Arms<Meter>,
        load: &Load,
        tables: &Tables,
    ) -> Result<Driven, Failure> {
        let course = Course {
            plan: self.paired.plan,
            arms: &self.launcher.arms,
            load,
            tables,
            stamps: Arms {
                base: self.stamps.next(),
                head: self.stamps.next(),
            },
        };
        course.drive(both, meters, self.paired.stop).await
    }
}

/// Why what is read of the processes of an arm is not what it uses, in words.
fn misread(targets: &Arms<&Launched>) -> Arms<Option<String>> {
    let Arms { base, head } = targets;
    if base.shares_processes(head) {
        let words = "both arms are served by one process, whose CPU time and memory are not those of one arm: they are not judged; name a process for each";
        return Arms {
            base: Some(words.to_owned()),
            head: Some(words.to_owned()),
        };
    }
    let of = |arm: &str, target: &Launched| {
        let note = target.notes.first()?;
        let remedy = note.remedy.as_deref().unwrap_or_default();
        Some(format!(
            "{arm}: {}, and are not judged; {remedy}",
            note.words
        ))
    };
    Arms {
        base: of("base", base),
        head: of("head", head),
    }
}

fn around(closed: &Driven, open: Option<&Driven>) -> Around {
    let Some((begin, mut end)) = closed.moments else {
        return Around::default();
    };
    let mut lag = Duration::ZERO;
    if let Some(open) = open
        && let Some((_, last)) = open.moments
    {
        end = last;
        lag = lag_p99(open);
    }
    // What the arms use between the turns of both kinds, and in the turns that are dropped, is not known.
    let foreign = [Some(closed), open].into_iter().flatten();
    let foreign = foreign.filter_map(foreign_of).reduce(Foreign::and);
    Around {
        dispatch_lag_p99: lag,
        foreign_cores: foreign.and_then(Foreign::cores),
        ..begin.until(&end)
    }
}

/// What others used during turns of one kind; the arms are read around them.
fn foreign_of(driven: &Driven) -> Option<Foreign> {
    let (begin, end) = driven.moments?;
    let arms = driven.used.base?.all + driven.used.head?.all;
    begin.foreign(&end, arms)
}

/// The 99th percentile of the generator's lateness towards both arms.
fn lag_p99(open: &Driven) -> Duration {
    let mut lag = Tally::default().dispatch_lag;
    for turns in [&open.turns.base, &open.turns.head] {
        for tally in &turns.tallies {
            // Both grow as they need.
            let _ = lag.add(&tally.dispatch_lag);
        }
    }
    match lag.is_empty() {
        true => Duration::ZERO,
        false => Duration::from_nanos(lag.value_at_quantile(0.99)),
    }
}

/// A block in which nothing was counted yet.
fn block(both: &Both, number: u32, head_first: bool) -> Block {
    let arm = |died: &Option<Down>| ArmBlock {
        cpu: None,
        open_cpu: None,
        peak_bytes: None,
        closed: Turns::nothing(),
        open: None,
        died: died.clone(),
    };
    Block {
        number,
        launch: both.number,
        head_first,
        arms: both.arms.as_ref().map(|arm_of| arm(&arm_of.died)),
        around: Around::default(),
    }
}

fn fill(block: &mut Block, closed: Driven, open: Option<Driven>) {
    let Arms { base, head } = &mut block.arms;
    let target = |used: Option<Used>| used.map(|used| used.target);
    let Arms {
        base: of_base,
        head: of_head,
    } = closed.used.map(target);
    (base.cpu, head.cpu) = (of_base, of_head);
    (base.closed, head.closed) = (closed.turns.base, closed.turns.head);
    if let Some(open) = open {
        let Arms {
            base: of_base,
            head: of_head,
        } = open.used.map(target);
        (base.open_cpu, head.open_cpu) = (of_base, of_head);
        (base.open, head.open) = (Some(open.turns.base), Some(open.turns.head));
    }
}
