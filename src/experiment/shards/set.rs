//! Which results are the shards of one run: those that are not of one run are refused, and of each index one attempt is used or none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::{Extent, check, place};
use crate::result::{PhaseResult, RunResult, ShardResult, ShardStretch};
use crate::scenario::{Judged, is_name};
use crate::shard::Shard;
use crate::units::printable;

/// Stretches of a run at most, and workers of a shard: more than any scenario has.
const MOST_STRETCHES: usize = 100_000;
const MOST_WORKERS: u32 = 4_096;

/// A directory with the result of a shard.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where it is.
    pub directory: PathBuf,
    /// Its result, without its identity.
    pub result: RunResult,
    /// Its identity.
    pub shard: ShardResult,
    /// What it is judged by.
    pub judged: Judged,
}

/// A directory without such a result.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// Where it is.
    pub directory: PathBuf,
    /// Why, as what is said of the directory.
    pub words: String,
}

/// Why there is no run to merge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The directories are not those of one run.
    #[error("{0}")]
    NotOneRun(String),
    /// None of its shards left anything.
    #[error("{0}")]
    Nothing(String),
}

/// The shards of one run.
#[derive(Debug)]
pub struct Set {
    /// Those that are used, by index.
    pub(super) used: BTreeMap<u32, Used>,
    /// Why the others are not.
    pub(super) lost: BTreeMap<u32, String>,
    pub(super) count: u32,
    /// All that were planned, in their order.
    pub(super) stretches: Vec<ShardStretch>,
    /// What the run is judged by.
    judged: Judged,
}

/// A shard that is used.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) found: Found,
    /// By stretch of the plan; `None` where it has nothing.
    pub(super) extents: Vec<Option<Extent>>,
}

impl Set {
    /// What is found, as the shards of one run.
    ///
    /// # Errors
    /// A message: some are not of one run, or there is none at all.
    pub fn of(found: Vec<Found>, unfinished: &[Unfinished]) -> Result<Self, Refused> {
        let Some(first) = found.first() else {
            let all: Vec<_> = unfinished.iter().map(Unfinished::in_words).collect();
            let words = format!("there is no shard to merge: {}", all.join("; "));
            return Err(Refused::NotOneRun(words));
        };
        sound(first).map_err(Refused::NotOneRun)?;
        for other in &found[1..] {
            sound(other).map_err(Refused::NotOneRun)?;
            one_run(first, other).map_err(Refused::NotOneRun)?;
        }
        let (count, judged) = (first.shard.shard.count(), first.judged.clone());
        let stretches = first.shard.stretches.clone();
        let mut attempts: BTreeMap<u32, Vec<Found>> = BTreeMap::new();
        for of in found {
            let same = attempts.entry(of.shard.shard.index()).or_default();
            // One that is named twice, or a copy of it, is no other attempt.
            if same.iter().all(|one| one.shard.attempt != of.shard.attempt) {
                same.push(of);
            }
        }
        let mut set = Self {
            used: BTreeMap::new(),
            lost: BTreeMap::new(),
            count,
            stretches,
            judged,
        };
        for index in 0..count {
            let of = attempts.remove(&index).unwrap_or_default();
            match set.one(of, unfinished) {
                Ok(used) => drop(set.used.insert(index, used)),
                Err(words) => drop(set.lost.insert(index, words)),
            }
        }
        if set.used.is_empty() {
            let lost = set.lost.iter();
            let lost: Vec<_> = lost
                .map(|(index, words)| format!("shard {index} of {count} {words}"))
                .collect();
            return Err(Refused::Nothing(format!(
                "no shard can be used: {}",
                lost.join("; ")
            )));
        }
        Ok(set)
    }

    /// The largest count that a request may have in a stretch: those of all shards and stretches can be added up.
    pub(super) fn most(&self) -> u64 {
        let files = u64::from(self.count).saturating_mul(self.stretches.len().max(1) as u64);
        (1 << 62) / files
    }

    /// What the run is judged by.
    pub fn judged(&self) -> &Judged {
        &self.judged
    }

    /// The directories of the shards that are used, by index.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.used.values().map(|of| of.found.directory.as_path())
    }

    /// Launches of each variant.
    pub(super) fn rounds(&self) -> u32 {
        let rounds = self.stretches.iter().map(|of| of.round);
        rounds.max().unwrap_or(1)
    }

    pub(super) fn shard(&self, index: u32) -> Shard {
        Shard::new(index, self.count).unwrap_or(Shard::WHOLE)
    }

    /// The one attempt of an index, or why there is none.
    fn one(&self, mut of: Vec<Found>, unfinished: &[Unfinished]) -> Result<Used, String> {
        if of.len() > 1 {
            let places = of.iter().map(|of| of.directory.display().to_string());
            return Err(format!(
                "was run more than once, and no attempt is used: {}",
                places.collect::<Vec<_>>().join(" and ")
            ));
        }
        let Some(found) = of.pop() else {
            let all: Vec<_> = unfinished.iter().map(Unfinished::in_words).collect();
            return Err(match all.is_empty() {
                true => "left nothing".to_owned(),
                false => format!("left no result ({})", all.join("; ")),
            });
        };
        if let (true, Some(failure)) = (found.result.variants.is_empty(), &found.result.failure) {
            return Err(format!("sent nothing: {failure}"));
        }
        let extents = self.extents(&found)?;
        if extents.iter().all(Option::is_none) {
            let directory = found.directory.display();
            return Err(format!("sent nothing ({directory})"));
        }
        Ok(Used { found, extents })
    }

    fn extents(&self, found: &Found) -> Result<Vec<Option<Extent>>, String> {
        let has_ended_early = found.result.interrupted || found.result.failure.is_some();
        let each = self.stretches.iter().map(|stretch| {
            if stretch.profiled {
                return Ok(None);
            }
            let phase = phase(&found.result, stretch);
            let phase = phase.filter(|phase| has_round(phase, stretch.round));
            let place = place(stretch, self.rounds());
            match phase {
                Some(phase) => check(
                    &found.directory,
                    &place,
                    &found.shard.attempt,
                    (phase, self.most()),
                )
                .map(Some)
                .map_err(|words| format!("did not finish, or was copied in part ({words})")),
                None if has_ended_early => Ok(None),
                None => Err(format!(
                    "has a result without {} ({})",
                    place.display(),
                    found.directory.display()
                )),
            }
        });
        each.collect()
    }
}

impl Unfinished {
    fn in_words(&self) -> String {
        format!("{} {}", self.directory.display(), self.words)
    }
}

/// The phase of a result that a stretch is of.
pub(super) fn phase<'a>(result: &'a RunResult, stretch: &ShardStretch) -> Option<&'a PhaseResult> {
    let mut variants = result.variants.iter();
    let variant = variants.find(|of| of.name == stretch.variant)?;
    variant.phases.iter().find(|of| of.name == stretch.phase)
}

fn has_round(phase: &PhaseResult, number: u32) -> bool {
    phase.rounds.iter().any(|round| round.number == number)
}

/// Whether an identity can be that of a run.
fn sound(of: &Found) -> Result<(), String> {
    let stretches = &of.shard.stretches;
    let is_sound = |of: &ShardStretch| {
        is_name(&of.variant)
            && is_name(&of.phase)
            && (1..=100).contains(&of.round)
            && (1..=MOST_WORKERS).contains(&of.workers)
    };
    let shard = of.shard.shard;
    let is_one = Shard::new(shard.index(), shard.count()).is_ok();
    if is_one && stretches.len() <= MOST_STRETCHES && stretches.iter().all(is_sound) {
        return Ok(());
    }
    let directory = of.directory.display();
    Err(format!(
        "{directory}: its result says that it is a shard, but not as telemload says it; merge what `telemload run --shard` has written"
    ))
}

/// Refuses two that are not of one run, by what they differ in.
fn one_run(one: &Found, other: &Found) -> Result<(), String> {
    let (a, b) = (&one.shard, &other.shard);
    let (x, y) = (&one.result.scenario, &other.result.scenario);
    let texts = [
        ("key", &a.key, &b.key),
        ("version of telemload", &a.version, &b.version),
        ("scenario", &x.sha256, &y.sha256),
        ("scenario with its flags", &a.plan_sha256, &b.plan_sha256),
    ];
    let differs = |what: &str, a: &str, b: &str| {
        let shown = |text: &str| -> String { printable(text).chars().take(80).collect() };
        Err(format!(
            "{} and {} are not of one run: their {what} differs (`{}` and `{}`); merge the shards of one run alone",
            one.directory.display(),
            other.directory.display(),
            shown(a),
            shown(b)
        ))
    };
    for (what, a, b) in texts {
        if a != b {
            return differs(what, a, b);
        }
    }
    let (n, m) = (a.shard.count(), b.shard.count());
    if n != m {
        return differs("number of shards", &n.to_string(), &m.to_string());
    }
    if x.seed != y.seed {
        let shown = |seed: Option<u64>| seed.map_or("none".to_owned(), |of| of.to_string());
        return differs("seed", &shown(x.seed), &shown(y.seed));
    }
    let workers = a.stretches.iter().zip(&b.stretches);
    if let Some((a, b)) = workers.clone().find(|(a, b)| a.workers != b.workers) {
        let [a, b] = [a, b].map(|of| of.workers.to_string());
        return differs("number of `workers`", &a, &b);
    }
    let planned = |of: &ShardStretch| {
        let ShardStretch {
            variant,
            phase,
            round,
            profiled,
            begins_at,
            ..
        } = of;
        let profiled = if *profiled { ", profiled" } else { "" };
        format!("{variant}, {phase}, round {round}{profiled} at {begins_at}")
    };
    let mut both = workers.map(|(a, b)| (planned(a), planned(b)));
    if let Some((a, b)) = both.find(|(a, b)| a != b) {
        return differs("timetable", &a, &b);
    }
    let (n, m) = (a.stretches.len(), b.stretches.len());
    if n != m {
        let [a, b] = [n, m].map(|of| format!("{of} stretches"));
        return differs("timetable", &a, &b);
    }
    if one.judged != other.judged || !same_phases(&one.result, &other.result) {
        return differs("plan", &one.judged.name, &other.judged.name);
    }
    Ok(())
}

/// Whether phases that both have hold the same requests and hosts.
fn same_phases(one: &RunResult, other: &RunResult) -> bool {
    let mut each = one.variants.iter().flat_map(|variant| {
        let phases = variant.phases.iter();
        phases.map(|phase| (variant.name.as_str(), phase))
    });
    each.all(|(variant, phase)| {
        let mut variants = other.variants.iter();
        let same = variants.find(|of| of.name == variant);
        let same = same.and_then(|of| of.phases.iter().find(|of| of.name == phase.name));
        same.is_none_or(|same| {
            let hosts = |of: &PhaseResult| -> Vec<Vec<usize>> {
                of.hosts.iter().map(|host| host.requests.clone()).collect()
            };
            same.requests == phase.requests
                && hosts(same) == hosts(phase)
                && same.turns.is_none()
                && phase.turns.is_none()
        })
    })
}
