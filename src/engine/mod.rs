//! Drives load: a thread per worker, each with its own connections, devices and part of the schedule.
//!
//! It knows an address and a plan, not what stands behind the address. Results leave as intervals; nothing is shared
//! per request.

mod acknowledged;
mod answer;
mod clock;
mod connection;
mod feed;
mod job;
mod program;
mod shard;
mod source;
mod spread;
mod timer;
mod wire;
mod worker;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

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
    /// The planned window.
    pub window: Window,
    intervals: UnboundedReceiver<Interval>,
    used: Vec<Sender<Interval>>,
    next_used: usize,
    acknowledged: Option<Receiver<Vec<Acknowledgement>>>,
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<io::Result<WorkerEnd>>>,
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
    /// Every connection that was opened: how long that took, TLS handshake included.
    pub opening: Durations,
    /// Requests that were sent a second time, because the server had closed or reset a kept connection without a byte of
    /// an answer, as it does with one that it takes for idle. Each is counted once.
    pub resent: u64,
}

/// How one worker ended.
#[derive(Debug)]
struct WorkerEnd {
    window_end: u64,
    last_done: u64,
    cpu: (CpuMark, CpuMark),
    opening: Durations,
    resent: u64,
    /// The number of requests was reached.
    all_sent: bool,
}

/// CPU time of a thread, and its wait for one, at an instant.
#[derive(Debug, Clone, Copy)]
struct CpuMark {
    at: u64,
    cpu_ns: u64,
    wait_ns: Option<u64>,
}

/// Time between the start of the threads and the beginning of the schedule.
const LEAD: Duration = Duration::from_millis(2);

/// CPU of workers is not told for less.
const SHORTEST_CPU_SPAN: Duration = Duration::from_millis(50);

/// Intervals that a worker has ready at the start: it makes none while it measures, unless they come back very late.
const READY_INTERVALS: usize = 2;

impl Engine {
    /// Starts the workers.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(drive: &Drive) -> io::Result<Self> {
        // From here on in the engine, so that the workers end if a later one cannot be started.
        let (mut engine, assignments) = Self::prepare(drive);
        for assignment in assignments {
            let thread = std::thread::Builder::new().name(format!("worker-{}", assignment.worker));
            engine
                .workers
                .push(thread.spawn(move || worker::run(assignment))?);
        }
        Ok(engine)
    }

    /// Drives to the end on the calling thread, which is the only worker, to measure the generator itself: what the
    /// thread uses and allocates is the worker's. Intervals are returned at the end.
    ///
    /// # Errors
    /// As for [`Engine::finish`].
    ///
    /// # Panics
    /// If the load has more than one worker.
    pub fn drive_here(drive: &Drive) -> io::Result<(Vec<Interval>, End)> {
        let (mut engine, mut assignments) = Self::prepare(drive);
        assert_eq!(assignments.len(), 1, "one thread can be one worker");
        let ended = assignments.pop().map(worker::run).transpose()?;
        let mut intervals = Vec::new();
        while let Ok(interval) = engine.intervals.try_recv() {
            intervals.push(interval);
        }
        Ok((intervals, End::of(engine.window, ended.as_slice())))
    }

    fn prepare(drive: &Drive) -> (Self, Vec<Assignment>) {
        let load = &drive.load;
        let begin = now_ns() + LEAD.as_nanos() as u64;
        let start = begin + load.warmup.as_nanos() as u64;
        let window = Window {
            start,
            end: start + load.duration.as_nanos() as u64,
        };
        let (reports, intervals) = unbounded_channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (noted, acknowledged) = AcknowledgedIds::are_noted(&drive.requests)
            .then(std::sync::mpsc::channel)
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
                    endpoints: drive.endpoints.clone(),
                    load: load.clone(),
                    seed: drive.seed,
                    begin,
                    window,
                    interval_ns: drive.interval.as_nanos() as u64,
                    source: Source::new(
                        drive.requests.clone(),
                        drive.rosters.clone(),
                        &drive.authority,
                        drive.seed,
                        Secrets::Sent,
                    ),
                    secrets: drive.secrets,
                    stop: stop.clone(),
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
            window,
            intervals,
            used,
            next_used: 0,
            acknowledged,
            stop,
            workers: Vec::new(),
        };
        (engine, assignments)
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
    pub fn reuse(&mut self, mut interval: Interval) {
        interval.clear();
        self.next_used = (self.next_used + 1) % self.used.len();
        // A worker that has ended needs none.
        let _ = self.used[self.next_used].send(interval);
    }

    /// Ends the load soon: what is in flight is counted as such.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for the workers, which have ended once [`Engine::next`] gave `None`.
    ///
    /// # Errors
    /// A worker could not set up its runtime, or panicked.
    pub fn finish(mut self) -> io::Result<End> {
        let ended = std::mem::take(&mut self.workers)
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .map_err(|_| io::Error::other("a worker panicked"))?
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(End::of(self.window, &ended))
    }
}

impl End {
    fn of(window: Window, workers: &[WorkerEnd]) -> Self {
        let mut end = Self {
            window,
            generator_cores: 0.0,
            busiest_worker: 0.0,
            worker_wait: None,
            opening: Durations::default(),
            resent: 0,
        };
        let mut last_done = 0;
        let mut all_sent = true;
        for worker in workers {
            end.opening.add(&worker.opening);
            end.resent += worker.resent;
            all_sent &= worker.all_sent;
            end.window.end = end.window.end.min(worker.window_end);
            last_done = last_done.max(worker.last_done);
            let (first, last) = worker.cpu;
            let span = last.at - first.at;
            let share = |from: u64, to: u64| (to - from) as f64 / span as f64;
            // Between the marks of a shorter span the thread may never have slept.
            if span < SHORTEST_CPU_SPAN.as_nanos() as u64 {
                continue;
            }
            let cores = share(first.cpu_ns, last.cpu_ns);
            end.generator_cores += cores;
            end.busiest_worker = end.busiest_worker.max(cores);
            if let (Some(from), Some(to)) = (first.wait_ns, last.wait_ns) {
                let wait = share(from, to);
                end.worker_wait = Some(end.worker_wait.map_or(wait, |worst| worst.max(wait)));
            }
        }
        if all_sent && last_done > end.window.start {
            end.window.end = end.window.end.min(last_done + 1);
        }
        end
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}
