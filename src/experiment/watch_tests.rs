//! A target that is read on a clock that only the test moves.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::experiment::mark::{Answer, Cpu, Used};
use crate::experiment::readings::{Offer, Schedule};
use crate::metrics::{OwnTime, Window};
use crate::process::metrics::parse;
use crate::tenant::Reading;

const MS: u64 = 1_000_000;
const START: u64 = 7_000 * MS;

/// Time that passes when everybody waits for it.
#[derive(Default)]
struct Clock {
    now: Cell<u64>,
    awaited: RefCell<BTreeSet<u64>>,
}

impl Clock {
    async fn until(&self, instant: u64) {
        std::future::poll_fn(|_| {
            if self.now.get() >= instant {
                return Poll::Ready(());
            }
            self.awaited.borrow_mut().insert(instant);
            Poll::Pending
        })
        .await;
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        loop {
            self.awaited.borrow_mut().clear();
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
                return done;
            }
            let next = self.awaited.borrow().first().copied();
            self.now.set(next.expect("somebody waits for an instant"));
        }
    }
}

/// How a target and its machine behave, by time since the window's start, ms.
#[derive(Clone, Copy)]
struct Behaviour {
    cpu: Cpu,
    /// CPU time so far, ms; `None` once it has ended.
    used: fn(f64) -> Option<f64>,
    /// How long metrics take; `None` if they are never answered.
    answers_after: fn(f64) -> Option<f64>,
    /// How much later than asked the sampler wakes.
    wakes_after: fn(f64) -> f64,
}

struct Fake {
    clock: Rc<Clock>,
    of: Behaviour,
}

impl Fake {
    fn elapsed(&self) -> f64 {
        (self.clock.now.get() as f64 - START as f64) / MS as f64
    }
}

impl Probe for Fake {
    fn now(&self) -> u64 {
        self.clock.now.get()
    }

    async fn until(&self, instant: u64) {
        let since = (instant as f64 - START as f64) / MS as f64;
        let late = ((self.of.wakes_after)(since) * MS as f64) as u64;
        self.clock.until(instant + late).await;
    }

    fn restart_peaks(&self) {}

    fn see(&mut self) -> Seen {
        let used = (self.of.used)(self.elapsed());
        let cpu_seconds = used
            .map(|ms| ms / 1e3)
            .ok_or_else(|| "it has ended".to_owned());
        Seen {
            at: self.now(),
            instances: vec![Used {
                at: self.now(),
                cpu_seconds,
                rss_bytes: used.map(|_| 5),
                peak_bytes: used.map(|_| 9),
            }],
            services: Vec::new(),
            own_cpu_ns: (self.now() - START) / 50,
        }
    }

    fn throttled(&self) -> Option<Duration> {
        None
    }

    fn machine(&self) -> Option<MachineTimes> {
        let total = self.now() / MS;
        Some(MachineTimes {
            total,
            idle: total / 2,
            steal: total / 4,
            processes: total / 4,
            cpus: 2,
        })
    }

    fn scrape(&self) -> impl Future<Output = Scraped> + 'static {
        let (clock, asked) = (self.clock.clone(), self.now());
        // It tells what holds when it is asked, as a busy target does that sends its answer late.
        let used = (self.of.used)(self.elapsed());
        let answers = (self.of.answers_after)(self.elapsed());
        async move {
            // Whoever asks gives up after 500 ms.
            let after = answers.unwrap_or(500.0).min(500.0);
            clock.until(asked + (after * MS as f64) as u64).await;
            let told = used.filter(|_| answers.is_some_and(|ms| ms <= 500.0));
            let answered = clock.now.get();
            Scraped {
                asked,
                answered,
                read: told
                    .ok_or_else(|| "it took too long".to_owned())
                    .map(|ms| Answer {
                        cpu_seconds: Some(ms / 1e3),
                        instances: vec![Reading::of(&parse(&format!(
                            "gateway_bcrypt_total {ms}\n"
                        )))],
                    }),
            }
        }
    }
}

/// What was told of a window.
struct Found {
    cells: Vec<Cells>,
    watched: Watched,
    /// When each was told, ms since the window's start.
    told_at: Vec<f64>,
}

impl Found {
    /// Cores by the beginning of the interval, ms.
    fn cores(&self, interval: u64) -> Vec<(u64, f64)> {
        let known = self
            .cells
            .iter()
            .filter_map(|of| Some((of.index * interval, of.cores?)));
        known.collect()
    }
}

fn read(of: Behaviour, interval_ms: u64, window_ms: u64, cut_ms: Option<f64>) -> Found {
    let clock = Rc::new(Clock::default());
    clock.now.set(START - 3 * MS);
    let schedule = Schedule {
        window: Window {
            start: START,
            end: START + window_ms * MS,
        },
        interval_ns: interval_ms * MS,
        own: OwnTime::ALL,
    };
    let offer = Offer {
        cpu: of.cpu,
        has_metrics: true,
        has_columns: true,
    };
    let fake = Fake {
        clock: clock.clone(),
        of,
    };
    let (mut cells, mut told_at, mut begun) = (Vec::new(), Vec::new(), 0);
    let (end, ended) = oneshot::channel();
    let mut end = Some(end);
    let mut tell = |told| {
        match told {
            Told::Begun => begun += 1,
            Told::Cells(of) => {
                told_at.push((clock.now.get() - START) as f64 / MS as f64);
                cells.push(of);
            }
        }
        true
    };
    let watched = clock.run(async {
        let mut watching = std::pin::pin!(watch(
            fake,
            Readings::new(schedule, offer),
            &mut tell,
            ended
        ));
        if let Some(cut) = cut_ms {
            let instant = START + (cut * MS as f64) as u64;
            let stopped = tokio::select! {
                biased;
                watched = &mut watching => return watched,
                () = clock.until(instant) => instant,
            };
            end.take().unwrap().send(stopped).unwrap();
        }
        watching.await
    });
    assert_eq!(begun, 1);
    Found {
        cells,
        watched,
        told_at,
    }
}

const CALM: Behaviour = Behaviour {
    cpu: Cpu::Processes,
    used: |at| Some(at.max(0.0) * 0.1 + (at - 3_000.0).max(0.0) * 0.8),
    answers_after: |_| Some(3.0),
    wakes_after: |_| 0.0,
};

/// Rows are where they belong within an interval: 0.1 cores before the step at 3 s, and 0.9 from then on.
#[track_caller]
fn is_in_place(found: &Found, interval: u64, at_least: usize) {
    let cores = found.cores(interval);
    assert!(cores.len() >= at_least, "{}: {cores:?}", cores.len());
    for (at, cores) in cores {
        let expected = match at {
            at if at + 2 * interval <= 3_000 => 0.1,
            at if at >= 3_000 + interval => 0.9,
            _ => continue,
        };
        assert!((cores - expected).abs() < 1e-6, "{cores} at {at}");
    }
}

fn never(_: f64) -> Option<f64> {
    None
}

#[test]
fn a_step_is_in_its_row_whatever_the_endpoint_does() {
    let endpoints: [fn(f64) -> Option<f64>; 4] = [
        |_| Some(3.0),
        |_| Some(400.0),
        never,
        |at| {
            Some(if ((at / 700.0) as u64).is_multiple_of(2) {
                450.0
            } else {
                20.0
            })
        },
    ];
    for interval in [50, 100, 1_000] {
        for answers_after in endpoints {
            let of = Behaviour {
                answers_after,
                ..CALM
            };
            let found = read(of, interval, 6_000, None);
            let rows = (6_000 / interval) as usize;
            is_in_place(&found, interval, rows);
            let indices: Vec<u64> = found.cells.iter().map(|of| of.index).collect();
            assert_eq!(indices, (0..rows as u64).collect::<Vec<_>>());
            // An answer that does not come holds nothing up: a row is told an interval after its end at the latest.
            // At the end of the window there is none to hold up.
            for (at, cells) in found.told_at.iter().zip(&found.cells[..rows - 1]) {
                let end = (cells.index + 1) * interval;
                assert!(*at <= (end + interval + 1) as f64, "{at} for {end}");
            }
            assert_eq!(found.watched.processes.late, 0);
        }
    }
}

#[test]
fn cpu_that_an_endpoint_tells_is_in_its_row_or_in_none() {
    let by = |answers_after| Behaviour {
        cpu: Cpu::Metrics,
        answers_after,
        ..CALM
    };
    is_in_place(&read(by(|_| Some(3.0)), 100, 6_000, None), 100, 60);
    is_in_place(&read(by(|_| Some(60.0)), 100, 6_000, None), 100, 60);
    let stalls = |at: f64| {
        Some(if (at as u64) % 2_000 < 100 {
            400.0
        } else {
            3.0
        })
    };
    let found = read(by(stalls), 100, 6_000, None);
    is_in_place(&found, 100, 35);
    // Three stalls delay an answer each, and three questions are not asked meanwhile; the last answer is late too.
    assert_eq!(found.watched.metrics, count(61, 13));
    let late = read(by(|_| Some(400.0)), 100, 6_000, None);
    assert_eq!(late.cores(100), []);
    assert_eq!(late.watched.metrics, count(61, 61));
    // The whole is told by what came late, too.
    let whole = late.watched.target_cpu_seconds(6.0, false).unwrap();
    assert!((whole - 3.0).abs() < 0.01, "{whole}");
    let never = read(by(never), 100, 6_000, None);
    assert_eq!(
        (never.cores(100), never.watched.metrics),
        (Vec::new(), count(61, 61))
    );
    let why = never.watched.target_cpu_seconds(6.0, false).unwrap_err();
    assert_eq!(why, "it took too long");
}

#[test]
fn cpu_that_cannot_be_true_is_not_told() {
    let why = |used: fn(f64) -> Option<f64>| {
        let of = Behaviour {
            cpu: Cpu::Metrics,
            used,
            answers_after: |_| Some(3.0),
            ..CALM
        };
        let found = read(of, 100, 6_000, None);
        found.watched.target_cpu_seconds(6.0, false).unwrap_err()
    };
    let constant = why(|_| Some(7_000.0));
    assert!(
        constant.contains("did not change within the window"),
        "{constant}"
    );
    // Restarted, and soon above what it had before.
    let restarted = why(|at| Some(if at < 2_000.0 { 500.0 } else { at - 1_990.0 }));
    let words = "process_cpu_seconds_total went back from 0.5 to 0.01";
    assert!(restarted.contains(words), "{restarted}");
}

fn count(of: u64, late: u64) -> super::super::watched::Count {
    super::super::watched::Count { of, late }
}

#[test]
fn a_sampler_that_wakes_late_leaves_out_what_it_missed() {
    // By four intervals at 1 s, by 0.7 of one at 2 s.
    let wakes_after = |at: f64| match at as u64 {
        1_000 => 430.0,
        2_000 => 70.0,
        4_000 => 40.0,
        _ => 0.0,
    };
    let found = read(
        Behaviour {
            wakes_after,
            ..CALM
        },
        100,
        6_000,
        None,
    );
    let cores = found.cores(100);
    let missing: Vec<u64> = (0..60)
        .filter(|row| !cores.iter().any(|of| of.0 == row * 100))
        .collect();
    // 1,430 is near 1,400, which counts; 2,070 is nearer to 2,100 than to 2,000; 4,040 is near enough.
    assert_eq!(missing, [9, 10, 11, 12, 13, 19, 20]);
    assert_eq!(found.watched.processes, count(61, 5));
    for (at, cores) in cores {
        let expected = if at < 3_000 { 0.1 } else { 0.9 };
        assert!((cores - expected).abs() < 1e-6, "{cores} at {at}");
    }
}

#[test]
fn a_process_that_ends_has_used_what_it_had_until_then() {
    let used = |at: f64| (at < 2_050.0).then_some(at.max(0.0) * 0.5);
    let found = read(Behaviour { used, ..CALM }, 100, 6_000, Some(2_120.0));
    assert_eq!(found.cores(100).len(), 20);
    let last = found.cells.last().unwrap();
    assert_eq!((last.index, last.cores, last.rss_bytes), (21, None, None));
    let alive = found.watched.target_cpu_seconds(2.12, true).unwrap();
    assert!((alive - 1.06).abs() < 1e-6, "{alive}");
    assert_eq!(
        found.watched.target_cpu_seconds(2.12, false).unwrap_err(),
        "it has ended"
    );
    assert_eq!(found.watched.peak_bytes(), Some(9));
}

#[test]
fn a_window_that_ends_early_has_a_last_reading_at_its_end() {
    let found = read(CALM, 100, 6_000, Some(1_234.0));
    let indices: Vec<u64> = found.cells.iter().map(|of| of.index).collect();
    assert_eq!(indices, (0..13).collect::<Vec<_>>());
    let whole = found.watched.target_cpu_seconds(1.234, false).unwrap();
    assert!((whole - 0.1234).abs() < 1e-9, "{whole}");
    assert_eq!(found.watched.own_cores(), Some(0.02));
    let steal = found.watched.steal_share().unwrap();
    assert!((steal - 0.25).abs() < 1e-3, "{steal}");
}

#[test]
fn a_last_reading_that_comes_late_is_one_of_the_windows_end_and_is_told() {
    // The target works until the window's end at 6,000 ms; whoever reads it wakes 450 ms later, well within half an interval.
    let used = |at: f64| Some(at.clamp(0.0, 6_000.0) * 0.5);
    let wakes_after = |at: f64| if at >= 6_000.0 { 450.0 } else { 0.0 };
    let late = Behaviour {
        used,
        wakes_after,
        ..CALM
    };
    let found = read(late, 1_000, 6_000, None);
    let whole = found.watched.target_cpu_seconds(6.0, false).unwrap();
    assert!((whole - 3.0).abs() < 1e-6, "{whole}");
    let missed = found.watched.missed_share().unwrap();
    assert!((missed - 0.075).abs() < 1e-3, "{missed}");
    let calm = read(CALM, 1_000, 6_000, None);
    assert!(calm.watched.missed_share().unwrap() < 1e-3);
    let short = read(CALM, 10, 40, None);
    assert_eq!(
        short.watched.target_cpu_seconds(0.04, false).unwrap_err(),
        "the window is shorter than 50 ms"
    );
}

#[test]
fn what_is_held_does_not_grow_with_time() {
    // Ten minutes at 50 ms, of an endpoint that is late now and then.
    let answers_after = |at: f64| {
        Some(if ((at / 900.0) as u64).is_multiple_of(3) {
            480.0
        } else {
            5.0
        })
    };
    let of = Behaviour {
        answers_after,
        ..CALM
    };
    let schedule = Schedule {
        window: Window {
            start: START,
            end: START + 600_000 * MS,
        },
        interval_ns: 50 * MS,
        own: OwnTime::ALL,
    };
    let offer = Offer {
        cpu: of.cpu,
        has_metrics: true,
        has_columns: true,
    };
    let mut readings = Readings::new(schedule, offer);
    let clock = Rc::new(Clock::default());
    let mut fake = Fake {
        clock: clock.clone(),
        of,
    };
    let (mut most, mut told) = (0, 0);
    while let Some(due) = readings.due() {
        clock.now.set(due);
        let (index, _) = readings.begin(due);
        readings.seen(index, fake.see(), Asked::UnderWay);
        if index % 3 > 0 {
            let late = if index % 3 == 1 { MS } else { 60 * MS };
            let read = Err("no".to_owned());
            readings.scraped(
                index,
                Scraped {
                    asked: due,
                    answered: due + late,
                    read,
                },
            );
        }
        told += readings.cells(due + MS).len();
        most = most.max(readings.held());
    }
    assert_eq!(told, 12_000 - 1);
    assert!(most <= 4, "{most}");
}
