//! A scenario → trials: pairs of variants that differ in some factors.

use std::time::Duration;

use super::factor::{Differences, Factor, all, differences};
use super::level::lower;
use super::setting::load;
use crate::scenario::{ComparisonPlan, Load, LoadModel, Phase, Plan, Profile, Variant};

/// The phase of a trial.
pub(super) const PHASE: &str = "ablate";
/// Before its window, which has no longer one.
const LONGEST_WARMUP: Duration = Duration::from_secs(1);

/// What the user chose.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The variant with production's requests, by name [default: the head of the first comparison, or the last variant].
    pub production: Option<String>,
    /// The variant that is to be explained [default: the base of that comparison, or production without its factors].
    pub local: Option<String>,
    /// What to try [default: what both differ in; without `local` all that production's requests have].
    pub factors: Vec<String>,
    /// Window of a trial, for each side and block.
    pub window: Duration,
    /// Launches of each side of a trial at the first look.
    pub blocks: u32,
    /// Launches of each side of a trial that looks before left open.
    pub most_blocks: u32,
}

/// How factors are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// All of them: the other variant as it is against production.
    Whole,
    /// Production without them against production.
    Dropped,
    /// Production without any factor against the same with them.
    Added,
}

/// A pair of variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// By index.
    pub factors: Vec<usize>,
    /// Which way.
    pub direction: Direction,
}

/// Whether the launches of trials are profiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profiles {
    /// As the scenario asks for.
    Asked,
    /// Not.
    Left,
}

/// What can be tried of a scenario.
#[derive(Debug)]
pub struct Trials {
    /// In the order of production's requests, settings behind them.
    pub factors: Vec<Factor>,
    /// Name of the variant with production's requests.
    pub production: String,
    /// What stands for the requests without the factors.
    pub local: String,
    /// What differs and is no factor, in words.
    pub aside: Vec<String>,
    /// Why both sides of a trial are loaded one after the other and not in turns; `None` if they are up together.
    pub apart: Option<String>,
    plan: Plan,
    with: Variant,
    without: Option<Variant>,
    choice: Choice,
}

/// Why a scenario has no trials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTrials {
    /// A name that no variant has.
    #[error("there is no variant `{0}`; the scenario has {1}")]
    NoVariant(String, String),
    /// Something that production does not have.
    #[error("there is no factor `{0}` of variant `{1}`; it has {2}")]
    NoFactor(String, String, String),
    /// There is nothing to try.
    #[error("variant `{0}` has nothing to try{1}")]
    NoFactors(String, String),
}

/// The trials of a scenario.
///
/// # Errors
/// Why there are none.
pub fn trials(plan: &Plan, choice: &Choice) -> Result<Trials, NoTrials> {
    let named = |name: &str| -> Result<usize, NoTrials> {
        let mut variants = plan.variants.iter();
        variants
            .position(|variant| variant.name == name)
            .ok_or_else(|| {
                let names = plan
                    .variants
                    .iter()
                    .map(|variant| format!("`{}`", variant.name));
                NoTrials::NoVariant(name.to_owned(), names.collect::<Vec<_>>().join(", "))
            })
    };
    let first = plan.comparisons.first();
    let production = match &choice.production {
        Some(name) => named(name)?,
        None => first.map_or(plan.variants.len() - 1, |pair| pair.head),
    };
    let local = match &choice.local {
        Some(name) => Some(named(name)?),
        None => first
            .map(|pair| pair.base)
            .filter(|base| *base != production && choice.production.is_none()),
    };
    let with = plan.variants[production].clone();
    let without = local.map(|at| plan.variants[at].clone());
    let Differences { factors, aside } = chosen(&with, without.as_ref(), &choice.factors)?;
    let mut trials = Trials {
        production: with.name.clone(),
        local: (without.as_ref().filter(|_| choice.factors.is_empty())).map_or_else(
            || format!("{} without these", with.name),
            |local| local.name.clone(),
        ),
        factors,
        aside,
        apart: None,
        plan: plan.clone(),
        with,
        without,
        choice: choice.clone(),
    };
    let whole = trials.planned(&[trials.whole()], Profiles::Asked);
    trials.apart = whole.apart(whole.comparisons[0]);
    Ok(trials)
}

/// What is tried, and what differs beside that.
fn chosen(
    production: &Variant,
    local: Option<&Variant>,
    names: &[String],
) -> Result<Differences, NoTrials> {
    let mut found = match local {
        Some(local) => differences(production, local),
        None => Differences {
            factors: all(production),
            aside: Vec::new(),
        },
    };
    if !names.is_empty() {
        let known: Vec<Factor> = all(production);
        let more = known.into_iter().filter(|of| {
            let is_known = |other: &Factor| other.to_string() == of.to_string();
            !found.factors.iter().any(is_known)
        });
        found.factors.extend(more.collect::<Vec<_>>());
        if let Some(name) = names
            .iter()
            .find(|name| !found.factors.iter().any(|of| of.is(name)))
        {
            let known: Vec<String> = found.factors.iter().map(ToString::to_string).collect();
            return Err(NoTrials::NoFactor(
                name.clone(),
                production.name.clone(),
                known.join(", "),
            ));
        }
        found
            .factors
            .retain(|of| names.iter().any(|name| of.is(name)));
    }
    if found.factors.is_empty() {
        let mut why = match local {
            Some(local) => format!(" that {} does not have alike", local.name),
            None => String::new(),
        };
        if !found.aside.is_empty() {
            why.push_str("; what differs is no factor: ");
            why.push_str(&found.aside.join(", "));
        }
        return Err(NoTrials::NoFactors(production.name.clone(), why));
    }
    Ok(found)
}

/// Names of the sides of a pair, by its number.
pub(super) fn names(pair: usize) -> (String, String) {
    (
        format!("{}-without", pair + 1),
        format!("{}-with", pair + 1),
    )
}

impl Trials {
    /// All factors together.
    pub fn whole(&self) -> Trial {
        Trial {
            factors: (0..self.factors.len()).collect(),
            direction: Direction::Whole,
        }
    }

    /// Whether the scenario asks for profiles.
    pub(super) fn has_profiles(&self) -> bool {
        self.with.profile.is_some()
    }

    /// Launches of each side of a trial, at the first look and at the last one.
    pub(super) fn blocks(&self) -> (u32, u32) {
        (self.choice.blocks, self.choice.most_blocks)
    }

    /// The seed of the scenario, of which the order of launches follows.
    pub(super) fn seed(&self) -> u64 {
        self.plan.seed
    }

    /// Production's variant without the factors that are not `kept`.
    fn production_with(&self, kept: impl Fn(usize) -> bool) -> Variant {
        let mut variant = self.with.clone();
        for (at, factor) in self.factors.iter().enumerate() {
            if !kept(at) {
                lower(&mut variant, factor, self.without.as_ref());
            }
        }
        variant
    }

    fn sides(&self, trial: &Trial) -> (Variant, Variant) {
        let is_tried = |at: usize| trial.factors.contains(&at);
        let all = |_| true;
        match (trial.direction, &self.without) {
            (Direction::Whole, Some(local)) if self.choice.factors.is_empty() => {
                (local.clone(), self.with.clone())
            }
            (Direction::Whole | Direction::Dropped, _) => (
                self.production_with(|at| !is_tried(at)),
                self.production_with(all),
            ),
            (Direction::Added, _) => (
                self.production_with(|_| false),
                self.production_with(is_tried),
            ),
        }
    }

    /// The plan that loads pairs, base without and head with, as fast as they answer: in turns where both can be up at once.
    pub fn planned(&self, trials: &[Trial], profiles: Profiles) -> Plan {
        let mut planned = self.plan.clone();
        planned.rounds = self.choice.blocks;
        planned.thresholds.clear();
        planned.notes.clear();
        planned.variants.clear();
        planned.comparisons.clear();
        for (at, trial) in trials.iter().enumerate() {
            let (base, head) = self.sides(trial);
            let (base_name, head_name) = names(at);
            for (name, mut variant) in [(base_name, base), (head_name, head)] {
                variant.name = name;
                variant.phases = vec![Phase {
                    name: PHASE.to_owned(),
                    load: self.load(&variant),
                }];
                variant.profile = (variant.profile.take())
                    .filter(|_| profiles == Profiles::Asked)
                    .map(|profile| self.shared(profile));
                planned.variants.push(variant);
            }
            planned.comparisons.push(ComparisonPlan {
                base: 2 * at,
                head: 2 * at + 1,
            });
        }
        let pairs = planned.comparisons.iter().copied();
        planned.turns = pairs
            .filter(|pair| planned.apart(*pair).is_none())
            .collect();
        planned
    }

    /// A profile whose time all blocks share, so that they take no longer for their number: each has 1 s at least.
    fn shared(&self, profile: Profile) -> Profile {
        let blocks = u64::from(self.choice.blocks.max(1));
        let seconds = profile.duration.as_secs().div_ceil(blocks);
        Profile {
            duration: Duration::from_secs(seconds.max(1)),
            samples: profile.samples.map(|samples| samples.div_ceil(blocks)),
            ..profile
        }
    }

    /// That of production, but for what may be a factor.
    fn load(&self, variant: &Variant) -> Load {
        let own = load(variant);
        Load {
            model: LoadModel::Closed,
            duration: self.choice.window,
            warmup: LONGEST_WARMUP.min(self.choice.window),
            requests: None,
            overload: false,
            silent_for: None,
            keep_alive: own.keep_alive,
            weights: own.weights.clone(),
            ..load(&self.with).clone()
        }
    }
}

#[cfg(test)]
#[path = "trial_tests.rs"]
mod tests;
