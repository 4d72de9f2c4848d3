//! One side of a comparison, of a run that has just ended or of a stored one, and what can be said against it.

use super::doubts::Doubtful;
use super::{
    Caution, PhaseComparison, Profiled, RoundFigures, functions, load_differences, metrics,
};
use crate::experiment::{Figure, Trust, TrustLevel};
use crate::process::machine::Fingerprint;
use crate::scenario::Load;
use crate::units::printable;

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
    /// How far its figures are the target's.
    pub trust: Trust,
    /// Its profile.
    pub profile: Option<Profiled<'a>>,
    /// Whether it was profiled, whatever has become of its profile.
    pub profiled: bool,
}

/// What is done about figures that may not be the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untrusted {
    /// What they could explain is no finding.
    NotJudged,
    /// They are taken for the target's.
    Allowed,
}

impl From<bool> for Untrusted {
    /// Of the value of `allow_untrusted`.
    fn from(allowed: bool) -> Self {
        if allowed {
            Self::Allowed
        } else {
            Self::NotJudged
        }
    }
}

impl Side<'_> {
    /// CPUs of its machine; as many as there can be if that is not known.
    fn cpus(&self) -> usize {
        self.run
            .map_or(usize::MAX, |run| run.machine.logical_cpus.max(1))
    }

    fn find(&self, phase: &str) -> Option<&Subject<'_>> {
        self.phases.iter().find(|subject| subject.phase == phase)
    }
}

/// What is to be said of two sides as a whole.
pub(super) fn cautions(base: &Side<'_>, head: &Side<'_>) -> Vec<Caution> {
    let mut cautions = Vec::new();
    if let Some((from, to)) = base.run.zip(head.run) {
        if from.scenario.0 != to.scenario.0 {
            let (from, to) = (printable(from.scenario.0), printable(to.scenario.0));
            let what = format!("the scenarios are {from} and {to}");
            cautions.push(Caution::Scenario { what });
        } else if from.scenario.1 != to.scenario.1 {
            let what = format!(
                "the scenario {} was changed between the runs",
                printable(from.scenario.0)
            );
            cautions.push(Caution::Scenario { what });
        }
        let differing = differing(from.machine, to.machine);
        if !differing.is_empty() {
            let what = differing.join(", ");
            cautions.push(Caution::Machine { what });
        }
    }
    for side in [base, head] {
        if side.run.is_some_and(|run| run.interrupted) {
            let what = format!("the run of {} ended before its time", side.label);
            cautions.push(Caution::Doubtful { what });
        }
    }
    for (side, other) in [(base, head), (head, base)] {
        for subject in &side.phases {
            if other.find(subject.phase).is_none() {
                let phase = subject.phase.to_owned();
                cautions.push(Caution::OneSided { phase });
            }
        }
    }
    cautions
}

fn differing(from: &Fingerprint, to: &Fingerprint) -> Vec<&'static str> {
    let all = [
        ("host", from.hostname_hash != to.hostname_hash),
        ("processor", from.cpu_model != to.cpu_model),
        ("CPUs", from.logical_cpus != to.logical_cpus),
        ("usable CPUs", from.usable_cpus != to.usable_cpus),
        ("CPU limit", from.cgroup_cpus != to.cgroup_cpus),
        ("kernel", from.kernel != to.kernel),
        ("memory", from.memory_bytes != to.memory_bytes),
        ("governor", from.governor != to.governor),
    ];
    let differing = all.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(what, _)| what).collect()
}

/// Compares the phases that both sides have.
pub(super) fn phases(
    base: &Side<'_>,
    head: &Side<'_>,
    untrusted: Untrusted,
) -> Vec<PhaseComparison> {
    let pairs = base.phases.iter().filter_map(|of| {
        let other = head.find(of.phase)?;
        let doubtful = Doubtful {
            trust: (&of.trust, &other.trust),
            cpus: (base.cpus(), head.cpus()),
            untrusted,
        };
        let mut cautions = pair_cautions((base, of), (head, other), untrusted);
        let functions = of.profile.zip(other.profile).and_then(|(of, other)| {
            let found = functions(of, other, &mut cautions);
            found
                .map_err(|error| cautions.push(Caution::Incomparable(error)))
                .ok()
        });
        Some(PhaseComparison {
            phase: of.phase.to_owned(),
            metrics: metrics::metrics(&of.rounds, &other.rounds, &doubtful),
            functions,
            cautions,
        })
    });
    pairs.collect()
}

/// A side and one of its phases.
type Of<'a> = (&'a Side<'a>, &'a Subject<'a>);

fn pair_cautions(base: Of<'_>, head: Of<'_>, untrusted: Untrusted) -> Vec<Caution> {
    let mut cautions = Vec::new();
    if let Some((from, to)) = base.1.load.zip(head.1.load) {
        let differences = load_differences(from, to);
        if !differences.is_empty() {
            cautions.push(Caution::Load { differences });
        }
    }
    for (side, subject) in [base, head] {
        cautions.extend(untrusted_caution(side.label, subject, untrusted));
    }
    let has_costs = |of: &Subject<'_>| of.profile.is_some_and(|of| of.per_request.is_some());
    let both_have_costs = has_costs(base.1) && has_costs(head.1);
    for (side, subject) in [base, head] {
        let doubts = subject.trust.about(Figure::Cost);
        let codes: Vec<&str> = doubts.map(|(doubt, _)| doubt.cause.code()).collect();
        if both_have_costs && !codes.is_empty() {
            let (label, codes) = (side.label, codes.join(", "));
            let what = format!(
                "costs of functions of {label} hold what moved its CPU per request ({codes}), all by the same factor: shares do not"
            );
            cautions.push(Caution::Doubtful { what });
        }
    }
    for ((side, subject), (_, other)) in [(base, head), (head, base)] {
        if subject.profiled && !other.profiled {
            let what = format!(
                "{} was profiled in {} alone: functions cannot be compared",
                subject.phase, side.label
            );
            cautions.push(Caution::Doubtful { what });
        }
    }
    cautions
}

fn untrusted_caution(label: &str, subject: &Subject<'_>, untrusted: Untrusted) -> Option<Caution> {
    let level = subject.trust.level();
    if level == TrustLevel::Trusted {
        return None;
    }
    let doubts = subject.trust.doubts.iter();
    let reasons: Vec<&str> = doubts.map(|doubt| doubt.words.as_str()).collect();
    let allowed = match untrusted {
        Untrusted::NotJudged => "",
        Untrusted::Allowed => "; judged all the same by `allow_untrusted`",
    };
    let what = format!(
        "{label} · {} is {level}: {}{allowed}",
        subject.phase,
        reasons.join("; ")
    );
    Some(Caution::Doubtful { what })
}
