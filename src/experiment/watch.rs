//! Reads a target while it is loaded, on a thread of its own: neither the load, nor a slow disk, nor a target that is slow to answer
//! delays the next reading. Metrics are asked for beside the readings of processes, at most one question at a time and one more at the
//! window's end.

use std::io;
use std::pin::Pin;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::mark::{Asked, Scraped, Seen};
use super::readings::{Cells, Readings};
use super::started::first;
use super::watched::Watched;
use crate::process::machine::MachineTimes;

/// Cells that wait for whoever writes them at most; what is more is lost, and said so.
const MOST_TOLD: usize = 64;

/// What is read, and when: the seam for everything that is outside.
pub(super) trait Probe {
    fn now(&self) -> u64;
    /// Returns at an instant, or soon after it.
    fn until(&self, instant: u64) -> impl Future<Output = ()>;
    /// Lets the peaks of memory begin now.
    fn restart_peaks(&self);
    /// Reads processes.
    fn see(&mut self) -> Seen;
    /// Reads the machine, which is dear: at the beginning and the end of a window.
    fn machine(&self) -> Option<MachineTimes>;
    /// How long the limit of telemload's own control group has held it up: at the same instants.
    fn throttled(&self) -> Option<Duration>;
    /// Reads metrics; it always answers, with an error if need be.
    fn scrape(&self) -> impl Future<Output = Scraped> + 'static;
}

/// What is told while the target is read.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    /// The window's start was read.
    Begun,
    Cells(Cells),
}

/// A target that is being read.
#[derive(Debug)]
pub(super) struct Watch {
    told: mpsc::Receiver<Told>,
    end: oneshot::Sender<u64>,
    thread: JoinHandle<Watched>,
}

impl Watch {
    /// # Errors
    /// The system refuses a thread, or what it needs.
    pub(super) fn start(
        probe: impl Probe + Send + 'static,
        readings: Readings,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (tell, told) = mpsc::channel(MOST_TOLD);
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("sampler".to_owned());
        let thread = thread.spawn(move || {
            let mut tell = |what| tell.try_send(what).is_ok();
            let watched = runtime.block_on(watch(probe, readings, &mut tell, ended));
            // The look-up of a name, which nothing can end, is not waited for.
            runtime.shutdown_background();
            watched
        })?;
        Ok(Self { told, end, thread })
    }

    /// What is told next; `None` if the window's end was read.
    pub(super) async fn next(&mut self) -> Option<Told> {
        self.told.recv().await
    }

    /// Ends it with a last reading if the window has ended early, at `end`; what is told meanwhile is added to `rest`.
    ///
    /// # Errors
    /// The thread panicked.
    pub(super) async fn finish(mut self, end: u64, rest: &mut Vec<Told>) -> io::Result<Watched> {
        // It may have ended already.
        let _ = self.end.send(end);
        while let Some(told) = self.told.recv().await {
            rest.push(told);
        }
        let watched = self.thread.join();
        watched.map_err(|_| io::Error::other("the thread that reads the target panicked"))
    }
}

type UnderWay = Vec<(u64, Pin<Box<dyn Future<Output = Scraped>>>)>;

/// Reads until the window is over, and tells what it finds; `tell` answers whether somebody took it. `ended` ends it early, or at once if
/// nobody waits for it any more.
async fn watch(
    mut probe: impl Probe,
    mut readings: Readings,
    tell: &mut dyn FnMut(Told) -> bool,
    mut ended: oneshot::Receiver<u64>,
) -> Watched {
    let mut under_way = UnderWay::new();
    let mut is_cut = false;
    loop {
        let due = readings.due();
        if due.is_none() && under_way.is_empty() {
            return readings.finish();
        }
        tokio::select! {
            biased;
            (index, scraped) = answer(&mut under_way) => {
                under_way.retain(|(asked, _)| *asked != index);
                readings.scraped(index, scraped);
            }
            end = &mut ended, if !is_cut => {
                is_cut = true;
                let Ok(end) = end else { return readings.finish() };
                readings.cut(end);
                if readings.has_begun() && readings.due().is_none() {
                    readings.machine(probe.machine());
                    readings.throttled(probe.throttled());
                }
            }
            () = probe.until(due.unwrap_or(u64::MAX)), if due.is_some() => {
                let is_first = !readings.has_begun();
                if is_first {
                    probe.restart_peaks();
                }
                let (index, is_last) = readings.begin(probe.now());
                let seen = probe.see();
                if is_first || is_last {
                    readings.machine(probe.machine());
                    readings.throttled(probe.throttled());
                }
                let asks = readings.has_metrics() && (under_way.is_empty() || is_last);
                if asks {
                    under_way.push((index, Box::pin(probe.scrape())));
                }
                let asked = if asks { Asked::UnderWay } else { Asked::Not };
                readings.seen(index, seen, asked);
                if is_first {
                    tell(Told::Begun);
                }
            }
        }
        for cells in readings.cells(probe.now()) {
            let is_known = cells.cores.is_some();
            if !tell(Told::Cells(cells)) && is_known {
                readings.lost();
            }
        }
    }
}

/// The next answer; without a question it is never.
async fn answer(under_way: &mut UnderWay) -> (u64, Scraped) {
    let asked = under_way.iter_mut().map(|(index, scraped)| {
        let index = *index;
        Box::pin(async move { (index, scraped.await) }) as Pin<Box<dyn Future<Output = _>>>
    });
    first(asked.collect()).await
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
