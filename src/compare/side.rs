//! One side of a comparison, of a run that has just ended or of a stored one.

use super::functions::Profiled;
use super::metrics::RoundFigures;
use crate::process::machine::Fingerprint;
use crate::result::Trust;
use crate::scenario::Load;

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
    /// Name and hash of its scenario.
    pub scenario: (&'a str, &'a str),
    /// When it began, RFC 3339.
    pub started_at: &'a str,
    /// Where it ran.
    pub machine: &'a Fingerprint,
    /// Whether it ended before its time.
    pub interrupted: bool,
}

/// One phase of a variant, as far as comparisons look at it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Name of the phase.
    pub phase: &'a str,
    /// Its load; `None` for a profile on its own.
    pub load: Option<&'a Load>,
    /// Its launches.
    pub rounds: Vec<RoundFigures>,
    /// What the generator used for it.
    pub generator: Option<Generator>,
    /// How far its figures are the target's.
    pub trust: Trust,
    /// Its profile.
    pub profile: Option<Profiled<'a>>,
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

impl RunOf<'_> {
    /// Whether both are the same run.
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.started_at, self.scenario) == (other.started_at, other.scenario)
            && self.machine == other.machine
    }
}

impl Side<'_> {
    /// CPUs of its machine; as many as there can be if that is not known.
    pub(super) fn cpus(&self) -> usize {
        self.run
            .map_or(usize::MAX, |run| run.machine.logical_cpus.max(1))
    }

    pub(super) fn find(&self, phase: &str) -> Option<&Subject<'_>> {
        self.phases.iter().find(|subject| subject.phase == phase)
    }
}
