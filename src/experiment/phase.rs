//! One phase on a running target: a measured stretch of load, and a profiled one of the same load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::gather::{COUNTERS, Driven, Emit, Gather, Series};
use super::launch::Launched;
use super::result::relative_error;
use super::{Estimates, Failure, PhaseResult, ProfileResult, Round, Stop, VariantRun, Warning};
use crate::engine::{Drive, Engine, now_ns};
use crate::metrics::{Durations, Tally};
use crate::profile::{FunctionTable, capture, flamegraph};
use crate::scenario::fleet::{Credentials, Roster};
use crate::scenario::{Arrivals, Load, LoadModel, Pace, Phase, Profile, Target, Variant};
use crate::target::port::{LocalPorts, Reach};
use crate::target::{CpuUsed, CpuWindow};

/// The load of a profiled stretch ends with the capture, which takes longer than its slices: a target writes its profile after
/// each. This much longer at most, beyond twice their length.
const LONGEST_WRITING: Duration = Duration::from_secs(30);

/// Interval of a profiled stretch: short, for only intervals that lie within a slice count.
const SAMPLED_INTERVAL: Duration = Duration::from_millis(100);

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
    /// Warm-up and window as they are expected to be.
    pub(super) length: Duration,
    pub(super) profiled: bool,
}

impl Stretch<'_> {
    fn interval(&self, planned: Duration) -> Duration {
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

    /// Drives the same load again while the target is profiled.
    pub(super) async fn profile(
        &self,
        target: &mut Launched,
        plan: &Profile,
        result: &mut PhaseResult,
    ) -> Result<(), Failure> {
        let load = Load {
            model: profiled(&self.phase.load.model),
            duration: 2 * plan.duration + LONGEST_WRITING,
            requests: None,
            ..self.phase.load.clone()
        };
        let stretch = Stretch {
            phase: &self.phase.name,
            load: &load,
            length: load.warmup + plan.duration,
            profiled: true,
        };
        let port = target.port.to_string();
        let url = plan
            .url
            .as_ref()
            .map(|url| url.replace("{port}", &port))
            .or(target.pprof_url.clone())
            .expect("the plan of a target without an endpoint names one");
        let (client, tree) = (target.client.clone(), target.tree.clone());
        let request = capture::Request::in_slices(plan.duration, Some(plan.hz));
        let capturing = async move {
            let mut slices = capture::Slices::new(&client, &url, request)?;
            let (mut sampled, mut failed) = (Vec::new(), None);
            while let (Some(seconds), None) = (slices.next_seconds(), &failed) {
                let cpu = tree.as_ref().and_then(|tree| CpuWindow::begin(tree).ok());
                let (begin, window) = (now_ns(), Duration::from_secs(u64::from(seconds)));
                // Read when the samples end: what follows is the target's work on their symbols, which no sample shows.
                let end = async {
                    tokio::time::sleep(window).await;
                    cpu.and_then(|cpu| cpu.end().ok())
                };
                let (taken, cpu) = tokio::join!(slices.take(), end);
                failed = taken.err();
                if failed.is_none() {
                    sampled.push(Sampled { begin, window, cpu });
                }
            }
            match (slices.finish()?, failed) {
                (Some(capture), failed) => Ok((capture, sampled, failed)),
                (None, failed) => Err(failed.expect("a capture has at least one slice")),
            }
        };
        let (driven, captured) = self.drive(target, &stretch, capturing).await?;
        if let Some(died) = driven.died {
            return Err(Failure::Target(died));
        }
        let (capture, sampled, failed) = match captured {
            Some(Ok(captured)) => captured,
            Some(Err(error)) => {
                let error: capture::CaptureError = error;
                result.warnings.push(Warning::NoProfile(error.to_string()));
                return Ok(());
            }
            None => return Ok(()),
        };
        if let Some(error) = failed {
            result.warnings.push(Warning::ShortProfile {
                seconds: capture.seconds,
                why: error.to_string(),
            });
        }
        let (profile, bytes) = (capture.profile, capture.bytes);
        let total = Tally::sum(&driven.tallies);
        let interval = stretch.interval(self.launch.plan.interval).as_nanos() as u64;
        let blocks = |of: &Sampled| of.blocks(&driven.blocks, driven.window.start, interval);
        let all: Vec<Estimates> = sampled.iter().flat_map(blocks).collect();
        let estimates = while_sampled(&all).unwrap_or(Estimates::of(
            &total,
            driven.window.seconds(),
            driven.target_cpu_seconds.ok(),
        ));
        let slices = sampled.iter().filter_map(|of| while_sampled(&blocks(of)));
        let costs: Vec<f64> = slices.filter_map(|slice| slice.us_per_request).collect();
        let used: Option<f64> = sampled.iter().map(Sampled::cpu_seconds).sum();
        let capture_ratio = used
            .zip(profile.cpu_ns())
            .filter(|(used, _)| *used > 0.0)
            .map(|(used, sampled)| sampled as f64 / 1e9 / used);
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
            functions: FunctionTable::of(&profile),
            us_error: relative_error(&costs).unwrap_or(0.0),
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

    /// Runs one stretch of load. `beside` starts with the window, and the load ends with it; a profiled stretch is over when both
    /// are, for a target may take longer to write its profile than the load lasts.
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

/// One slice of a capture.
struct Sampled {
    /// When it was asked for, on the engine's clock, ns.
    begin: u64,
    window: Duration,
    cpu: Option<CpuUsed>,
}

impl Sampled {
    /// CPU time of the target while it was sampled, s. Timers end a moment late: the CPU time of that moment is not in the samples.
    fn cpu_seconds(&self) -> Option<f64> {
        let (cpu, window) = (self.cpu.as_ref()?, self.window.as_secs_f64());
        Some(cpu.cpu_seconds * window / cpu.wall_seconds.max(window))
    }

    /// The intervals of a stretch, in ns from its `start`, that lie within the slice.
    fn blocks(&self, blocks: &[Estimates], start: u64, interval: u64) -> Vec<Estimates> {
        let end = self.begin + self.window.as_nanos() as u64;
        let edges = (0_u64..).map(|at| start + at * interval);
        edges
            .zip(blocks)
            .filter(|(edge, _)| *edge >= self.begin && edge + interval <= end)
            .map(|(_, block)| *block)
            .collect()
    }
}

/// Throughput and CPU per request of the intervals in which samples were taken: after them the target works on
/// the symbols of its profile, which is no cost of a request. `None` if not all of them are known.
fn while_sampled(blocks: &[Estimates]) -> Option<Estimates> {
    let (mut requests, mut cpu_us) = (0.0, 0.0);
    for block in blocks {
        let rate = block.throughput_rps?;
        requests += rate;
        cpu_us += block.us_per_request? * rate;
    }
    (requests > 0.0).then_some(Estimates {
        throughput_rps: Some(requests / blocks.len() as f64),
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
        let slice = Sampled {
            begin: 990,
            window: Duration::from_nanos(250),
            cpu: None,
        };
        // From 1,000 on there is an interval of 100 ns at a time: two lie within 990 to 1,240.
        let within = slice.blocks(&blocks, 1_000, 100);
        assert_eq!(within, blocks[..2]);
        let found = while_sampled(&within).unwrap();
        assert_eq!(
            (found.throughput_rps, found.us_per_request),
            (Some(200.0), Some(25.0))
        );
        assert_eq!(while_sampled(&[]), None);
        assert_eq!(while_sampled(&[block(1.0, None)]), None);
    }
}
