//! Makes a near sink behave like a far one: each upload takes longer, and too many at once are turned away.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use gateway_config::StandIn;

use super::error::SinkError;

/// In front of the store.
pub(super) struct Gate {
    stand_in: StandIn,
    slots: Option<Arc<Semaphore>>,
}

impl Gate {
    pub(super) fn new(stand_in: StandIn) -> Self {
        Self {
            stand_in,
            slots: stand_in
                .capacity
                .map(|capacity| Arc::new(Semaphore::new(capacity))),
        }
    }

    /// Waits for the added latency, in a place under the capacity that the caller holds for the rest of its upload.
    pub(super) async fn enter(&self) -> Result<Option<OwnedSemaphorePermit>, SinkError> {
        let place = match &self.slots {
            None => None,
            Some(slots) => Some(Arc::clone(slots).try_acquire_owned().map_err(|_| {
                SinkError(
                    "503 SlowDown: please reduce your request rate (stand-in, sink_capacity)"
                        .to_owned(),
                )
            })?),
        };
        if !self.stand_in.latency.is_zero() {
            sleep(self.stand_in.latency).await;
        }
        Ok(place)
    }
}
