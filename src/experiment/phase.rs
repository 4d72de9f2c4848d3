//! One phase on a running target: its measured stretch of load, and how any stretch is driven. The profiled one is `profiled`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::expected::{bcrypt_rate, cache_ttl};
use super::gather::{COUNTERS, Deaths, Driven, Emit, Gather, Series};
use super::instances::{InstanceUse, uneven};
use super::launch::{Ended, Launched};
use super::result::ServiceUse;
use super::{Estimates, Failure, PhaseResult, Round, Stop, VariantRun, Warning};
use crate::engine::{Drive, Engine, now_ns};
use crate::metrics::{Durations, Tally};
use crate::scenario::fleet::Roster;
use crate::scenario::{Load, LoadModel, Phase, Target};
use crate::target::port::{LocalPorts, Reach};

/// Interval of a profiled stretch: short, for only intervals that lie within a slice count.
const SAMPLED_INTERVAL: Duration = Duration::from_millis(100);

/// Below this many OK responses p99 rests on fewer than ten of them.
const FEW_REQUESTS: u64 = 1_000;

/// A phase of one launch.
pub(super) struct PhaseRun<'a> {
    pub(super) launch: &'a VariantRun<'a>,
    pub(super) phase: &'a Phase,
    pub(super) rosters: &'a Arc<[Roster]>,
    pub(super) stop: &'a Stop,
}

/// A stretch of load.
pub(super) struct Stretch<'a> {
    pub(super) phase: &'a str,
    pub(super) load: &'a Load,
    /// Warm-up and window as they are expected to be.
    pub(super) length: Duration,
    pub(super) profiled: bool,
}

impl Stretch<'_> {
    pub(super) fn interval(&self, planned: Duration) -> Duration {
        if self.profiled {
            planned.min(SAMPLED_INTERVAL)
        } else {
            planned
        }
    }
}

impl PhaseRun<'_> {
    /// A result without any round.
    pub(super) fn blank(&self) -> PhaseResult {
        let variant = self.launch.variant;
        PhaseResult {
            name: self.phase.name.clone(),
            load: self.phase.load.clone(),
            requests: variant
                .requests
                .iter()
                .map(|request| request.name.clone())
                .collect(),
            tallies: vec![Tally::default(); variant.requests.len()],
            exemplars: BTreeMap::new(),
            rounds: Vec::new(),
            target_cpus: 1.0,
            peak_bytes: None,
            counters: BTreeMap::new(),
            opening: Durations::default(),
            resent: 0,
            instances: Vec::new(),
            services: variant
                .services
                .iter()
                .map(|service| ServiceUse {
                    name: service.name.clone(),
                    cpu_seconds: Some(0.0),
                    peak_bytes: None,
                })
                .collect(),
            expected_bcrypt_rate: bcrypt_rate(variant, &self.phase.load),
            profile: None,
            warnings: known_before(&variant.target, &self.phase.load),
        }
    }

    /// Drives the measured stretch and adds it to `result`.
    pub(super) async fn measure(
        &self,
        target: &mut Launched,
        result: &mut PhaseResult,
    ) -> Result<(), Failure> {
        let stretch = Stretch {
            phase: &self.phase.name,
            load: &self.phase.load,
            length: self.phase.load.warmup + self.phase.load.duration,
            profiled: false,
        };
        let driven = self
            .drive(target, &stretch, std::future::pending::<()>())
            .await?
            .0;
        result.target_cpus = target.cpus;
        let added = result.add(driven, target, self);
        result
            .warnings
            .retain(|of| !matches!(of, Warning::UnevenInstances(_)));
        let uneven = uneven(&result.instances).map(Warning::UnevenInstances);
        result.warnings.extend(uneven);
        added
    }

    pub(super) fn directory(&self) -> PathBuf {
        let base = Path::new(&self.launch.variant.name).join(&self.phase.name);
        if self.launch.plan.rounds > 1 {
            base.join(format!("round-{}", self.launch.round))
        } else {
            base
        }
    }

    pub(super) fn write(&self, file: &Path, bytes: &[u8]) -> Result<(), Failure> {
        self.launch
            .dir
            .write(file, bytes)
            .map_err(|error| Failure::Internal(error.to_string()))
    }

    /// Runs one stretch of load. `beside` starts with the window, and the load ends with it; a profiled stretch is over when both
    /// are, for a target may take longer to write its profile than the load lasts.
    pub(super) async fn drive<B: Future>(
        &self,
        target: &mut Launched,
        stretch: &Stretch<'_>,
        beside: B,
    ) -> Result<(Driven, Option<B::Output>), Failure> {
        let launch = self.launch;
        launch.observer.phase(&launch.start(stretch));
        let series = if stretch.profiled {
            None
        } else {
            Some(self.series(target)?)
        };
        let drive = Drive {
            endpoints: target
                .instances
                .iter()
                .map(|instance| instance.endpoint.clone())
                .collect(),
            authority: target.instances[0].authority.clone(),
            load: stretch.load.clone(),
            requests: launch.variant.requests_of(stretch.load).into(),
            rosters: self.rosters.clone(),
            seed: self.rosters.first().map_or(0, Roster::seed),
            interval: stretch.interval(launch.plan.interval),
            secrets: launch.plan.secrets,
        };
        let mut engine = Engine::start(&drive)
            .map_err(|error| Failure::Internal(format!("cannot start the workers: {error}")))?;
        let mut gather = Gather::new(
            engine.window,
            stretch.interval(launch.plan.interval),
            stretch.load.workers,
            launch.round,
            series,
        );
        let mut beside = std::pin::pin!(beside);
        let mut output = None;
        let mut stop = self.stop.clone();
        let mut stopping = false;
        let mut deaths = Deaths {
            services: target.services.down(),
            ..Deaths::default()
        };
        loop {
            let next_mark = gather.next_mark();
            tokio::select! {
                interval = engine.next() => match interval {
                    Some(interval) => {
                        gather.interval(&interval);
                        engine.reuse(interval);
                    }
                    None => break,
                },
                () = sleep_until(next_mark.unwrap_or(u64::MAX)), if next_mark.is_some() => gather.mark(target).await,
                finished = &mut beside, if gather.has_begun() && output.is_none() => {
                    output = Some(finished);
                    engine.stop();
                }
                ended = target.ended(), if deaths.target.is_none() => match ended {
                    Ended::Service(words) => deaths.services.push(words),
                    Ended::Target(words) => {
                        deaths.target = Some(words);
                        engine.stop();
                    }
                },
                () = stop.asked(), if !stopping => {
                    stopping = true;
                    engine.stop();
                }
            }
            gather.emit(Emit::Complete, &mut |live| launch.observer.live(live));
            if gather.unwritten.is_some() {
                engine.stop();
            }
        }
        let end = engine
            .finish()
            .map_err(|error| Failure::Internal(error.to_string()))?;
        if gather.has_begun() && gather.next_mark().is_some() {
            // The load ended before the planned window did.
            gather.mark(target).await;
        }
        while stretch.profiled
            && gather.has_begun()
            && output.is_none()
            && deaths.target.is_none()
            && !stop.is_asked()
        {
            tokio::select! {
                finished = &mut beside => output = Some(finished),
                ended = target.ended() => match ended {
                    Ended::Service(words) => deaths.services.push(words),
                    Ended::Target(words) => deaths.target = Some(words),
                },
                () = stop.asked() => {}
            }
        }
        gather.cut(end.window.end);
        gather.emit(Emit::Everything, &mut |_| ());
        launch.observer.phase_over();
        Ok((gather.into_driven(&end, deaths), output))
    }

    fn series(&self, target: &Launched) -> Result<Series, Failure> {
        let directory = self.directory();
        let counters: Vec<&str> = if target.is_gateway {
            COUNTERS.iter().map(|(name, _)| *name).collect()
        } else {
            Vec::new()
        };
        let warmup = self.phase.load.warmup;
        Series::create(self.launch.dir, &directory, &counters, warmup)
            .map_err(|error| Failure::Internal(error.to_string()))
    }
}

impl PhaseResult {
    /// Adds the measured stretch of one launch.
    fn add(
        &mut self,
        driven: Driven,
        target: &Launched,
        run: &PhaseRun<'_>,
    ) -> Result<(), Failure> {
        let seconds = driven.window.seconds();
        for (into, from) in self.tallies.iter_mut().zip(&driven.tallies) {
            into.add(from);
        }
        for (kind, words) in driven.exemplars {
            self.exemplars.entry(kind).or_insert(words);
        }
        let total = Tally::sum(&driven.tallies);
        let cpu = driven.target_cpu_seconds.as_ref().ok().copied();
        if seconds > 0.0 {
            self.rounds.push(Round {
                seconds,
                target_cpu_seconds: cpu,
                generator_cores: driven.generator_cores,
                busiest_worker: driven.busiest_worker,
                worker_wait: driven.worker_wait,
                steal_share: driven.steal_share,
                whole: Estimates::of(&total, seconds, cpu),
                blocks: driven.blocks,
            });
        }
        self.opening.add(&driven.opening);
        self.resent += driven.resent;
        self.peak_bytes = self.peak_bytes.max(driven.peak_bytes);
        if seconds > 0.0 {
            for (into, from) in self.services.iter_mut().zip(&driven.services) {
                into.add(from.cpu_seconds, from.peak_bytes);
            }
        }
        for (at, share) in driven.instances.iter().enumerate() {
            let address = &target.instances[at].authority;
            if self.instances.len() == at {
                self.instances.push(InstanceUse::blank(address.clone()));
            }
            self.instances[at].add(address, share);
        }
        let ended = driven.services_ended.into_iter();
        let mut warnings: Vec<Warning> = ended.map(Warning::ServiceEnded).collect();
        if let (Err(why), true) = (driven.target_cpu_seconds, seconds > 0.0) {
            warnings.push(Warning::NoTargetCpu(target.no_tree().unwrap_or(why)));
        }
        match driven.counters {
            Ok(counters) => counters
                .into_iter()
                .for_each(|(name, count)| *self.counters.entry(name).or_default() += count),
            Err(why) if target.is_gateway && seconds > 0.0 => {
                warnings.push(Warning::NoCounters(why));
            }
            Err(_) => {}
        }
        if (1..FEW_REQUESTS).contains(&total.ok) {
            warnings.push(Warning::FewRequests { ok: total.ok });
        }
        let longest = run
            .launch
            .variant
            .phases
            .iter()
            .map(|phase| phase.load.duration)
            .max()
            .unwrap_or_default()
            .as_secs_f64();
        if let Some(ttl) = cache_ttl(run.launch.variant)
            && longest < ttl
        {
            warnings.push(Warning::WindowShorterThanTtl {
                window: longest,
                ttl,
            });
        }
        for warning in warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        match (driven.died, driven.unwritten) {
            (Some(died), _) => Err(Failure::Target(died)),
            (None, Some(error)) => Err(Failure::Internal(error.to_string())),
            (None, None) => Ok(()),
        }
    }
}

/// What a reader should know of a load before it begins.
fn known_before(target: &Target, load: &Load) -> Vec<Warning> {
    let unchecked = target.tls().is_some_and(|tls| !tls.is_checked());
    let unchecked = unchecked.then_some(Warning::AnyCertificate);
    unchecked
        .into_iter()
        .chain(port_warning(target, load))
        .collect()
}

/// Whether an open loop with a connection for each request may run out of local ports. A closed loop has no rate to tell
/// from.
pub fn port_warning(target: &Target, load: &Load) -> Option<Warning> {
    let LoadModel::Open { pace, .. } = &load.model else {
        return None;
    };
    if load.keep_alive || !target.takes_ports() {
        return None;
    }
    let reach = if target.is_loopback() {
        Reach::Loopback
    } else {
        Reach::Network
    };
    let ports = LocalPorts::read()?;
    let held = ports.held(pace.highest().per_second(), reach);
    (held > f64::from(ports.count())).then_some(Warning::FewPorts {
        held,
        ports: ports.count(),
    })
}

async fn sleep_until(instant: u64) {
    tokio::time::sleep(Duration::from_nanos(instant.saturating_sub(now_ns()))).await;
}
