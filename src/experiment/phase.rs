//! One phase on a running target: a measured stretch of load, and a profiled one of the same load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::gather::{COUNTERS, Driven, Emit, Gather, Series};
use super::launch::Launched;
use super::{Estimates, Failure, PhaseResult, ProfileResult, Round, Stop, VariantRun, Warning};
use crate::engine::{Drive, Engine, now_ns};
use crate::metrics::{Durations, Tally};
use crate::profile::{capture, costs, flamegraph};
use crate::scenario::fleet::{Credentials, Roster};
use crate::scenario::{Arrivals, Load, LoadModel, Pace, Phase, Profile, Target, Variant};
use crate::target::CpuWindow;
use crate::target::port::{LocalPorts, Reach};

/// Load that goes on beyond the profile, so that the capture lies within the window.
const PROFILE_MARGIN: Duration = Duration::from_millis(1_500);

/// Below this many OK responses p99 rests on fewer than ten of them.
const FEW_REQUESTS: u64 = 1_000;

/// Below this many samples shares are rough.
const FEW_SAMPLES: u64 = 200;

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
    pub(super) profiled: bool,
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
            profiled: false,
        };
        let driven = self
            .drive(target, &stretch, std::future::pending::<()>())
            .await?
            .0;
        result.target_cpus = target.cpus;
        result.add(driven, target, self)
    }

    /// Drives the same load again while the target is profiled.
    pub(super) async fn profile(
        &self,
        target: &mut Launched,
        plan: &Profile,
        result: &mut PhaseResult,
    ) -> Result<(), Failure> {
        let load = Load {
            model: profiled(&self.phase.load.model),
            duration: plan.duration + PROFILE_MARGIN,
            requests: None,
            ..self.phase.load.clone()
        };
        let stretch = Stretch {
            phase: &self.phase.name,
            load: &load,
            profiled: true,
        };
        let port = target.port.to_string();
        let url = plan
            .url
            .as_ref()
            .map(|url| url.replace("{port}", &port))
            .or(target.pprof_url.clone())
            .expect("the plan of a target without an endpoint names one");
        let (client, tree, seconds) = (
            target.client.clone(),
            target.tree.clone(),
            plan.duration.as_secs() as u32,
        );
        let capturing = async move {
            let cpu = tree.as_ref().map(CpuWindow::begin);
            // Read when the samples end: what follows is the target's work on their symbols, which no sample shows.
            let used = async {
                tokio::time::sleep(Duration::from_secs(u64::from(seconds))).await;
                cpu.and_then(|cpu| cpu.and_then(|cpu| cpu.end()).ok())
            };
            let (bytes, cpu) =
                tokio::join!(capture::pprof(&client, &url, seconds, Some(plan.hz)), used);
            let bytes = bytes.map_err(|error| error.to_string())?;
            let profile =
                crate::profile::pprof::decode(&bytes).map_err(|error| error.to_string())?;
            Ok::<_, String>((bytes, profile, cpu))
        };
        let (driven, captured) = self.drive(target, &stretch, capturing).await?;
        if let Some(died) = driven.died {
            return Err(Failure::Target(died));
        }
        let (bytes, profile, cpu) = match captured {
            Some(Ok(captured)) => captured,
            Some(Err(error)) => {
                result.warnings.push(Warning::NoProfile(error));
                return Ok(());
            }
            None => return Ok(()),
        };
        let total = Tally::sum(&driven.tallies);
        let sampled = plan.duration.as_nanos() / self.launch.plan.interval.as_nanos();
        let estimates = while_sampled(&driven.blocks, sampled as usize).unwrap_or(Estimates::of(
            &total,
            driven.window.seconds(),
            driven.target_cpu_seconds.ok(),
        ));
        let capture_ratio = cpu
            .zip(profile.cpu_ns())
            .filter(|(cpu, _)| cpu.cpu_seconds > 0.0)
            .map(|(cpu, sampled)| {
                // Timers end a moment late: the CPU time of that moment is not in the samples.
                let covered = f64::from(seconds) / cpu.wall_seconds.max(f64::from(seconds));
                sampled as f64 / 1e9 / (cpu.cpu_seconds * covered)
            });
        if profile.samples() < FEW_SAMPLES {
            result.warnings.push(Warning::FewSamples(profile.samples()));
        }
        if let Some(ratio) = capture_ratio.filter(|ratio| !(0.8..=1.15).contains(ratio)) {
            result.warnings.push(Warning::CaptureRatio(ratio));
        }
        let directory = self.directory();
        self.write(&directory.join("profile.pb.gz"), &bytes)?;
        if !profile.is_empty() {
            let title = format!(
                "{} · {} · {}",
                self.launch.plan.name, self.launch.variant.name, self.phase.name
            );
            let subtitle = format!(
                "{} samples at {} Hz, {:.0} requests/s",
                profile.samples(),
                plan.hz,
                estimates.throughput_rps.unwrap_or(0.0)
            );
            match flamegraph::svg(&profile, &title, &subtitle, estimates.us_per_request) {
                Ok(svg) => self.write(&directory.join("flame.svg"), svg.as_bytes())?,
                Err(error) => result.warnings.push(Warning::NoProfile(format!(
                    "the flame graph could not be drawn: {error}"
                ))),
            }
        }
        result.profile = Some(ProfileResult {
            costs: costs(&profile, estimates.us_per_request.unwrap_or(0.0)),
            profile,
            hz: plan.hz,
            capture_ratio,
            us_per_request: estimates.us_per_request,
            throughput_rps: estimates.throughput_rps.unwrap_or(0.0),
        });
        Ok(())
    }

    fn directory(&self) -> PathBuf {
        let base = Path::new(&self.launch.variant.name).join(&self.phase.name);
        if self.launch.plan.rounds > 1 {
            base.join(format!("round-{}", self.launch.round))
        } else {
            base
        }
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> Result<(), Failure> {
        self.launch
            .dir
            .write(file, bytes)
            .map_err(|error| Failure::Internal(error.to_string()))
    }

    /// Runs one stretch of load. `beside` starts with the window; a profiled stretch is over when both are, for a target
    /// may take longer to write its profile than the load lasts.
    async fn drive<B: Future>(
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
            interval: launch.plan.interval,
            secrets: launch.plan.secrets,
        };
        let mut engine = Engine::start(&drive)
            .map_err(|error| Failure::Internal(format!("cannot start the workers: {error}")))?;
        let mut gather = Gather::new(
            engine.window,
            launch.plan.interval,
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
                finished = &mut beside, if gather.has_begun() && output.is_none() => output = Some(finished),
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
                blocks: driven.blocks,
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

/// Throughput and CPU per request in the first `intervals`, in which samples were taken: after them the target works on
/// the symbols of its profile, which is no cost of a request. `None` if not all of them are known.
fn while_sampled(blocks: &[Estimates], intervals: usize) -> Option<Estimates> {
    let blocks = blocks
        .get(..intervals)
        .filter(|blocks| !blocks.is_empty())?;
    let (mut requests, mut cpu_us) = (0.0, 0.0);
    for block in blocks {
        let rate = block.throughput_rps?;
        requests += rate;
        cpu_us += block.us_per_request? * rate;
    }
    (requests > 0.0).then_some(Estimates {
        throughput_rps: Some(requests / intervals as f64),
        us_per_request: Some(cpu_us / requests),
        p50_us: None,
        p99_us: None,
    })
}

/// The load under which the target is profiled: stages hold the highest rate, so that all samples are of the same load, and
/// arrivals are independent. Samplers tick at a divisor of the kernel's tick, and so do even arrivals at round rates: every
/// sample would hit the same moment of a request's life. At 20,000/s a profile held 27 % of the CPU time, and bcrypt five
/// times its share.
fn profiled(model: &LoadModel) -> LoadModel {
    match model {
        LoadModel::Closed => LoadModel::Closed,
        LoadModel::Open { pace, .. } => LoadModel::Open {
            pace: Pace::Constant(pace.highest()),
            arrivals: Arrivals::Poisson,
        },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Stage;
    use crate::units::Rate;

    #[test]
    fn stages_are_profiled_at_their_highest_rate() {
        let stage = |to| Stage {
            to,
            over: Duration::from_secs(1),
        };
        let staged = LoadModel::Open {
            pace: Pace::Staged {
                begin: 5.0,
                stages: [stage(200.0), stage(0.0)].into(),
            },
            arrivals: Arrivals::Constant,
        };
        let held = LoadModel::Open {
            pace: Pace::Constant(Rate::new(200.0).unwrap()),
            arrivals: Arrivals::Poisson,
        };
        assert_eq!(profiled(&staged), held);
        assert_eq!(profiled(&LoadModel::Closed), LoadModel::Closed);
    }

    #[test]
    fn costs_of_a_profile_are_those_of_the_time_in_which_samples_were_taken() {
        let block = |throughput_rps, us_per_request| Estimates {
            throughput_rps: Some(throughput_rps),
            us_per_request,
            p50_us: None,
            p99_us: None,
        };
        let blocks = [
            block(100.0, Some(10.0)),
            block(300.0, Some(30.0)),
            block(100.0, Some(900.0)),
        ];
        let found = while_sampled(&blocks, 2).unwrap();
        assert_eq!(
            (found.throughput_rps, found.us_per_request),
            (Some(200.0), Some(25.0))
        );
        assert_eq!(while_sampled(&blocks, 0), None);
        assert_eq!(while_sampled(&blocks, 4), None);
        assert_eq!(while_sampled(&[block(1.0, None)], 1), None);
    }
}
