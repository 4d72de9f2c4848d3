//! One phase on a running target: its measured stretch of load, and how any stretch is driven. The profiled one is `profiled`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::expected::{bcrypt_rate, cache_ttl};
use super::files::Made;
use super::gather::Driven;
use super::instances::{InstanceUse, uneven};
use super::launch::Launched;
use super::mark::Cpu;
use super::published;
use super::result::{AcknowledgedFile, ServiceUse};
use super::stop::Stop;
use super::stretch::Stretch;
use super::variant::VariantRun;
use super::watched::Published;
use super::{Estimates, Failure, PhaseResult, Round, Uncertainty, Warning};
use crate::metrics::{Durations, Tally};
use crate::process::port::{LocalPorts, Reach};
use crate::scenario::{Load, LoadModel, Phase, Variant};
use crate::traffic::fleet::Roster;
use crate::transport::tls::Handshakes;

/// Below this many OK responses p99 rests on fewer than ten of them.
const FEW_REQUESTS: u64 = 1_000;

/// A phase of one launch.
pub(super) struct PhaseRun<'a> {
    pub(super) launch: &'a VariantRun<'a>,
    pub(super) phase: &'a Phase,
    pub(super) rosters: &'a Arc<[Roster]>,
    pub(super) stop: &'a Stop,
}

/// How a stretch of load ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// As planned, or when the user wished so.
    InTime,
    /// With the target, which nobody had stopped.
    WithTarget,
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
            handshakes: Handshakes::default(),
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
            warnings: known_before(variant, &self.phase.load),
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

    pub(super) fn acknowledged_file(&self) -> PathBuf {
        self.directory().join("acknowledged.ids")
    }

    pub(super) fn files(&self, target: &Launched) -> Result<Made, Failure> {
        let directory = self.directory();
        let columns = if target.is_gateway {
            published::columns()
        } else {
            Vec::new()
        };
        Made::create(self.launch.dir, &directory, &columns)
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
        let total = Tally::sum(&driven.tallies);
        if seconds > 0.0 {
            self.rounds.push(round(&driven, &total));
        }
        self.add_acknowledged(driven.acknowledged, target, run);
        self.opening.add(&driven.opening);
        self.handshakes.add(&driven.handshakes);
        self.resent += driven.resent;
        self.peak_bytes = self.peak_bytes.max(driven.peak_bytes);
        self.add_shares(&driven, target);
        for (kind, words) in driven.exemplars {
            self.exemplars.entry(kind).or_insert(words);
        }
        let ended = driven.services_ended.into_iter();
        let mut warnings: Vec<Warning> = ended.map(Warning::ServiceEnded).collect();
        if let (Err(why), true) = (driven.target_cpu_seconds, seconds > 0.0) {
            // Where metrics tell it, they say why they do not.
            let unnamed = target.no_tree().filter(|_| driven.late.cpu == Cpu::Nowhere);
            warnings.push(Warning::NoTargetCpu(unnamed.unwrap_or(why)));
        }
        match driven.published {
            Ok(published) => warnings.extend(self.add_published(published)),
            Err(why) if target.is_gateway && seconds > 0.0 => {
                warnings.push(Warning::NoCounters(why));
            }
            Err(_) => {}
        }
        if (1..FEW_REQUESTS).contains(&total.ok) {
            warnings.push(Warning::FewRequests { ok: total.ok });
        }
        warnings.extend(short_window(run.launch.variant));
        for warning in warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        driven.late.warn(&mut self.warnings);
        self.conclude(driven.died, driven.failed)
    }

    /// Adds what each service and each instance used.
    fn add_shares(&mut self, driven: &Driven, target: &Launched) {
        if driven.window.seconds() > 0.0 {
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
    }

    /// Adds what the gateway published; a warning if that ended before the window.
    fn add_published(&mut self, published: Published) -> Option<Warning> {
        for (name, count) in published.counters {
            *self.counters.entry(name).or_default() += count;
        }
        for (name, value) in published.peaks {
            let peak = self.peaks.entry(name).or_default();
            *peak = value.max(*peak);
        }
        let ended = published.ended;
        ended.map(|(after, why)| Warning::CountersEnd { after, why })
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

/// The figures of one launch.
fn round(driven: &Driven, total: &Tally) -> Round {
    let seconds = driven.window.seconds();
    let cpu = driven.target_cpu_seconds.as_ref().ok().copied();
    Round {
        seconds,
        target_cpu_seconds: cpu,
        generator_cores: driven.generator_cores,
        busiest_worker: driven.busiest_worker,
        worker_wait: driven.worker_wait,
        stopped_seconds: driven.stopped_seconds,
        throttled_seconds: driven.throttled_seconds,
        steal_share: driven.steal_share,
        missed_share: driven.missed_share,
        whole: Estimates::of(total, seconds, cpu),
        uncertainty: Uncertainty::of(&driven.blocks, &driven.batches, total),
    }
}

/// A warning if the gateway's cache remembers for longer than each window of the variant lasts.
fn short_window(variant: &Variant) -> Option<Warning> {
    let ttl = cache_ttl(variant)?;
    let longest = variant
        .phases
        .iter()
        .map(|phase| phase.load.duration)
        .max()
        .unwrap_or_default()
        .as_secs_f64();
    (longest < ttl).then_some(Warning::WindowShorterThanTtl {
        window: longest,
        ttl,
    })
}

/// What a reader should know of a load before it begins.
fn known_before(variant: &Variant, load: &Load) -> Vec<Warning> {
    let unchecked = variant.target.tls().is_some_and(|tls| !tls.is_checked());
    let unchecked = unchecked.then_some(Warning::AnyCertificate);
    unchecked
        .into_iter()
        .chain(port_warning(variant, load))
        .collect()
}

/// Whether an open loop with a connection for each request may run out of local ports. A closed loop has no rate to tell
/// from.
pub fn port_warning(variant: &Variant, load: &Load) -> Option<Warning> {
    let LoadModel::Open { pace, .. } = &load.model else {
        return None;
    };
    let is_one = variant.sources.as_ref().is_none_or(|all| all.count() == 1);
    if load.keep_alive || !variant.target.takes_ports() || !is_one {
        return None;
    }
    let reach = if variant.target.is_loopback() {
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
