//! Drives load: a thread per worker, each with its own connections, devices and part of the schedule.
//!
//! It knows an address and a plan, not what stands behind the address. Results leave as intervals; nothing is shared
//! per request.

mod answer;
mod clock;
mod connection;
mod feed;
mod job;
mod program;
mod shard;
mod source;
mod timer;
mod wire;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub use clock::now_ns;
pub use program::Rendered;
pub use source::Source;

use crate::metrics::{Interval, Window};
use crate::scenario::fleet::Roster;
use crate::scenario::template::Secrets;
use crate::scenario::{Load, Request};
use worker::Assignment;

/// What is to be sent where.
#[derive(Debug, Clone)]
pub struct Drive {
    /// The target.
    pub address: SocketAddr,
    /// The target as named in the Host header.
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
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<io::Result<WorkerEnd>>>,
}

/// How the load ended.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// The window as it was: shorter than planned after an interruption or when a number of requests was reached.
    pub window: Window,
    /// CPU of all workers over the window, cores.
    pub generator_cores: f64,
    /// CPU of the busiest worker over the window, share of a core.
    pub busiest_worker: f64,
    /// Connections that were opened.
    pub connections_opened: u64,
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
    connections_opened: u64,
    resent: u64,
    /// The number of requests was reached.
    all_sent: bool,
}

/// CPU time of a thread at an instant.
#[derive(Debug, Clone, Copy)]
struct CpuMark {
    at: u64,
    cpu_ns: u64,
}

/// Time between the start of the threads and the beginning of the schedule.
const LEAD: Duration = Duration::from_millis(2);

impl Engine {
    /// Starts the workers.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(drive: &Drive) -> io::Result<Self> {
        let load = &drive.load;
        let begin = now_ns() + LEAD.as_nanos() as u64;
        let start = begin + load.warmup.as_nanos() as u64;
        let window = Window {
            start,
            end: start + load.duration.as_nanos() as u64,
        };
        let (reports, intervals) = unbounded_channel();
        // From here on in the engine, so that the workers end if a later one cannot be started.
        let mut engine = Self {
            window,
            intervals,
            used: Vec::new(),
            next_used: 0,
            stop: Arc::new(AtomicBool::new(false)),
            workers: Vec::new(),
        };
        for worker in 0..load.workers {
            let (give_back, taken_back) = std::sync::mpsc::channel();
            engine.used.push(give_back);
            let assignment = Assignment {
                worker,
                address: drive.address,
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
                stop: engine.stop.clone(),
                reports: reports.clone(),
                used: taken_back,
            };
            let thread = std::thread::Builder::new().name(format!("worker-{worker}"));
            engine
                .workers
                .push(thread.spawn(move || worker::run(assignment))?);
        }
        Ok(engine)
    }

    /// The next interval of some worker; `None` when all have ended.
    pub async fn next(&mut self) -> Option<Interval> {
        self.intervals.recv().await
    }

    /// Gives an interval back to be used again.
    pub fn reuse(&mut self, interval: Interval) {
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
        let mut end = End {
            window: self.window,
            generator_cores: 0.0,
            busiest_worker: 0.0,
            connections_opened: 0,
            resent: 0,
        };
        let mut last_done = 0;
        let mut all_sent = true;
        for worker in std::mem::take(&mut self.workers) {
            let worker = worker
                .join()
                .map_err(|_| io::Error::other("a worker panicked"))??;
            let (first, last) = worker.cpu;
            let cores = if last.at > first.at {
                (last.cpu_ns - first.cpu_ns) as f64 / (last.at - first.at) as f64
            } else {
                0.0
            };
            end.generator_cores += cores;
            end.busiest_worker = end.busiest_worker.max(cores);
            end.connections_opened += worker.connections_opened;
            end.resent += worker.resent;
            all_sent &= worker.all_sent;
            end.window.end = end.window.end.min(worker.window_end);
            last_done = last_done.max(worker.last_done);
        }
        if all_sent && last_done > end.window.start {
            end.window.end = end.window.end.min(last_done + 1);
        }
        Ok(end)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}
