//! One side of a comparison: a variant of a run, whether that has just ended or was stored, or a profile on its own.

use super::errors::Answers;
use super::functions::Profiled;
use super::metrics::RoundFigures;
use crate::metrics::Tally;
use crate::process::machine::Fingerprint;
use crate::result::{PhaseResult, ProfileResult, RunResult, ScenarioId, Trust, VariantResult};
use crate::scenario::{Also, Load};

/// A variant of a run, or a profile on its own.
#[derive(Debug)]
pub struct Side<'a> {
    /// What it is called.
    pub label: &'a str,
    /// Its run; `None` for a profile on its own.
    pub run: Option<RunOf<'a>>,
    /// Its phases, in order.
    pub phases: Vec<Subject<'a>>,
}

/// The run that a side is of.
#[derive(Debug, Clone, Copy)]
pub struct RunOf<'a> {
    /// Its scenario.
    pub scenario: &'a ScenarioId,
    /// When it began.
    pub started_at: jiff::Timestamp,
    /// Where it ran.
    pub machine: &'a Fingerprint,
    /// Whether it ended before its time.
    pub interrupted: bool,
    /// The variant that the side is, by its name.
    pub variant: &'a str,
}

/// One phase of a variant, as far as comparisons look at it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Name of the phase.
    pub phase: &'a str,
    /// Its load; `None` for a profile on its own.
    pub load: Option<&'a Load>,
    /// The variant that it took turns with, by its name.
    pub turns_with: Option<&'a str>,
    /// Its launches.
    pub rounds: Vec<RoundFigures>,
    /// What the generator used for it.
    pub generator: Option<Generator>,
    /// How its requests ended; `None` for a profile on its own.
    pub answers: Option<Answers>,
    /// How far its figures are the target's.
    pub trust: &'a Trust,
    /// Its profile.
    pub profile: Option<Profiled<'a>>,
    /// What was captured beside the CPU.
    pub also: Vec<(Also, Profiled<'a>)>,
    /// Whether it was profiled, whatever has become of its profile.
    pub profiled: bool,
}

/// CPU and work of the generator in a phase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Generator {
    /// Its CPU, cores.
    pub cores: f64,
    /// OK responses a second.
    pub throughput_rps: f64,
}

impl Generator {
    fn of(phase: &PhaseResult, total: &Tally) -> Option<Self> {
        Some(Self {
            cores: phase.generator_cores()?,
            throughput_rps: phase.throughput_rps(total)?,
        })
    }
}

impl RunOf<'_> {
    /// Whether both are the same run.
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.started_at, self.scenario) == (other.started_at, other.scenario)
            && self.machine == other.machine
    }
}

impl<'a> Side<'a> {
    /// A variant of a run.
    pub fn of(run: &'a RunResult, variant: &'a VariantResult, label: &'a str) -> Self {
        Self {
            label,
            run: Some(RunOf {
                scenario: &run.scenario,
                started_at: run.started_at,
                machine: &run.machine,
                interrupted: run.interrupted,
                variant: &variant.name,
            }),
            phases: variant.phases.iter().map(Subject::of).collect(),
        }
    }

    /// CPUs of its machine; as many as there can be if that is not known.
    pub(super) fn cpus(&self) -> usize {
        self.run
            .map_or(usize::MAX, |run| run.machine.logical_cpus.max(1))
    }

    /// Its phase of a name.
    pub fn find(&self, phase: &str) -> Option<&Subject<'a>> {
        self.phases.iter().find(|subject| subject.phase == phase)
    }
}

impl<'a> Subject<'a> {
    fn of(phase: &'a PhaseResult) -> Self {
        let total = phase.total();
        let rounds = phase.rounds.iter().map(|round| RoundFigures {
            round: round.number,
            whole: round.whole,
            uncertainty: round.uncertainty,
            ratio_errors: round.ratio_errors,
        });
        let taken = |profile: &'a ProfileResult| {
            profile
                .taken
                .as_ref()
                .map(|taken| Profiled::of(taken, profile.scale()))
        };
        Self {
            phase: &phase.name,
            load: Some(&phase.load),
            turns_with: phase.turns.as_ref().map(|turns| turns.with.as_str()),
            rounds: rounds.collect(),
            generator: Generator::of(phase, &total),
            answers: Some(Answers::of(&total)),
            trust: &phase.trust,
            profile: phase.profile.as_ref().and_then(taken),
            also: phase.profile.iter().flat_map(beside).collect(),
            profiled: phase.profile.is_some(),
        }
    }

    /// A profile on its own, which nothing is known of but its samples.
    pub fn of_profile(phase: &'a str, profile: Profiled<'a>) -> Self {
        const UNKNOWN: &Trust = &Trust { doubts: Vec::new() };
        Self {
            phase,
            load: None,
            turns_with: None,
            rounds: Vec::new(),
            generator: None,
            answers: None,
            trust: UNKNOWN,
            profile: Some(profile),
            also: Vec::new(),
            profiled: true,
        }
    }
}

fn beside(profile: &ProfileResult) -> impl Iterator<Item = (Also, Profiled<'_>)> {
    profile.also.iter().filter_map(|also| {
        let taken = also.taken.as_ref()?;
        Some((also.kind, Profiled::of(taken, also.scale())))
    })
}
