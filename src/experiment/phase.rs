//! One phase on a running target: its measured stretch of load, and how any stretch is driven. The profiled one is `profiled`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::files::{Made, Wanted};
use super::instances::uneven;
use super::launch::Launched;
use super::mark::Cpu;
use super::notes;
use super::over::StretchEnd;
use super::stop::Stop;
use super::stretch::{EndedEarly, Stretch, TakesTurns};
use super::timeline::lasts;
use super::trend_hints;
use super::variant::VariantRun;
use crate::metrics::value_at;
use crate::process::port::{LocalPorts, Reach};
use crate::result::{Failure, HostUse, Note, PhaseResult, ProcessUse, ServiceUse};
use crate::scenario::{Load, LoadModel, Phase, Target, Variant};
use crate::tenant;
use crate::traffic::fleet::Roster;
use crate::transport::tls::Tls;

/// Below this many OK responses p99 rests on fewer than ten of them.
const FEW_REQUESTS: u64 = 1_000;

/// A phase of one launch.
pub(super) struct PhaseRun<'a> {
    pub(super) launch: &'a VariantRun<'a>,
    pub(super) phase: &'a Phase,
    pub(super) rosters: &'a Arc<[Roster]>,
    pub(super) stop: &'a Stop,
    /// If its measured stretch takes turns with that of another variant.
    pub(super) turns: Option<TakesTurns<'a>>,
}

/// How a stretch of load ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// As planned, or when the user wished so.
    InTime,
    /// With the target, which nobody had stopped.
    WithTarget,
    /// By figures that end the run.
    Hopeless,
}

impl PhaseRun<'_> {
    /// A result without any round.
    pub(super) fn blank(&self) -> PhaseResult {
        let variant = self.launch.variant;
        let requests = variant.requests.iter();
        let requests = requests.map(|request| request.name.clone()).collect();
        PhaseResult {
            turns: self.turns.map(|turns| turns.told()),
            hosts: hosts(variant),
            services: variant
                .services
                .iter()
                .map(|service| ServiceUse {
                    name: service.name.clone(),
                    used: ProcessUse::NOTHING,
                })
                .collect(),
            expected: tenant::expected(variant, &self.phase.load),
            notes: known_before(variant, &self.phase.load),
            ..PhaseResult::blank(self.phase.name.clone(), self.phase.load.clone(), requests)
        }
    }

    /// Drives the measured stretch and adds it to `result`.
    pub(super) async fn measure(
        &self,
        target: &mut Launched,
        result: &mut PhaseResult,
    ) -> Result<Ended, Failure> {
        let pending = std::future::pending::<()>();
        let (over, _) = self.drive(target, &self.stretch(), pending).await?;
        self.keep(over, target, result)
    }

    /// The measured stretch.
    pub(super) fn stretch(&self) -> Stretch<'_> {
        let load = &self.phase.load;
        Stretch {
            phase: &self.phase.name,
            load,
            length: match self.turns {
                Some(turns) => Duration::from_nanos(turns.table.end()),
                None => load.warmup + load.duration,
            },
            profiled: false,
            forecast: None,
        }
    }

    /// Adds the measured stretch of one launch, and concludes what that makes of all of them.
    pub(super) fn keep(
        &self,
        over: StretchEnd,
        target: &Launched,
        result: &mut PhaseResult,
    ) -> Result<Ended, Failure> {
        let ended = self.add(over, target, result);
        result.notes.retain(|of| of.code != notes::UNEVEN_INSTANCES);
        let uneven = uneven(&result.instances);
        result.note(uneven.map(|shares| notes::uneven_instances(&shares)));
        result.conclude_trust();
        ended
    }

    /// Adds the measured stretch of one launch.
    fn add(
        &self,
        over: StretchEnd,
        target: &Launched,
        result: &mut PhaseResult,
    ) -> Result<Ended, Failure> {
        let mut found = over.found;
        let has_window = !found.rounds.is_empty();
        let services = over.services_ended.iter();
        found.note(services.map(|words| notes::service_ended(words)));
        // Shards can be told of the target's CPU by its metrics alone, and one of them reads these.
        let part = self.launch.plan.part.as_ref();
        let is_told = part.is_none() || self.launch.variant.target.has_metrics();
        if let (Some(why), true) = (over.no_cpu, has_window && is_told) {
            // Where metrics tell it, they say why they do not.
            let unnamed = target.no_tree().filter(|_| over.late.cpu == Cpu::Nowhere);
            found.note([notes::no_target_cpu(&unnamed.unwrap_or(why))]);
        }
        found.note(target.notes.iter().cloned());
        match over.published {
            Ok(ended_early) => found.note(ended_early),
            Err(why) if target.is_known && has_window => found.note([notes::no_counters(&why)]),
            Err(_) => {}
        }
        // A part has a part of the requests and of the connections.
        match part {
            None => counted_notes(&mut found, self.stop.is_asked()),
            Some(_) => found.note(few_requests(&found)),
        }
        found.note(short_window(self.launch));
        found.note(over.late.notes());
        let window = Duration::from_secs_f64(found.seconds());
        let early = over.ended_early;
        found.note(early.as_ref().map(|early| match early {
            EndedEarly::Hopeless(words) => notes::hopeless(words, window),
            EndedEarly::Silent(from, to) => notes::silent(*from, *to),
        }));
        let hints = trend_hints::hints(&over.trend, &self.phase.load).into_iter();
        // Once, however many launches show it.
        let is_new = |hint: &Note| result.notes.iter().all(|of| of.code != hint.code);
        found.note(hints.filter(is_new));
        let ended = ended(&found, over.failed);
        result.add(found);
        match (ended?, early) {
            (Ended::InTime, Some(EndedEarly::Hopeless(_))) => Ok(Ended::Hopeless),
            (ended, _) => Ok(ended),
        }
    }

    /// Where files of all launches go, within the run directory.
    pub(super) fn place(&self) -> PathBuf {
        Path::new(&self.launch.variant.name).join(&self.phase.name)
    }

    /// Where those of this launch go.
    pub(super) fn directory(&self) -> PathBuf {
        if self.launch.plan.rounds > 1 {
            self.place().join(format!("round-{}", self.launch.round))
        } else {
            self.place()
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
        let columns = if target.is_known {
            tenant::columns()
        } else {
            Vec::new()
        };
        let wanted = Wanted {
            columns: &columns,
            counts: (self.launch.plan.part.as_ref())
                .map(|part| (part.attempt.as_str(), self.launch.plan.interval)),
        };
        Made::create(self.launch.dir, &directory, wanted)
            .map_err(|error| Failure::Internal(error.to_string()))
    }
}

/// The hosts that requests go to, the target first; none where that is the only one.
fn hosts(variant: &Variant) -> Vec<HostUse> {
    if variant.hosts.is_empty() {
        return Vec::new();
    }
    let target = match &variant.target {
        Target::Url { base, .. } => base.to_string(),
        Target::Bundled { .. } | Target::Command { .. } => "target".to_owned(),
    };
    let of = |host: Option<usize>| {
        let requests = variant.requests.iter().enumerate();
        let at = requests
            .filter(move |(_, request)| request.elsewhere.as_ref().map(|of| of.host) == host);
        at.map(|(at, _)| at).collect()
    };
    let others = variant.hosts.iter().enumerate();
    let others = others.map(|(at, host)| HostUse::new(host.base.to_string(), of(Some(at))));
    std::iter::once(HostUse::new(target, of(None)))
        .chain(others)
        .collect()
}

/// How a stretch ended. That the target died ends its launch and not the run; a failure of telemload or of the disk ends both.
pub(super) fn ended(found: &PhaseResult, failed: Option<String>) -> Result<Ended, Failure> {
    match (failed, &found.died) {
        (Some(words), _) => Err(Failure::Internal(words)),
        (None, None) => Ok(Ended::InTime),
        (None, Some(_)) => Ok(Ended::WithTarget),
    }
}

/// What a reader should know of counts alone.
pub(super) fn counted_notes(found: &mut PhaseResult, is_stopped: bool) {
    found.note(few_requests(found));
    found.note(fewer_requests(found).filter(|_| !is_stopped));
    found.note(short_for_answers(found));
}

/// A warning if percentiles rest on a few requests.
fn few_requests(found: &PhaseResult) -> Option<Note> {
    let ok = found.total().ok;
    (1..FEW_REQUESTS)
        .contains(&ok)
        .then(|| notes::few_requests(ok))
}

/// A warning if the window ended before the number of requests that ends the load.
fn fewer_requests(found: &PhaseResult) -> Option<Note> {
    let planned = found.load.requests?;
    let total = found.total();
    let due = total.due.saturating_sub(total.needed);
    let is_whole = found.died.is_none() && due < planned;
    is_whole.then(|| notes::fewer_requests(due, planned, found.seconds()))
}

/// A warning if a window of a closed loop ended before each connection had an answer in it.
fn short_for_answers(found: &PhaseResult) -> Option<Note> {
    let total = found.total();
    let window = found.seconds();
    let is_short = found.load.model == LoadModel::Closed
        && total.completed_ok < total.ok.min(u64::from(found.load.connections));
    (is_short && window > 0.0).then(|| {
        let answer = value_at(&total.latency, 0.5) / 1e6;
        notes::short_for_answers(window, answer, total.completed_ok, total.ok)
    })
}

/// A warning if the target remembers for longer than each window of the variant lasts.
fn short_window(launch: &VariantRun<'_>) -> Option<Note> {
    let VariantRun { plan, variant, .. } = launch;
    let ttl = tenant::remembers_for(variant)?;
    let phases = variant.phases.iter();
    let longest = phases.map(|phase| lasts(plan, variant, phase)).max();
    let longest = longest.unwrap_or_default().as_secs_f64();
    (longest < ttl).then(|| notes::window_shorter_than_ttl(longest, ttl))
}

/// What a reader should know of a load before it begins.
fn known_before(variant: &Variant, load: &Load) -> Vec<Note> {
    let is_unchecked = |tls: Option<&Tls>| tls.is_some_and(|tls| !tls.is_checked());
    let target = is_unchecked(variant.target.tls()).then(|| notes::any_certificate("the target"));
    let others = variant.hosts.iter().map(|host| &host.base);
    let others = others.filter(|base| is_unchecked(base.tls.as_ref()));
    let others = others.map(|base| notes::any_certificate(&base.to_string()));
    target
        .into_iter()
        .chain(others)
        .chain(port_warning(variant, load))
        .collect()
}

/// Whether an open loop with a connection for each request may run out of local ports. A closed loop has no rate to tell
/// from.
pub fn port_warning(variant: &Variant, load: &Load) -> Option<Note> {
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
    (held > f64::from(ports.count())).then(|| notes::few_ports(held, ports.count()))
}
