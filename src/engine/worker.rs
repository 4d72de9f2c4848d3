//! One worker thread: it starts its connections, follows its part of the schedule, and watches deadlines and the end.
//! It takes no part in an exchange; that is `connection`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::task::Poll;

use tokio::runtime::LocalOptions;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_local;

use super::acknowledged::Notes;
use super::clock::{now_ns, thread_cpu_ns, thread_wait_ns};
use super::feed::{Feed, Next};
use super::job::Turns;
use super::shard::{Lane, Shard};
use super::source::Source;
use super::spread::Spread;
use super::timer::Timer;
use super::wire::Reuse;
use super::{CpuMark, WorkerEnd};
use crate::metrics::{Durations, Interval, Recorder, Window};
use crate::pacer::Pacer;
use crate::scenario::LoadModel;
use crate::traffic::template::Secrets;
use crate::transport::stream::Endpoint;

/// Everything a worker needs, made before it starts.
pub(super) struct Assignment {
    pub(super) worker: u32,
    /// Of each instance.
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) load: crate::scenario::Load,
    pub(super) seed: u64,
    pub(super) begin: u64,
    pub(super) window: Window,
    pub(super) interval_ns: u64,
    pub(super) source: Source,
    /// Whether the words of failures show secrets.
    pub(super) secrets: Secrets,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) reports: UnboundedSender<Interval>,
    pub(super) used: Receiver<Interval>,
    pub(super) notes: Option<Notes>,
}

/// Runs to the end of the phase and the drain.
pub(super) fn run(assignment: Assignment) -> io::Result<WorkerEnd> {
    // Without tokio's timer, which would read the clock twice whenever the thread waits.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build_local(LocalOptions::default())?;
    runtime.block_on(work(assignment))
}

async fn work(assignment: Assignment) -> io::Result<WorkerEnd> {
    let Assignment {
        worker,
        endpoints,
        load,
        seed,
        begin,
        window,
        interval_ns,
        source,
        secrets,
        stop,
        reports,
        used,
        notes,
    } = assignment;
    let connections = (load.connections / load.workers
        + u32::from(worker < load.connections % load.workers)) as usize;
    let spread = Spread::new(seed, endpoints.len());
    let shares = spread.connections(worker, connections);
    let kinds = source.kinds();
    let shard = Rc::new(Shard {
        lanes: endpoints
            .into_iter()
            .zip(&shares)
            .map(|(endpoint, most)| Lane::new(endpoint, *most))
            .collect(),
        spread,
        reuse: if load.keep_alive {
            Reuse::KeepAlive
        } else {
            Reuse::Close
        },
        timeout: load.timeout,
        feed: RefCell::new(Feed::new(&load, spread, worker, begin, window)),
        recorder: RefCell::new(Recorder::new(window, interval_ns, kinds, shares.len())),
        source: RefCell::new(source),
        secrets,
        turns: Turns::default(),
        reports,
        used,
        notes: RefCell::new(notes),
        is_closed_loop: load.model == LoadModel::Closed,
        slots: RefCell::default(),
        aborted: Cell::new(false),
        live: Cell::new(0),
        broken: Cell::new(false),
        last_done: Cell::new(0),
        opening: RefCell::new(Durations::default()),
        resent: Cell::new(0),
    });
    let timer = Timer::new()?;
    let alarm = shard.feed.borrow().alarm();
    let dispatcher = match alarm {
        None => {
            for (lane, &share) in shares.iter().enumerate() {
                (0..share).for_each(|_| shard.add_connection(lane));
            }
            let shard = shard.clone();
            spawn_local(async move { release(&shard, &timer, begin).await })
        }
        Some(alarm) => {
            let shard = shard.clone();
            spawn_local(async move {
                let ended = dispatch(&shard, alarm, &timer, begin, window.end).await;
                if ended.is_err() {
                    shard.abort();
                }
                shard.finish();
                ended
            })
        }
    };
    let end = supervise(&shard, window, &stop).await?;
    dispatcher.abort();
    match dispatcher.await {
        Ok(ended) => ended?,
        Err(error) if error.is_panic() => shard.broken.set(true),
        Err(_) => {}
    }
    if shard.broken.get() {
        return Err(io::Error::other("a task of a worker panicked"));
    }
    shard.count_not_sent(now_ns());
    let shard = Rc::into_inner(shard)
        .ok_or_else(|| io::Error::other("a connection outlived its worker"))?;
    // A receiver that is gone has no use for it.
    let _ = shard.reports.send(shard.recorder.into_inner().finish());
    Ok(end)
}

/// Wakes at a coarse tick: deadlines, intervals, CPU marks, the stop flag, the end of the drain.
async fn supervise(shard: &Rc<Shard>, window: Window, stop: &AtomicBool) -> io::Result<WorkerEnd> {
    let timer = Timer::new()?;
    let timeout_ns = shard.timeout.as_nanos() as u64;
    let tick = (timeout_ns / 20).clamp(1_000_000, 10_000_000);
    let mark = || CpuMark {
        at: now_ns(),
        cpu_ns: thread_cpu_ns(),
        wait_ns: thread_wait_ns(),
    };
    let (mut first, mut last) = (None, None);
    let mut window_end = window.end;
    // The window lasts as long as planned, however long before its end the last request was due.
    let over = || shard.aborted.get() || shard.feed.borrow().is_over(now_ns());
    while shard.live.get() > 0 || !over() {
        timer.until(now_ns() + tick).await?;
        let now = now_ns();
        if first.is_none() && now >= window.start {
            first = Some(mark());
        }
        if last.is_none() && now >= window.end {
            last = Some(mark());
        }
        if stop.load(Ordering::Relaxed) && !shard.aborted.get() {
            window_end = window_end.min(now.max(window.start));
            last = last.or_else(|| first.is_some().then(mark));
            shard.recorder.borrow_mut().cut(now);
            shard.feed.borrow_mut().cut(now);
            shard.abort();
        }
        if now >= window.end + timeout_ns || shard.broken.get() {
            shard.abort();
        }
        shard.rotate_if_over(now);
        if shard.lanes.len() > 1 {
            shard.finish_used_up(now);
        }
        if let Some(notes) = &mut *shard.notes.borrow_mut() {
            notes.hand_over_if_due(now);
        }
        for slot in &*shard.slots.borrow() {
            let deadline = slot.deadline.get();
            if deadline != 0 && (now >= deadline || shard.aborted.get()) {
                slot.expired.set(true);
                slot.wake();
            }
        }
    }
    let cpu = (first.unwrap_or_else(mark), last.unwrap_or_else(mark));
    Ok(WorkerEnd {
        window_end,
        last_done: shard.last_done.get(),
        cpu,
        opening: shard.opening.take(),
        resent: shard.resent.get(),
        all_sent: shard.feed.borrow().is_used_up(),
    })
}

/// Starts the connections of a closed loop that were open before the beginning.
async fn release(shard: &Shard, timer: &Timer, begin: u64) -> io::Result<()> {
    timer.until(begin).await?;
    let idle = || {
        let mut lanes = shard.lanes.iter();
        lanes.find_map(|lane| lane.idle.borrow_mut().pop())
    };
    loop {
        let Some(slot) = idle() else { return Ok(()) };
        match shard.next(slot.lane, now_ns()) {
            Next::Due(ticket) => {
                slot.ticket.set(Some(ticket));
                slot.wake();
            }
            Next::NotBefore | Next::Finished => {
                slot.wake();
                shard.finish();
                return Ok(());
            }
        }
    }
}

/// Lets the connections that were handed a request send it before the next alarm is set. Unlike tokio's `yield_now` it asks
/// the system for nothing.
async fn give_way() {
    let mut given = false;
    poll_fn(|context| {
        if given {
            return Poll::Ready(());
        }
        given = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Overdue starts that are handled before the connections have their turn.
const MOST_IN_A_ROW: u32 = 64;

/// Follows the schedule: at each intended start a request goes to an idle connection of its instance, or one more is opened.
/// Requests that find neither wait in the feed, and the next connection that is free takes the earliest. `alarm` is a second
/// hand on the feed's schedule: what lies between the two waits, however much it is, without a queue that could grow.
async fn dispatch(
    shard: &Rc<Shard>,
    mut alarm: Pacer,
    timer: &Timer,
    begin: u64,
    end: u64,
) -> io::Result<()> {
    let mut in_a_row = 0;
    loop {
        let due = alarm.take();
        let at = begin.saturating_add(due.offset_ns);
        if at >= end || shard.is_finished() {
            return Ok(());
        }
        if now_ns() < at {
            give_way().await;
            timer.until(at).await?;
            in_a_row = 0;
        } else {
            in_a_row += 1;
            if in_a_row % MOST_IN_A_ROW == 0 {
                tokio::task::yield_now().await;
            }
        }
        let number = shard.spread.of(due.n);
        let lane = &shard.lanes[number];
        let idle = lane.idle.borrow_mut().pop();
        let Some(slot) = idle else {
            if lane.opened.get() < lane.most && !lane.finished.get() {
                shard.add_connection(number);
            }
            continue;
        };
        let next = shard.next(number, now_ns());
        match next {
            Next::Due(ticket) => {
                slot.ticket.set(Some(ticket));
                slot.wake();
            }
            // Taken by a connection that became free.
            Next::NotBefore => lane.idle.borrow_mut().push(slot),
            Next::Finished => {
                lane.idle.borrow_mut().push(slot);
                lane.finish();
            }
        }
    }
}
