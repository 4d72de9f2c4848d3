//! Joins what workers counted with what was read of the target, interval by interval. Pure but for the files, which have a thread of
//! their own.

use std::collections::BTreeMap;
use std::time::Duration;

use super::background::Background;
use super::blocks::{Block, Blocks};
use super::counted::Counted;
use super::files::{Files, Line};
use super::observer::Live;
use super::over::{Course, Known, Over, StretchEnd};
use super::readings::{Cells, Schedule};
use super::readout::{Beside, Readout};
use super::row::Row;
use super::trend::Trend;
use super::watched::{Count, Watched};
use crate::engine::End;
use crate::metrics::{Batches, Interval, OwnTime, SeriesRow, Tally, latency_quantiles, value_at};
use crate::result::{Estimates, PhaseResult, Round, Tail, Uncertainty};
use crate::tenant;

/// Intervals with counts that wait for a worker or for readings at most: each holds some 0.1 to 1 MB.
const MOST_WAITING: usize = 16;

/// Readings that wait for workers at most.
const MOST_CELLS: usize = 1_024;

/// What ended by itself, in words.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    pub(super) target: Option<String>,
    pub(super) services: Vec<String>,
}

/// Which rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Emit {
    /// Those that all workers have reported and of which the target was read.
    Complete,
    /// All, for no more will come.
    Everything,
}

/// What workers have reported of an interval.
#[derive(Debug, Default)]
struct Waiting {
    /// All requests of all workers; `None` as long as nothing happened.
    tally: Option<Tally>,
    /// OK responses of other hosts than the target.
    elsewhere: u64,
    workers: u32,
    /// A worker counted it together with its neighbours.
    is_joined: bool,
}

pub(super) struct Gather {
    schedule: Schedule,
    workers: u32,
    round: u32,
    counted: Counted,
    /// Indices of the requests to other hosts than the target.
    elsewhere: Vec<usize>,
    /// By index of the interval.
    waiting: BTreeMap<u64, Waiting>,
    /// A tally that was used, empty.
    spare: Option<Tally>,
    /// Indices of the last intervals of workers that have ended.
    ended: Vec<u64>,
    /// By index of the interval.
    cells: BTreeMap<u64, Cells>,
    /// Index of the interval whose cells come next, if they come.
    next_cells: u64,
    next_row: u64,
    /// Index of the row behind the last one that had an OK answer, or may have had one.
    answered_until: u64,
    blocks: Blocks,
    batches: Batches,
    trend: Trend,
    files: Option<Files>,
    rows: Count,
}

impl Gather {
    /// `blocks` is how many blocks are kept at most.
    pub(super) fn new(
        schedule: Schedule,
        workers: u32,
        round: u32,
        blocks: usize,
        files: Option<Files>,
    ) -> Self {
        Self {
            schedule,
            workers,
            round,
            counted: Counted::default(),
            elsewhere: Vec::new(),
            waiting: BTreeMap::new(),
            spare: None,
            ended: Vec::new(),
            cells: BTreeMap::new(),
            next_cells: 0,
            next_row: 0,
            answered_until: 0,
            blocks: Blocks::new(blocks, schedule.own_interval()),
            batches: Batches::default(),
            trend: Trend::of(
                Duration::from_nanos(schedule.interval_ns),
                Duration::from_nanos(schedule.own_interval()),
            ),
            files,
            rows: Count::default(),
        }
    }

    /// The same where these requests, by index, go to other hosts than the target.
    pub(super) fn without(self, elsewhere: Vec<usize>) -> Self {
        Self { elsewhere, ..self }
    }

    /// The thread that writes files, if there are any.
    pub(super) fn writing(&mut self) -> Option<&mut Background<()>> {
        self.files.as_mut().map(Files::writing)
    }

    /// The window ended early, at `end`: the last row covers what there was of its interval.
    pub(super) fn cut(&mut self, end: u64) {
        let window = &mut self.schedule.window;
        window.end = window.end.min(end.max(window.start));
    }

    /// Adds what was read of the target over an interval.
    pub(super) fn cells(&mut self, cells: Cells) {
        self.next_cells = cells.index + 1;
        if cells.index >= self.next_row {
            self.cells.insert(cells.index, cells);
        }
        if self.cells.len() > MOST_CELLS {
            self.cells.pop_first();
        }
    }

    /// Adds what a worker counted in an interval.
    pub(super) fn interval(&mut self, interval: &Interval) {
        self.counted.interval(interval);
        if interval.answered.is_some() {
            self.ended.push(interval.index);
        }
        let own = self.schedule.own;
        let first = interval.index.saturating_sub(interval.joined);
        let rows = self.next_row..self.schedule.rows();
        for index in (first..=interval.index).filter(|index| rows.contains(index)) {
            let waiting = self.waiting.entry(index).or_default();
            waiting.workers += 1;
            if interval.joined > 0 {
                // Its figures are in those of the whole and nowhere else.
                waiting.is_joined = true;
                continue;
            }
            for from in interval.tallies.iter().filter(|from| !from.is_blank()) {
                let spare = &mut self.spare;
                let tally = waiting
                    .tally
                    .get_or_insert_with(|| spare.take().unwrap_or_default());
                tally.add(from);
            }
            let elsewhere = self.elsewhere.iter().map(|&at| &interval.tallies[at]);
            waiting.elsewhere += elsewhere.map(|from| charged(own, from)).sum::<u64>();
        }
    }

    /// Adds what a process counted in an interval of which all of its own workers had told.
    pub(super) fn part(&mut self, row: &Row) {
        let waiting = self.waiting.entry(row.index).or_default();
        waiting.workers += 1;
        waiting.elsewhere += row.elsewhere;
        waiting
            .tally
            .get_or_insert_with(|| self.spare.take().unwrap_or_default())
            .add(&row.tally);
    }

    /// A process lacks an interval of its window.
    pub(super) fn lacks(&mut self, index: u64) {
        self.waiting.entry(index).or_default().is_joined = true;
    }

    /// Writes rows in order, and tells of each.
    pub(super) fn emit(&mut self, which: Emit, tell: &mut dyn FnMut(&Live<'_>)) {
        while let Some((&index, waiting)) = self.waiting.first_key_value() {
            let gone = self.ended.iter().filter(|&&last| last < index).count() as u32;
            let is_counted = waiting.workers + gone == self.workers;
            let filled = self.waiting.values().filter(|of| of.tally.is_some());
            let is_crowded = filled.count() > MOST_WAITING;
            let is_complete = is_counted && self.next_cells > index;
            if which == Emit::Complete && !is_complete && !is_crowded {
                return;
            }
            let Some((index, waiting)) = self.waiting.pop_first() else {
                return;
            };
            let cells = self.cells.remove(&index);
            // What lies behind a window that ended early has no row, as what lies behind a planned one.
            if index >= self.schedule.rows() {
                continue;
            }
            self.next_row = index + 1;
            self.cells = self.cells.split_off(&self.next_row);
            let is_whole = !waiting.is_joined && (is_counted || which == Emit::Everything);
            let tally = waiting.tally.unwrap_or_default();
            // What is missing in a row may be answers.
            if !is_whole || tally.completed_ok > 0 {
                self.answered_until = index + 1;
            }
            if is_whole {
                self.row(index, &tally, waiting.elsewhere, cells, tell);
            } else {
                // What a late worker still reports would be missing in it.
                self.rows.count(1, 1);
                self.trend.has_gaps = true;
            }
            let mut tally = tally;
            tally.clear();
            self.spare = Some(tally);
        }
    }

    fn row(
        &mut self,
        index: u64,
        tally: &Tally,
        elsewhere: u64,
        cells: Option<Cells>,
        tell: &mut dyn FnMut(&Live<'_>),
    ) {
        let start = self.schedule.offset(index);
        let length = self.schedule.offset(index + 1) - start;
        let rate_of = |completed: u64| completed as f64 / (length as f64 / 1e9);
        let rate = rate_of(tally.completed_ok);
        let cores = cells.as_ref().and_then(|cells| cells.cores);
        let (latency, _) = latency_quantiles([tally]);
        if length == self.schedule.own_interval() {
            let block = Block::new(start, start + length, rate, cores);
            let charged = charged(self.schedule.own, tally).saturating_sub(elsewhere);
            self.blocks.add(block.charged(rate_of(charged)));
            self.batches.add(&latency);
            self.trend.add(&latency, rate, cores);
        }
        let at = |quantile| (!latency.is_empty()).then(|| value_at(&latency, quantile));
        let generator_cores = cells.as_ref().and_then(|cells| cells.own_cores);
        tell(&Live {
            start: Duration::from_nanos(start),
            length: Duration::from_nanos(length),
            completed_ok: tally.completed_ok,
            ok: tally.ok,
            latency: &latency,
            errors: tally.errors,
            target_cores: cores,
            generator_cores,
        });
        let Some(files) = &self.files else {
            return;
        };
        let counted = files.keeps_counts.then(|| Row {
            index,
            elsewhere,
            tally: tally.clone(),
            cells: cells.clone(),
        });
        let row = SeriesRow {
            round: self.round,
            t_ms: start / 1_000_000,
            throughput_rps: rate,
            failed: tally.failed,
            p50_us: at(0.5),
            p99_us: at(0.99),
            max_us: at(1.0),
            first_byte_p99_us: (!tally.first_byte.is_empty())
                .then(|| value_at(&tally.first_byte, 0.99)),
            queue_wait_p99_us: (!tally.queue_wait.is_empty())
                .then(|| value_at(&tally.queue_wait, 0.99)),
            target_cores: cores,
            target_bytes: cells.as_ref().and_then(|cells| cells.rss_bytes),
            dispatch_lag_p99_us: (!tally.dispatch_lag.is_empty())
                .then(|| value_at(&tally.dispatch_lag, 0.99)),
            generator_cores,
            service_cores: cells.as_ref().and_then(|cells| cells.service_cores),
            errors: tally.errors,
            published: match cells {
                Some(cells) => cells.published,
                None if files.has_columns => tenant::cells(None, None),
                None => Vec::new(),
            },
        };
        let is_taken = files.write(Line {
            row,
            start: Duration::from_nanos(start),
            length: Duration::from_nanos(length),
            latency: tally.latency.clone(),
            counted,
        });
        self.rows.count(1, u64::from(!is_taken));
    }

    /// Everything that was found, in a phase that is blank.
    pub(super) fn over(
        self,
        blank: PhaseResult,
        known: &Known<'_>,
        end: &End,
        deaths: Deaths,
        watched: &Watched,
    ) -> StretchEnd {
        let seconds = end.own.seconds(end.window);
        let addresses = known.addresses.iter().copied();
        let readout = Readout::of(
            watched,
            &Beside {
                end,
                seconds,
                has_died: deaths.target.is_some(),
                others_used: known.others_used,
                instances: addresses.zip(self.counted.served.iter().copied()).collect(),
            },
        );
        let over = Over {
            window: end.window,
            seconds,
            rows: self.rows,
            counted: self.counted.clone(),
            readout,
            opening: end.opening.clone(),
            handshakes: end.handshakes.clone(),
            hosts: end.hosts.clone(),
            died: deaths.target,
            services_ended: deaths.services,
            failed: end.failure.clone(),
        };
        self.conclude(blank, known.limits, over)
    }

    /// The same of what is over, of this process or of several.
    pub(super) fn conclude(self, blank: PhaseResult, limits: &[f64], mut over: Over) -> StretchEnd {
        over.rows = self.rows;
        let written = self.files.map(|files| files.finish(&over));
        if let Some(Err(error)) = written {
            over.failed = Some(error.to_string());
        }
        let course = Course {
            blocks: self.blocks.complete(),
            batches: self.batches,
            trend: self.trend,
        };
        over.found(blank, self.round, limits, course)
    }

    /// How much of the window has rows.
    pub(super) fn reached(&self) -> Duration {
        self.until(self.next_row)
    }

    /// Since when no OK answer came, in the rows that there are.
    pub(super) fn silent_from(&self) -> Duration {
        self.until(self.answered_until)
    }

    fn until(&self, row: u64) -> Duration {
        Duration::from_nanos(self.schedule.offset(row))
    }

    /// What was counted so far, in a phase that is blank, as if the window were over; `None` before the first row. What is read of the target
    /// and of the generator is not known yet.
    pub(super) fn so_far(&self, blank: PhaseResult, limits: &[f64]) -> Option<PhaseResult> {
        let seconds = self.reached().as_secs_f64();
        if seconds == 0.0 {
            return None;
        }
        let mut found = blank;
        for (into, from) in found.tallies.iter_mut().zip(&self.counted.tallies) {
            into.add(from);
        }
        let total = found.total();
        found.rounds.push(Round {
            number: self.round,
            seconds,
            whole: Estimates::of(&total, found.target_ok(&total), seconds, None),
            uncertainty: Uncertainty::of(&self.blocks.complete(), &self.batches, &total),
            tails: limits
                .iter()
                .map(|&limit| Tail::of(&self.batches, limit))
                .collect(),
            ..Round::default()
        });
        found.conclude_trust();
        Some(found)
    }
}

/// As in [`PhaseResult::charged`].
fn charged(own: OwnTime, tally: &Tally) -> u64 {
    match own.is_all() {
        true => tally.completed_ok,
        false => tally.ok,
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
