//! Load under way: starts the workers, passes on what they report, and says how they ended.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::acknowledged::{AcknowledgedIds, Acknowledgement, Notes};
use super::clock::now_ns;
use super::drive::Drive;
use super::end::{End, WorkerEnd};
use super::intervals::{self, Intervals};
use super::start::{Arrival, Course};
use super::worker::{self, Assignment};
use crate::metrics::{Interval, OwnTime, Window};

/// Load under way.
#[derive(Debug)]
pub struct Engine {
    drive: Drive,
    course: Arc<Course>,
    intervals: mpsc::Receiver<Interval>,
    /// By worker.
    used: Vec<Sender<Interval>>,
    acknowledged: Option<Receiver<Vec<Acknowledgement>>>,
    workers: Vec<JoinHandle<WorkerEnd>>,
}

/// Lists of acknowledged requests that wait to be taken: at 64 KiB each, 64 MiB.
const MOST_LISTS: usize = 1_024;

impl Engine {
    /// Starts the workers. The load begins when all of them are ready, which includes the connections of a closed loop: each is open,
    /// or was refused once.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(drive: &Drive) -> io::Result<Self> {
        Self::start_on(drive, &Course::new(drive.load.workers, drive.appointment))
    }

    /// Starts several loads that begin at one instant, when the workers of all are ready, and end together when one of them is stopped.
    ///
    /// # Errors
    /// As for [`Engine::start`].
    pub fn start_together<const N: usize>(drives: [&Drive; N]) -> io::Result<[Self; N]> {
        let workers = drives.iter().map(|drive| drive.load.workers).sum();
        let course = Course::new(workers, None);
        let mut engines = Vec::with_capacity(N);
        for drive in drives {
            engines.push(Self::start_on(drive, &course)?);
        }
        Ok(engines.try_into().expect("there is one for each"))
    }

    fn start_on(drive: &Drive, course: &Arc<Course>) -> io::Result<Self> {
        // From here on in the engine, so that the workers end if a later one cannot be started.
        let (mut engine, assignments) = Self::prepare(drive, course);
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
        let course = Course::new(drive.load.workers, drive.appointment);
        let (mut engine, mut assignments) = Self::prepare(drive, &course);
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

    fn prepare(drive: &Drive, course: &Arc<Course>) -> (Self, Vec<Assignment>) {
        let load = &drive.load;
        // Room for all that the workers can have.
        let (reports, reported) = mpsc::channel(intervals::MOST * load.workers as usize);
        let (noted, acknowledged) = AcknowledgedIds::are_noted(&drive.requests)
            .then(|| std::sync::mpsc::sync_channel(MOST_LISTS))
            .unzip();
        let (used, assignments) = (0..load.workers)
            .map(|worker| {
                let (give_back, taken_back) = std::sync::mpsc::channel();
                for _ in 0..intervals::READY {
                    // The receiver is here.
                    let _ = give_back
                        .send(Interval::blank(drive.requests.len(), drive.endpoints.len()));
                }
                let assignment = Assignment {
                    worker,
                    arrival: Arrival::new(course),
                    course: course.clone(),
                    intervals: Intervals::new(worker, reports.clone(), taken_back),
                    notes: noted.clone().map(|to| {
                        Notes::new(&drive.requests, to, drive.interval.as_nanos() as u64)
                    }),
                };
                (give_back, assignment)
            })
            .unzip();
        let engine = Self {
            drive: drive.clone(),
            course: course.clone(),
            intervals: reported,
            used,
            acknowledged,
            workers: Vec::new(),
        };
        (engine, assignments)
    }

    /// The planned window, as soon as all workers are ready: shortly before the schedule begins.
    pub fn ready(&self) -> impl Future<Output = Window> + use<> {
        let mut begin = self.course.watch_begin();
        let drive = self.drive.clone();
        async move {
            let begun = begin.wait_for(Option::is_some).await;
            let begun = begun.ok().and_then(|begun| *begun);
            window(&drive, begun)
        }
    }

    /// Whether the load began as agreed, or at will; known when [`Engine::ready`] has told the window.
    pub fn kept_appointment(&self) -> bool {
        let appointment = self.drive.appointment;
        appointment.is_none_or(|of| self.course.begin() == Some(of.at))
    }

    /// Which time of the load counts, as soon as it is known when that begins.
    pub fn own_time(&self) -> OwnTime {
        self.drive.own_time(self.course.begin().unwrap_or_default())
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
        let window = window(&self.drive, self.course.begin());
        End::of(window, self.own_time(), workers)
    }
}

/// The window of a load that began then; one of no length, now, if it never began.
fn window(drive: &Drive, begin: Option<u64>) -> Window {
    let never = || {
        let now = now_ns();
        Window {
            start: now,
            end: now,
        }
    };
    begin.map_or_else(never, |begin| drive.window(begin))
}

impl Drop for Engine {
    /// Workers that nobody waits for end. Those of another engine of the same course go on when these have ended.
    fn drop(&mut self) {
        if !self.workers.is_empty() {
            self.stop();
        }
    }
}
