//! Drives load: a thread per worker, each with its own connections, devices and part of the schedule.
//!
//! It knows an address and a plan, not what stands behind the address. Results leave as intervals; nothing is shared
//! per request.

mod acknowledged;
mod answer;
mod clock;
mod connection;
mod deadlines;
mod dispatch;
mod feed;
mod job;
mod pauses;
mod program;
mod shard;
mod source;
mod spread;
mod start;
mod timer;
mod wire;
mod worker;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

pub use acknowledged::{AcknowledgedIds, Acknowledgement};
pub use clock::{now_ns, thread_wait_ns};
pub use program::Rendered;
pub use source::Source;
pub(crate) use timer::Timer;

use crate::metrics::{Durations, Interval, Window};
use crate::scenario::{Load, Request};
use crate::traffic::fleet::Roster;
use crate::traffic::template::Secrets;
use crate::transport::stream::Endpoint;
use acknowledged::Notes;
use start::{Arrival, Course};
use worker::Assignment;

/// What is to be sent where.
#[derive(Debug, Clone)]
pub struct Drive {
    /// Where each instance of the target listens, and whether it speaks TLS: at least one, and no more than each worker has
    /// connections. Requests are spread over them by a seeded hash of their numbers, connections take turns.
    pub endpoints: Vec<Endpoint>,
    /// The target as named in the Host header, whichever instance answers.
    pub authority: String,
    /// The load.
    pub load: Load,
    /// The requests.
    pub requests: Arc<[Request]>,
    /// The fleets, in the order that the requests refer to.
    pub rosters: Arc<[Roster]>,
    /// Seed of schedule and values.
    pub seed: u64,
    /// Interval of the series.
    pub interval: Duration,
    /// Whether the words of failures show secrets.
    pub secrets: Secrets,
}

/// Load under way.
#[derive(Debug)]
pub struct Engine {
    load: Load,
    course: Arc<Course>,
    intervals: mpsc::Receiver<Interval>,
    /// By worker.
    used: Vec<Sender<Interval>>,
    acknowledged: Option<Receiver<Vec<Acknowledgement>>>,
    workers: Vec<JoinHandle<WorkerEnd>>,
}

/// How the load ended.
#[derive(Debug, Clone)]
pub struct End {
    /// The window as it was: shorter than planned after an interruption or when a number of requests was reached.
    pub window: Window,
    /// CPU of all workers over the window, cores.
    pub generator_cores: f64,
    /// CPU of the busiest worker over the window, share of a core.
    pub busiest_worker: f64,
    /// The longest that a worker waited for a CPU, share of the window; `None` if the kernel does not tell.
    pub worker_wait: Option<f64>,
    /// The longest that a worker did not run within the window though it was due to, s: the sum of its wake-ups that were late by
    /// more than 10 ms.
    pub stopped_seconds: f64,
    /// Every connection that was opened: how long that took, TLS handshake included.
    pub opening: Durations,
    /// Requests that were sent a second time, because the server had closed or reset a kept connection without a byte of
    /// an answer, as it does with one that it takes for idle. Each is counted once.
    pub resent: u64,
    /// Requests that were acknowledged and not noted, because what was noted before was not taken in time.
    pub unnoted: u64,
    /// Why workers ended before their time, the first that did. What all of them had counted until then was handed over.
    pub failure: Option<String>,
}

/// How one worker ended.
#[derive(Debug, Default)]
struct WorkerEnd {
    window_end: u64,
    last_done: u64,
    /// At the window's start and end; `None` for one that failed.
    cpu: Option<(CpuMark, CpuMark)>,
    stopped_ns: u64,
    opening: Durations,
    resent: u64,
    unnoted: u64,
    /// The number of requests was reached.
    all_sent: bool,
    failure: Option<String>,
}

/// CPU time of a thread, and its wait for one, at an instant.
#[derive(Debug, Clone, Copy)]
struct CpuMark {
    at: u64,
    cpu_ns: u64,
    wait_ns: Option<u64>,
}

/// CPU of workers is not told for less.
const SHORTEST_CPU_SPAN: Duration = Duration::from_millis(50);

/// Intervals that a worker has ready at the start: it makes none while it measures, unless they come back very late.
const READY_INTERVALS: usize = 2;

/// Intervals of a worker that there are at most: if none of them comes back, those that follow are joined.
const MOST_INTERVALS: usize = 64;

/// Lists of acknowledged requests that wait to be taken: at 64 KiB each, 64 MiB.
const MOST_LISTS: usize = 1_024;

impl Engine {
    /// Starts the workers. The load begins when all of them are ready, which includes the connections of a closed loop: each is open,
    /// or was refused once.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(drive: &Drive) -> io::Result<Self> {
        // From here on in the engine, so that the workers end if a later one cannot be started.
        let (mut engine, assignments) = Self::prepare(drive);
        for assignment in assignments {
            let thread = std::thread::Builder::new().name(format!("worker-{}", assignment.worker));
            let drive = drive.clone();
            engine
                .workers
                .push(thread.spawn(move || worker::run(&drive, assignment))?);
        }
        Ok(engine)
    }

    /// Drives to the end on the calling thread, which is the only worker, to measure the generator itself: what the
    /// thread uses and allocates is the worker's. Intervals are returned at the end.
    ///
    /// # Panics
    /// If the load has more than one worker.
    pub fn drive_here(drive: &Drive) -> (Vec<Interval>, End) {
        let (mut engine, mut assignments) = Self::prepare(drive);
        assert_eq!(assignments.len(), 1, "one thread can be one worker");
        let ended = assignments
            .pop()
            .map(|assignment| worker::run(drive, assignment));
        let mut intervals = Vec::new();
        while let Ok(interval) = engine.intervals.try_recv() {
            intervals.push(interval);
        }
        (intervals, engine.end_of(ended))
    }

    fn prepare(drive: &Drive) -> (Self, Vec<Assignment>) {
        let load = &drive.load;
        let course = Course::new(load.workers);
        // Room for all that the workers can have.
        let (reports, intervals) = mpsc::channel(MOST_INTERVALS * load.workers as usize);
        let (noted, acknowledged) = AcknowledgedIds::are_noted(&drive.requests)
            .then(|| std::sync::mpsc::sync_channel(MOST_LISTS))
            .unzip();
        let (used, assignments) = (0..load.workers)
            .map(|worker| {
                let (give_back, taken_back) = std::sync::mpsc::channel();
                for _ in 0..READY_INTERVALS {
                    // The receiver is here.
                    let _ = give_back
                        .send(Interval::blank(drive.requests.len(), drive.endpoints.len()));
                }
                let assignment = Assignment {
                    worker,
                    arrival: Arrival::new(&course),
                    course: course.clone(),
                    reports: reports.clone(),
                    notes: noted.clone().map(|to| {
                        Notes::new(&drive.requests, to, drive.interval.as_nanos() as u64)
                    }),
                    used: taken_back,
                };
                (give_back, assignment)
            })
            .unzip();
        let engine = Self {
            load: load.clone(),
            course,
            intervals,
            used,
            acknowledged,
            workers: Vec::new(),
        };
        (engine, assignments)
    }

    /// The planned window, as soon as all workers are ready: shortly before the schedule begins.
    pub fn ready(&self) -> impl Future<Output = Window> + use<> {
        let mut begin = self.course.watch_begin();
        let (load, course) = (self.load.clone(), self.course.clone());
        async move {
            let begun = begin.wait_for(Option::is_some).await;
            drop(begun);
            course.window(&load)
        }
    }

    /// The next interval of some worker; `None` when all have ended.
    pub async fn next(&mut self) -> Option<Interval> {
        self.intervals.recv().await
    }

    /// What is acknowledged from the start on, in pieces that come at least once an interval, until all workers have ended;
    /// `None` if no request says what its answer acknowledges, or if it was asked for before.
    pub fn acknowledged(&mut self) -> Option<Receiver<Vec<Acknowledgement>>> {
        self.acknowledged.take()
    }

    /// Gives an interval back to be used again. It is cleared here, not on a worker's time.
    pub fn reuse(&self, mut interval: Interval) {
        interval.clear();
        // A worker that has ended needs none.
        let _ = self.used[interval.worker as usize].send(interval);
    }

    /// Ends the load soon: what is in flight is counted as such.
    pub fn stop(&self) {
        self.course.stop();
    }

    /// Waits for the workers, which have ended once [`Engine::next`] gave `None`.
    pub fn finish(mut self) -> End {
        let workers = std::mem::take(&mut self.workers).into_iter();
        let ended: Vec<_> = workers
            .map(|worker| worker.join().unwrap_or_else(|_| WorkerEnd::unprepared()))
            .collect();
        self.end_of(ended)
    }

    fn end_of(&self, workers: impl IntoIterator<Item = WorkerEnd>) -> End {
        End::of(self.course.window(&self.load), workers)
    }
}

/// The window of a load that begins at `begin`.
fn window(load: &Load, begin: u64) -> Window {
    let start = begin.saturating_add(load.warmup.as_nanos() as u64);
    Window {
        start,
        end: start.saturating_add(load.duration.as_nanos() as u64),
    }
}

impl WorkerEnd {
    /// Of one that did not get so far as to count anything.
    fn unprepared() -> Self {
        Self {
            failure: Some("a worker panicked before it was ready".to_owned()),
            ..Self::default()
        }
    }
}

impl End {
    fn of(window: Window, workers: impl IntoIterator<Item = WorkerEnd>) -> Self {
        let mut end = Self {
            window,
            generator_cores: 0.0,
            busiest_worker: 0.0,
            worker_wait: None,
            stopped_seconds: 0.0,
            opening: Durations::default(),
            resent: 0,
            unnoted: 0,
            failure: None,
        };
        let (mut window_end, mut last_done, mut all_sent) = (window.start, 0, true);
        for worker in workers {
            end.opening.add(&worker.opening);
            end.resent += worker.resent;
            end.unnoted += worker.unnoted;
            end.stopped_seconds = end.stopped_seconds.max(worker.stopped_ns as f64 / 1e9);
            end.failure = end.failure.or(worker.failure);
            all_sent &= worker.all_sent;
            // Each counted until its own end: a shorter window would hold more than happened in it.
            window_end = window_end.max(worker.window_end);
            last_done = last_done.max(worker.last_done);
            if let Some((first, last)) = worker.cpu {
                end.add_cpu(first, last);
            }
        }
        if all_sent && last_done > window.start {
            window_end = window_end.min(last_done + 1);
        }
        end.window.end = window_end.min(window.end);
        end
    }

    fn add_cpu(&mut self, first: CpuMark, last: CpuMark) {
        let span = last.at.saturating_sub(first.at);
        // Between the marks of a shorter span the thread may never have slept.
        if span < SHORTEST_CPU_SPAN.as_nanos() as u64 {
            return;
        }
        let share = |from: u64, to: u64| to.saturating_sub(from) as f64 / span as f64;
        let cores = share(first.cpu_ns, last.cpu_ns);
        self.generator_cores += cores;
        self.busiest_worker = self.busiest_worker.max(cores);
        if let (Some(from), Some(to)) = (first.wait_ns, last.wait_ns) {
            let wait = share(from, to);
            self.worker_wait = Some(self.worker_wait.map_or(wait, |worst| worst.max(wait)));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(window_end: u64) -> WorkerEnd {
        WorkerEnd {
            window_end,
            ..WorkerEnd::default()
        }
    }

    const WINDOW: Window = Window {
        start: 1_000,
        end: 9_000,
    };

    #[test]
    fn a_window_is_as_long_as_any_worker_counted() {
        let end = |ends: &[u64]| {
            End::of(WINDOW, ends.iter().map(|&end| worker(end)))
                .window
                .end
        };
        assert_eq!(end(&[9_000, 9_000]), 9_000);
        assert_eq!(end(&[5_000, 5_010]), 5_010);
        // One that failed before it began, and nobody else.
        assert_eq!(end(&[0, 5_000]), 5_000);
        assert_eq!(end(&[0]), 1_000);
        assert_eq!(End::of(WINDOW, []).window.seconds(), 0.0);
    }

    #[test]
    fn marks_in_any_order_are_no_time() {
        let mark = |at| CpuMark {
            at,
            cpu_ns: at / 2,
            wait_ns: Some(at),
        };
        let of = |first, last| {
            let cpu = Some((mark(first), mark(last)));
            End::of(
                WINDOW,
                [WorkerEnd {
                    cpu,
                    ..worker(9_000)
                }],
            )
        };
        assert_eq!(of(100_000_000, 0).generator_cores, 0.0);
        assert_eq!(of(0, 100_000_000).generator_cores, 0.5);
    }

    #[test]
    fn the_worst_worker_tells_how_long_the_generator_was_stopped() {
        let stopped = |stopped_ns| WorkerEnd {
            stopped_ns,
            ..worker(9_000)
        };
        let end = End::of(WINDOW, [stopped(1_000_000_000), stopped(2_000_000_000)]);
        assert_eq!(end.stopped_seconds, 2.0);
    }
}
