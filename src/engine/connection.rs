//! One connection of a worker: takes requests, exchanges them, records how they ended. THE measured path.
//!
//! Per request: no lock, no channel, no log line, no formatting of text, no `dyn`, no allocation once warm.

use std::rc::Rc;
use std::time::Duration;

use super::clock::now_ns;
use super::feed::{Next, Ticket};
use super::shard::Shard;
use super::wire::{Exchange, Reuse, Slot, Unopened, Wire};
use crate::metrics::{ErrorKind, Outcome, Times};
use crate::scenario::template::Secrets;

/// Pause of a closed-loop connection after it could not be opened: a target that is down is not to be stormed.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);

/// Its life, which ends with the phase.
pub(super) async fn connection(shard: &Shard, slot: &Rc<Slot>) {
    let mut wire = Wire::new(shard.reuse);
    serve(shard, slot, &mut wire).await;
    wire.close().await;
}

async fn serve(shard: &Shard, slot: &Rc<Slot>, wire: &mut Wire) {
    let mut free = now_ns();
    // A request that belongs to this connection before it is open.
    let mut held: Option<Ticket> = None;
    // Whether it is opened before there is a request for it: always in a closed loop. In an open loop only at first, so
    // that a connection that becomes free meanwhile can serve the request for which this one was added. Where each request
    // has its own connection, opening that is part of its wait.
    let keeps = shard.reuse == Reuse::KeepAlive;
    let mut eager = keeps;
    loop {
        if !wire.is_open() && (eager || held.is_some()) {
            match open(shard, slot, wire, &mut held).await {
                Opened::Free(instant) | Opened::Failed(instant) => free = instant,
                Opened::Over => return,
            }
            eager = keeps && shard.is_closed_loop;
            continue;
        }
        let ticket = match held.take().map_or_else(|| shard.next(free), Next::Due) {
            Next::Due(ticket) => ticket,
            Next::Finished => return shard.finish(),
            Next::NotBefore => match park(shard, slot, wire).await {
                Some(ticket) => ticket,
                None => return,
            },
        };
        if !wire.is_open() {
            held = Some(ticket);
            continue;
        }
        let after = exchange(shard, slot, wire, ticket, free).await;
        wire.settle().await;
        match after {
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
    let opened = wire.open(&shard.endpoint, slot).await;
    slot.deadline.set(0);
    let now = now_ns();
    let (kind, words) = match opened {
        Ok(()) => {
            shard.opening.borrow_mut().record(now - begun);
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
                shard.endpoint.place, shard.timeout
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
            let words = || wire.unexpected(response.status);
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
            format!(
                "no complete response within {:?}; raise the timeout if the target may take longer",
                shard.timeout
            )
        }),
    }
    After::Free(done)
}
