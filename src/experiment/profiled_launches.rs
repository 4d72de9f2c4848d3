//! Profiles of the launches of a phase: added to those of the launches before, stored and drawn with them.

use std::path::Path;
use std::sync::Arc;

use super::notes;
use super::phase::PhaseRun;
use crate::profile::{FEW_SAMPLES, doubts, flamegraph};
use crate::result::{Failure, Joined, Note, PhaseResult, ProfileResult};
use crate::scenario::Also;

/// Profiles as they are stored.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) cpu: Vec<u8>,
    pub(super) also: Vec<(Also, Vec<u8>)>,
}

impl PhaseRun<'_> {
    /// Adds the profile of this launch to those of the launches before, and stores it with them.
    pub(super) async fn add_profile(
        &self,
        found: ProfileResult,
        own: Files,
        result: &mut PhaseResult,
    ) -> Result<(), Failure> {
        // In the result before anything is written: a full disk costs files and no figures.
        let all = self.join(found, &own, result);
        conclude(result);
        self.store(&self.directory(), &own)?;
        let Some(all) = all else { return Ok(()) };
        if self.place() != self.directory() {
            self.store(&self.place(), &all)?;
        }
        let undrawn = match &result.profile {
            Some(profile) if profile.samples > 0 => self.draw(profile).await?,
            _ => None,
        };
        result.note(undrawn);
        Ok(())
    }

    /// Adds what this launch found to the result; the files of all launches, unless it is left out.
    fn join(&self, found: ProfileResult, own: &Files, result: &mut PhaseResult) -> Option<Files> {
        let Some(all) = &mut result.profile else {
            result.profile = Some(found);
            return Some(own.clone());
        };
        let added = all.add(found, self.launch.stamps.run());
        match added {
            Ok(Joined {
                cpu,
                also,
                left_out,
            }) => {
                let note = |(kind, error): &(Also, _)| {
                    self.of_round(notes::no_also(*kind, &notes::not_joined(error)))
                };
                result.note(left_out.iter().map(note));
                Some(Files { cpu, also })
            }
            Err(error) => {
                let why = notes::not_joined(&error);
                result.note([self.of_round(notes::no_profile(&why))]);
                None
            }
        }
    }

    fn store(&self, directory: &Path, files: &Files) -> Result<(), Failure> {
        self.write(&directory.join("profile.pb.gz"), &files.cpu)?;
        for (kind, bytes) in &files.also {
            self.write(&directory.join(format!("{}.pb.gz", kind.name())), bytes)?;
        }
        Ok(())
    }

    /// Says of what is true of one launch which one it is, where there are several.
    pub(super) fn of_round(&self, note: Note) -> Note {
        match self.launch.plan.rounds {
            1 => note,
            _ => Note {
                words: format!("in round {}: {}", self.launch.round, note.words),
                ..note
            },
        }
    }

    /// Draws the flame graph on a thread of its own, for as long as the user waits; the answer says why there is none.
    async fn draw(&self, profile: &ProfileResult) -> Result<Option<Note>, Failure> {
        let Some(taken) = &profile.taken else {
            return Ok(None);
        };
        let title = format!(
            "{} · {} · {}",
            self.launch.plan.name, self.launch.variant.name, self.phase.name
        );
        let subtitle = format!(
            "{} samples at {} Hz, {:.0} requests/s",
            profile.samples,
            profile.hz,
            profile.throughput_rps.unwrap_or(0.0)
        );
        let us_per_request = profile.us_per_request;
        let taken = Arc::clone(&taken.profile);
        let drawing = tokio::task::spawn_blocking(move || {
            flamegraph::svg(&taken, &title, &subtitle, us_per_request)
        });
        let mut stop = self.stop.clone();
        let so_far = stop.times().min(1);
        let why = tokio::select! {
            biased;
            () = stop.more_often_than(so_far) => "the run was interrupted".to_owned(),
            drawn = drawing => match drawn {
                Ok(Ok(svg)) => {
                    let file = self.place().join("flame.svg");
                    return self.write(&file, svg.as_bytes()).map(|()| None);
                }
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            },
        };
        Ok(Some(notes::not_drawn(&why)))
    }
}

/// What is to be known of the profile of all launches so far.
fn conclude(result: &mut PhaseResult) {
    let Some(profile) = &result.profile else {
        return;
    };
    let taken = profile.taken.as_ref();
    let stacks = taken.map_or_else(Vec::new, |taken| doubts(&taken.profile));
    let mut found: Vec<Note> = stacks.iter().map(|words| notes::stacks(words)).collect();
    found.extend((profile.samples < FEW_SAMPLES).then(|| notes::few_samples(profile.samples)));
    let ratio = profile.capture_ratio;
    let ratio = ratio.filter(|ratio| !(0.8..=1.15).contains(ratio));
    found.extend(ratio.map(|ratio| notes::capture_ratio(ratio, profile.steal_share)));
    result
        .notes
        .retain(|of| !notes::OF_ALL_SAMPLES.contains(&&*of.code));
    result.note(found);
}
