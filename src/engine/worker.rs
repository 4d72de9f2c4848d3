//! One worker thread: it opens its connections, says that it is ready, follows its part of the schedule, and watches deadlines and
//! the end. However it ends, what it counted is handed over. It takes no part in an exchange; that is `connection`.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use tokio::runtime::LocalOptions;
use tokio::task::{JoinHandle, spawn_local};

use super::acknowledged::Notes;
use super::clock::{now_ns, thread_cpu_ns, thread_wait_ns};
use super::connection;
use super::dispatch::{dispatch, release};
use super::drive::Drive;
use super::due::DueRequests;
use super::end::{CpuMark, WorkerEnd};
use super::intervals::Intervals;
use super::own_wait::OwnWait;
use super::source::Source;
use super::start::{Arrival, Course, PREPARING_TICK_NS};
use super::state::WorkerState;
use super::timer::Timer;
use crate::metrics::Recorder;
use crate::traffic::template::Secrets;

/// Everything a worker needs that is not the drive's own.
pub(super) struct Assignment {
    pub(super) worker: u32,
    pub(super) course: Arc<Course>,
    pub(super) arrival: Arrival,
    pub(super) intervals: Intervals,
    pub(super) notes: Option<Notes>,
}

/// Runs to the end of the phase and the drain.
pub(super) fn run(drive: &Drive, assignment: Assignment) -> WorkerEnd {
    let Assignment {
        worker,
        course,
        arrival,
        intervals,
        notes,
    } = assignment;
    let mut source = Source::new(
        drive.requests.clone(),
        drive.rosters.clone(),
        &drive.authority,
        drive.seed,
        Secrets::Sent,
    );
    source.warm();
    let state = Rc::new(WorkerState::new(drive, worker, source, notes, intervals));
    let mut end = WorkerEnd::default();
    let lived = catch_unwind(AssertUnwindSafe(|| {
        live(&state, drive, worker, &course, arrival, &mut end)
    }));
    end.failure = match lived {
        Ok(Ok(())) => state
            .broken
            .get()
            .then(|| format!("a connection of worker {worker} panicked")),
        Ok(Err(error)) => Some(format!("worker {worker} failed: {error}")),
        Err(panic) => Some(format!("worker {worker} panicked: {}", words(&*panic))),
    };
    if end.failure.is_some() {
        // The rest of the load would be another one.
        course.stop();
        end.window_end = end.window_end.min(now_ns());
    }
    state.close(&mut end);
    end
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without words")
}

/// All tasks of the worker, which have ended when this has.
fn live(
    state: &Rc<WorkerState>,
    drive: &Drive,
    worker: u32,
    course: &Course,
    arrival: Arrival,
    end: &mut WorkerEnd,
) -> io::Result<()> {
    // Without tokio's timer, which would read the clock twice whenever the thread waits.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let (pace, tick) = (Timer::new()?, Timer::new()?);
        if state.is_closed_loop {
            connection::add_all(state);
        }
        let begin = prepare(state, &tick, course, arrival).await?;
        let dispatcher = start(state, drive, worker, begin, pace);
        let supervised = supervise(state, drive, begin, course, &tick, end).await;
        dispatcher.abort();
        let dispatched = match dispatcher.await {
            Ok(ended) => ended,
            Err(error) => {
                state.broken.set(state.broken.get() || error.is_panic());
                Ok(())
            }
        };
        supervised.and(dispatched)
    })
}

/// Waits until this worker is ready, with its connections open or refused where they are opened at once, and then until all are.
async fn prepare(
    state: &WorkerState,
    timer: &Timer,
    course: &Course,
    mut arrival: Arrival,
) -> io::Result<u64> {
    loop {
        if state.opening_first.get() == 0 || state.broken.get() || course.stop_at().is_some() {
            arrival.arrive();
        }
        if let Some(begin) = course.begin() {
            return Ok(begin);
        }
        let now = timer.until(now_ns() + PREPARING_TICK_NS).await?;
        state.expire(now);
    }
}

/// Lets the schedule begin.
fn start(
    state: &Rc<WorkerState>,
    drive: &Drive,
    worker: u32,
    begin: u64,
    timer: Timer,
) -> JoinHandle<io::Result<()>> {
    let window = drive.window(begin);
    let due = DueRequests::new(&drive.load, state.spread, drive.lane(worker), begin, window);
    let due = due.in_turns(drive.turns);
    let alarm = due.alarm();
    *state.due.borrow_mut() = due;
    *state.recorder.borrow_mut() = Recorder::new(
        window,
        drive.interval.as_nanos() as u64,
        drive.requests.len(),
        state.instances.len(),
    )
    .in_own_time(drive.own_time(begin));
    state.window.set(window);
    state.own.set(drive.own_time(begin));
    let (state, turns) = (state.clone(), drive.turns);
    match alarm {
        None => spawn_local(async move { release(&state, &timer, begin, turns).await }),
        Some(alarm) => spawn_local(async move {
            let ended = dispatch(&state, alarm, &timer, begin, window.end).await;
            state.alarm.set(u64::MAX);
            if ended.is_err() {
                state.abort();
            }
            state.finish();
            ended
        }),
    }
}

/// Wakes at a coarse tick: deadlines, intervals, CPU marks, the wish to stop, the end of the drain.
async fn supervise(
    state: &Rc<WorkerState>,
    drive: &Drive,
    begin: u64,
    course: &Course,
    timer: &Timer,
    end: &mut WorkerEnd,
) -> io::Result<()> {
    let timeout_ns = drive.load.timeout.as_nanos() as u64;
    let tick = (timeout_ns / 20).clamp(1_000_000, 10_000_000);
    let mark = || CpuMark {
        at: now_ns(),
        cpu_ns: thread_cpu_ns(),
        wait_ns: thread_wait_ns(),
    };
    let planned = drive.window(begin);
    let mut wait = OwnWait::new(drive.own_time(begin), planned);
    let (mut first, mut last) = (None, None);
    end.window_end = planned.end;
    let mut is_stopping = false;
    let mut was_late = false;
    // The window lasts as long as planned, however long before its end the last request was due.
    let over = || state.aborted.get() || state.due.borrow().is_over(now_ns());
    while state.live.get() > 0 || !over() {
        let due = now_ns() + tick;
        state.tick.set(due);
        let now = timer.until(due).await?;
        let is_late = state.woke(due, now);
        if first.is_none() && now >= planned.start {
            first = Some(mark());
        }
        if let Some(stop_at) = course.stop_at() {
            if !is_stopping {
                is_stopping = true;
                // A worker that learns of it late has counted until now.
                let stop_at = stop_at.max(now);
                end.window_end = end.window_end.min(stop_at.max(planned.start));
                state.cut(stop_at);
            }
            if now >= stop_at {
                state.abort();
            }
        }
        if last.is_none() {
            // What is waited behind a window that was cut is none of it.
            wait.look(now, thread_wait_ns);
            last = (first.is_some() && now >= end.window_end).then(mark);
        }
        if now >= planned.end + timeout_ns || state.broken.get() {
            state.abort();
        }
        state.rotate_if_over(now);
        if state.instances.len() > 1 {
            state.finish_used_up(now);
        }
        if let Some(notes) = &mut *state.notes.borrow_mut() {
            notes.hand_over_if_due(now);
        }
        // An answer that came while the worker did not run is read before its request is given up.
        if !is_late || was_late {
            state.expire(now);
        }
        was_late = is_late && !was_late;
    }
    let (first, mut last) = (first.unwrap_or_else(mark), last.unwrap_or_else(mark));
    last.wait_ns = wait.last(first.wait_ns, last.wait_ns);
    end.cpu = Some((first, last));
    Ok(())
}
