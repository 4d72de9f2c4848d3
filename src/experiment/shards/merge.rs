//! The run that several shards are together. Each stretch takes the way that the intervals of one process take.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::SystemTime;

use super::files::{Extent, place};
use super::lockstep::{Track, feed};
use super::members::{lost, member};
use super::readouts::{Ended, Together};
use super::set::{Set, Used, phase};
use super::told;
use crate::experiment::blocks;
use crate::experiment::files::{Made, Wanted};
use crate::experiment::gather::Gather;
use crate::experiment::hints::hints;
use crate::experiment::notes;
use crate::experiment::over::StretchEnd;
use crate::experiment::phase::counted_notes;
use crate::experiment::readings::Schedule;
use crate::experiment::run_dir::{RunDir, open_own};
use crate::experiment::trend_hints;
use crate::metrics::{OwnTime, Window};
use crate::result::{
    AcknowledgedFile, Failure, HostUse, MergedShard, Note, PhaseResult, ProcessUse, RunResult,
    ServiceUse, ShardStretch, VariantResult,
};
use crate::tenant;

/// The list of what was acknowledged, in the directory of a stretch.
const ACKNOWLEDGED: &str = "acknowledged.ids";

impl Set {
    /// Merges what is used into a run directory.
    ///
    /// # Errors
    /// A message: something cannot be read any more, or cannot be written.
    pub fn merge(&self, dir: &RunDir) -> Result<RunResult, String> {
        let used = self.used.values().next().ok_or("no shard can be used")?;
        let mut result = self.blank(&used.found.result);
        for (at, stretch) in self.stretches.iter().enumerate() {
            let there = self
                .used
                .iter()
                .filter_map(|(index, used)| Some((*index, used, used.extents[at]?)));
            let there: Vec<_> = there.collect();
            let Some((_, first, _)) = there.first() else {
                continue;
            };
            let Some(of) = phase(&first.found.result, stretch) else {
                continue;
            };
            let into = phase_of(&mut result, stretch, || self.blank_phase(of, stretch));
            let Some(into) = into else { continue };
            let over = self.stretch(stretch, &there, of, dir)?;
            let StretchEnd {
                mut found,
                late,
                trend,
                failed,
                no_cpu,
                ..
            } = over;
            found.note(self.no_cpu(stretch, no_cpu));
            counted_notes(&mut found, self.is_interrupted());
            found.note(late.notes());
            let hints = trend_hints::hints(&trend, &found.load).into_iter();
            let is_new = |hint: &Note| into.notes.iter().all(|of| of.code != hint.code);
            found.note(hints.filter(is_new));
            into.add(found);
            self.acknowledged(stretch, &there, into, dir)?;
            if let Some(words) = failed {
                result.failure.get_or_insert(Failure::Internal(words));
            }
        }
        result.shards = self.members();
        for variant in &mut result.variants {
            for phase in &mut variant.phases {
                told::conclude(self, &result.shards, &variant.name, phase);
                phase.note(hints(phase));
            }
        }
        let failures = self.used.iter();
        let first = failures.filter_map(|(index, used)| {
            let words = |words: &str| format!("shard {index}: {words}");
            used.found
                .result
                .failure
                .as_ref()
                .map(|failure| match failure {
                    Failure::Target(of) => Failure::Target(words(of)),
                    Failure::Internal(of) => Failure::Internal(words(of)),
                })
        });
        result.failure = first.chain(result.failure.take()).next();
        result.interrupted = self.is_interrupted() || result.failure.is_some();
        Ok(result)
    }

    /// Whether a shard was ended by whoever ran it.
    pub fn is_interrupted(&self) -> bool {
        let results = self.used.values().map(|used| &used.found.result);
        let mut ended = results.filter(|result| result.failure.is_none());
        ended.any(|result| result.interrupted)
    }

    /// Why the target's CPU is not known, unless the shard that reads it has a word of its own on that.
    fn no_cpu(&self, stretch: &ShardStretch, why: Option<String>) -> Option<Note> {
        let reader = self.used.get(&0).map(|used| &used.found.result);
        let own = reader.and_then(|result| phase(result, stretch));
        let is_told = own.is_some_and(|own| {
            let mut notes = own.notes.iter();
            notes.any(|note| note.code == notes::NO_TARGET_CPU)
        });
        why.filter(|_| !is_told)
            .map(|why| notes::no_target_cpu(&why))
    }

    /// A result without any phase.
    fn blank(&self, first: &RunResult) -> RunResult {
        let starts = self.stretches.iter().map(|of| of.begins_at).min();
        RunResult {
            scenario: first.scenario.clone(),
            started_at: starts.unwrap_or(first.started_at),
            machine: first.machine.clone(),
            shard: None,
            shards: Vec::new(),
            variants: first
                .variants
                .iter()
                .map(|variant| VariantResult {
                    name: variant.name.clone(),
                    target: variant.target.clone(),
                    phases: Vec::new(),
                })
                .collect(),
            interrupted: false,
            failure: None,
        }
    }

    /// A phase without any round, as that of one process with all workers.
    fn blank_phase(&self, of: &PhaseResult, stretch: &ShardStretch) -> PhaseResult {
        let mut load = of.load.clone();
        load.workers = stretch.workers.saturating_mul(self.count);
        let hosts = of.hosts.iter();
        let services = of.services.iter();
        PhaseResult {
            target_cpus: of.target_cpus,
            hosts: hosts
                .map(|host| HostUse::new(host.name.clone(), host.requests.clone()))
                .collect(),
            services: services
                .map(|service| ServiceUse {
                    name: service.name.clone(),
                    used: ProcessUse::NOTHING,
                })
                .collect(),
            expected: of.expected,
            ..PhaseResult::blank(of.name.clone(), load, of.requests.clone())
        }
    }

    /// One stretch of all shards that were there.
    fn stretch(
        &self,
        stretch: &ShardStretch,
        there: &[(u32, &Used, Extent)],
        of: &PhaseResult,
        dir: &RunDir,
    ) -> Result<StretchEnd, String> {
        let place = place(stretch, self.rounds());
        let longest = there.iter().map(|(_, _, extent)| extent.length()).max();
        let reader = there.iter().find(|(index, _, _)| *index == 0);
        let has_columns = reader.is_some_and(|(_, _, extent)| extent.has_columns);
        let interval_ns = there[0].2.interval_ns;
        if let Some((index, ..)) = there
            .iter()
            .find(|(_, _, of)| of.interval_ns != interval_ns)
        {
            return Err(format!("shard {index} has intervals of another length"));
        }
        let schedule = Schedule {
            window: Window {
                start: 0,
                end: longest.unwrap_or(0),
            },
            interval_ns,
            own: OwnTime::ALL,
        };
        let columns = if has_columns {
            tenant::columns()
        } else {
            Vec::new()
        };
        let wanted = Wanted {
            columns: &columns,
            counts: None,
        };
        let files = Made::create(dir, &place, wanted).map_err(|error| error.to_string())?;
        let begins = SystemTime::from(stretch.begins_at).checked_add(of.load.warmup);
        let begins = begins.unwrap_or(SystemTime::UNIX_EPOCH);
        let files = files.begin(begins).map_err(|error| error.to_string())?;
        let workers = there.len() as u32;
        let mut gather = Gather::new(
            schedule,
            workers,
            stretch.round,
            blocks::MOST,
            Some(files.patient()),
        );
        let tracks = there.iter().map(|(index, used, _)| {
            let result = &used.found.result;
            let of = phase(result, stretch).ok_or("a phase is gone")?;
            let ended = match result.interrupted || result.failure.is_some() {
                true => Ended::Early,
                false => Ended::InTime,
            };
            Track::open(
                &used.found.directory,
                &place,
                (of, self.most()),
                (*index, ended),
            )
        });
        let mut tracks = tracks.collect::<Result<Vec<_>, String>>()?;
        let mut all = Together::default();
        feed(
            &mut tracks,
            schedule.rows(),
            has_columns,
            &mut gather,
            &mut all,
        )?;
        let over = all.over().ok_or("no shard has an end")?;
        let blank = self.blank_phase(of, stretch);
        Ok(gather.conclude(blank, &self.judged().latency_limits(), over))
    }

    /// Joins the lists of what was acknowledged in a stretch.
    fn acknowledged(
        &self,
        stretch: &ShardStretch,
        there: &[(u32, &Used, Extent)],
        into: &mut PhaseResult,
        dir: &RunDir,
    ) -> Result<(), String> {
        let file = place(stretch, self.rounds()).join(ACKNOWLEDGED);
        let listed = there.iter().filter_map(|(_, used, _)| {
            let phase = phase(&used.found.result, stretch)?;
            let listed = phase.acknowledged.iter().find(|of| of.file == file)?;
            Some((used.found.directory.as_path(), listed))
        });
        let listed: Vec<_> = listed.collect();
        if listed.is_empty() {
            return Ok(());
        }
        let mut out = dir.stream(&file).map_err(|error| error.to_string())?;
        let mut ids = 0;
        for (root, of) in &listed {
            let copied = copy(root, &file, of.ids, &mut out);
            ids += copied.map_err(|words| format!("{}: {words}", root.join(&file).display()))?;
        }
        out.flush()
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        into.acknowledge(&[AcknowledgedFile {
            ids,
            sink: listed.iter().find_map(|(_, of)| of.sink.clone()),
            file,
        }]);
        Ok(())
    }

    /// What each shard was.
    fn members(&self) -> Vec<MergedShard> {
        let each = 0..self.count;
        let mut all: Vec<_> = each
            .map(|index| match self.used.get(&index) {
                Some(used) => member(index, used),
                None => lost(self, index),
            })
            .collect();
        told::mark_apart(&mut all);
        all
    }
}

/// The phase of a result that a stretch is of; one that is not there yet is made.
fn phase_of<'a>(
    result: &'a mut RunResult,
    stretch: &ShardStretch,
    blank: impl FnOnce() -> PhaseResult,
) -> Option<&'a mut PhaseResult> {
    let mut variants = result.variants.iter_mut();
    let phases = &mut variants.find(|of| of.name == stretch.variant)?.phases;
    let known = phases.iter().position(|of| of.name == stretch.phase);
    let at = known.unwrap_or_else(|| {
        phases.push(blank());
        phases.len() - 1
    });
    phases.get_mut(at)
}

/// Bytes of a list that are read at once.
const CHUNK: u64 = 1 << 16;

/// Copies a list of so many lines, and returns how many there were.
fn copy(root: &Path, file: &Path, lines: u64, out: &mut impl Write) -> Result<u64, String> {
    let opened: File = open_own(root, file).map_err(|error| error.to_string())?;
    let mut from = BufReader::new(opened);
    let mut chunk = Vec::new();
    let (mut count, mut ends) = (0, true);
    loop {
        chunk.clear();
        let read = (&mut from).take(CHUNK).read_to_end(&mut chunk);
        read.map_err(|error| error.to_string())?;
        let Some(last) = chunk.last() else { break };
        ends = *last == b'\n';
        count += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        if count > lines {
            break;
        }
        out.write_all(&chunk).map_err(|error| error.to_string())?;
    }
    let rest = from.fill_buf().map_err(|error| error.to_string())?;
    if count == lines && ends && rest.is_empty() {
        return Ok(count);
    }
    Err(format!(
        "it has not the {lines} lines that the result beside it says; copy the shard's directory as a whole"
    ))
}
