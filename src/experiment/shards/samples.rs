//! Shards with known counts, for tests: the workers of a load of which every request follows from its number.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::files::place;
use super::set::Found;
use crate::engine::{Connections, End};
use crate::experiment::blocks;
use crate::experiment::files::{Made, Wanted};
use crate::experiment::gather::{Deaths, Emit, Gather};
use crate::experiment::mark::Cpu;
use crate::experiment::over::{Known, StretchEnd};
use crate::experiment::readings::Schedule;
use crate::experiment::run_dir::RunDir;
use crate::experiment::watched::Watched;
use crate::metrics::{ErrorKind, Interval, Outcome, OwnTime, Recorder, Times, Window};
use crate::result::{PhaseResult, RunResult, ShardResult, ShardStretch, VariantResult, samples};
use crate::scenario::{Arrivals, CostModel, Judged, LoadModel, Pace};
use crate::shard::Shard;
use crate::transport::tls::Handshakes;
use crate::units::Rate;

const MS: u64 = 1_000_000;
const INTERVAL: u64 = 100 * MS;

/// The limit of a threshold, µs.
pub(super) const LIMIT: f64 = 9_000.0;

pub(super) const WINDOW: Window = Window {
    start: 0,
    end: 3_050 * MS,
};

/// Latency of request n, ns.
fn latency(n: u64) -> u64 {
    (n.wrapping_mul(2_654_435_761) % 9_973) * 1_000 + 200_000
}

/// What a worker of so many counts.
pub(super) fn worker(number: u64, all: u64, window: Window) -> Vec<Interval> {
    let mut recorder = Recorder::new(window, INTERVAL, 2, 1);
    let mut intervals = Vec::new();
    let due = (number..).step_by(all as usize);
    for n in due.take_while(|n| n * MS < window.end) {
        let intended = n * MS;
        let done = intended + latency(n);
        while recorder.is_over(done) {
            intervals.push(recorder.rotate(None));
        }
        let times = Times {
            intended,
            startable: intended + 10_000,
            sent: intended + 15_000 + n % 7_000,
            done,
        };
        let request = (n % 2) as usize;
        let (kind, status) = match n {
            _ if n % 97 == 0 => (Some(ErrorKind::Timeout), None),
            _ if n % 89 == 0 => (Some(ErrorKind::Status), Some(503)),
            _ => (None, None),
        };
        if n % 401 == 400 {
            recorder.record_in_flight(0, request, times);
            continue;
        }
        let outcome = match kind {
            Some(kind) => Outcome::Failed { kind, status },
            None => Outcome::Ok { status: 200 },
        };
        if let Some(kind) = kind
            && recorder.wants_exemplar(kind, intended)
        {
            recorder.keep_exemplar(kind, format!("the first {kind}"));
        }
        recorder.record(request, outcome, times);
    }
    while recorder.is_over(u64::MAX) {
        intervals.push(recorder.rotate(None));
    }
    intervals.push(recorder.finish());
    intervals
}

/// The phase without any round.
pub(super) fn blank(workers: u32) -> PhaseResult {
    let mut phase = samples::phase(|_| {});
    phase.load.workers = workers;
    phase.load.connections = 8;
    phase.load.duration = Duration::from_nanos(WINDOW.end);
    phase.load.model = LoadModel::Open {
        pace: Pace::Constant(Rate::new(1_000.0).unwrap()),
        arrivals: Arrivals::Constant,
    };
    phase.rounds.clear();
    phase.requests = ["even", "odd"].map(str::to_owned).to_vec();
    phase.tallies = vec![crate::metrics::Tally::default(); 2];
    phase
}

/// The attempt of a shard.
fn attempt(index: u32) -> String {
    format!("attempt-{index}")
}

/// Workers of a process that gathers what they count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pub(super) first: u32,
    pub(super) workers: u32,
    pub(super) all: u32,
    pub(super) window: Window,
    /// Whether it keeps its counts.
    pub(super) is_shard: bool,
}

impl Process {
    /// Runs it into a directory.
    pub(super) fn run(self, dir: &RunDir) -> StretchEnd {
        let schedule = Schedule {
            window: self.window,
            interval_ns: INTERVAL,
            own: OwnTime::ALL,
        };
        let attempt = attempt(self.first / self.workers);
        let wanted = Wanted {
            columns: &[],
            counts: (self.is_shard).then(|| (attempt.as_str(), Duration::from_nanos(INTERVAL))),
        };
        let made = Made::create(dir, &place(&stretch(self.workers), 1), wanted).unwrap();
        let files = made.begin(SystemTime::UNIX_EPOCH).unwrap();
        let files = Some(files.patient());
        let mut gather = Gather::new(schedule, self.workers, 1, blocks::MOST, files);
        let workers = self.first..self.first + self.workers;
        for number in workers {
            let counted = worker(u64::from(number), u64::from(self.all), self.window);
            counted.iter().for_each(|of| gather.interval(of));
        }
        gather.emit(Emit::Everything, &mut |_| {});
        let end = End {
            window: self.window,
            own: OwnTime::ALL,
            generator_cores: 0.125 * f64::from(self.workers),
            busiest_worker: 0.125,
            worker_wait: Some(0.01),
            stopped_seconds: 0.0,
            opening: crate::metrics::Durations::default(),
            handshakes: Handshakes::default(),
            hosts: vec![Connections::default()],
            unnoted: 0,
            failure: None,
        };
        let known = Known {
            addresses: &[],
            limits: &[LIMIT],
            others_used: Some(0.0),
        };
        let watched = Watched::new(Cpu::Nowhere, self.window, OwnTime::ALL);
        gather.over(blank(self.all), &known, &end, Deaths::default(), &watched)
    }
}

fn stretch(workers: u32) -> ShardStretch {
    ShardStretch {
        variant: "main".to_owned(),
        phase: "load".to_owned(),
        round: 1,
        profiled: false,
        workers,
        begins_at: jiff::Timestamp::UNIX_EPOCH,
        begun_at: Some(jiff::Timestamp::UNIX_EPOCH),
    }
}

pub(super) fn judged() -> Judged {
    let expr = "latency.p99 < 9ms";
    Judged {
        name: "sample".to_owned(),
        thresholds: vec![crate::scenario::Threshold {
            expr: crate::scenario::plan::threshold::Expression::parse(expr).unwrap(),
            variant: None,
            phase: None,
            request: None,
            allow_absent: false,
            allow_untrusted: false,
            judge: crate::scenario::Judge::Interval,
            line: None,
            abort: None,
        }],
        pairs: Vec::new(),
        allow_untrusted: false,
        cost: CostModel {
            instance: "none".to_owned(),
            vcpus: 1,
            hourly: 1.0,
            target_rate: 1.0,
            utilisation: 1.0,
            assumed: true,
        },
    }
}

/// A shard of two workers, run into a directory below `root`.
pub(super) fn shard(root: &Path, index: u32, count: u32) -> Found {
    shard_until(root, index, count, WINDOW)
}

/// The same with a window of its own.
pub(super) fn shard_until(root: &Path, index: u32, count: u32, window: Window) -> Found {
    let directory = root.join(format!("shard-{index}"));
    let now = jiff::Timestamp::UNIX_EPOCH;
    let dir = RunDir::create(Some(&directory), "sample", "", now).unwrap();
    let process = Process {
        first: 2 * index,
        workers: 2,
        all: 2 * count,
        window,
        is_shard: true,
    };
    let mut phase = process.run(&dir).found;
    phase.load.workers = 2;
    let variant = VariantResult {
        name: "main".to_owned(),
        target: "somewhere".to_owned(),
        phases: vec![phase],
    };
    let result = RunResult {
        variants: vec![variant],
        ..samples::run(samples::phase(|_| {}), None)
    };
    Found {
        directory,
        result,
        shard: ShardResult {
            shard: Shard::new(index, count).unwrap(),
            key: "key".to_owned(),
            plan_sha256: "p".to_owned(),
            version: "0.1.0".to_owned(),
            attempt: attempt(index),
            starts_at: now,
            clock_bound: Some(Duration::from_micros(100)),
            stretches: vec![stretch(2)],
        },
        judged: judged(),
    }
}
