//! Joins what workers counted with what was read of the target, interval by interval.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::launch::Launched;
use super::published::{self, Reading};
use super::started::Used;
use super::{Estimates, Live, RunDir, WriteError};
use crate::engine::End;
use crate::metrics::{
    Batches, Durations, ErrorKind, Interval, IntervalLog, SeriesRow, SeriesWriter, Served, Tally,
    Window, latency_quantiles, value_at,
};
use crate::process::cgroup;
use crate::process::machine::MachineTimes;
use crate::process::metrics::Metrics;

/// CPU of a target that is known by its Prometheus endpoint alone.
const PROCESS_CPU: &str = "process_cpu_seconds_total";

/// What a stretch of load came to.
pub(super) struct Driven {
    pub(super) window: Window,
    pub(super) tallies: Vec<Tally>,
    pub(super) exemplars: BTreeMap<ErrorKind, String>,
    pub(super) target_cpu_seconds: Result<f64, String>,
    pub(super) peak_bytes: Option<u64>,
    pub(super) published: Result<Published, String>,
    pub(super) generator_cores: f64,
    pub(super) busiest_worker: f64,
    pub(super) worker_wait: Option<f64>,
    pub(super) stopped_seconds: f64,
    pub(super) throttled_seconds: Option<f64>,
    pub(super) steal_share: Option<f64>,
    pub(super) opening: Durations,
    pub(super) resent: u64,
    /// Full intervals of the window.
    pub(super) blocks: Vec<Block>,
    /// Latencies of the same.
    pub(super) batches: Batches,
    /// Each instance of the target.
    pub(super) instances: Vec<Share>,
    /// Each service beside it.
    pub(super) services: Vec<Share>,
    /// Services that ended by themselves, in words.
    pub(super) services_ended: Vec<String>,
    /// Why the target ended early.
    pub(super) died: Option<String>,
    /// Why telemload or its disk failed.
    pub(super) failed: Option<String>,
    /// Ids that were written of what was acknowledged, if that is written.
    pub(super) acknowledged: Option<u64>,
}

/// What the gateway published of itself over a window.
#[derive(Debug)]
pub(super) struct Published {
    /// Increase of each counter.
    pub(super) counters: BTreeMap<&'static str, u64>,
    /// The highest value of each gauge that was read.
    pub(super) peaks: BTreeMap<&'static str, u64>,
    /// Why the last reading is not that of the window's end, and how long after its start that one was, s.
    pub(super) ended: Option<(f64, String)>,
}

/// What ended by itself, in words.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    pub(super) target: Option<String>,
    pub(super) services: Vec<String>,
}

/// What one process of several used over the window.
#[derive(Debug, Clone, Default)]
pub(super) struct Share {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) peak_bytes: Option<u64>,
    /// Of an instance: what it answered, where there are several.
    pub(super) served: Served,
    /// Of an instance with metrics.
    pub(super) counters: BTreeMap<&'static str, u64>,
}

/// One interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Block {
    pub(super) estimates: Estimates,
    /// CPU of the target, cores: known even if nothing was answered.
    pub(super) cores: Option<f64>,
}

/// Which rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Emit {
    /// Those that all workers have reported.
    Complete,
    /// All, for no more will come.
    Everything,
}

/// The files of a measured stretch.
pub(super) struct Series {
    rows: SeriesWriter<BufWriter<File>>,
    rows_path: PathBuf,
    log: IntervalLog<BufWriter<File>>,
    log_path: PathBuf,
    /// Whether rows have what the gateway publishes.
    has_columns: bool,
}

/// What was read of the target at one instant.
struct Mark {
    at: Instant,
    cpu_seconds: Result<f64, String>,
    rss_bytes: Option<u64>,
    peak_bytes: Option<u64>,
    published: Option<Result<Reading, String>>,
    /// The same of each instance.
    instances: Vec<(Used, Option<Reading>)>,
    services: Vec<Used>,
    machine: Option<MachineTimes>,
    /// How long telemload's own CPU limit had held it up until then.
    throttled: Option<Duration>,
}

/// One interval in the making.
#[derive(Default)]
struct Pending {
    /// All requests of all workers.
    tally: Tally,
    /// Workers that have reported.
    reported: u32,
    /// A worker counted it together with its neighbours.
    is_joined: bool,
}

pub(super) struct Gather {
    window: Window,
    interval_ns: u64,
    workers: u32,
    round: u32,
    tallies: Vec<Tally>,
    /// By instance, where there are several.
    served: Vec<Served>,
    exemplars: BTreeMap<ErrorKind, String>,
    /// By index of the interval.
    pending: BTreeMap<u64, Pending>,
    /// Indices of the last intervals of workers that have ended.
    ended: Vec<u64>,
    marks: Vec<Mark>,
    next_row: u64,
    blocks: Vec<Block>,
    batches: Batches,
    series: Option<Series>,
    pub(super) unwritten: Option<WriteError>,
}

impl Series {
    pub(super) fn create(
        dir: &RunDir,
        directory: &Path,
        columns: &[&str],
        until_start: Duration,
    ) -> Result<Self, WriteError> {
        let open = |name: &str| {
            let path = directory.join(name);
            Ok::<_, WriteError>((dir.stream(&path)?, dir.path().join(path)))
        };
        let (out, rows_path) = open("series.csv")?;
        let rows = SeriesWriter::new(out, columns).map_err(|cause| WriteError {
            path: rows_path.clone(),
            cause,
        })?;
        let (out, log_path) = open("latency.hlog")?;
        let log =
            IntervalLog::new(out, SystemTime::now() + until_start).map_err(|cause| WriteError {
                path: log_path.clone(),
                cause,
            })?;
        Ok(Self {
            rows,
            rows_path,
            log,
            log_path,
            has_columns: !columns.is_empty(),
        })
    }
}

impl Gather {
    pub(super) fn new(
        window: Window,
        interval: Duration,
        workers: u32,
        round: u32,
        series: Option<Series>,
    ) -> Self {
        Self {
            window,
            interval_ns: interval.as_nanos() as u64,
            workers,
            round,
            tallies: Vec::new(),
            served: Vec::new(),
            exemplars: BTreeMap::new(),
            pending: BTreeMap::new(),
            ended: Vec::new(),
            marks: Vec::new(),
            next_row: 0,
            blocks: Vec::new(),
            batches: Batches::default(),
            series,
            unwritten: None,
        }
    }

    /// Whether the window's start has been marked.
    pub(super) fn has_begun(&self) -> bool {
        !self.marks.is_empty()
    }

    /// When the target is to be read next: at the start of each interval, and at the end of the window.
    pub(super) fn next_mark(&self) -> Option<u64> {
        let index = self.marks.len() as u64;
        (index <= self.rows())
            .then(|| (self.window.start + index * self.interval_ns).min(self.window.end))
    }

    fn rows(&self) -> u64 {
        self.window
            .end
            .saturating_sub(self.window.start)
            .div_ceil(self.interval_ns)
    }

    /// Reads the target; its CPU first, because that is what the instant is for.
    pub(super) async fn mark(&mut self, target: &Launched) {
        if !self.has_begun() {
            target.restart_peaks();
        }
        let at = Instant::now();
        let used = target.used();
        let services = target.services.used();
        let scraped = target.scrape().await;
        let of_instances: Vec<Option<Reading>> = match &scraped {
            Some(Ok(all)) => all.iter().map(|of| Some(Reading::of(of))).collect(),
            _ => vec![None; used.len()],
        };
        let metrics = scraped.map(|all| all.map(Metrics::joined));
        let metrics_cpu = || match &metrics {
            Some(Ok(metrics)) => metrics
                .get(PROCESS_CPU)
                .ok_or_else(|| format!("its metrics have no {PROCESS_CPU}")),
            Some(Err(error)) => Err(error.clone()),
            None => Err("nothing tells it".to_owned()),
        };
        let has_tree = target.instances.iter().all(|of| of.tree.is_some());
        let tree_cpu = || used.iter().map(|of| of.cpu_seconds.clone()).sum();
        self.marks.push(Mark {
            at,
            cpu_seconds: if has_tree { tree_cpu() } else { metrics_cpu() },
            rss_bytes: used.iter().map(|of| of.rss_bytes).sum(),
            peak_bytes: used.iter().map(|of| of.peak_bytes).sum(),
            published: metrics.map(|read| read.map(|metrics| Reading::of(&metrics))),
            instances: used.into_iter().zip(of_instances).collect(),
            services,
            machine: MachineTimes::read().ok(),
            throttled: cgroup::throttled(),
        });
    }

    /// The window ended early, at `end`: the last row covers what there was of its interval.
    pub(super) fn cut(&mut self, end: u64) {
        self.window.end = self.window.end.min(end.max(self.window.start));
    }

    /// Adds what a worker counted in an interval.
    pub(super) fn interval(&mut self, interval: &Interval) {
        if self.tallies.is_empty() {
            self.tallies = vec![Tally::default(); interval.tallies.len()];
        }
        for (into, from) in self.tallies.iter_mut().zip(&interval.tallies) {
            into.add(from);
        }
        self.served
            .resize(interval.instances.len(), Served::default());
        for (into, from) in self.served.iter_mut().zip(&interval.instances) {
            into.add(*from);
        }
        for (&kind, words) in &interval.exemplars {
            self.exemplars.entry(kind).or_insert_with(|| words.clone());
        }
        if interval.is_last {
            self.ended.push(interval.index);
        }
        let first = interval.index.saturating_sub(interval.joined);
        for index in first..(interval.index + 1).min(self.rows()) {
            let pending = self.pending.entry(index).or_default();
            pending.reported += 1;
            if interval.joined > 0 {
                pending.is_joined = true;
            } else {
                let tallies = interval.tallies.iter();
                tallies.for_each(|from| pending.tally.add(from));
            }
        }
    }

    /// Writes rows in order, and tells of each.
    pub(super) fn emit(&mut self, which: Emit, tell: &mut dyn FnMut(&Live)) {
        while let Some((&index, pending)) = self.pending.first_key_value() {
            let gone = self.ended.iter().filter(|&&last| last < index).count() as u32;
            let complete =
                pending.reported + gone == self.workers && self.marks.len() as u64 > index + 1;
            if which == Emit::Complete && !complete {
                return;
            }
            let Some((index, pending)) = self.pending.pop_first() else {
                return;
            };
            // What lies behind a window that ended early has no row, as what lies behind a planned one.
            if (self.next_row..self.rows()).contains(&index) {
                self.next_row = index + 1;
                if pending.is_joined {
                    // Its figures are in those of the whole and nowhere else.
                    self.blocks.push(Block::unknown());
                } else {
                    self.row(index, &pending.tally, tell);
                }
            }
        }
    }

    fn row(&mut self, index: u64, tally: &Tally, tell: &mut dyn FnMut(&Live)) {
        let start = index * self.interval_ns;
        let length = self
            .interval_ns
            .min((self.window.end - self.window.start).saturating_sub(start));
        let seconds = length as f64 / 1e9;
        let at = index as usize;
        let marks = self.marks.get(at).zip(self.marks.get(at + 1));
        let cores = marks.and_then(|(first, last)| cores(first, last).ok());
        let estimates = Estimates::of(tally, seconds, cores.map(|cores| cores * seconds));
        let (latency, _) = latency_quantiles(tally);
        if length == self.interval_ns {
            self.blocks.push(Block { estimates, cores });
            self.batches.add(&latency);
        }
        let has_columns = self
            .series
            .as_ref()
            .is_some_and(|series| series.has_columns);
        let row = SeriesRow {
            round: self.round,
            t_ms: start / 1_000_000,
            throughput_rps: estimates.throughput_rps.unwrap_or(0.0),
            failed: tally.failed,
            p50_us: estimates.p50_us.unwrap_or(0.0),
            p99_us: estimates.p99_us.unwrap_or(0.0),
            max_us: latency.max() as f64 / 1e3,
            queue_wait_p99_us: value_at(&tally.queue_wait, 0.99),
            target_cores: cores,
            target_bytes: marks.and_then(|(_, last)| last.rss_bytes),
            published: match marks.filter(|_| has_columns) {
                Some((first, last)) => published::cells(first.reading(), last.reading()),
                None if has_columns => published::cells(None, None),
                None => Vec::new(),
            },
        };
        tell(&Live {
            throughput_rps: row.throughput_rps,
            p50_us: row.p50_us,
            p99_us: row.p99_us,
            failed: row.failed,
            target_cores: row.target_cores,
        });
        let Some(series) = &mut self.series else {
            return;
        };
        let written = series
            .rows
            .write(&row)
            .map_err(|cause| WriteError {
                path: series.rows_path.clone(),
                cause,
            })
            .and_then(|()| {
                let written = series.log.write(
                    Duration::from_nanos(start),
                    Duration::from_nanos(length),
                    &tally.latency,
                );
                written.map_err(|cause| WriteError {
                    path: series.log_path.clone(),
                    cause,
                })
            });
        if let (Err(error), None) = (written, &self.unwritten) {
            self.unwritten = Some(error);
        }
    }

    /// What the gateway published over the window. One that was too busy to answer at its end, or had ended, is told by the
    /// last reading that there is.
    fn published(&self) -> Result<Published, String> {
        let unread = |mark: &Mark| match &mark.published {
            Some(Err(error)) => error.clone(),
            _ => "it has no metrics".to_owned(),
        };
        let first = self
            .marks
            .first()
            .ok_or_else(|| "the load ended before its window began".to_owned())?;
        let begin = first.reading().ok_or_else(|| unread(first))?;
        let read = self.marks[1..].iter().rev();
        let (end, last) = read
            .filter_map(|mark| Some((mark, mark.reading()?)))
            .next()
            .ok_or_else(|| self.marks.last().map_or_else(String::new, unread))?;
        let mut peaks = BTreeMap::new();
        for reading in self.marks.iter().filter_map(Mark::reading) {
            for (name, value) in reading.levels() {
                let peak: &mut u64 = peaks.entry(name).or_default();
                *peak = value.max(*peak);
            }
        }
        let at_end = self.marks.last().filter(|mark| mark.reading().is_none());
        Ok(Published {
            counters: last.increases(begin)?,
            peaks,
            ended: at_end.map(|mark| ((end.at - first.at).as_secs_f64(), unread(mark))),
        })
    }

    pub(super) fn into_driven(self, end: &End, deaths: Deaths) -> Driven {
        let marks = self
            .marks
            .first()
            .zip(self.marks.last())
            .filter(|_| self.marks.len() > 1);
        let seconds = end.window.seconds();
        let unmarked = || "the load ended before its window began".to_owned();
        let published = self.published();
        // The CPU time of a process that has died is gone with it: its rate is that up to the last reading.
        let alive = self.marks[self.marks.len().min(1)..]
            .iter()
            .rev()
            .find(|mark| deaths.target.is_some() && mark.cpu_seconds.is_ok());
        let machine =
            marks.and_then(|(first, last)| last.machine.as_ref()?.since(first.machine.as_ref()?));
        Driven {
            window: end.window,
            tallies: self.tallies,
            exemplars: self.exemplars,
            // Marks lie within a millisecond of the window; the rate is what holds for it.
            target_cpu_seconds: marks
                .ok_or_else(unmarked)
                .and_then(|(first, last)| cores(first, alive.unwrap_or(last)))
                .map(|cores| cores * seconds),
            peak_bytes: self.marks.iter().filter_map(|mark| mark.peak_bytes).max(),
            published,
            generator_cores: end.generator_cores,
            busiest_worker: end.busiest_worker,
            worker_wait: end.worker_wait,
            stopped_seconds: end.stopped_seconds,
            throttled_seconds: marks.and_then(|(first, last)| {
                let held_up = last.throttled?.saturating_sub(first.throttled?);
                Some(held_up.as_secs_f64())
            }),
            steal_share: machine.map(|machine| machine.steal_share),
            opening: end.opening.clone(),
            resent: end.resent,
            blocks: self.blocks,
            batches: self.batches,
            instances: instances(&self.served, marks, seconds),
            services: marks.map_or_else(Vec::new, |(first, last)| {
                let pairs = first.services.iter().zip(&last.services);
                let span = last.at - first.at;
                pairs.map(|of| share(of, span, seconds)).collect()
            }),
            services_ended: deaths.services,
            died: deaths.target,
            failed: self
                .unwritten
                .map(|error| error.to_string())
                .or_else(|| end.failure.clone()),
            acknowledged: None,
        }
    }
}

impl Block {
    /// One of which nothing is known.
    fn unknown() -> Self {
        Self {
            estimates: Estimates {
                throughput_rps: None,
                us_per_request: None,
                p50_us: None,
                p99_us: None,
            },
            cores: None,
        }
    }
}

impl Mark {
    /// What the gateway published then, if it answered.
    fn reading(&self) -> Option<&Reading> {
        self.published.as_ref()?.as_ref().ok()
    }
}

/// CPU of the target between two marks, cores.
fn cores(first: &Mark, last: &Mark) -> Result<f64, String> {
    let pair = (&first.cpu_seconds, &last.cpu_seconds);
    cores_between(pair, last.at - first.at)
}

fn cores_between(
    (begin, end): (&Result<f64, String>, &Result<f64, String>),
    span: Duration,
) -> Result<f64, String> {
    let (begin, end) = (begin.clone()?, end.clone()?);
    let wall = span.as_secs_f64();
    if wall > 0.0 && end >= begin {
        Ok((end - begin) / wall)
    } else {
        Err("its CPU time went backwards".to_owned())
    }
}

/// What a process used between two readings that lie `span` apart, scaled to a window of `seconds`.
fn share((first, last): (&Used, &Used), span: Duration, seconds: f64) -> Share {
    let cores = cores_between((&first.cpu_seconds, &last.cpu_seconds), span).ok();
    Share {
        cpu_seconds: cores.map(|cores| cores * seconds),
        // Peaks begin with the first reading and never shrink.
        peak_bytes: last.peak_bytes,
        ..Share::default()
    }
}

/// What each instance used and counted, where there are several.
fn instances(served: &[Served], marks: Option<(&Mark, &Mark)>, seconds: f64) -> Vec<Share> {
    let of = |(at, served): (usize, &Served)| {
        let used = marks.and_then(|(first, last)| {
            let pair = (first.instances.get(at)?, last.instances.get(at)?);
            Some((pair, last.at - first.at))
        });
        let Some((((first, before), (last, after)), span)) = used else {
            return Share {
                served: *served,
                ..Share::default()
            };
        };
        let counters = before
            .zip(*after)
            .map(|(before, after)| after.increases(&before));
        Share {
            served: *served,
            counters: counters.and_then(Result::ok).unwrap_or_default(),
            ..share((first, last), span, seconds)
        }
    };
    served.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_holds_others_counts_in_the_whole_and_has_no_figures_of_its_own() {
        const S: u64 = 1_000_000_000;
        let window = Window {
            start: S,
            end: 5 * S,
        };
        let mut gather = Gather::new(window, Duration::from_secs(1), 1, 1, None);
        for (index, joined) in [(0, 0), (2, 1), (3, 0), (4, 0)] {
            let mut interval = Interval::blank(1, 1);
            (interval.index, interval.joined) = (index, joined);
            interval.is_last = index == 4;
            interval.tallies[0].completed_ok = 10;
            gather.interval(&interval);
        }
        let mut told = 0;
        gather.emit(Emit::Everything, &mut |_| told += 1);
        let rates: Vec<_> = gather
            .blocks
            .iter()
            .map(|block| block.estimates.throughput_rps)
            .collect();
        assert_eq!(rates, [Some(10.0), None, None, Some(10.0)]);
        assert_eq!((told, gather.tallies[0].completed_ok), (2, 40));
    }
}
