//! A phase of a variant in `result.json`, written and read again.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counts::CountsJson;
use super::hosts::HostJson;
use super::processes::{InstanceJson, ServiceJson};
use super::profile::ProfileJson;
use super::round::RoundJson;
use super::{in_order, load, trust};
use crate::metrics::{Durations, ErrorKind, Oddities, Quantiles, Tally, quantiles};
use crate::result::{AcknowledgedFile, InTurns, Note, PhaseResult, Trust};
use crate::scenario::Load;
use crate::tenant::Expected;
use crate::transport::quirk::Quirk;
use crate::transport::tls::Handshakes;
use crate::units::printable;

#[derive(Serialize, Deserialize)]
pub(super) struct PhaseJson {
    pub(super) name: String,
    #[serde(with = "load")]
    load: Load,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    turns: Option<TurnsJson>,
    rounds: Vec<RoundJson>,
    #[serde(flatten)]
    counts: CountsJson,
    sent_rps: Option<f64>,
    #[serde(flatten)]
    answering: AnsweringJson,
    #[serde(default, with = "in_order")]
    per_request: Vec<(String, RequestJson)>,
    #[serde(default)]
    exemplars: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    oddities: BTreeMap<String, OddityJson>,
    #[serde(default)]
    connections: ConnectionsJson,
    #[serde(default)]
    cpu: CpuJson,
    #[serde(default)]
    memory: MemoryJson,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    instances: Vec<InstanceJson>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<HostJson>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    services: Vec<ServiceJson>,
    #[serde(default)]
    gateway: BTreeMap<String, u64>,
    #[serde(default)]
    gateway_peak: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged: Option<AcknowledgedJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_bcrypt_rps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_bcrypt_rps_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileJson>,
    #[serde(with = "trust")]
    trust: Trust,
    /// The sentences of `notes`, which earlier versions have alone.
    #[serde(default)]
    warnings: Vec<String>,
    notes: Option<Vec<Note>>,
}

/// How it took turns with the phase of another variant.
#[derive(Serialize, Deserialize)]
struct TurnsJson {
    with: String,
    turn_s: f64,
    gap_s: f64,
    count: u32,
}

/// For how much of the windows the target answered; each launch has what this follows from.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct AnsweringJson {
    #[serde(skip_deserializing)]
    answered_s: f64,
    #[serde(skip_deserializing)]
    answered_rps: Option<f64>,
    #[serde(skip_deserializing)]
    longest_silence_s: f64,
    #[serde(skip_deserializing)]
    longest_silence_from_s: Option<f64>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    lost_time_share: Option<f64>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    gone: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct RequestJson {
    #[serde(flatten)]
    counts: CountsJson,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    gone: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct ConnectionsJson {
    #[serde(skip_deserializing)]
    opened: u64,
    #[serde(skip_deserializing)]
    open_us: Quantiles,
    #[serde(default)]
    resent: u64,
    #[serde(default, skip_serializing_if = "Handshakes::is_empty")]
    tls: Handshakes,
}

/// What answers did that they should not.
#[derive(Serialize, Deserialize)]
struct OddityJson {
    answers: u64,
    quote: String,
}

#[derive(Default, Serialize, Deserialize)]
struct CpuJson {
    target_cores: Option<f64>,
    target_utilisation: Option<f64>,
    target_cpus: Option<f64>,
    target_us_per_request: Option<f64>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    service_cores: Option<Option<f64>>,
    generator_cores: Option<f64>,
    generator_wait_share: Option<f64>,
    steal_share: Option<f64>,
}

#[derive(Default, Serialize, Deserialize)]
struct MemoryJson {
    target_peak_bytes: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct AcknowledgedJson {
    #[serde(skip_deserializing)]
    ids: u64,
    files: Vec<AcknowledgedFile>,
}

impl PhaseJson {
    pub(super) fn of(phase: &PhaseResult) -> Self {
        let total = phase.total();
        let seconds = phase.seconds();
        let each = phase.requests.iter().zip(&phase.tallies).enumerate();
        let exemplars = phase.exemplars.iter();
        let instances = phase.instances.iter();
        let services = phase.services.iter();
        let rate = phase.expected;
        Self {
            name: phase.name.clone(),
            load: phase.load.clone(),
            turns: phase.turns.as_ref().map(TurnsJson::of),
            rounds: phase.rounds.iter().map(RoundJson::of).collect(),
            counts: CountsJson::of(&total, phase),
            sent_rps: phase.sent_rps(&total),
            answering: AnsweringJson::of(phase, &total),
            per_request: each
                .map(|(at, (name, tally))| (name.clone(), RequestJson::of(phase, at, tally)))
                .collect(),
            exemplars: exemplars
                .map(|(kind, words)| (kind.name().to_owned(), words.clone()))
                .collect(),
            oddities: phase.oddities.iter().map(OddityJson::of).collect(),
            connections: ConnectionsJson {
                opened: phase.opening.count(),
                open_us: quantiles(phase.opening.histogram()),
                resent: total.resent,
                tls: phase.handshakes.clone(),
            },
            cpu: CpuJson::of(phase, &total),
            memory: MemoryJson {
                target_peak_bytes: phase.peak_bytes,
            },
            instances: instances.map(|of| InstanceJson::of(of, seconds)).collect(),
            hosts: HostJson::all(phase),
            services: services
                .map(|of| ServiceJson::of(of, phase, &total))
                .collect(),
            gateway: phase.counters.clone(),
            gateway_peak: phase.peaks.clone(),
            acknowledged: AcknowledgedJson::of(&phase.acknowledged),
            ended: phase.died.clone(),
            expected_bcrypt_rps: rate.map(|rate| rate.least),
            expected_bcrypt_rps_most: rate
                .filter(|rate| rate.most > rate.least)
                .map(|rate| rate.most),
            profile: phase.profile.as_ref().map(ProfileJson::of),
            trust: phase.trust.clone(),
            warnings: phase.notes.iter().map(ToString::to_string).collect(),
            notes: Some(phase.notes.clone()),
        }
    }

    /// The phase without its histograms and the samples of its profile, which are in files of their own.
    pub(super) fn phase(self) -> Result<PhaseResult, String> {
        let rounds = (1..).zip(self.rounds);
        let rounds: Vec<_> = rounds.map(|(number, round)| round.round(number)).collect();
        let seconds: f64 = rounds.iter().map(|round| round.seconds).sum();
        let plain = |text: &str| printable(text).into_owned();
        let (mut requests, mut tallies) = (Vec::new(), Vec::new());
        for (name, request) in self.per_request {
            requests.push(plain(&name));
            tallies.push(request.counts.tally(seconds)?);
        }
        // Earlier versions tell of all requests alone what was sent within the window.
        let total = self.counts.tally(seconds)?;
        if !add_up_to(&tallies, &total) {
            return Err("the counts of `per_request` do not add up".to_owned());
        }
        let sent: u64 = tallies
            .iter()
            .map(|tally: &Tally| tally.sent_in_window)
            .sum();
        let told = self
            .sent_rps
            .map_or(sent, |rate| (rate * seconds).round() as u64);
        let mut late = sent.saturating_sub(total.sent_in_window.min(told));
        for tally in &mut tallies {
            let part = late.min(tally.sent_in_window - tally.needed_sent_in_window);
            tally.sent_in_window -= part;
            late -= part;
        }
        let exemplar = |kind: ErrorKind| Some((kind, plain(self.exemplars.get(kind.name())?)));
        let acknowledged = self.acknowledged.map(AcknowledgedJson::files).transpose()?;
        let instances = self.instances.into_iter();
        let services = self.services.into_iter();
        let notes = self.notes.map_or_else(
            || {
                self.warnings
                    .iter()
                    .map(|words| Note::unstated(words))
                    .collect()
            },
            |notes| notes.into_iter().map(Note::printable).collect(),
        );
        let hosts = self.hosts.into_iter();
        let hosts = hosts.map(|of| of.host(&requests)).collect();
        Ok(PhaseResult {
            name: self.name,
            load: self.load,
            turns: self.turns.map(TurnsJson::turns),
            requests,
            tallies,
            exemplars: ErrorKind::ALL.into_iter().filter_map(exemplar).collect(),
            rounds,
            target_cpus: self.cpu.target_cpus(),
            peak_bytes: self.memory.target_peak_bytes,
            counters: self.gateway,
            peaks: self.gateway_peak,
            acknowledged: acknowledged.unwrap_or_default(),
            died: self.ended.map(|words| plain(&words)),
            opening: Durations::default(),
            handshakes: self.connections.tls,
            oddities: OddityJson::oddities(&self.oddities),
            instances: instances.map(|of| of.instance(seconds)).collect(),
            hosts,
            services: services.map(|of| of.service(seconds)).collect(),
            expected: self.expected_bcrypt_rps.map(|least| Expected {
                least,
                most: self.expected_bcrypt_rps_most.unwrap_or(least),
            }),
            profile: self.profile.map(ProfileJson::profile),
            trust: self.trust,
            notes,
        })
    }
}

/// Whether the counts of each request are what those of all are, whose bounds are known.
fn add_up_to(tallies: &[Tally], total: &Tally) -> bool {
    let counts: [fn(&Tally) -> u64; 2] = [|tally| tally.due, |tally| tally.completed_ok];
    counts.iter().all(|count| {
        let sum = tallies
            .iter()
            .fold(0, |sum: u64, tally| sum.saturating_add(count(tally)));
        sum == count(total)
    })
}

impl TurnsJson {
    fn of(turns: &InTurns) -> Self {
        Self {
            with: turns.with.clone(),
            turn_s: turns.slice.as_secs_f64(),
            gap_s: turns.gap.as_secs_f64(),
            count: turns.count,
        }
    }

    fn turns(self) -> InTurns {
        let time = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        InTurns {
            with: printable(&self.with).into_owned(),
            slice: time(self.turn_s),
            gap: time(self.gap_s),
            count: self.count,
        }
    }
}

impl AnsweringJson {
    fn of(phase: &PhaseResult, total: &Tally) -> Self {
        let silence = phase.longest_silence();
        Self {
            answered_s: phase.answered_seconds(),
            answered_rps: phase.answered_rps(total),
            longest_silence_s: silence.map_or(0.0, |of| of.seconds),
            longest_silence_from_s: silence.map(|of| of.from),
            lost_time_share: phase.lost_share(),
            gone: phase.gone().map(|gone| gone.words),
        }
    }
}

impl OddityJson {
    fn of((quirk, answers, quote): (Quirk, u64, &str)) -> (String, Self) {
        let quote = quote.to_owned();
        (quirk.name().to_owned(), Self { answers, quote })
    }

    /// Those that are known: a later version may tell others.
    fn oddities(stored: &BTreeMap<String, Self>) -> Oddities {
        let mut oddities = Oddities::default();
        for quirk in Quirk::ALL {
            if let Some(of) = stored.get(quirk.name()) {
                oddities.put(quirk, of.answers, printable(&of.quote).into_owned());
            }
        }
        oddities
    }
}

impl RequestJson {
    fn of(phase: &PhaseResult, at: usize, tally: &Tally) -> Self {
        Self {
            counts: CountsJson::of(tally, phase),
            gone: phase.request_gone(at).map(|gone| gone.words("")),
        }
    }
}

impl CpuJson {
    fn of(phase: &PhaseResult, total: &Tally) -> Self {
        let cores = phase.target_cores();
        Self {
            target_cores: cores,
            target_utilisation: cores.map(|cores| cores / phase.target_cpus),
            target_cpus: Some(phase.target_cpus),
            target_us_per_request: phase.us_per_request(total),
            service_cores: (!phase.services.is_empty()).then(|| phase.all_service_cores()),
            generator_cores: phase.generator_cores(),
            generator_wait_share: phase.worker_wait(),
            steal_share: phase.steal_share(),
        }
    }

    /// Earlier versions tell it by what it makes of the cores.
    fn target_cpus(&self) -> f64 {
        let told = self.target_cpus.or_else(|| {
            let both = self.target_cores.zip(self.target_utilisation);
            both.map(|(cores, utilisation)| cores / utilisation)
        });
        told.filter(|cpus| *cpus > 0.0 && cpus.is_finite())
            .unwrap_or(1.0)
    }
}

impl AcknowledgedJson {
    fn of(files: &[AcknowledgedFile]) -> Option<Self> {
        (!files.is_empty()).then(|| Self {
            ids: files
                .iter()
                .fold(0, |sum: u64, file| sum.saturating_add(file.ids)),
            files: files.to_vec(),
        })
    }

    /// The files, which must lie within the run directory.
    fn files(self) -> Result<Vec<AcknowledgedFile>, String> {
        let is_within = |path: &Path| {
            let mut parts = path.components();
            parts.all(|part| matches!(part, Component::Normal(_)))
        };
        match self.files.iter().find(|of| !is_within(&of.file)) {
            None => Ok(self.files),
            Some(out) => {
                let shown = out.file.display().to_string();
                let shown = printable(&shown).into_owned();
                Err(format!("`{shown}` is no file of a run directory"))
            }
        }
    }
}
