//! Follows one worker's part of the schedule: cursors requests that are due to connections that wait. It takes no part in an exchange.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;

use super::clock::now_ns;
use super::connection;
use super::due::Next;
use super::state::WorkerState;
use super::timer::Timer;
use crate::metrics::Timetable;
use crate::pacer::Pacer;

/// Starts the connections of a closed loop that were open before the beginning, and again at each of its turns, if it takes turns
/// with another load.
pub(super) async fn release(
    state: &WorkerState,
    timer: &Timer,
    begin: u64,
    turns: Option<Timetable>,
) -> io::Result<()> {
    let Some(turns) = turns else {
        timer.until(begin).await?;
        release_idle(state);
        return Ok(());
    };
    let mut next = turns.next_turn(0);
    while let Some(offset) = next {
        let now = timer.until(begin + offset).await?;
        release_idle(state);
        next = turns.next_turn((now - begin).max(offset + 1));
    }
    // Connections that wait learn from nobody else that there is no turn any more.
    timer.until(begin + turns.end()).await?;
    state.finish();
    Ok(())
}

/// Gives each connection that waits a request, if one may be sent now.
fn release_idle(state: &WorkerState) {
    let idle = || {
        let mut instances = state.instances.iter();
        instances.find_map(|instance| instance.idle.borrow_mut().pop())
    };
    loop {
        let Some(slot) = idle() else { return };
        match state.next(slot.instance, now_ns()) {
            Next::Due(ticket) => {
                slot.ticket.set(Some(ticket));
                slot.wake();
            }
            // A worker that did not run until its turn was over.
            Next::NotBefore => {
                let instance = &state.instances[slot.instance];
                return instance.idle.borrow_mut().push(slot);
            }
            Next::Finished => {
                slot.wake();
                return state.finish();
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
/// Requests that find neither wait in `due`, and the next connection that is free takes the earliest. `alarm` is a second
/// cursor in the schedule of `due`: what lies between the two waits, however much it is, without a queue that could grow.
pub(super) async fn dispatch(
    state: &Rc<WorkerState>,
    mut alarm: Pacer,
    timer: &Timer,
    begin: u64,
    end: u64,
) -> io::Result<()> {
    let mut in_a_row = 0;
    loop {
        let due = alarm.take();
        let at = begin.saturating_add(due.offset_ns);
        if at >= end || state.is_finished() {
            return Ok(());
        }
        state.alarm.set(at);
        let mut now = now_ns();
        if now < at {
            give_way().await;
            now = timer.until(at).await?;
            state.woke(at, now);
            in_a_row = 0;
        } else {
            state.got_round(at, now);
            in_a_row += 1;
            if in_a_row % MOST_IN_A_ROW == 0 {
                tokio::task::yield_now().await;
                now = now_ns();
            }
        }
        let number = state.spread.of(due.n);
        let instance = &state.instances[number];
        let idle = instance.idle.borrow_mut().pop();
        let Some(slot) = idle else {
            if instance.opened.get() < instance.most && !instance.finished.get() {
                connection::add(state, number);
            }
            continue;
        };
        match state.next(number, now) {
            Next::Due(ticket) => {
                slot.ticket.set(Some(ticket));
                slot.wake();
            }
            // Taken by a connection that became free.
            Next::NotBefore => instance.idle.borrow_mut().push(slot),
            Next::Finished => {
                instance.idle.borrow_mut().push(slot);
                instance.finish();
            }
        }
    }
}
