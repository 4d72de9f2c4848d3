//! One phase on a running target: its measured stretch of load, and how any stretch is driven. The profiled one is `profiled`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::gather::{COUNTERS, Driven, Emit, Gather, Series};
use super::launch::Launched;
use super::{Estimates, Failure, PhaseResult, Round, Stop, VariantRun, Warning};
use crate::engine::{Drive, Engine, now_ns};
use crate::metrics::{Durations, Tally};
use crate::scenario::fleet::{Credentials, Roster};
use crate::scenario::{Load, LoadModel, Phase, Target, Variant};
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
            expected_bcrypt_rate: expected_bcrypt_rate(variant),
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
        result.add(driven, target, self)
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
            endpoint: target.endpoint.clone(),
            authority: target.authority.clone(),
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
        let mut died = None;
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
                words = target.died(), if died.is_none() => {
                    died = Some(words);
                    engine.stop();
                }
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
        if stretch.profiled && gather.has_begun() && output.is_none() && died.is_none() {
            tokio::select! {
                finished = &mut beside => output = Some(finished),
                words = target.died() => died = Some(words),
                () = stop.asked() => {}
            }
        }
        gather.cut(end.window.end);
        gather.emit(Emit::Everything, &mut |_| ());
        launch.observer.phase_over();
        Ok((gather.into_driven(&end, died), output))
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
                blocks: driven.blocks.iter().map(|of| of.estimates).collect(),
            });
        }
        self.opening.add(&driven.opening);
        self.resent += driven.resent;
        self.peak_bytes = self.peak_bytes.max(driven.peak_bytes);
        let mut warnings = Vec::new();
        if let (Err(why), true) = (driven.target_cpu_seconds, seconds > 0.0) {
            warnings.push(Warning::NoTargetCpu(target.no_tree.clone().unwrap_or(why)));
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

/// Seconds that the gateway remembers a credential, if valid devices send theirs and it does so.
fn cache_ttl(variant: &Variant) -> Option<f64> {
    match &variant.target {
        Target::Gateway { config, .. }
            if remembers(config.auth) && remembered_devices(variant) > 0 =>
        {
            Some(config.cache_ttl.as_secs_f64())
        }
        _ => None,
    }
}

/// Whether a way of checking credentials keeps what it has accepted.
fn remembers(auth: target_service::Auth) -> bool {
    use target_service::Auth;
    match auth {
        Auth::Naive | Auth::Token => false,
        Auth::Cached | Auth::Singleflight | Auth::Shielded => true,
    }
}

/// Devices whose requests can be answered from the cache: those of valid fleets that requests with a device's header use.
fn remembered_devices(variant: &Variant) -> u64 {
    let sends = |at| {
        variant.requests.iter().any(|request| {
            request.fleet == Some(at)
                && request
                    .headers
                    .iter()
                    .any(|(name, _)| name.eq_ignore_ascii_case("x-device-id"))
        })
    };
    let fleets = variant.fleets.iter().enumerate();
    fleets
        .filter(|(at, fleet)| fleet.credentials == Credentials::Valid && sends(*at))
        .map(|(_, fleet)| u64::from(fleet.devices))
        .sum()
}

/// A fixed TTL costs one bcrypt per device and TTL, if all devices report within it.
fn expected_bcrypt_rate(variant: &Variant) -> Option<f64> {
    cache_ttl(variant).map(|ttl| remembered_devices(variant) as f64 / ttl)
}
