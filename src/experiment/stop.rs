//! The user's wish to end a run.

use std::time::Duration;

use tokio::sync::watch::Receiver;

/// How far apart two processes may learn that both are to end.
const MOMENT: Duration = Duration::from_millis(250);

/// The user's wish to end, and how often it was said; cloned to whoever has to know.
#[derive(Debug, Clone)]
pub struct Stop(pub Receiver<u32>);

impl Stop {
    /// Whether the run is to end.
    pub fn is_asked(&self) -> bool {
        self.times() > 0
    }

    /// Returns when the run is to end.
    pub async fn asked(&mut self) {
        self.more_often_than(0).await;
    }

    /// Returns when nobody waits for an orderly end any more.
    pub async fn hurried(&mut self) {
        self.more_often_than(1).await;
    }

    /// How often the user has asked until now.
    pub fn times(&self) -> u32 {
        *self.0.borrow()
    }

    /// Whether the run is to end, or is so within a moment: what stops telemload and its target at once may reach the target
    /// first.
    pub(super) async fn is_asked_meanwhile(&self) -> bool {
        let mut stop = self.clone();
        tokio::time::timeout(MOMENT, stop.asked()).await.is_ok()
    }

    /// Returns when the user has asked so often, and once more.
    pub async fn more_often_than(&mut self, times: u32) {
        if self.0.wait_for(|&asked| asked > times).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }
}
