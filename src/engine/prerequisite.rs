//! What a job's device must be given before the request can be sent: the prerequisite goes first, on the same connection,
//! while other connections that need it for the same device wait. No borrow is held across an await.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use super::clock::now_ns;
use super::devices::Device;
use super::exchange::Slot;
use super::job::{Job, Prerequisite};
use super::state::WorkerState;

/// Finds out what has to be sent first, and waits while another connection is at it. The answer is since when the job
/// could go on, 0 if it did not have to wait; `None` if the phase is over before.
pub(super) async fn ready<'a>(
    job: &mut Job<'a>,
    state: &'a WorkerState,
    slot: &Rc<Slot>,
) -> Option<u64> {
    let mut since = 0;
    while job.prerequisite.is_none() {
        let missing = state.source.borrow().missing(job.kind, job.ticket.n);
        let Some((kind, device)) = missing else {
            break;
        };
        if let Some(claim) = state.prerequisites.take(device) {
            job.prerequisite = Some(Prerequisite::new(kind, claim));
        } else {
            wait(state, slot, device).await?;
            since = now_ns();
        }
    }
    Some(since)
}

/// Waits until the claim on the device has ended; `None` if the phase is over before.
async fn wait(state: &WorkerState, slot: &Rc<Slot>, device: Device) -> Option<()> {
    state.prerequisites.await_end(device, slot);
    poll_fn(|context| {
        slot.listen(context);
        if state.aborted.get() {
            Poll::Ready(None)
        } else if state.prerequisites.is_waiting(slot) {
            // Woken by something else, such as the server's end of the connection.
            Poll::Pending
        } else {
            Poll::Ready(Some(()))
        }
    })
    .await
}
