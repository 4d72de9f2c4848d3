//! One connection of a worker: takes requests, exchanges them, records how they ended. THE measured path.
//!
//! Per request: no lock, no channel, no log line, no formatting of text, no `dyn`, no allocation once warm.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;

use super::clock::now_ns;
use super::due::{Next, Ticket};
use super::exchange::{Begin, Ended, Slot};
use super::hosts::Host;
use super::job::Job;
use super::prerequisite::ready;
use super::state::WorkerState;
use super::wire::{Reuse, Unopened, Wire};
use super::wires::Wires;
use crate::metrics::{ErrorKind, Outcome, Times};
use crate::transport::answer::Response;
use crate::transport::quirk::Quirk;

/// Pause of a closed-loop connection after it could not be opened: a target that is down is not to be stormed.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);

/// Adds all connections that there may be.
pub(super) fn add_all(state: &Rc<WorkerState>) {
    for (at, instance) in state.instances.iter().enumerate() {
        (0..instance.most).for_each(|_| add(state, at));
    }
}

/// Adds a connection to the instance `instance`.
pub(super) fn add(state: &Rc<WorkerState>, instance: usize) {
    let slot = Rc::new(Slot::of(instance, state.slots.borrow().len()));
    let opened = &state.instances[instance].opened;
    opened.set(opened.get() + 1);
    state.slots.borrow_mut().push(slot.clone());
    state.live.set(state.live.get() + 1);
    let life = Life(state.clone());
    spawn_local(async move { connection(&life.0, &slot).await });
}

/// Counts a connection task as live until it has ended in whatever way.
struct Life(Rc<WorkerState>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.live.set(self.0.live.get() - 1);
        if std::thread::panicking() {
            self.0.broken.set(true);
        }
    }
}

/// The life of a connection, which ends with the phase.
async fn connection(state: &WorkerState, slot: &Rc<Slot>) {
    let mut wires = Wires::new(state.reuse, state.hosts.others());
    serve(state, slot, &mut wires).await;
    wires.close().await;
}

async fn serve(state: &WorkerState, slot: &Rc<Slot>, wires: &mut Wires) {
    let mut free = now_ns();
    // A request that belongs to this connection before it is open, or that waits for its prerequisite.
    let mut held: Option<Job<'_>> = None;
    // Whether it is opened before there is a request for it: always in a closed loop. In an open loop only at first, so
    // that a connection that becomes free meanwhile can serve the request for which this one was added. Where each request
    // has its own connection, opening that is part of its wait.
    let mut eager = state.opens_target;
    let mut is_first = true;
    loop {
        let needed = match &held {
            Some(job) => Some(state.host(job.sending())),
            None => eager.then_some(Host::Target),
        };
        if let Some(host) = needed
            && !wires.to(host).is_open()
        {
            let opened = open(state, slot, wires.to(host), host, &mut held).await;
            if std::mem::take(&mut is_first) {
                state.opened_first();
            }
            match opened {
                Opened::Free(instant) | Opened::Failed(instant) => free = instant,
                Opened::Over => return,
            }
            eager = state.opens_target && state.is_closed_loop;
            continue;
        }
        let mut job = match held.take() {
            Some(job) => job,
            None => match state.next(slot.instance, free) {
                Next::Due(ticket) => state.job(ticket),
                Next::Finished => return state.instances[slot.instance].finish(),
                Next::NotBefore => {
                    let ticket = park(state, slot, wires).await;
                    note_surplus(state, wires.take_surplus());
                    match ticket {
                        Some(ticket) => state.job(ticket),
                        None => return,
                    }
                }
            },
        };
        let host = state.host(job.sending());
        if host == Host::Target && !wires.to(host).is_open() {
            held = Some(job);
            continue;
        }
        match ready(&mut job, state, slot).await {
            Some(instant) => free = free.max(instant),
            None => return state.give_up(Some(job)),
        }
        // A prerequisite may go to another host.
        let wire = wires.to(state.host(job.sending()));
        if !wire.is_open() {
            held = Some(job);
            continue;
        }
        let after = exchange(state, slot, wire, &mut job, free).await;
        wire.settle().await;
        match after {
            After::Free(instant) => free = instant,
            After::Next(instant) => {
                free = instant;
                held = Some(job);
            }
            After::Again => held = Some(job),
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

async fn open(
    state: &WorkerState,
    slot: &Slot,
    wire: &mut Wire,
    host: Host,
    held: &mut Option<Job<'_>>,
) -> Opened {
    let begun = now_ns();
    if state.aborted.get() {
        state.give_up(held.take());
        return Opened::Over;
    }
    let instance = &state.instances[slot.instance];
    if state.is_closed_loop && held.is_none() && state.due.borrow().is_over(begun) {
        instance.finish();
        return Opened::Over;
    }
    state.give_up_at(slot, begun + state.timeout.as_nanos() as u64);
    let endpoint = state.hosts.endpoint(host, instance);
    let opened = wire.open(endpoint, slot).await;
    slot.deadline.set(0);
    let now = now_ns();
    let (kind, words) = match opened {
        Ok(handshake) => {
            state.hosts.note_opened(host, now - begun, handshake);
            if let Some(job) = held
                && host != Host::Target
                && state.is_closed_loop
                && state.reuse == Reuse::KeepAlive
            {
                job.delay(now - begun);
            }
            return Opened::Free(now);
        }
        Err(Unopened::Failed(kind, words)) => (kind, words),
        Err(Unopened::Expired(_)) if state.aborted.get() => {
            state.give_up(held.take());
            return Opened::Over;
        }
        Err(Unopened::Expired(what)) => (
            ErrorKind::ConnectTimeout,
            format!(
                "{what} {} within {:?}; check the firewall, and whether {} accepts new connections fast enough: its backlog may be full",
                endpoint.place,
                state.timeout,
                match endpoint.place.proxied() {
                    Some(_) => "the proxy, and what it connects to,",
                    None => "the target",
                },
            ),
        ),
    };
    let failed = NotOpened {
        begun,
        now,
        kind,
        words,
    };
    not_opened(state, slot, host, held, failed).await
}

/// A connection that could not be opened.
struct NotOpened {
    /// When that was begun and when it had failed, ns.
    begun: u64,
    now: u64,
    kind: ErrorKind,
    words: String,
}

/// Fails the request that needed the connection, or the one that is due next for its host.
async fn not_opened(
    state: &WorkerState,
    slot: &Slot,
    host: Host,
    held: &mut Option<Job<'_>>,
    failed: NotOpened,
) -> Opened {
    let NotOpened {
        begun,
        now,
        kind,
        words,
    } = failed;
    // In a closed loop the request became due when the connection was free to be opened.
    let asked = if state.is_closed_loop { begun } else { now };
    let job = match held.take() {
        Some(job) => Some(job),
        None => match state.next(slot.instance, asked) {
            Next::Due(ticket) => Some(state.job(ticket)),
            Next::NotBefore => None,
            Next::Finished => {
                state.instances[slot.instance].finish();
                return Opened::Over;
            }
        },
    };
    let job = match job {
        // The target cannot be reached, and another host may be.
        Some(job) if state.host(job.sending()) != host => {
            *held = Some(job);
            None
        }
        job => job,
    };
    let asked_for = job.as_ref().map(Job::sending);
    if let Some(job) = job {
        let (kind, words) = unopened(&job, kind, words);
        let times = Times {
            intended: job.intended(),
            startable: now,
            sent: now,
            done: now,
        };
        state.fail(&job, kind, None, job.booked(times), || words.into());
    }
    if state.is_closed_loop {
        let end = now_ns() + REFUSED_PAUSE.as_nanos() as u64;
        let end = state.due.borrow().next_turn(end);
        state.pause(slot, end).await;
        if let Some(kind) = asked_for {
            state.paused(kind, now, now_ns());
        }
    } else {
        // A failure at once is no reason for the other tasks to wait until all that is overdue has failed.
        tokio::task::yield_now().await;
    }
    Opened::Failed(now_ns())
}

/// What a job fails of whose connection could not be opened: what was sent and dropped before was sent.
fn unopened(job: &Job<'_>, kind: ErrorKind, words: String) -> (ErrorKind, String) {
    if job.first().is_none() {
        return (kind, words);
    }
    let before =
        "the connection was closed without a response, and there was none to send it again";
    (ErrorKind::ClosedEarly, format!("{before}: {words}"))
}

/// Waits until a request is handed over; `None` at the end of the phase.
async fn park(state: &WorkerState, slot: &Rc<Slot>, wires: &mut Wires) -> Option<Ticket> {
    let instance = &state.instances[slot.instance];
    instance.idle.borrow_mut().push(slot.clone());
    wires.idle(slot, || instance.finished.get()).await
}

/// What a connection does after an exchange.
enum After {
    /// It is free since this instant.
    Free(u64),
    /// A prerequisite was answered at this instant; the job goes on.
    Next(u64),
    /// The request is sent again on a new connection.
    Again,
    /// The phase is over.
    Over,
}

async fn exchange(
    state: &WorkerState,
    slot: &Slot,
    wire: &mut Wire,
    job: &mut Job<'_>,
    free: u64,
) -> After {
    let (request, n) = (job.sending(), job.ticket.n);
    let startable = state.startable(slot.instance, job.intended(), free);
    let (expect, keep_body) = {
        let mut source = state.source.borrow_mut();
        source.render(request, n, &mut wire.out);
        source.awaits(request)
    };
    let sent = now_ns();
    let waits_since = job.first().map_or(sent, |first| first.sent);
    state.give_up_at(slot, waits_since + state.timeout.as_nanos() as u64);
    let ended = wire
        .exchange(slot, Begin { sent, free }, expect, keep_body)
        .await;
    let done = now_ns();
    slot.deadline.set(0);
    let times = Times {
        intended: job.intended(),
        startable,
        sent,
        done,
    };
    conclude(state, wire, job, ended, times)
}

/// Counts bytes that belong to no answer.
fn note_surplus(state: &WorkerState, times: usize) {
    for _ in 0..times {
        let mut recorder = state.recorder.borrow_mut();
        recorder.count_quirk(Quirk::Surplus, now_ns());
    }
}

/// Records a complete answer, and what it moved.
fn answered(
    state: &WorkerState,
    wire: &Wire,
    job: &mut Job<'_>,
    response: Response,
    times: Times,
) -> After {
    let (request, n) = (job.sending(), job.ticket.n);
    let (answer, status) = (wire.answer(response), response.status);
    let asked = times.sent;
    let times = job.booked(times);
    let mut quirks = response.quirks;
    let judged = {
        let mut source = state.source.borrow_mut();
        let judged = source.judge(request, n, &answer, asked, times.done);
        if judged.is_ok() && source.lacks_body(request, &answer) {
            quirks.add(Quirk::NoBody);
        }
        judged
    };
    let moved = wire.moved(response, times.done);
    if !quirks.is_empty() {
        state.note_quirks(job, quirks, |quirk| wire.quote(quirk));
    }
    match judged {
        Ok(()) => {
            state.succeed(job, status, times);
            state.note_moved(job, Outcome::Ok { status }, moved, times);
            if job.prerequisite.take().is_some() {
                return After::Next(times.done);
            }
        }
        Err(unmet) => {
            let (kind, status) = (unmet.kind(), Some(status));
            state.fail(job, kind, status, times, || {
                state.source.borrow().describe(request, unmet, &answer)
            });
            state.note_moved(job, Outcome::Failed { kind, status }, moved, times);
        }
    }
    After::Free(times.done)
}

/// Records how an exchange ended.
fn conclude(
    state: &WorkerState,
    wire: &mut Wire,
    job: &mut Job<'_>,
    ended: Ended,
    times: Times,
) -> After {
    let request = job.sending();
    let exchanged = times;
    let times = job.booked(times);
    match ended {
        Ended::Response(response) => return answered(state, wire, job, response, exchanged),
        Ended::Stale => {
            note_surplus(state, usize::from(wire.take_surplus()));
            return After::Again;
        }
        Ended::Dropped { unread, .. } if unread || state.source.borrow().is_safe(request) => {
            state.note_resent(job);
            job.send_again(times);
            return After::Again;
        }
        Ended::Dropped { kind, .. } => state.fail(job, kind, None, times, || {
            let source = state.source.borrow();
            let how = if kind == ErrorKind::Reset { "reset" } else { "closed" };
            let method = source.method(request);
            format!(
                "the server {how} a kept connection without an answer to a {method}, which is not sent again, for it may have been carried out; look for a crash, for a limit of requests, or for an idle timeout that is shorter than the pauses between requests"
            )
            .into()
        }),
        Ended::Failed(kind, words) => state.fail(job, kind, None, times, || {
            let excerpt = wire.excerpt();
            match words.strip_suffix(&excerpt) {
                // A value that was not extracted is not known, and cannot be found in the bytes.
                Some(words) if state.source.borrow().extracts(request) => words.to_owned().into(),
                _ => words.into(),
            }
        }),
        Ended::Expired if state.aborted.get() => {
            state.interrupt(job, times);
            return After::Over;
        }
        Ended::Expired => state.fail(job, ErrorKind::Timeout, None, times, || {
            wire.given_up(state.timeout).into()
        }),
    }
    After::Free(times.done)
}
