//! What readings of a target came to over a window: of all of them the first, the last and the peaks are kept, so that nothing grows
//! with time. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mark::{Asked, Cpu, Mark, PROCESS_CPU, Scraped, Span, Used, cores_of, cores_used};
use crate::metrics::{OwnTime, Served, Window};
use crate::process::machine::MachineTimes;
use crate::result::{InstanceUse, ProcessUse};
use crate::tenant::Reading;

/// CPU is not told for less, ns.
const SHORTEST_CPU_SPAN: u64 = 50_000_000;

/// Readings that were planned, and those that were late or missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Count {
    pub(super) of: u64,
    pub(super) late: u64,
}

impl Count {
    pub(super) fn count(&mut self, of: u64, late: u64) {
        self.of += of;
        self.late += late;
    }
}

/// What a target published of itself over a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Published {
    /// Increase of each counter.
    pub(super) counters: BTreeMap<String, u64>,
    /// The highest value of each gauge that was read.
    pub(super) peaks: BTreeMap<String, u64>,
    /// Why the last reading is not that of the window's end, and how long after its start that one was, s.
    pub(super) ended: Option<(f64, String)>,
}

/// All readings of a window.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    cpu: Cpu,
    /// As it was: one that ended early is shorter than planned.
    window: Window,
    /// Which time of it counts.
    own: OwnTime,
    first: Option<Mark>,
    last: Option<Mark>,
    /// The last one but the first at which the CPU of the target was known.
    alive: Option<Mark>,
    /// The last one but the first whose metrics said something.
    answer: Option<Mark>,
    /// The latest reading whose metrics told CPU time, and that, s.
    told: Option<(u64, f64)>,
    /// What they told before and after they went back, s.
    went_back: Option<(f64, f64)>,
    gauges: BTreeMap<&'static str, u64>,
    peak_bytes: Option<u64>,
    /// The machine's at the beginning and at the end.
    machine: Option<(MachineTimes, MachineTimes)>,
    /// The same of the time for which telemload was held up by a limit of its own.
    throttled: Option<(Duration, Duration)>,
    pub(super) processes: Count,
    pub(super) metrics: Count,
}

impl Watched {
    pub(super) fn new(cpu: Cpu, window: Window, own: OwnTime) -> Self {
        Self {
            cpu,
            window,
            own,
            first: None,
            last: None,
            alive: None,
            answer: None,
            told: None,
            went_back: None,
            gauges: BTreeMap::new(),
            peak_bytes: None,
            machine: None,
            throttled: None,
            processes: Count::default(),
            metrics: Count::default(),
        }
    }

    /// Adds a reading of processes.
    pub(super) fn saw(&mut self, mark: &Mark) {
        self.peak_bytes = self.peak_bytes.max(mark.peak_bytes());
        if self.first.is_none() {
            self.first = Some(mark.clone());
        } else if self.cpu == Cpu::Processes && mark.cpu_is_known() {
            self.alive = Some(mark.clone());
        }
        self.last = Some(mark.clone());
    }

    /// Adds what metrics said for the reading `index`, however late.
    pub(super) fn answered(&mut self, index: u64, scraped: Scraped) {
        let asked = Asked::Answered(scraped);
        let marks = [&mut self.first, &mut self.last].into_iter().flatten();
        for mark in marks.filter(|mark| mark.index == index) {
            mark.asked = asked.clone();
        }
        let Some(last) = self.last.clone() else {
            return;
        };
        let mark = Mark {
            index,
            asked,
            ..last
        };
        let Ok((_, answer)) = mark.answer() else {
            return;
        };
        if let Some(told) = answer.cpu_seconds
            && self.told.is_none_or(|(before, _)| before < index)
        {
            let before = self.told.map(|(_, before)| before);
            let higher = before.filter(|before| told < *before);
            self.went_back = self.went_back.or(higher.map(|before| (before, told)));
            self.told = Some((index, told));
        }
        for (name, value) in Reading::sum(&answer.instances).levels() {
            let peak = self.gauges.entry(name).or_default();
            *peak = value.max(*peak);
        }
        let is_first = self.first.as_ref().is_some_and(|of| of.index == index);
        // Two questions may be under way at the window's end: the earlier one does not replace the later one's answer.
        let is_latest =
            |known: &Option<Mark>| known.as_ref().is_none_or(|known| known.index <= index);
        if !is_first {
            let tells_cpu = self.cpu == Cpu::Metrics && answer.cpu_seconds.is_some();
            if tells_cpu && is_latest(&self.alive) {
                self.alive = Some(mark.clone());
            }
            if is_latest(&self.answer) {
                self.answer = Some(mark);
            }
        }
    }

    /// Adds how long the limit of telemload's own control group had held it up until now.
    pub(super) fn throttled(&mut self, until_now: Option<Duration>) {
        if let Some(until_now) = until_now {
            let first = self.throttled.map_or(until_now, |(first, _)| first);
            self.throttled = Some((first, until_now));
        }
    }

    /// How long it did over the window, s. Of a load that takes turns it is that of its own time, for the limit knows nothing of turns.
    pub(super) fn throttled_seconds(&self) -> Option<f64> {
        let (first, last) = self.throttled?;
        let all = last.saturating_sub(first).as_secs_f64();
        let window = self.window.seconds();
        let is_own = !self.own.is_all() && window > 0.0;
        Some(if is_own {
            all * self.own.seconds(self.window) / window
        } else {
            all
        })
    }

    /// Adds a reading of the machine.
    pub(super) fn machine(&mut self, times: Option<MachineTimes>) {
        if let Some(times) = times {
            let first = self.machine.map_or(times, |(first, _)| first);
            self.machine = Some((first, times));
        }
    }

    /// First and last reading, if they are two.
    fn span(&self) -> Option<(&Mark, &Mark)> {
        let pair = self.first.as_ref().zip(self.last.as_ref());
        pair.filter(|(first, last)| first.index < last.index)
    }

    /// CPU time of the target over a window of `seconds`. The CPU time of a process that has died is gone with it: its rate is that up
    /// to the last reading.
    pub(super) fn target_cpu_seconds(&self, seconds: f64, has_died: bool) -> Result<f64, String> {
        let (first, last) = self
            .span()
            .ok_or_else(|| "the load ended before its window began".to_owned())?;
        if self.window.end.saturating_sub(self.window.start) < SHORTEST_CPU_SPAN {
            return Err(format!(
                "the window is shorter than {} ms",
                SHORTEST_CPU_SPAN / 1_000_000
            ));
        }
        let alive = self.alive.as_ref().filter(|_| has_died);
        let last = alive.unwrap_or(last);
        if self.cpu == Cpu::Metrics
            && let Some((before, after)) = self.went_back
        {
            return Err(format!(
                "its {PROCESS_CPU} went back from {before} to {after} within the window: it was restarted, or several processes answer in turn; name its process with `target.pid`"
            ));
        }
        let cores = cores_of(self.cpu, first, last, self.until_its_end())?;
        if self.cpu == Cpu::Metrics && cores == 0.0 {
            return Err(format!(
                "its {PROCESS_CPU} did not change within the window: it is too coarse, told from a cache, or of another process; use a longer duration, or name its process with `target.pid`"
            ));
        }
        Ok(cores * seconds)
    }

    fn until_its_end(&self) -> Span {
        Span {
            own: self.own,
            end: self.window.end,
        }
    }

    /// When the target's processes were read last, s since the start of the window, if one of them had ended at its end. The processes
    /// of what telemload starts end with a word of their own.
    pub(super) fn process_ended(&self) -> Option<f64> {
        let (first, last) = self.span()?;
        if self.cpu != Cpu::Processes || !first.cpu_is_known() || last.cpu_is_known() {
            return None;
        }
        let alive = self.alive.as_ref().unwrap_or(first);
        Some(self.own.between(self.window.start, alive.seen.at) as f64 / 1e9)
    }

    /// By how much the two readings that tell the CPU of the target miss the ends of the window, share of it.
    pub(super) fn missed_share(&self) -> Option<f64> {
        let (first, last) = self.span()?;
        let at = |mark: &Mark| match self.cpu {
            Cpu::Processes => Some(mark.seen.at),
            Cpu::Metrics => mark.answer().ok().map(|(at, _)| at),
            Cpu::Nowhere => None,
        };
        let (begin, end) = at(first).zip(at(last))?;
        let Window { start, end: over } = self.window;
        // Both come late: what is missing of the first end is not made good by what follows the second one.
        let apart = |one: u64, other: u64| self.own.between(one.min(other), one.max(other));
        let missed = apart(begin, start).max(apart(end, over));
        Some(missed as f64 / self.own.between(start, over).max(1) as f64)
    }

    /// The window ended early.
    pub(super) fn cut(&mut self, end: u64) {
        self.window.end = end;
    }

    /// Where the CPU of the target comes from.
    pub(super) fn cpu(&self) -> Cpu {
        self.cpu
    }

    /// Largest memory of the target.
    pub(super) fn peak_bytes(&self) -> Option<u64> {
        self.peak_bytes
    }

    /// Share of the machine's CPU time that its host took.
    pub(super) fn steal_share(&self) -> Option<f64> {
        let (first, last) = self.machine?;
        Some(last.since(&first)?.steal_share)
    }

    /// CPU time of the target and of what runs beside it over a window of `seconds`, s; `None` if the CPU of the target is not that of
    /// processes which are known.
    pub(super) fn used(&self, target_cpu_seconds: Option<f64>, seconds: f64) -> Option<f64> {
        let services = self.services(seconds).into_iter();
        let services: Option<f64> = services.map(|of| of.cpu_seconds).sum();
        let target = target_cpu_seconds.filter(|_| self.cpu == Cpu::Processes)?;
        Some(target + services?)
    }

    /// CPU of processes that are none of this run, cores, if they were in its way: 0 if a CPU or more was idle. `used` is the CPU time of
    /// all that the run has started, s.
    pub(super) fn neighbour_cores(&self, used: Option<f64>) -> Option<f64> {
        let (first, last) = self.machine?;
        let machine = last.since(&first)?;
        let own = self.process_cores()? + used? / self.window.seconds();
        let others = (machine.process_cores - own).max(0.0);
        Some(if machine.idle_cores < 1.0 {
            others
        } else {
            0.0
        })
    }

    /// CPU of telemload with all its threads, cores: who reads the target and who writes series are among them. `None` where that is for
    /// another load too, which takes turns with this one.
    pub(super) fn own_cores(&self) -> Option<f64> {
        self.own.is_all().then(|| self.process_cores()).flatten()
    }

    fn process_cores(&self) -> Option<f64> {
        let (first, last) = self.span()?;
        let span = last.seen.at.saturating_sub(first.seen.at);
        let used = last.seen.own_cpu_ns.saturating_sub(first.seen.own_cpu_ns);
        (span >= SHORTEST_CPU_SPAN).then(|| used as f64 / span as f64)
    }

    /// What each service used.
    pub(super) fn services(&self, seconds: f64) -> Vec<ProcessUse> {
        let Some((first, last)) = self.span() else {
            return Vec::new();
        };
        let pairs = first.seen.services.iter().zip(&last.seen.services);
        pairs.map(|of| self.share(of, seconds)).collect()
    }

    /// What each instance used and counted, where there are several, given where each listens.
    pub(super) fn instances(&self, served: &[(&str, Served)], seconds: f64) -> Vec<InstanceUse> {
        let of = |(at, &(address, served)): (usize, &(&str, Served))| {
            let pair = self.span().and_then(|(first, last)| {
                Some((first.seen.instances.get(at)?, last.seen.instances.get(at)?))
            });
            let counters = self.span().and_then(|(first, last)| {
                let ((_, first), (_, last)) = (first.answer().ok()?, last.answer().ok()?);
                let pair = first.instances.get(at).zip(last.instances.get(at));
                pair.and_then(|(first, last)| last.increases(first).ok())
            });
            InstanceUse {
                address: address.to_owned(),
                used: pair.map_or_else(ProcessUse::default, |pair| self.share(pair, seconds)),
                served,
                counters: counters.unwrap_or_default(),
            }
        };
        served.iter().enumerate().map(of).collect()
    }

    /// What a process used between two readings, scaled to a window of `seconds`.
    fn share(&self, pair: (&Used, &Used), seconds: f64) -> ProcessUse {
        let cores = cores_used(pair, self.until_its_end()).ok();
        ProcessUse {
            cpu_seconds: cores.map(|cores| cores * seconds),
            // Peaks begin with the first reading and never shrink.
            peak_bytes: pair.1.peak_bytes,
        }
    }

    /// What the target published of itself over the window. One that was too busy to answer at its end, or had ended, is told by the last answer
    /// that there is.
    pub(super) fn published(&self) -> Result<Published, String> {
        let first = self
            .first
            .as_ref()
            .ok_or_else(|| "the load ended before its window began".to_owned())?;
        let (begun, begin) = first.answer()?;
        let last = self.last.as_ref().unwrap_or(first);
        let unread = last.answer().err();
        let end = self.answer.as_ref().map(Mark::answer);
        let (at, answer) = end.unwrap_or_else(|| Err(unread.clone().unwrap_or_default()))?;
        let counters =
            Reading::sum(&answer.instances).increases(&Reading::sum(&begin.instances))?;
        let after = at.saturating_sub(begun) as f64 / 1e9;
        Ok(Published {
            counters,
            peaks: self
                .gauges
                .iter()
                .map(|(&name, &value)| (name.to_owned(), value))
                .collect(),
            ended: unread.map(|why| (after, why)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Slices, Timetable};

    #[test]
    fn a_limit_holds_up_both_that_take_turns_and_each_in_its_own_time() {
        let ms = Duration::from_millis;
        let slices = Slices {
            dropped: 0,
            measured: 8,
        };
        // Eight turns of 100 ms with gaps of 25 ms: 975 ms, of which each has 400.
        let table = Timetable::new(ms(100), ms(25), slices);
        let window = Window {
            start: 0,
            end: 975_000_000,
        };
        let throttled = |own| {
            let mut watched = Watched::new(Cpu::Processes, window, own);
            assert_eq!(watched.throttled_seconds(), None);
            watched.throttled(Some(ms(1_000)));
            watched.throttled(Some(ms(1_975)));
            watched.throttled_seconds().unwrap()
        };
        assert_eq!(throttled(OwnTime::ALL), 0.975);
        let own = throttled(OwnTime::of(0, Some(table)));
        assert!((own - 0.4).abs() < 1e-9, "{own}");
    }
}
