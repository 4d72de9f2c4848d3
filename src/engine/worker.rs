//! One worker thread: its connections, its part of the schedule, its recorder. THE measured path is `connection`.
//!
//! Per request: no lock, no channel, no log line, no formatting of text, no `dyn`, no allocation once warm.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::{LocalSet, spawn_local};

use super::clock::{now_ns, thread_cpu_ns};
use super::feed::{Feed, Next, Ticket};
use super::source::Source;
use super::timer::Timer;
use super::wire::{Exchange, Slot, Wire};
use super::{CpuMark, WorkerEnd};
use crate::metrics::{ErrorKind, Interval, Outcome, Recorder, Times, Window};
use crate::pacer::Pacer;
use crate::scenario::LoadModel;
use crate::scenario::template::Secrets;

/// Everything a worker needs, made before it starts.
pub(super) struct Assignment {
    pub(super) worker: u32,
    pub(super) address: SocketAddr,
    pub(super) load: crate::scenario::Load,
    pub(super) seed: u64,
    pub(super) begin: u64,
    pub(super) window: Window,
    pub(super) interval_ns: u64,
    pub(super) source: Source,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) reports: UnboundedSender<Interval>,
    pub(super) used: Receiver<Interval>,
}

/// What the tasks of one worker share; all on one thread.
struct Shard {
    address: SocketAddr,
    timeout: Duration,
    feed: RefCell<Feed>,
    source: RefCell<Source>,
    recorder: RefCell<Recorder>,
    reports: UnboundedSender<Interval>,
    used: Receiver<Interval>,
    is_closed_loop: bool,
    /// All connections' slots, for deadlines.
    slots: RefCell<Vec<Rc<Slot>>>,
    /// Connections that wait for a request; the one that was used last is used next.
    idle: RefCell<Vec<Rc<Slot>>>,
    /// Nothing will be due again.
    finished: Cell<bool>,
    /// What is under way is given up and counted as in flight.
    aborted: Cell<bool>,
    /// Connection tasks that have not ended.
    live: Cell<usize>,
    /// A connection task panicked.
    broken: Cell<bool>,
    last_done: Cell<u64>,
    opened: Cell<u64>,
    resent: Cell<u64>,
}

/// Pause of a closed-loop connection after it could not be opened: a target that is down is not to be stormed.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);

/// Runs to the end of the phase and the drain.
pub(super) fn run(assignment: Assignment) -> io::Result<WorkerEnd> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, work(assignment))
}

async fn work(assignment: Assignment) -> io::Result<WorkerEnd> {
    let Assignment {
        worker,
        address,
        load,
        seed,
        begin,
        window,
        interval_ns,
        source,
        stop,
        reports,
        used,
    } = assignment;
    let connections = (load.connections / load.workers
        + u32::from(worker < load.connections % load.workers)) as usize;
    let shard = Rc::new(Shard {
        address,
        timeout: load.timeout,
        feed: RefCell::new(Feed::new(&load, seed, worker, begin, window)),
        recorder: RefCell::new(Recorder::new(window, interval_ns, source.kinds())),
        source: RefCell::new(source),
        reports,
        used,
        is_closed_loop: load.model == LoadModel::Closed,
        slots: RefCell::default(),
        idle: RefCell::default(),
        finished: Cell::new(false),
        aborted: Cell::new(false),
        live: Cell::new(0),
        broken: Cell::new(false),
        last_done: Cell::new(0),
        opened: Cell::new(0),
        resent: Cell::new(0),
    });
    let timer = Timer::new()?;
    let dispatcher = match load.model {
        LoadModel::Closed => {
            (0..connections).for_each(|_| shard.add_connection());
            let shard = shard.clone();
            spawn_local(async move { release(&shard, &timer, begin).await })
        }
        LoadModel::Open { rate, arrivals } => {
            let alarm = Pacer::new(rate, arrivals, seed, worker, load.workers);
            let shard = shard.clone();
            spawn_local(async move {
                let ended = dispatch(&shard, alarm, &timer, begin, window.end, connections).await;
                shard.finish();
                ended
            })
        }
    };
    let end = supervise(&shard, window, &stop).await;
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
async fn supervise(shard: &Rc<Shard>, window: Window, stop: &AtomicBool) -> WorkerEnd {
    let timeout_ns = shard.timeout.as_nanos() as u64;
    let tick = (shard.timeout / 20).clamp(Duration::from_millis(1), Duration::from_millis(10));
    let mark = || CpuMark {
        at: now_ns(),
        cpu_ns: thread_cpu_ns(),
    };
    let (mut first, mut last) = (None, None);
    let mut window_end = window.end;
    // The window lasts as long as planned, however long before its end the last request was due.
    while shard.live.get() > 0 || !shard.feed.borrow().is_over(now_ns()) {
        tokio::time::sleep(tick).await;
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
        for slot in &*shard.slots.borrow() {
            let deadline = slot.deadline.get();
            if deadline != 0 && (now >= deadline || shard.aborted.get()) {
                slot.expired.set(true);
                slot.wake();
            }
        }
    }
    let cpu = (first.unwrap_or_else(mark), last.unwrap_or_else(mark));
    WorkerEnd {
        window_end,
        last_done: shard.last_done.get(),
        cpu,
        connections_opened: shard.opened.get(),
        resent: shard.resent.get(),
        all_sent: shard.feed.borrow().is_used_up(),
    }
}

/// Starts the connections of a closed loop that were open before the beginning.
async fn release(shard: &Shard, timer: &Timer, begin: u64) -> io::Result<()> {
    timer.until(begin).await?;
    loop {
        let idle = shard.idle.borrow_mut().pop();
        let Some(slot) = idle else { return Ok(()) };
        match shard.next(now_ns()) {
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

/// Overdue starts that are handled before the connections have their turn.
const MOST_IN_A_ROW: u32 = 64;

/// Follows the schedule: at each intended start a request goes to an idle connection, or one more is opened.
/// Requests that find neither wait in the feed, and the next connection that is free takes the earliest.
async fn dispatch(
    shard: &Rc<Shard>,
    mut alarm: Pacer,
    timer: &Timer,
    begin: u64,
    end: u64,
    connections: usize,
) -> io::Result<()> {
    let mut in_a_row = 0;
    loop {
        let at = begin + alarm.take().offset_ns;
        if at >= end || shard.finished.get() {
            return Ok(());
        }
        if now_ns() < at {
            timer.until(at).await?;
            in_a_row = 0;
        } else {
            in_a_row += 1;
            if in_a_row % MOST_IN_A_ROW == 0 {
                tokio::task::yield_now().await;
            }
        }
        let idle = shard.idle.borrow_mut().pop();
        let Some(slot) = idle else {
            if shard.slots.borrow().len() < connections {
                shard.add_connection();
            }
            continue;
        };
        let next = shard.next(now_ns());
        match next {
            Next::Due(ticket) => {
                slot.ticket.set(Some(ticket));
                slot.wake();
            }
            // Taken by a connection that became free.
            Next::NotBefore => shard.idle.borrow_mut().push(slot),
            Next::Finished => {
                shard.idle.borrow_mut().push(slot);
                return Ok(());
            }
        }
    }
}

/// One connection's life: take a request, exchange it, record it.
async fn connection(shard: &Shard, slot: &Rc<Slot>) {
    let mut wire = Wire::new();
    let mut free = 0;
    // A request that belongs to this connection before it is open.
    let mut held: Option<Ticket> = None;
    // Whether it is opened before there is a request for it: always in a closed loop. In an open loop only at first, so
    // that a connection that becomes free meanwhile can serve the request for which this one was added.
    let mut eager = true;
    loop {
        if !wire.is_open() && (eager || held.is_some()) {
            match open(shard, slot, &mut wire, &mut held).await {
                Opened::Free(instant) | Opened::Failed(instant) => free = instant,
                Opened::Over => return,
            }
            eager = shard.is_closed_loop;
            continue;
        }
        let ticket = match held.take().map_or_else(|| shard.next(free), Next::Due) {
            Next::Due(ticket) => ticket,
            Next::Finished => return shard.finish(),
            Next::NotBefore => match park(shard, slot, &mut wire).await {
                Some(ticket) => ticket,
                None => return,
            },
        };
        if !wire.is_open() {
            held = Some(ticket);
            continue;
        }
        match exchange(shard, slot, &mut wire, ticket, free).await {
            After::Free(instant) => free = instant,
            After::Again => held = Some(ticket),
            After::Over => return,
        }
    }
}

/// How opening a connection ended.
enum Opened {
    /// It is free since this instant.
    Free(u64),
    /// It could not be opened until this instant; a request failed by that, if one was due.
    Failed(u64),
    /// The phase is over.
    Over,
}

async fn open(shard: &Shard, slot: &Slot, wire: &mut Wire, held: &mut Option<Ticket>) -> Opened {
    let begun = now_ns();
    if shard.aborted.get() {
        shard.give_up(held.take());
        return Opened::Over;
    }
    if shard.is_closed_loop && held.is_none() && shard.feed.borrow().is_over(begun) {
        shard.finish();
        return Opened::Over;
    }
    slot.expired.set(false);
    slot.deadline.set(begun + shard.timeout.as_nanos() as u64);
    let opened = wire.open(shard.address, slot).await;
    slot.deadline.set(0);
    let now = now_ns();
    let (kind, words) = match opened {
        Some(Ok(())) => {
            shard.opened.set(shard.opened.get() + 1);
            return Opened::Free(now);
        }
        Some(Err(failure)) => failure,
        None if shard.aborted.get() => {
            shard.give_up(held.take());
            return Opened::Over;
        }
        None => (
            ErrorKind::ConnectTimeout,
            format!(
                "no connection to {} within {:?}",
                shard.address, shard.timeout
            ),
        ),
    };
    // In a closed loop the request became due when the connection was free to be opened.
    let asked = if shard.is_closed_loop { begun } else { now };
    let due = held.take().map_or_else(|| shard.next(asked), Next::Due);
    match due {
        Next::Due(ticket) => {
            let times = Times {
                intended: ticket.intended,
                startable: now,
                sent: now,
                done: now,
            };
            shard.fail(ticket, kind, times, None, || words);
        }
        Next::NotBefore => {}
        Next::Finished => {
            shard.finish();
            return Opened::Over;
        }
    }
    if shard.is_closed_loop {
        tokio::time::sleep(REFUSED_PAUSE).await;
    } else {
        // A failure at once is no reason for the other tasks to wait until all that is overdue has failed.
        tokio::task::yield_now().await;
    }
    Opened::Failed(now_ns())
}

/// Waits until a request is handed over; `None` at the end of the phase.
async fn park(shard: &Shard, slot: &Rc<Slot>, wire: &mut Wire) -> Option<Ticket> {
    shard.idle.borrow_mut().push(slot.clone());
    wire.idle(slot, || shard.finished.get()).await
}

/// What a connection does after an exchange.
enum After {
    /// It is free since this instant.
    Free(u64),
    /// The server had closed the idle connection before it read the request, which is sent again on a new one.
    Again,
    /// The phase is over.
    Over,
}

async fn exchange(shard: &Shard, slot: &Slot, wire: &mut Wire, ticket: Ticket, free: u64) -> After {
    let (kind, expect) = {
        let mut source = shard.source.borrow_mut();
        let kind = source.render(ticket.n, Secrets::Sent, &mut wire.out);
        (kind, source.expect_body(kind))
    };
    let sent = now_ns();
    slot.expired.set(false);
    slot.deadline.set(sent + shard.timeout.as_nanos() as u64);
    let ended = wire.exchange(slot, expect).await;
    let done = now_ns();
    slot.deadline.set(0);
    let times = Times {
        intended: ticket.intended,
        startable: ticket.intended.max(free),
        sent,
        done,
    };
    match ended {
        Exchange::Response(response) if shard.source.borrow().is_ok(kind, response.status) => {
            shard.record(
                kind,
                Outcome::Ok {
                    status: response.status,
                },
                times,
            );
        }
        Exchange::Response(response) => {
            let words = || {
                format!(
                    "status {}: {}",
                    response.status,
                    String::from_utf8_lossy(wire.body())
                )
            };
            shard.fail(
                ticket,
                ErrorKind::Status,
                times,
                Some(response.status),
                words,
            );
        }
        Exchange::IdleClose => {
            shard.resent.set(shard.resent.get() + 1);
            return After::Again;
        }
        Exchange::Failed(kind, words) => shard.fail(ticket, kind, times, None, || words),
        Exchange::Expired if shard.aborted.get() => {
            shard.recorder.borrow_mut().record_in_flight(kind, times);
            return After::Over;
        }
        Exchange::Expired => shard.fail(ticket, ErrorKind::Timeout, times, None, || {
            format!("no complete response within {:?}", shard.timeout)
        }),
    }
    After::Free(done)
}

impl Shard {
    fn add_connection(self: &Rc<Self>) {
        let slot = Rc::new(Slot::default());
        self.slots.borrow_mut().push(slot.clone());
        self.live.set(self.live.get() + 1);
        let life = Life(self.clone());
        spawn_local(async move { connection(&life.0, &slot).await });
    }

    fn next(&self, now: u64) -> Next {
        self.feed.borrow_mut().take(now)
    }

    fn record(&self, kind: usize, outcome: Outcome, times: Times) {
        self.rotate_if_over(times.done);
        self.last_done.set(times.done);
        self.recorder.borrow_mut().record(kind, outcome, times);
    }

    fn fail(
        &self,
        ticket: Ticket,
        kind: ErrorKind,
        times: Times,
        status: Option<u16>,
        words: impl FnOnce() -> String,
    ) {
        let request = self.source.borrow().kind(ticket.n);
        self.record(request, Outcome::Failed { kind, status }, times);
        let mut recorder = self.recorder.borrow_mut();
        if recorder.wants_exemplar(kind) {
            recorder.keep_exemplar(
                kind,
                self.source.borrow().scrub(ticket.n, words().as_bytes()),
            );
        }
    }

    /// The phase is over before a request could be sent.
    fn give_up(&self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.not_sent(ticket, now_ns());
        }
    }

    fn not_sent(&self, ticket: Ticket, now: u64) {
        let request = self.source.borrow().kind(ticket.n);
        self.recorder
            .borrow_mut()
            .record_not_sent(request, ticket.intended, now);
    }

    /// What was due and never found a free connection.
    fn count_not_sent(&self, now: u64) {
        if !self.is_closed_loop {
            while let Next::Due(ticket) = self.next(now) {
                self.not_sent(ticket, now);
            }
        }
    }

    fn rotate_if_over(&self, now: u64) {
        let mut recorder = self.recorder.borrow_mut();
        if recorder.is_over(now) {
            let interval = recorder.rotate(now, self.used.try_recv().ok());
            // A receiver that is gone has no use for it.
            let _ = self.reports.send(interval);
        }
    }

    /// Nothing will be due again: connections that wait end.
    fn finish(&self) {
        self.finished.set(true);
        self.idle
            .borrow_mut()
            .drain(..)
            .for_each(|slot| slot.wake());
    }

    fn abort(&self) {
        self.aborted.set(true);
        self.finish();
    }
}

/// Counts a connection task as live until it has ended in whatever way.
struct Life(Rc<Shard>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.live.set(self.0.live.get() - 1);
        if std::thread::panicking() {
            self.0.broken.set(true);
        }
    }
}
