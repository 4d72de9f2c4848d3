//! Readings of a target, each of a planned instant, joined to the cells of intervals. Pure: it reads no clock and no process.
//!
//! A reading of processes counts for its planned instant if it was taken within half an interval of it, one of metrics if it was
//! answered within an interval: a figure is then at most an interval from where it belongs. What is later has no cell, and counts
//! for the window as a whole all the same. Two or three marks are kept, however long the load lasts.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mark::{Asked, Cpu, Mark, Scraped, Seen, Span, cores_of};
use super::watched::Watched;
use crate::metrics::{OwnTime, Window};
use crate::process::machine::MachineTimes;
use crate::tenant;

/// When a target is read: at the beginning of each interval, and at the end of the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    pub(super) window: Window,
    pub(super) interval_ns: u64,
    /// Which time of them counts.
    pub(super) own: OwnTime,
}

/// What there is to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    /// Where the CPU of the target comes from.
    pub(super) cpu: Cpu,
    /// It publishes metrics.
    pub(super) has_metrics: bool,
    /// Rows have what the target publishes of itself.
    pub(super) has_columns: bool,
}

/// What was read of the target over one interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Cells {
    pub(super) index: u64,
    /// CPU of the target, cores.
    pub(super) cores: Option<f64>,
    /// Its memory at the end.
    pub(super) rss_bytes: Option<u64>,
    /// CPU of telemload itself, cores.
    pub(super) own_cores: Option<f64>,
    /// CPU of all services, cores; `None` without services.
    pub(super) service_cores: Option<f64>,
    /// Under the columns of what is published.
    pub(super) published: Vec<Option<u64>>,
}

/// Readings so far.
#[derive(Debug)]
pub(super) struct Readings {
    schedule: Schedule,
    offer: Offer,
    /// Index of the next planned instant.
    next: u64,
    /// Those whose cells are not told yet; the first one's may be.
    marks: VecDeque<Mark>,
    watched: Watched,
}

impl Schedule {
    /// Intervals of the window.
    pub(super) fn rows(&self) -> u64 {
        (self.window.end - self.window.start).div_ceil(self.interval_ns)
    }

    /// When the interval `index` begins, or the window ends.
    fn begin(&self, index: u64) -> u64 {
        let offset = index.saturating_mul(self.interval_ns);
        self.window
            .start
            .saturating_add(offset)
            .min(self.window.end)
    }

    /// When the target is read for it.
    fn at(&self, index: u64) -> u64 {
        self.own.idle_near(self.begin(index))
    }

    /// How much own time lies before the interval `index`, ns since the start of the window.
    pub(super) fn offset(&self, index: u64) -> u64 {
        self.own.between(self.window.start, self.begin(index))
    }

    /// The own time of a full interval, ns.
    pub(super) fn own_interval(&self) -> u64 {
        let start = self.window.start;
        self.own
            .between(start, start.saturating_add(self.interval_ns))
    }
}

impl Readings {
    pub(super) fn new(schedule: Schedule, offer: Offer) -> Self {
        Self {
            schedule,
            offer,
            next: 0,
            marks: VecDeque::new(),
            watched: Watched::new(offer.cpu, schedule.window, schedule.own),
        }
    }

    /// When the target is to be read next; `None` if the window's end was read.
    pub(super) fn due(&self) -> Option<u64> {
        (self.next <= self.schedule.rows()).then(|| self.schedule.at(self.next))
    }

    /// Whether the window's start was read.
    pub(super) fn has_begun(&self) -> bool {
        self.next > 0
    }

    /// Whether there are metrics to ask for.
    pub(super) fn has_metrics(&self) -> bool {
        self.offer.has_metrics
    }

    /// The window ended early, at `end`. One that had not begun never does.
    pub(super) fn cut(&mut self, end: u64) {
        if !self.has_begun() {
            self.next = u64::MAX;
        }
        let window = &mut self.schedule.window;
        window.end = window.end.min(end.max(window.start));
        let end = window.end;
        self.watched.cut(end);
    }

    /// Begins a reading at `now`: of the last planned instant that has passed. Those before it are missed. Whether it is that of the
    /// window's end is told too.
    pub(super) fn begin(&mut self, now: u64) -> (u64, bool) {
        let last = self.schedule.rows();
        let mut index = self.next;
        while index < last && self.schedule.at(index + 1) <= now {
            index += 1;
        }
        let missed = index - self.next;
        self.watched.processes.count(missed, missed);
        if self.offer.has_metrics {
            self.watched.metrics.count(missed, missed);
        }
        self.next = index + 1;
        (index, index == last)
    }

    /// Adds what processes had used; `asked` says whether metrics are under way for it.
    pub(super) fn seen(&mut self, index: u64, seen: Seen, asked: Asked) {
        let late_by = seen.at.saturating_sub(self.schedule.at(index));
        let mark = Mark {
            index,
            is_late: late_by > self.schedule.interval_ns / 2,
            seen,
            asked,
        };
        self.watched.processes.count(1, u64::from(mark.is_late));
        if self.offer.has_metrics {
            let missed = mark.asked == Asked::Not;
            self.watched.metrics.count(1, u64::from(missed));
        }
        self.watched.saw(&mark);
        self.marks.push_back(mark);
    }

    /// Adds how the machine has spent its time, at the beginning or the end of the window.
    pub(super) fn machine(&mut self, times: Option<MachineTimes>) {
        self.watched.machine(times);
    }

    /// Adds how long telemload was held up by a limit of its own, at the same instants.
    pub(super) fn throttled(&mut self, until_now: Option<Duration>) {
        self.watched.throttled(until_now);
    }

    /// Adds what metrics said for the reading `index`.
    pub(super) fn scraped(&mut self, index: u64, scraped: Scraped) {
        let in_time = self.schedule.at(index) + self.schedule.interval_ns;
        if let Some(mark) = self.marks.iter_mut().find(|mark| mark.index == index)
            && mark.asked == Asked::UnderWay
        {
            let is_late = scraped.answered > in_time;
            let missed = is_late || scraped.read.is_err();
            self.watched.metrics.count(0, u64::from(missed));
            mark.asked = if is_late {
                Asked::Late
            } else {
                Asked::Answered(scraped.clone())
            };
        }
        self.watched.answered(index, scraped);
    }

    /// The cells that are complete by `now`, in order; an interval without two readings has none but what its end says.
    pub(super) fn cells(&mut self, now: u64) -> Vec<Cells> {
        for mark in &mut self.marks {
            let in_time = self.schedule.at(mark.index) + self.schedule.interval_ns;
            if mark.asked == Asked::UnderWay && now >= in_time {
                mark.asked = Asked::Late;
                self.watched.metrics.count(0, 1);
            }
        }
        let mut told = Vec::new();
        while let (Some(first), Some(last)) = (self.marks.front(), self.marks.get(1))
            && first.asked != Asked::UnderWay
            && last.asked != Asked::UnderWay
        {
            told.push(self.between(first, last));
            self.marks.pop_front();
        }
        told
    }

    fn between(&self, first: &Mark, last: &Mark) -> Cells {
        let before = (first.index + 1 == last.index).then_some(first);
        let span = Span::endless(self.schedule.own);
        let in_time = |mark: &Mark| self.offer.cpu != Cpu::Processes || !mark.is_late;
        let pair = before.filter(|before| in_time(before) && in_time(last));
        let published = if self.offer.has_columns {
            let (first, last) = (before.and_then(Mark::reading), last.reading());
            tenant::cells(first.as_ref(), last.as_ref())
        } else {
            Vec::new()
        };
        Cells {
            index: last.index - 1,
            cores: pair.and_then(|before| cores_of(self.offer.cpu, before, last, span).ok()),
            rss_bytes: last.rss_bytes().filter(|_| !last.is_late),
            // Two loads that take turns have one generator.
            own_cores: before
                .filter(|_| span.own.is_all())
                .and_then(|before| before.own_cores(last)),
            service_cores: before.and_then(|before| before.service_cores(last, span)),
            published,
        }
    }

    /// Cells of two readings in time found nobody who would take them.
    pub(super) fn lost(&mut self) {
        self.watched.processes.count(0, 1);
    }

    /// Marks that are kept now.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.marks.len()
    }

    pub(super) fn finish(self) -> Watched {
        self.watched
    }
}
