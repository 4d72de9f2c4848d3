//! How a load ended: what each worker says at its end, and what that is of all of them. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metrics::{Durations, OwnTime, Window};
use crate::transport::tls::Handshakes;

/// How the load ended.
#[derive(Debug, Clone)]
pub struct End {
    /// The window as it was: shorter than planned after an interruption or when a number of requests was reached.
    pub window: Window,
    /// Which time of it counts. CPU of workers and their wait are by that.
    pub own: OwnTime,
    /// CPU of all workers over the window, cores.
    pub generator_cores: f64,
    /// CPU of the busiest worker over the window, share of a core.
    pub busiest_worker: f64,
    /// The longest that a worker waited for a CPU, share of the window; `None` if the kernel does not tell.
    pub worker_wait: Option<f64>,
    /// The longest that a worker did not run within the window though it was due to, s: the sum of its wake-ups that were late by
    /// more than 10 ms.
    pub stopped_seconds: f64,
    /// Every connection that was opened: how long that took, TLS handshake included.
    pub opening: Durations,
    /// How they were secured.
    pub handshakes: Handshakes,
    /// The same by host, the target first.
    pub hosts: Vec<Connections>,
    /// Requests that were acknowledged and not noted, because what was noted before was not taken in time.
    pub unnoted: u64,
    /// Why workers ended before their time, the first that did. What all of them had counted until then was handed over.
    pub failure: Option<String>,
}

/// The connections to one host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Connections {
    /// How long it took to open each, TLS handshake included.
    pub opening: Durations,
    /// How they were secured.
    pub handshakes: Handshakes,
}

/// How one worker ended.
#[derive(Debug, Default)]
pub(super) struct WorkerEnd {
    pub(super) window_end: u64,
    pub(super) last_done: u64,
    /// At the window's start and end; `None` for one that failed.
    pub(super) cpu: Option<(CpuMark, CpuMark)>,
    pub(super) stopped_ns: u64,
    /// By host, the target first.
    pub(super) hosts: Vec<Connections>,
    pub(super) unnoted: u64,
    /// The number of requests was reached.
    pub(super) all_sent: bool,
    pub(super) failure: Option<String>,
}

/// CPU time of a thread, and its wait for one, at an instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct CpuMark {
    pub(super) at: u64,
    pub(super) cpu_ns: u64,
    pub(super) wait_ns: Option<u64>,
}

/// CPU of workers is not told for less.
const SHORTEST_CPU_SPAN: Duration = Duration::from_millis(50);

impl WorkerEnd {
    /// Of one that did not get so far as to count anything.
    pub(super) fn unprepared() -> Self {
        Self {
            failure: Some("a worker panicked before it was ready".to_owned()),
            ..Self::default()
        }
    }
}

impl End {
    pub(super) fn of(
        window: Window,
        own: OwnTime,
        workers: impl IntoIterator<Item = WorkerEnd>,
    ) -> Self {
        let mut end = Self {
            window,
            own,
            generator_cores: 0.0,
            busiest_worker: 0.0,
            worker_wait: None,
            stopped_seconds: 0.0,
            opening: Durations::default(),
            handshakes: Handshakes::default(),
            hosts: Vec::new(),
            unnoted: 0,
            failure: None,
        };
        let (mut window_end, mut last_done, mut all_sent) = (window.start, 0, true);
        for worker in workers {
            end.add_connections(&worker.hosts);
            end.unnoted += worker.unnoted;
            end.stopped_seconds = end.stopped_seconds.max(worker.stopped_ns as f64 / 1e9);
            end.failure = end.failure.or(worker.failure);
            all_sent &= worker.all_sent;
            // Each counted until its own end: a shorter window would hold more than happened in it.
            window_end = window_end.max(worker.window_end);
            last_done = last_done.max(worker.last_done);
            if let Some((first, last)) = worker.cpu {
                end.add_cpu(first, last);
            }
        }
        if all_sent && last_done > window.start {
            window_end = window_end.min(last_done + 1);
        }
        end.window.end = window_end.min(window.end);
        end
    }

    fn add_connections(&mut self, hosts: &[Connections]) {
        let known = self.hosts.len().max(hosts.len());
        self.hosts.resize_with(known, Connections::default);
        for (into, from) in self.hosts.iter_mut().zip(hosts) {
            self.opening.add(&from.opening);
            self.handshakes.add(&from.handshakes);
            into.opening.add(&from.opening);
            into.handshakes.add(&from.handshakes);
        }
    }

    fn add_cpu(&mut self, first: CpuMark, last: CpuMark) {
        let span = self.own.between(first.at, last.at);
        // Between the marks of a shorter span the thread may never have slept.
        if span < SHORTEST_CPU_SPAN.as_nanos() as u64 {
            return;
        }
        let share = |from: u64, to: u64| to.saturating_sub(from) as f64 / span as f64;
        let cores = share(first.cpu_ns, last.cpu_ns);
        self.generator_cores += cores;
        self.busiest_worker = self.busiest_worker.max(cores);
        if let (Some(from), Some(to)) = (first.wait_ns, last.wait_ns) {
            let wait = share(from, to);
            self.worker_wait = Some(self.worker_wait.map_or(wait, |worst| worst.max(wait)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(window_end: u64) -> WorkerEnd {
        WorkerEnd {
            window_end,
            ..WorkerEnd::default()
        }
    }

    const WINDOW: Window = Window {
        start: 1_000,
        end: 9_000,
    };

    #[test]
    fn a_window_is_as_long_as_any_worker_counted() {
        let end = |ends: &[u64]| {
            End::of(WINDOW, OwnTime::ALL, ends.iter().map(|&end| worker(end)))
                .window
                .end
        };
        assert_eq!(end(&[9_000, 9_000]), 9_000);
        assert_eq!(end(&[5_000, 5_010]), 5_010);
        // One that failed before it began, and nobody else.
        assert_eq!(end(&[0, 5_000]), 5_000);
        assert_eq!(end(&[0]), 1_000);
        assert_eq!(End::of(WINDOW, OwnTime::ALL, []).window.seconds(), 0.0);
    }

    #[test]
    fn marks_in_any_order_are_no_time() {
        let mark = |at| CpuMark {
            at,
            cpu_ns: at / 2,
            wait_ns: Some(at),
        };
        let of = |first, last| {
            let cpu = Some((mark(first), mark(last)));
            End::of(
                WINDOW,
                OwnTime::ALL,
                [WorkerEnd {
                    cpu,
                    ..worker(9_000)
                }],
            )
        };
        assert_eq!(of(100_000_000, 0).generator_cores, 0.0);
        assert_eq!(of(0, 100_000_000).generator_cores, 0.5);
    }

    #[test]
    fn the_worst_worker_tells_how_long_the_generator_was_stopped() {
        let stopped = |stopped_ns| WorkerEnd {
            stopped_ns,
            ..worker(9_000)
        };
        let end = End::of(
            WINDOW,
            OwnTime::ALL,
            [stopped(1_000_000_000), stopped(2_000_000_000)],
        );
        assert_eq!(end.stopped_seconds, 2.0);
    }
}
