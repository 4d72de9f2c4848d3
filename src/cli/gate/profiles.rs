//! Profiles of both arms, over several launches each: apart from what is timed, so that sampling costs no figure anything.

use std::path::Path;
use std::time::Duration;

use super::arms::Compared;
use super::profiled::profile;
use crate::experiment::{self, Observer, RunDir, Stop};
use crate::gate::Sampled;
use crate::profile::{ENOUGH_SLICES, Scale};
use crate::result::{Arms, PhaseResult, RunResult, Samples};
use crate::scenario::{LoadModel, Phase, Plan, Variant};

/// Launches of each arm: from so many on nothing is assumed of what they differ by.
const LAUNCHES: usize = ENOUGH_SLICES;

/// What both arms are profiled in.
pub(super) struct Around<'a> {
    pub(super) dir: &'a RunDir,
    pub(super) observer: &'a dyn Observer,
    pub(super) stop: &'a Stop,
}

/// The profiles of one arm as one.
pub(super) struct All {
    pub(super) samples: Samples,
    /// CPU per request while they were taken, with what launches differ by.
    pub(super) cost: Option<Scale>,
}

/// Profiles both arms, in a directory of this name; words for what came in the way.
pub(super) async fn profiles(
    compared: &Compared,
    around: &Around<'_>,
    name: &str,
) -> Result<Arms<All>, String> {
    let plan = plan(compared)?;
    let dir = around.dir.below(Path::new(name));
    let dir = dir.map_err(|error| error.to_string())?;
    let now = jiff::Timestamp::now();
    let run = experiment::run(&plan, &dir, around.observer, around.stop, now).await;
    if around.stop.is_asked() {
        return Err("it was ended".to_owned());
    }
    Ok(Arms {
        base: all(&run, "base")?,
        head: all(&run, "head")?,
    })
}

/// The profiles of an arm; words if a launch has none.
fn all(run: &RunResult, name: &str) -> Result<All, String> {
    let variant = run.variants.iter().find(|variant| variant.name == name);
    let phase = variant.and_then(|variant| variant.phases.first());
    let profile = phase.and_then(|phase| phase.profile.as_ref());
    let profile = profile.filter(|profile| profile.launches.len() == LAUNCHES);
    let found = profile.and_then(|profile| {
        Some(All {
            samples: profile.taken.clone()?,
            cost: profile.scale(),
        })
    });
    found.ok_or_else(|| {
        let why = unprofiled(run, phase);
        format!("the {name} could not be profiled: {why}")
    })
}

/// Why an arm has no profile: its own end, what came in the way of the profile, or what ended the run before that.
fn unprofiled(run: &RunResult, phase: Option<&PhaseResult>) -> String {
    let died = phase.and_then(|phase| phase.died.clone());
    let notes = phase.into_iter().flat_map(|phase| &phase.notes);
    let mut notes = notes.filter(|note| note.code == "no_profile");
    let noted = || notes.next().map(|note| note.words.clone());
    let failed = || run.failure.as_ref().map(ToString::to_string);
    let why = died.or_else(noted).or_else(failed);
    why.unwrap_or_else(|| "nothing says why".to_owned())
}

impl All {
    /// What functions are judged by.
    pub(super) fn sampled(&self) -> Sampled<'_> {
        Sampled {
            profile: &self.samples.profile,
            cost: self.cost,
            launches: self.samples.functions.launches,
        }
    }
}

/// Both arms as variants of a plan that profiles some launches of each, one by one.
fn plan(compared: &Compared) -> Result<Plan, String> {
    let variant = |variant: &Variant, name: &str| -> Result<Variant, String> {
        let profile = profile(variant)?;
        let mut load = compared.load.clone();
        load.model = LoadModel::Closed;
        load.requests = None;
        (load.duration, load.warmup) = (Duration::from_secs(1), Duration::from_millis(500));
        Ok(Variant {
            name: name.to_owned(),
            phases: vec![Phase {
                name: "profiled".to_owned(),
                load,
            }],
            profile: Some(profile),
            ..variant.clone()
        })
    };
    Ok(Plan {
        variants: vec![
            variant(&compared.arms.base, "base")?,
            variant(&compared.arms.head, "head")?,
        ],
        rounds: LAUNCHES as u32,
        comparisons: Vec::new(),
        turns: Vec::new(),
        thresholds: Vec::new(),
        interval: Duration::from_millis(100),
        ..compared.plan.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::Failure;
    use crate::result::samples::{phase, run};

    #[test]
    fn why_an_arm_was_not_profiled_is_told() {
        let failed = |of: &str| Some(Failure::Target(of.to_owned()));
        let mut dead = phase(|_| ());
        dead.died = Some("it ended with status 3".to_owned());
        let mut never = run(phase(|_| ()), failed("`target` is not ready"));
        never.variants.clear();
        for (run, says) in [
            (never, "`target` is not ready"),
            (
                run(dead, failed("the other one died")),
                "it ended with status 3",
            ),
            (run(phase(|_| ()), None), "nothing says why"),
        ] {
            let name = run.variants.first().map_or("head", |of| of.name.as_str());
            let why = all(&run, name).err().unwrap();
            assert_eq!(why, format!("the {name} could not be profiled: {says}"));
        }
    }
}
