//! One connection of a worker: takes requests, exchanges them, records how they ended. THE measured path.
//!
//! Per request: no lock, no channel, no log line, no formatting of text, no `dyn`, no allocation once warm.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;

use super::clock::now_ns;
use super::feed::{Next, Ticket};
use super::job::Job;
use super::prerequisite::ready;
use super::shard::Shard;
use super::wire::{Exchange, Reuse, Slot, Unopened, Wire};
use crate::metrics::{ErrorKind, Times};

/// Pause of a closed-loop connection after it could not be opened: a target that is down is not to be stormed.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);

/// Adds all connections that there may be.
pub(super) fn add_all(shard: &Rc<Shard>) {
    for (at, lane) in shard.lanes.iter().enumerate() {
        (0..lane.most).for_each(|_| add(shard, at));
    }
}

/// Adds a connection to the instance `lane`.
pub(super) fn add(shard: &Rc<Shard>, lane: usize) {
    let slot = Rc::new(Slot::of(lane, shard.slots.borrow().len()));
    let opened = &shard.lanes[lane].opened;
    opened.set(opened.get() + 1);
    shard.slots.borrow_mut().push(slot.clone());
    shard.live.set(shard.live.get() + 1);
    let life = Life(shard.clone());
    spawn_local(async move { connection(&life.0, &slot).await });
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

/// The life of a connection, which ends with the phase.
async fn connection(shard: &Shard, slot: &Rc<Slot>) {
    let mut wire = Wire::new(shard.reuse);
    serve(shard, slot, &mut wire).await;
    wire.close().await;
}

async fn serve(shard: &Shard, slot: &Rc<Slot>, wire: &mut Wire) {
    let mut free = now_ns();
    // A request that belongs to this connection before it is open, or that waits for its prerequisite.
    let mut held: Option<Job<'_>> = None;
    // Whether it is opened before there is a request for it: always in a closed loop. In an open loop only at first, so
    // that a connection that becomes free meanwhile can serve the request for which this one was added. Where each request
    // has its own connection, opening that is part of its wait.
    let keeps = shard.reuse == Reuse::KeepAlive;
    let mut eager = keeps;
    let mut is_first = true;
    loop {
        if !wire.is_open() && (eager || held.is_some()) {
            let opened = open(shard, slot, wire, &mut held).await;
            if std::mem::take(&mut is_first) {
                shard.opened_first();
            }
            match opened {
                Opened::Free(instant) | Opened::Failed(instant) => free = instant,
                Opened::Over => return,
            }
            eager = keeps && shard.is_closed_loop;
            continue;
        }
        let mut job = match held.take() {
            Some(job) => job,
            None => match shard.next(slot.lane, free) {
                Next::Due(ticket) => shard.job(ticket),
                Next::Finished => return shard.lanes[slot.lane].finish(),
                Next::NotBefore => match park(shard, slot, wire).await {
                    Some(ticket) => shard.job(ticket),
                    None => return,
                },
            },
        };
        if !wire.is_open() {
            held = Some(job);
            continue;
        }
        match ready(&mut job, shard, slot).await {
            Some(instant) => free = free.max(instant),
            None => return shard.give_up(Some(job)),
        }
        let after = exchange(shard, slot, wire, &mut job, free).await;
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

async fn open(shard: &Shard, slot: &Slot, wire: &mut Wire, held: &mut Option<Job<'_>>) -> Opened {
    let begun = now_ns();
    if shard.aborted.get() {
        shard.give_up(held.take());
        return Opened::Over;
    }
    let lane = &shard.lanes[slot.lane];
    if shard.is_closed_loop && held.is_none() && shard.feed.borrow().is_over(begun) {
        lane.finish();
        return Opened::Over;
    }
    shard.give_up_at(slot, begun + shard.timeout.as_nanos() as u64);
    let opened = wire.open(&lane.endpoint, slot).await;
    slot.deadline.set(0);
    let now = now_ns();
    let (kind, words) = match opened {
        Ok(handshake) => {
            shard.opening.borrow_mut().record(now - begun);
            if let Some(handshake) = handshake {
                shard.handshakes.borrow_mut().record(handshake);
            }
            return Opened::Free(now);
        }
        Err(Unopened::Failed(kind, words)) => (kind, words),
        Err(Unopened::Expired(_)) if shard.aborted.get() => {
            shard.give_up(held.take());
            return Opened::Over;
        }
        Err(Unopened::Expired(what)) => (
            ErrorKind::ConnectTimeout,
            format!(
                "{what} {} within {:?}; check the firewall, and whether the target keeps up with new connections",
                lane.endpoint.place, shard.timeout
            ),
        ),
    };
    // In a closed loop the request became due when the connection was free to be opened.
    let asked = if shard.is_closed_loop { begun } else { now };
    let job = match held.take() {
        Some(job) => Some(job),
        None => match shard.next(slot.lane, asked) {
            Next::Due(ticket) => Some(shard.job(ticket)),
            Next::NotBefore => None,
            Next::Finished => {
                lane.finish();
                return Opened::Over;
            }
        },
    };
    if let Some(job) = job {
        let times = Times {
            intended: job.intended(),
            startable: now,
            sent: now,
            done: now,
        };
        shard.fail(&job, kind, None, times, || words.into());
    }
    if shard.is_closed_loop {
        let end = now_ns() + REFUSED_PAUSE.as_nanos() as u64;
        shard.pause(slot, end).await;
    } else {
        // A failure at once is no reason for the other tasks to wait until all that is overdue has failed.
        tokio::task::yield_now().await;
    }
    Opened::Failed(now_ns())
}

/// Waits until a request is handed over; `None` at the end of the phase.
async fn park(shard: &Shard, slot: &Rc<Slot>, wire: &mut Wire) -> Option<Ticket> {
    let lane = &shard.lanes[slot.lane];
    lane.idle.borrow_mut().push(slot.clone());
    wire.idle(slot, || lane.finished.get()).await
}

/// What a connection does after an exchange.
enum After {
    /// It is free since this instant.
    Free(u64),
    /// A prerequisite was answered at this instant; the job goes on.
    Next(u64),
    /// The server had closed the idle connection before it read the request, which is sent again on a new one.
    Again,
    /// The phase is over.
    Over,
}

async fn exchange(
    shard: &Shard,
    slot: &Slot,
    wire: &mut Wire,
    job: &mut Job<'_>,
    free: u64,
) -> After {
    let (request, n) = (job.sending(), job.ticket.n);
    let startable = shard.startable(slot.lane, job.intended(), free);
    let (expect, keep_body) = {
        let mut source = shard.source.borrow_mut();
        source.render(request, n, &mut wire.out);
        source.awaits(request)
    };
    let sent = now_ns();
    shard.give_up_at(slot, sent + shard.timeout.as_nanos() as u64);
    let ended = wire.exchange(slot, expect, keep_body).await;
    let done = now_ns();
    slot.deadline.set(0);
    let times = Times {
        intended: job.intended(),
        startable,
        sent,
        done,
    };
    conclude(shard, wire, job, ended, times)
}

/// Records how an exchange ended.
fn conclude(shard: &Shard, wire: &Wire, job: &mut Job<'_>, ended: Exchange, times: Times) -> After {
    let (request, n) = (job.sending(), job.ticket.n);
    match ended {
        Exchange::Response(response) => {
            let answer = wire.answer(response);
            let judged = shard
                .source
                .borrow_mut()
                .judge(request, n, &answer, times.sent, times.done);
            let status = response.status;
            match judged {
                Ok(()) => {
                    shard.succeed(job, status, times);
                    if job.errand.take().is_some() {
                        return After::Next(times.done);
                    }
                }
                Err(unmet) => shard.fail(job, unmet.kind(), Some(status), times, || {
                    shard.source.borrow().describe(request, unmet, &answer)
                }),
            }
        }
        Exchange::Stale => return After::Again,
        Exchange::IdleClose => {
            shard.resent.set(shard.resent.get() + 1);
            return After::Again;
        }
        Exchange::Failed(kind, words) => shard.fail(job, kind, None, times, || {
            let excerpt = wire.excerpt();
            match words.strip_suffix(&excerpt) {
                // A value that was not extracted is not known, and cannot be found in the bytes.
                Some(words) if shard.source.borrow().extracts(request) => words.to_owned().into(),
                _ => words.into(),
            }
        }),
        Exchange::Expired if shard.aborted.get() => {
            shard.interrupt(job, times);
            return After::Over;
        }
        Exchange::Expired => shard.fail(job, ErrorKind::Timeout, None, times, || {
            format!(
                "no complete response within {:?}; raise the timeout if the target may take longer",
                shard.timeout
            )
            .into()
        }),
    }
    After::Free(times.done)
}
