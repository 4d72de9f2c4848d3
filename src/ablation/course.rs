//! Which trials follow from what others found. All factors together come first; if they cost nothing, nothing follows. Many factors are halved
//! until few are left, these are tried one by one, pairs are tried of those that cost otherwise when they are dropped than when they are
//! added, and what costs is profiled. What a stage leaves open is launched again before the next one.

use super::effects::{Ablation, Answers, Effect, Judged, Row, effect, responsible};
use super::looks::{Looks, is_settled, join};
use super::trial::{Direction, Profiles, Trial, Trials, names};
use crate::compare::{Comparison, Metric, Untrusted, pooled};
use crate::result::RunResult;
use crate::scenario::{Plan, Sequence};
use crate::statistics::Spread;
use crate::traffic::random::draw;

/// The most factors that are tried one by one without being halved first.
const MOST: usize = 16;
/// The most factors of which pairs are tried: ten pairs.
const MOST_PAIRED: usize = 5;
/// The most factors that are profiled.
const MOST_PROFILED: usize = 3;
/// The use of the seed that the order of launches follows from.
const ORDER_SALT: u64 = 0x0AB1_A7E0;

/// Trials that are run together, at one of several looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its name.
    name: String,
    trials: Vec<Trial>,
    profiles: Profiles,
    looks: Looks,
    /// From 1.
    look: u32,
    /// By index: which of its trials are launched at this look.
    open: Vec<usize>,
}

/// What a trial found.
struct Measured {
    trial: Trial,
    effect: Effect,
}

/// Trials on their way.
pub struct Course {
    trials: Trials,
    metric: Metric,
    whole: Effect,
    functions: Vec<String>,
    found: Vec<Measured>,
    /// Factors that may cost something, in groups.
    groups: Vec<Vec<usize>>,
    /// Names of the stages that were run.
    done: Vec<String>,
    /// The stage whose trials are not all settled, and what its looks found so far.
    open: Option<(Stage, RunResult)>,
    /// Looks that were taken.
    taken: u64,
    /// By factor.
    located: Vec<(usize, Vec<String>)>,
    judged: Judged,
}

impl Course {
    /// At its beginning.
    pub fn new(trials: Trials) -> Self {
        Self {
            groups: vec![(0..trials.factors.len()).collect()],
            judged: Judged {
                blocks: trials.blocks().0,
                most_blocks: trials.blocks().1,
                looks: Looks::of(&trials).count().get(),
                seed: trials.seed(),
                trials: 0,
                spread: None,
            },
            trials,
            metric: Metric::CpuPerRequest,
            whole: Effect::UNKNOWN,
            functions: Vec::new(),
            found: Vec::new(),
            done: Vec::new(),
            open: None,
            taken: 0,
            located: Vec::new(),
        }
    }

    /// The plan of a stage: its open trials, in random order.
    pub fn plan(&self, stage: &Stage) -> Plan {
        let open = stage.open.iter().map(|at| stage.trials[*at].clone());
        let open: Vec<Trial> = open.collect();
        let mut plan = self.trials.planned(&open, stage.profiles);
        plan.rounds = stage.looks.added(stage.look).unwrap_or(1);
        plan.sequence = Sequence::Shuffled(draw(self.trials.seed(), self.taken, ORDER_SALT));
        // A trial has one name at all looks.
        for (variants, at) in plan.variants.chunks_mut(2).zip(&stage.open) {
            let (base, head) = names(*at);
            (variants[0].name, variants[1].name) = (base, head);
        }
        plan
    }

    /// What is run next; nothing if all is said.
    pub fn next(&self) -> Option<Stage> {
        if let Some((stage, _)) = &self.open {
            return Some(stage.clone());
        }
        if self.done.is_empty() {
            return self.stage("together", Profiles::Asked, vec![self.trials.whole()]);
        }
        if self.trials.factors.len() == 1 || self.whole.is_nothing() || !self.whole.is_judged() {
            return None;
        }
        self.halves()
            .or_else(|| self.stage("one-by-one", Profiles::Left, self.single()))
            .or_else(|| self.stage("pairs", Profiles::Left, self.pairs()))
            .or_else(|| self.profiled())
    }

    fn stage(&self, name: &str, profiles: Profiles, trials: Vec<Trial>) -> Option<Stage> {
        let is_done = self.done.iter().any(|done| done == name);
        (!is_done && !trials.is_empty()).then(|| Stage {
            name: name.to_owned(),
            open: (0..trials.len()).collect(),
            trials,
            profiles,
            looks: Looks::of(&self.trials),
            look: 1,
        })
    }

    /// The stage that judges no cost: a launch of each side is enough to be profiled.
    fn profiled(&self) -> Option<Stage> {
        let stage = self.stage("where", Profiles::Asked, self.costly())?;
        Some(Stage {
            looks: Looks::new(1, 1),
            ..stage
        })
    }

    /// Groups in halves, while many factors are left in groups of several.
    fn halves(&self) -> Option<Stage> {
        let left: usize = self.groups.iter().map(Vec::len).sum();
        if left <= MOST || self.groups.iter().all(|group| group.len() == 1) {
            return None;
        }
        let halves = self.groups.iter().flat_map(|group| {
            let (first, second) = group.split_at(group.len().div_ceil(2));
            [first, second].into_iter().filter(|half| !half.is_empty())
        });
        let trials: Vec<Trial> = halves.flat_map(both_ways).collect();
        let number = self.done.len();
        self.stage(&format!("halves-{number}"), Profiles::Left, trials)
    }

    fn single(&self) -> Vec<Trial> {
        let left = self.groups.iter().flatten();
        left.flat_map(|factor| both_ways(std::slice::from_ref(factor)))
            .filter(|trial| !self.found.iter().any(|of| of.trial == *trial))
            .collect()
    }

    /// Pairs of factors that production needs and that cost nothing when each is added alone, and of those that cost alone and that production
    /// does not need.
    fn pairs(&self) -> Vec<Trial> {
        if self.trials.factors.len() == 2 {
            // Both together are the whole.
            return Vec::new();
        }
        let rows = self.rows();
        let of = |is_one: &dyn Fn(&Row) -> bool, direction| {
            let factors = (0..self.trials.factors.len()).filter(|at| {
                let factor = &self.trials.factors[*at];
                rows.iter().any(|row| row.factor == *factor && is_one(row))
            });
            let factors: Vec<usize> = factors.take(MOST_PAIRED).collect();
            let pairs = factors.iter().enumerate().flat_map(|(at, one)| {
                let others = factors[at + 1..].iter();
                others.map(move |other| Trial {
                    factors: vec![*one, *other],
                    direction,
                })
            });
            pairs.collect::<Vec<_>>()
        };
        let mut all = of(&|row| row.needs_another(&self.whole), Direction::Added);
        all.extend(of(&Row::has_stand_in, Direction::Dropped));
        all
    }

    /// What costs production something when it is there, the costliest first.
    fn costly(&self) -> Vec<Trial> {
        if !self.trials.has_profiles() {
            return Vec::new();
        }
        let dropped = self.found.iter().filter(|of| {
            let is_single = of.trial.direction == Direction::Dropped && of.trial.factors.len() == 1;
            is_single && of.effect.costs_us().is_some_and(|us| us > 0.0)
        });
        let mut dropped: Vec<&Measured> = dropped.collect();
        let cost = |of: &Measured| of.effect.costs_us().unwrap_or(0.0);
        dropped.sort_by(|one, other| cost(other).total_cmp(&cost(one)));
        let first = dropped.into_iter().take(MOST_PROFILED);
        first.map(|of| of.trial.clone()).collect()
    }

    /// Takes in what a stage found at a look.
    pub fn took(&mut self, stage: &Stage, result: &RunResult, untrusted: Untrusted) {
        let mut all = result.clone();
        if let Some((_, mut so_far)) = self.open.take() {
            join(&mut so_far, result);
            all = so_far;
        }
        let pairs: Vec<_> = (0..stage.trials.len()).map(names).collect();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(base, head)| (base.as_str(), head.as_str()))
            .collect();
        let looks = stage.looks.count();
        let (mut compared, mut spread) = pooled(&all, &pairs, untrusted, self.metric, looks);
        if self.taken == 0 && !has(&compared, self.metric) {
            // Nobody knows the CPU of the target.
            self.metric = Metric::P50;
            (compared, spread) = pooled(&all, &pairs, untrusted, self.metric, looks);
        }
        let effects = stage.trials.iter().enumerate().map(|(pair, trial)| {
            let found = effect(&all, &compared, pair, trial.direction, self.metric);
            (trial.clone(), found)
        });
        let effects: Vec<(Trial, Effect)> = effects.collect();
        let functions: Vec<Vec<String>> = compared.iter().map(responsible).collect();
        let again = self.learned(stage, effects, functions, spread);
        self.open = again.map(|stage| (stage, all));
    }

    /// Takes in what trials of a stage say, and the functions that hold each, as far as they were profiled. Tells the next look, if there is one.
    fn learned(
        &mut self,
        stage: &Stage,
        mut effects: Vec<(Trial, Effect)>,
        functions: Vec<Vec<String>>,
        spread: Option<Spread>,
    ) -> Option<Stage> {
        let gap = self.whole.gap_us().filter(|_| stage.name != "together");
        for (trial, effect) in &mut effects {
            effect.is_settled = is_settled(effect, trial.direction, gap);
        }
        let again = stage.again(&effects);
        match stage.name.as_str() {
            "together" => {
                if let [(_, found)] = effects.as_slice() {
                    self.whole = found.clone();
                }
                self.functions = functions.into_iter().next().unwrap_or_default();
            }
            "where" => {
                let located = effects.iter().zip(functions);
                let located = located.map(|((trial, _), of)| (trial.factors[0], of));
                self.located = located.collect();
            }
            name => {
                if name.starts_with("halves") {
                    self.keep_halves(&effects);
                }
                if name == "one-by-one" {
                    (self.judged.trials, self.judged.spread) = (effects.len(), spread);
                }
                // Of halves it is enough which are left.
                let found = effects.into_iter();
                let found = found.filter(|(trial, _)| name == "pairs" || trial.factors.len() == 1);
                for (trial, effect) in found {
                    // What a look found takes the place of what the one before it found.
                    self.found.retain(|of| of.trial != trial);
                    self.found.push(Measured { trial, effect });
                }
            }
        }
        self.taken += 1;
        if stage.look == 1 {
            self.done.push(stage.name.clone());
        }
        again
    }

    /// Halves that cost something in either direction, change the answer, or were not judged.
    fn keep_halves(&mut self, effects: &[(Trial, Effect)]) {
        let both = effects.chunks(2);
        let kept = both.filter(|both| both.iter().any(|(_, effect)| !effect.is_nothing()));
        self.groups = kept.map(|both| both[0].0.factors.clone()).collect();
    }

    /// What is known of each factor that was tried by itself, the costliest first.
    fn rows(&self) -> Vec<Row> {
        let of = |factor: usize, direction: Direction| {
            let found = self
                .found
                .iter()
                .find(|of| of.trial.direction == direction && of.trial.factors == [factor]);
            match found {
                Some(found) => found.effect.clone(),
                None if self.trials.factors.len() == 1 => self.whole.clone(),
                None => Effect::UNKNOWN,
            }
        };
        let all = self
            .trials
            .factors
            .iter()
            .enumerate()
            .map(|(at, factor)| Row {
                factor: factor.clone(),
                dropped: of(at, Direction::Dropped),
                added: of(at, Direction::Added),
                functions: (self.located.iter().find(|(of, _)| *of == at))
                    .map_or_else(Vec::new, |(_, functions)| functions.clone()),
                is_ruled_out: !self.groups.iter().flatten().any(|of| *of == at),
            });
        let mut rows: Vec<Row> = all.collect();
        let rank = |row: &Row| {
            let cost = |effect: &Effect| effect.costs_us().unwrap_or(f64::NEG_INFINITY);
            (cost(&row.dropped), cost(&row.added))
        };
        rows.sort_by(|one, other| {
            let ((dropped, added), (of, other)) = (rank(one), rank(other));
            of.total_cmp(&dropped).then(other.total_cmp(&added))
        });
        rows
    }

    /// What all trials found.
    pub fn found(&self) -> Ablation {
        let factor = |at: &usize| self.trials.factors[*at].clone();
        let pairs = self.found.iter().filter(|of| of.trial.factors.len() == 2);
        let pairs = pairs.map(|of| {
            let factors = of.trial.factors.iter().map(factor).collect();
            (factors, of.trial.direction, of.effect.clone())
        });
        Ablation {
            production: self.trials.production.clone(),
            local: self.trials.local.clone(),
            metric: self.metric,
            whole: self.whole.clone(),
            functions: self.functions.clone(),
            rows: self.rows(),
            pairs: pairs.collect(),
            aside: self.trials.aside.clone(),
            apart: self.trials.apart.clone(),
            judged: self.judged,
        }
    }
}

impl Stage {
    /// The name of its directory.
    pub fn directory(&self) -> String {
        match self.look {
            1 => self.name.clone(),
            look => format!("{}-look-{look}", self.name),
        }
    }

    /// The next look at what is not settled; `None` if everything is, or this was the last one.
    fn again(&self, effects: &[(Trial, Effect)]) -> Option<Self> {
        let open = effects.iter().enumerate();
        let open = open.filter(|(_, (_, effect))| !effect.is_settled);
        let open: Vec<usize> = open.map(|(at, _)| at).collect();
        let look = self.look + 1;
        self.looks.added(look).filter(|_| !open.is_empty())?;
        Some(Self {
            open,
            look,
            // Functions are looked for once.
            profiles: Profiles::Left,
            ..self.clone()
        })
    }
}

impl Looks {
    fn of(trials: &Trials) -> Self {
        let (first, most) = trials.blocks();
        Self::new(first, most)
    }
}

fn both_ways(factors: &[usize]) -> [Trial; 2] {
    [Direction::Dropped, Direction::Added].map(|direction| Trial {
        factors: factors.to_vec(),
        direction,
    })
}

fn has(compared: &[Comparison], metric: Metric) -> bool {
    let phases = compared.iter().flat_map(|of| &of.phases);
    let mut metrics = phases.flat_map(|phase| &phase.metrics);
    metrics.any(|of| of.metric == metric)
}

impl Effect {
    /// Whether it was judged, and both sides cost and answer alike.
    fn is_nothing(&self) -> bool {
        let is_alike = self.answers == Answers::Same;
        is_alike && self.has_no_cost()
    }
}

#[cfg(test)]
#[path = "course_tests.rs"]
mod tests;
