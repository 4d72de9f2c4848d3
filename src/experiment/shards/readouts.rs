//! The readings of several shards as those of one run: the target is read by one shard alone, and of generators the worst one counts. Pure.

use crate::experiment::counted::Counted;
use crate::experiment::mark::Cpu;
use crate::experiment::over::Over;
use crate::experiment::readout::Readout;
use crate::experiment::watched::Count;
use crate::metrics::{Durations, Window};
use crate::transport::tls::Handshakes;

/// Share by which the windows of shards may differ where the CPU of the target is told for all of them.
const SAME_WINDOW: f64 = 0.01;

/// A run of several shards.
#[derive(Debug, Default)]
pub(super) struct Together {
    sum: Option<Over>,
    /// Index and length of the window of each, s, and OK responses of it.
    shards: Vec<(u32, f64, u64)>,
    /// How many have ended before their time.
    cut: usize,
}

/// How a shard ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    InTime,
    /// It was ended before its time, by the user or by a failure.
    Early,
}

impl Together {
    /// Adds what a shard found.
    pub(super) fn add(&mut self, index: u32, ended: Ended, over: &Over) {
        let ok = over.counted.tallies.iter().map(|of| of.completed_ok).sum();
        self.shards.push((index, over.seconds, ok));
        self.cut += usize::from(ended == Ended::Early);
        let sum = self.sum.get_or_insert_with(nothing);
        sum.counted.add(&over.counted);
        sum.opening.add(&over.opening);
        sum.handshakes.add(&over.handshakes);
        let known = sum.hosts.len().max(over.hosts.len());
        sum.hosts.resize_with(known, Default::default);
        for (into, from) in sum.hosts.iter_mut().zip(&over.hosts) {
            into.opening.add(&from.opening);
            into.handshakes.add(&from.handshakes);
        }
        let length = over.window.end - over.window.start;
        sum.window.end = sum.window.end.max(length);
        let named = |words: &String| format!("shard {index}: {words}");
        let (died, failed) = (over.died.as_ref(), over.failed.as_ref());
        sum.died = sum.died.take().or(died.map(named));
        sum.failed = sum.failed.take().or(failed.map(named));
        if index == 0 {
            sum.services_ended.clone_from(&over.services_ended);
        }
        read(&mut sum.readout, &over.readout, index);
    }

    /// All of them; `None` if there was none.
    pub(super) fn over(self) -> Option<Over> {
        let mut sum = self.sum?;
        sum.seconds = sum.window.seconds();
        let lengths = self.shards.iter().map(|(_, seconds, _)| *seconds);
        let shortest = lengths.fold(f64::INFINITY, f64::min);
        if self.cut > 0 {
            sum.seconds = taken(&self.shards).unwrap_or(sum.seconds);
        }
        let readout = &mut sum.readout;
        if shortest < sum.window.seconds() * (1.0 - SAME_WINDOW) && readout.target_cpu.is_ok() {
            readout.target_cpu =
                Err("shards were there for different times, and one of them reads it".to_owned());
        }
        let instances = readout.instances.iter_mut().zip(&sum.counted.served);
        instances.for_each(|(of, served)| of.served = *served);
        Some(sum)
    }
}

/// The time that all answers take at the sum of the shards' own rates, s.
fn taken(shards: &[(u32, f64, u64)]) -> Option<f64> {
    let there = shards.iter().filter(|(_, seconds, _)| *seconds > 0.0);
    let rates: f64 = there.map(|(_, seconds, ok)| *ok as f64 / seconds).sum();
    let all: u64 = shards.iter().map(|(_, _, ok)| ok).sum();
    (rates > 0.0).then(|| all as f64 / rates)
}

fn nothing() -> Over {
    Over {
        window: Window { start: 0, end: 0 },
        seconds: 0.0,
        rows: Count::default(),
        counted: Counted::default(),
        readout: Readout {
            cpu: Cpu::Nowhere,
            target_cpu: Err("shard 0, which reads the target, left nothing".to_owned()),
            generator_cores: Some(0.0),
            busiest_worker: None,
            worker_wait: None,
            stopped_seconds: 0.0,
            throttled_seconds: None,
            steal_share: None,
            neighbour_cores: None,
            missed_share: None,
            process_ended: None,
            peak_bytes: None,
            services: Vec::new(),
            instances: Vec::new(),
            published: Err("shard 0, which reads the target, left nothing".to_owned()),
            processes: Count::default(),
            metrics: Count::default(),
        },
        opening: Durations::default(),
        handshakes: Handshakes::default(),
        hosts: Vec::new(),
        died: None,
        services_ended: Vec::new(),
        failed: None,
    }
}

fn read(sum: &mut Readout, of: &Readout, index: u32) {
    let worst = |into: &mut Option<f64>, from: Option<f64>| {
        let both = [*into, from].into_iter().flatten();
        *into = both.reduce(f64::max);
    };
    let cores = sum.generator_cores.zip(of.generator_cores);
    sum.generator_cores = cores.map(|(sum, cores)| sum + cores);
    worst(&mut sum.busiest_worker, of.busiest_worker);
    worst(&mut sum.worker_wait, of.worker_wait);
    sum.stopped_seconds = sum.stopped_seconds.max(of.stopped_seconds);
    worst(&mut sum.throttled_seconds, of.throttled_seconds);
    worst(&mut sum.steal_share, of.steal_share);
    worst(&mut sum.neighbour_cores, of.neighbour_cores);
    if sum.instances.is_empty() {
        sum.instances.clone_from(&of.instances);
    }
    if index != 0 {
        return;
    }
    // The one that reads the target.
    sum.cpu = of.cpu;
    sum.target_cpu = of.target_cpu.clone();
    sum.missed_share = of.missed_share;
    sum.process_ended = of.process_ended;
    sum.peak_bytes = of.peak_bytes;
    sum.services.clone_from(&of.services);
    sum.instances.clone_from(&of.instances);
    sum.published = of.published.clone();
    sum.processes = of.processes;
    sum.metrics = of.metrics;
}
