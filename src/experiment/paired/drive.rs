//! Drives both arms through their turns, and reads what they use while each is idle.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::super::Stop;
use super::super::aim::Aim;
use super::super::doubts::SATURATED_WORKER;
use super::super::drive::no_workers;
use super::both::{Arm, Both};
use super::meter::{Meter, Read, Used, used};
use super::pacing::Tables;
use super::surroundings::Moment;
use crate::engine::{Drive, Engine, now_ns};
use crate::metrics::{ErrorKind, Interval, Tally, Timetable, latency_quantiles};
use crate::result::{Arms, Failure, Turns};
use crate::scenario::{Load, LoadModel, Plan};
use crate::traffic::template::Stamp;

/// What both arms are driven with.
pub(super) struct Course<'a> {
    pub(super) plan: &'a Plan,
    pub(super) arms: &'a Arms<Arm<'a>>,
    pub(super) load: &'a Load,
    pub(super) tables: &'a Tables,
    /// Different for each arm: they may share what is behind them.
    pub(super) stamps: Arms<Stamp>,
}

/// What was found.
pub(super) struct Driven {
    pub(super) turns: Arms<Turns>,
    pub(super) used: Arms<Option<Used>>,
    /// The first measured turn and the end of the last one.
    pub(super) moments: Option<(Moment, Moment)>,
}

/// What is read, in the order of the instants.
struct Readings {
    begin: u64,
    /// What is left to be read.
    planned: Vec<(u64, What)>,
    /// When both are read at last, ns, or later if something is still under way then.
    after: u64,
    first: Arms<Option<Read>>,
    last: Arms<Option<Read>>,
    moments: (Option<Moment>, Option<Moment>),
}

#[derive(Debug, Clone, Copy)]
enum What {
    Base,
    Head,
    Begin,
    End,
}

/// What one arm was counted for.
#[derive(Default)]
struct Count {
    tallies: Vec<Tally>,
    exemplars: BTreeMap<ErrorKind, String>,
    /// Latencies of what ended in each interval, by its number.
    by_turn: BTreeMap<u64, Histogram<u64>>,
    has_ended: bool,
}

impl Course<'_> {
    /// Drives until all turns are over, an arm ends by itself, or the user wishes to end.
    pub(super) async fn drive(
        &self,
        both: &mut Both,
        meters: &mut Arms<Meter>,
        stop: &Stop,
    ) -> Result<Driven, Failure> {
        let Some(targets) = both.targets() else {
            return Ok(self.nothing());
        };
        let drives = Arms {
            base: self
                .aim(&self.arms.base, self.tables.of.base, self.stamps.base)
                .at(targets.base)?,
            head: self
                .aim(&self.arms.head, self.tables.of.head, self.stamps.head)
                .at(targets.head)?,
        };
        let drives = drives.map(without_ledger);
        let [mut base, mut head] = Engine::start_together([&drives.base, &drives.head])
            .map_err(|error| no_workers(&error))?;
        let mut counts = Arms::<Count>::default();
        let mut readings: Option<Readings> = None;
        let ready = base.ready();
        tokio::pin!(ready);
        let (mut stopping, mut stop) = (false, stop.clone());
        loop {
            let next = readings.as_ref().map(Readings::next);
            let have_ended = counts.base.has_ended && counts.head.has_ended;
            if have_ended && (stopping || next == Some(u64::MAX)) {
                break;
            }
            tokio::select! {
                interval = base.next(), if !counts.base.has_ended => counts.base.take(&base, interval),
                interval = head.next(), if !counts.head.has_ended => counts.head.take(&head, interval),
                window = &mut ready, if readings.is_none() => {
                    let begin = window.start - self.tables.of.base.start();
                    readings = Some(Readings::of(begin, self.tables));
                }
                () = until(next.unwrap_or(u64::MAX)) => if let Some(readings) = &mut readings {
                    readings.read(meters).await;
                },
                () = both.ended() => {
                    stopping = true;
                    base.stop();
                }
                () = stop.asked(), if !stopping => {
                    stopping = true;
                    base.stop();
                }
            }
        }
        if let Some(readings) = readings.as_mut().filter(|_| !stopping) {
            readings.end(meters).await;
        }
        let mut outruns = Arms::<bool>::default();
        for (engine, outruns) in [(base, &mut outruns.base), (head, &mut outruns.head)] {
            let end = engine.finish();
            if let Some(words) = end.failure {
                return Err(Failure::Internal(words));
            }
            *outruns = end.busiest_worker >= SATURATED_WORKER;
        }
        let mut found = self.found(counts, readings);
        found.turns.base.outruns_generator = outruns.base;
        found.turns.head.outruns_generator = outruns.head;
        Ok(found)
    }

    fn aim<'b>(&'b self, arm: &'b Arm<'b>, turns: Timetable, stamp: Stamp) -> Aim<'b> {
        Aim {
            plan: self.plan,
            variant: arm.variant,
            rosters: &arm.rosters,
            load: self.load,
            turns: Some(turns),
            stamp,
            interval: match self.load.model {
                LoadModel::Closed => Duration::from_nanos(turns.end()),
                LoadModel::Open { .. } => Duration::from_nanos(turns.period()),
            },
        }
    }

    fn found(&self, counts: Arms<Count>, readings: Option<Readings>) -> Driven {
        let tables = &self.tables.of;
        let used = |turns: &Timetable, of: fn(&Arms<Option<Read>>) -> Option<Read>| {
            let readings = readings.as_ref()?;
            used(
                readings.begin,
                turns,
                of(&readings.first),
                of(&readings.last),
            )
        };
        let used = Arms {
            base: used(&tables.base, |arms| arms.base),
            head: used(&tables.head, |arms| arms.head),
        };
        let moments = readings.and_then(|readings| readings.moments.0.zip(readings.moments.1));
        Driven {
            turns: Arms {
                base: counts.base.turns(&tables.base),
                head: counts.head.turns(&tables.head),
            },
            used,
            moments,
        }
    }

    /// What is found where an arm is not up.
    fn nothing(&self) -> Driven {
        self.found(Arms::default(), None)
    }
}

impl Readings {
    fn of(begin: u64, tables: &Tables) -> Self {
        let Arms { base, head } = &tables.of;
        let mut planned = vec![
            (base.idle_near(base.start()), What::Base),
            (head.idle_near(head.start()), What::Head),
            (base.start(), What::Begin),
            (base.end(), What::End),
        ];
        planned.sort_by_key(|(offset, _)| std::cmp::Reverse(*offset));
        Self {
            begin,
            planned,
            after: begin + base.settled(),
            first: Arms::default(),
            last: Arms::default(),
            moments: (None, None),
        }
    }

    /// When something is to be read next, ns; never if all is read.
    fn next(&self) -> u64 {
        let next = self.planned.last();
        next.map_or(u64::MAX, |(offset, _)| self.begin + offset)
    }

    async fn read(&mut self, meters: &mut Arms<Meter>) {
        let Some((_, what)) = self.planned.pop() else {
            return;
        };
        match what {
            What::Begin => self.moments.0 = Some(Moment::now()),
            What::End => self.moments.1 = Some(Moment::now()),
            What::Base => self.first.base = meters.base.cpu().await,
            What::Head => self.first.head = meters.head.cpu().await,
        }
    }

    /// Reads both when nothing is under way any more.
    async fn end(&mut self, meters: &mut Arms<Meter>) {
        until(self.after).await;
        self.last.base = meters.base.cpu().await;
        self.last.head = meters.head.cpu().await;
    }
}

impl Count {
    fn take(&mut self, engine: &Engine, interval: Option<Interval>) {
        let Some(interval) = interval else {
            self.has_ended = true;
            return;
        };
        self.tallies
            .resize_with(interval.tallies.len(), Tally::default);
        for (into, from) in self.tallies.iter_mut().zip(&interval.tallies) {
            into.add(from);
        }
        for (kind, words) in &interval.exemplars {
            self.exemplars.entry(*kind).or_insert_with(|| words.clone());
        }
        let (latency, _) = latency_quantiles(&interval.tallies);
        if !latency.is_empty() {
            let all = self.by_turn.entry(interval.index);
            let all = all.or_insert_with(|| Tally::default().latency);
            // It grows as it needs.
            let _ = all.add(&latency);
        }
        engine.reuse(interval);
    }

    fn turns(self, table: &Timetable) -> Turns {
        if self.tallies.is_empty() {
            return Turns::nothing();
        }
        Turns {
            active: table.active(),
            count: table.measured(),
            are_short: false,
            outruns_generator: false,
            tallies: self.tallies,
            by_turn: self.by_turn.values().map(by_value).collect(),
            exemplars: self.exemplars,
        }
    }
}

/// How often each latency came.
fn by_value(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
    let values = histogram.iter_recorded();
    values
        .map(|value| (value.value_iterated_to(), value.count_at_value()))
        .collect()
}

/// Nobody asks which payloads of a block were acknowledged.
fn without_ledger(mut drive: Drive) -> Drive {
    let mut requests = drive.requests.to_vec();
    requests
        .iter_mut()
        .for_each(|request| request.acknowledged.clear());
    drive.requests = requests.into();
    drive
}

async fn until(instant: u64) {
    match instant {
        u64::MAX => std::future::pending().await,
        instant => {
            let left = instant.saturating_sub(now_ns());
            tokio::time::sleep(Duration::from_nanos(left)).await;
        }
    }
}
