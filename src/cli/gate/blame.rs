//! Who did it: both arms of a failed gate are profiled over several launches each, and compared by function.

use std::path::Path;
use std::time::Duration;

use super::arms::Compared;
use crate::compare::{Comparison, Profiled, Side, Subject, Untrusted, sides};
use crate::experiment::{self, Observer, RunDir, Stop};
use crate::profile::{ENOUGH_SLICES, Profile as Sampled, Scale, of_launches};
use crate::result::{Arms, ProfileResult, RunResult, Samples};
use crate::scenario::plan::{Profile, ProfileSource};
use crate::scenario::{LoadModel, Phase, Plan, Target, Variant};
use crate::statistics::Paired;

/// Launches of each arm: from so many slices on what they differ by is measured, and a launch is a slice.
const LAUNCHES: usize = ENOUGH_SLICES;
/// How long each is profiled.
const PROFILED: Duration = Duration::from_secs(3);
/// Samples a second where the scenario says nothing of it.
const HZ: u32 = 199;

/// The profiles of one arm.
#[derive(Default)]
struct Launches {
    profiles: Vec<ProfileResult>,
}

/// Profiles both arms and compares them; words for what came in the way.
pub(super) async fn functions(
    compared: &Compared,
    dir: &RunDir,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Comparison, String> {
    let mut plan = plan(compared)?;
    let mut found = Arms::<Launches>::default();
    for launch in 1..=LAUNCHES {
        let dir = dir.below(Path::new(&format!("profile-{launch}")));
        let dir = dir.map_err(|error| error.to_string())?;
        let now = jiff::Timestamp::now();
        let run = experiment::run(&plan, &dir, observer, stop, now).await;
        if stop.is_asked() {
            return Err("it was ended".to_owned());
        }
        found.base.add(&run, "base")?;
        found.head.add(&run, "head")?;
        // What drifts falls on both alike.
        plan.variants.reverse();
    }
    let samples = Arms {
        base: found.base.samples()?,
        head: found.head.samples()?,
    };
    let side = |samples, launches: &Launches, label| {
        let profiled = Profiled::of(samples, launches.scale());
        Side {
            label,
            run: None,
            phases: vec![Subject::of_profile("profiled", profiled)],
        }
    };
    let base = side(&samples.base, &found.base, compared.names.base.as_str());
    let head = side(&samples.head, &found.head, compared.names.head.as_str());
    Ok(sides(&base, &head, Untrusted::from(true)))
}

impl Launches {
    fn add(&mut self, run: &RunResult, name: &str) -> Result<(), String> {
        let variant = run.variants.iter().find(|variant| variant.name == name);
        let phase = variant.and_then(|variant| variant.phases.first());
        let profile = phase.and_then(|phase| phase.profile.clone());
        let why = || {
            let notes = phase.into_iter().flat_map(|phase| &phase.notes);
            let notes: Vec<String> = notes.map(|note| note.words.clone()).collect();
            format!("the {name} could not be profiled: {}", notes.join("; "))
        };
        self.profiles.push(profile.ok_or_else(why)?);
        Ok(())
    }

    fn samples(&self) -> Result<Samples, String> {
        let taken = self.profiles.iter().filter_map(|of| of.taken.as_ref());
        let taken: Vec<&Sampled> = taken.map(|taken| &*taken.profile).collect();
        let all = of_launches(&taken).map_err(|error| error.to_string())?;
        let all = all.ok_or("there is no profile")?;
        Ok(Samples::of(all.into()))
    }

    /// CPU per request while it was profiled, with what launches differ by.
    fn scale(&self) -> Option<Scale> {
        let costs: Option<Vec<f64>> = self.profiles.iter().map(|of| of.us_per_request).collect();
        let paired = Paired::of(&costs?)?;
        let is_known = paired.mean > 0.0;
        is_known.then(|| Scale::cost(paired.mean).known_to(paired.error() / paired.mean, paired.n))
    }
}

/// Both arms as variants of a plan that profiles each once.
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
        rounds: 1,
        comparisons: Vec::new(),
        turns: Vec::new(),
        thresholds: Vec::new(),
        interval: Duration::from_millis(100),
        ..compared.plan.clone()
    })
}

fn profile(variant: &Variant) -> Result<Profile, String> {
    let bundled = || {
        let is_bundled = matches!(variant.target, Target::Bundled { .. });
        is_bundled.then_some(Profile {
            source: ProfileSource::Pprof { url: None },
            hz: HZ,
            duration: PROFILED,
            samples: None,
            also: Vec::new(),
            request_label: None,
        })
    };
    let given = variant.profile.clone().or_else(bundled);
    let profile = given.ok_or("the scenario has no [profile]: give it one, and the functions that a failure comes from are named")?;
    Ok(Profile {
        duration: PROFILED,
        samples: None,
        also: Vec::new(),
        ..profile
    })
}
