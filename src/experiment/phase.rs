//! One phase on a running target: its measured stretch of load, and how any stretch is driven. The profiled one is `profiled`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::expected::{bcrypt_rate, cache_ttl};
use super::gather::{Deaths, Driven, Emit, Gather, Series};
use super::instances::{InstanceUse, uneven};
use super::launch::{Death, Launched};
use super::ledger::{Ledger, Lines};
use super::published;
use super::result::{AcknowledgedFile, ServiceUse};
use super::{Estimates, Failure, PhaseResult, Round, Stop, Uncertainty, VariantRun, Warning};
use crate::engine::{AcknowledgedIds, Drive, Engine, now_ns};
use crate::metrics::{Durations, Tally, Window};
use crate::process::port::{LocalPorts, Reach};
use crate::scenario::{Load, LoadModel, Phase, Target};
use crate::traffic::fleet::Roster;

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

/// How a stretch of load ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// As planned, or when the user wished so.
    InTime,
    /// With the target, which nobody had stopped.
    WithTarget,
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
            peaks: BTreeMap::new(),
            acknowledged: Vec::new(),
            died: None,
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
    ) -> Result<Ended, Failure> {
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
        let stamp = launch.stamps.next();
        let drive = Drive {
            endpoints: target
                .instances
                .iter()
                .map(|instance| instance.endpoint.clone())
                .collect(),
            authority: target.instances[0].authority.clone(),
            load: stretch.load.clone(),
            requests: launch.variant.requests_of(stretch.load, stamp).into(),
            rosters: self.rosters.clone(),
            seed: launch.plan.seed,
            interval: stretch.interval(launch.plan.interval),
            secrets: launch.plan.secrets,
        };
        let mut engine = Engine::start(&drive)
            .map_err(|error| Failure::Internal(format!("cannot start the workers: {error}")))?;
        let mut ledger = self.ledger(stretch, &drive, &mut engine)?;
        let mut unrecorded = false;
        let window = self.begun(&engine).await;
        let series = if stretch.profiled {
            None
        } else {
            Some(self.series(target, window)?)
        };
        let mut gather = Gather::new(
            window,
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
                death = target.ended(), if deaths.target.is_none() => match death {
                    Death::Service(words) => deaths.services.push(words),
                    Death::Target(words) => {
                        deaths.target = Some(words);
                        engine.stop();
                    }
                },
                () = failed(&mut ledger), if !unrecorded => {
                    unrecorded = true;
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
        let end = engine.finish();
        if gather.has_begun() && gather.next_mark().is_some() {
            // The load ended before the planned window did.
            gather.mark(target).await;
        }
        while stretch.profiled && gather.has_begun() && output.is_none() && deaths.target.is_none()
        {
            tokio::select! {
                // One that can end at once when it is asked to does, with what it has.
                biased;
                finished = &mut beside => output = Some(finished),
                death = target.ended() => match death {
                    Death::Service(words) => deaths.services.push(words),
                    Death::Target(words) => deaths.target = Some(words),
                },
                () = stop.asked() => break,
            }
        }
        let acknowledged = ledger.map(Ledger::finish).transpose();
        gather.cut(end.window.end);
        gather.emit(Emit::Everything, &mut |_| ());
        launch.observer.phase_over();
        let mut driven = gather.into_driven(&end, deaths);
        match acknowledged {
            Ok(ids) => driven.acknowledged = ids,
            Err(error) => fail(&mut driven, error.to_string()),
        }
        if end.unnoted > 0 {
            let lacks = format!(
                "{} lacks the ids of {} acknowledged requests: the disk did not keep up; use a faster one for --out, or a lower rate",
                self.acknowledged_file().display(),
                end.unnoted
            );
            fail(&mut driven, lacks);
        }
        Ok((driven, output))
    }

    /// Waits until the load begins: all workers are ready, and their connections open where it is closed. The user's wish to
    /// stop ends that wait.
    async fn begun(&self, engine: &Engine) -> Window {
        let mut stop = self.stop.clone();
        let ready = engine.ready();
        tokio::pin!(ready);
        tokio::select! {
            window = &mut ready => return window,
            () = stop.asked() => {}
        }
        engine.stop();
        ready.await
    }

    /// Begins to write down what is acknowledged: in a file for each phase of a launch, in which the profiled repetition goes on
    /// where the measured one ended.
    fn ledger(
        &self,
        stretch: &Stretch<'_>,
        drive: &Drive,
        engine: &mut Engine,
    ) -> Result<Option<Ledger>, Failure> {
        let Some(from) = engine.acknowledged() else {
            return Ok(None);
        };
        let file = self.acknowledged_file();
        let opened = if stretch.profiled {
            self.launch.dir.append(&file)
        } else {
            self.launch.dir.create_file(&file)
        };
        let lines = Lines {
            file: opened.map_err(|error| Failure::Internal(error.to_string()))?,
            path: self.launch.dir.path().join(file),
            ids: AcknowledgedIds::new(drive.requests.clone(), drive.rosters.clone(), drive.seed),
        };
        let started = Ledger::start(lines, from);
        let refused = |error| Failure::Internal(format!("cannot start a thread: {error}"));
        started.map(Some).map_err(refused)
    }

    pub(super) fn acknowledged_file(&self) -> PathBuf {
        self.directory().join("acknowledged.ids")
    }

    fn series(&self, target: &Launched, window: Window) -> Result<Series, Failure> {
        let directory = self.directory();
        let columns = if target.is_gateway {
            published::columns()
        } else {
            Vec::new()
        };
        let until_start = Duration::from_nanos(window.start.saturating_sub(now_ns()));
        Series::create(self.launch.dir, &directory, &columns, until_start)
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
    ) -> Result<Ended, Failure> {
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
                stopped_seconds: driven.stopped_seconds,
                throttled_seconds: driven.throttled_seconds,
                steal_share: driven.steal_share,
                late_readings: (0, 0),
                whole: Estimates::of(&total, seconds, cpu),
                uncertainty: Uncertainty::of(&driven.blocks, &driven.batches, &total),
            });
        }
        self.add_acknowledged(driven.acknowledged, target, run);
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
        match driven.published {
            Ok(published) => {
                for (name, count) in published.counters {
                    *self.counters.entry(name).or_default() += count;
                }
                for (name, value) in published.peaks {
                    let peak = self.peaks.entry(name).or_default();
                    *peak = value.max(*peak);
                }
                let ended = published.ended;
                warnings.extend(ended.map(|(after, why)| Warning::CountersEnd { after, why }));
            }
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
        self.conclude(driven.died, driven.failed)
    }

    /// Adds ids that were written to the file of a phase of a launch.
    pub(super) fn add_acknowledged(
        &mut self,
        ids: Option<u64>,
        target: &Launched,
        run: &PhaseRun<'_>,
    ) {
        let Some(ids) = ids else { return };
        let file = run.acknowledged_file();
        match self.acknowledged.iter_mut().find(|one| one.file == file) {
            Some(known) => known.ids += ids,
            None => self.acknowledged.push(AcknowledgedFile {
                file,
                ids,
                sink: target.sink.clone(),
            }),
        }
    }

    /// Notes that the target died, which ends its launch and not the run; a failure of telemload or of the disk ends both.
    pub(super) fn conclude(
        &mut self,
        died: Option<String>,
        failed: Option<String>,
    ) -> Result<Ended, Failure> {
        if let Some(words) = failed {
            return Err(Failure::Internal(words));
        }
        if died.is_none() {
            return Ok(Ended::InTime);
        }
        self.died = self.died.take().or(died);
        Ok(Ended::WithTarget)
    }
}

/// Notes why the load was not what it should have been, unless something else came first.
fn fail(driven: &mut Driven, words: String) {
    driven.failed.get_or_insert(words);
}

/// Returns when a ledger, if there is one, can write no more.
async fn failed(ledger: &mut Option<Ledger>) {
    match ledger {
        Some(ledger) => ledger.failed().await,
        None => std::future::pending().await,
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
