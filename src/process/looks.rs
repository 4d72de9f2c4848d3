//! How often `/proc` is looked through for processes that take their time to end.

use std::time::Duration;

use tokio::time::sleep;

const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(80);

/// Pauses between looks, each twice as long as the one before it. A look reads files of every process of the machine, and the kernel
/// cannot bury a process while somebody looks at it.
#[derive(Debug)]
pub(super) struct Looks(Duration);

impl Default for Looks {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Looks {
    pub(super) async fn pause(&mut self) {
        sleep(self.0).await;
        self.0 = (self.0 * 2).min(LONGEST);
    }
}
