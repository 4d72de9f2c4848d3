//! Signals that ask a command to end, noticed on a thread of their own whatever the command is doing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use stop_signals::Endings;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::output::say;
use crate::experiment::Stop;
use crate::gate::Outcome;

/// Signals closer together are one wish: a terminal and a parent process may both send one.
const ONE_WISH: Duration = Duration::from_millis(200);
/// What takes longer to end is told of.
const UNTOLD: Duration = Duration::from_millis(500);
/// How long killing and storing may take before another signal leaves even that.
const LAST_WORK: Duration = Duration::from_secs(1);

/// How many signals a command answers with an end in order; one more ends the process as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answered {
    /// There is little to put in order.
    First = 1,
    /// The second one puts in order what can be so at once.
    Second = 2,
}

/// The listening thread's ear. Once it is dropped a signal ends the process.
#[derive(Debug)]
pub(super) struct Signals {
    asked: watch::Receiver<u32>,
    released: Arc<AtomicBool>,
}

impl Signals {
    /// Listens from now on.
    pub(super) fn listen(answered: Answered) -> anyhow::Result<Self> {
        let (tell, asked) = watch::channel(0);
        let released = Arc::new(AtomicBool::new(false));
        let context = "cannot listen for signals";
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context(context)?;
        let endings = {
            let _entered = runtime.enter();
            Endings::watch().context(context)?
        };
        let listener = Listener {
            endings,
            answered,
            tell,
            released: Arc::clone(&released),
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || listener.run(&runtime))
            .context(context)?;
        Ok(Self { asked, released })
    }

    /// What learns of them.
    pub(super) fn stop(&self) -> Stop {
        Stop(self.asked.clone())
    }

    /// From now on a signal ends the process: nothing is left to put in order.
    pub(super) fn release(&self) {
        self.released.store(true, Ordering::Relaxed);
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.release();
    }
}

struct Listener {
    endings: Endings,
    answered: Answered,
    tell: watch::Sender<u32>,
    released: Arc<AtomicBool>,
}

impl Listener {
    fn run(mut self, runtime: &Runtime) {
        runtime.block_on(async {
            self.endings.next().await;
            self.heard(1);
            let first = Instant::now();
            if self.answered >= Answered::Second {
                self.next_after(first + ONE_WISH, Some(first + UNTOLD))
                    .await;
                self.heard(2);
            }
            let last = Instant::now();
            self.next_after(last + LAST_WORK, None).await;
            leave();
        });
    }

    /// The first signal after `from`; at `hint` the user is told what it would do.
    async fn next_after(&mut self, from: Instant, hint: Option<Instant>) {
        let mut hint = hint;
        loop {
            tokio::select! {
                () = self.endings.next() => {
                    if self.released.load(Ordering::Relaxed) {
                        leave();
                    }
                    if Instant::now() >= from {
                        return;
                    }
                }
                () = sleep_until(hint.unwrap_or(from)), if hint.is_some() => {
                    hint = None;
                    if !self.released.load(Ordering::Relaxed) {
                        say("interrupted: what runs is being stopped; another signal ends it at once");
                    }
                }
            }
        }
    }

    fn heard(&self, times: u32) {
        if self.released.load(Ordering::Relaxed) {
            leave();
        }
        // Nobody may be left who wants to know.
        self.tell.send_replace(times);
    }
}

/// Ends the process; supervisors see to what it had started.
#[expect(
    clippy::exit,
    reason = "the main thread may be in the middle of anything"
)]
fn leave() {
    say("interrupted");
    std::process::exit(i32::from(Outcome::Interrupted.exit_code()));
}
