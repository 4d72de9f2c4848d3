//! The checks of a gate: its metrics at their lines of the scenario, errors, and whether it says anything at all.

use super::{Check, Checks, Mark, Place};
use crate::compare::Comparison;
use crate::gate::paired::{GateVerdict, Measured, MetricVerdict};
use crate::gate::{Outcome, Verdict};
use crate::process::machine::Fingerprint;
use crate::report::figures::gate::{failures, reason, value};
use crate::report::figures::one_line;
use crate::result::{Arms, ScenarioId};
use crate::scenario::plan::gate::{GateLines, OnInconclusive};
use crate::units::format_things;

/// A gate with all that its reports say.
#[derive(Debug, Clone, Copy)]
pub struct GateRun<'a> {
    /// What was sent.
    pub scenario: &'a ScenarioId,
    /// What was loaded, in words.
    pub arms: Arms<&'a str>,
    /// When it began.
    pub started_at: jiff::Timestamp,
    /// How long it took, s.
    pub seconds: f64,
    /// Where it ran.
    pub machine: &'a Fingerprint,
    /// What the verdict rests on.
    pub measured: Measured<'a>,
    /// What follows.
    pub verdict: &'a GateVerdict,
    /// Which functions a failure comes from, where both arms were profiled.
    pub functions: Option<&'a Comparison>,
    /// The scenario's file as the user named it.
    pub file: &'a str,
    /// Where that asks for what.
    pub lines: &'a GateLines,
}

/// The checks of a gate. An advisory verdict fails nothing, and an inconclusive one is what the scenario wants it to be.
pub fn of_gate(gate: &GateRun<'_>) -> Checks {
    let verdict = gate.verdict;
    let metrics = verdict.metrics.iter().map(|of| metric(gate, of));
    let mut checks: Vec<Check> = metrics.chain([errors(gate)]).collect();
    checks.insert(0, whole(gate, &checks));
    Checks {
        title: format!(
            "{}: {} → {}",
            gate.scenario.name, gate.arms.base, gate.arms.head
        ),
        checks,
    }
}

fn metric(gate: &GateRun<'_>, of: &MetricVerdict) -> Check {
    let name = of.name();
    let is_known = of.base.is_some() || of.head.is_some();
    let found = is_known.then(|| {
        let (base, head) = (value(of.metric, of.base), value(of.metric, of.head));
        format!("{base} → {head}")
    });
    let why = Some(reason(of)).filter(|why| !why.is_empty());
    let words: Vec<_> = found.into_iter().chain(why).collect();
    let line = gate.lines.metrics.get(&name).copied();
    check(gate, &name, mark(of.verdict), words.join(", "), line)
}

/// What is not judged is told.
fn mark(verdict: Option<Verdict>) -> Mark {
    verdict.map_or(Mark::Told, Mark::from)
}

fn errors(gate: &GateRun<'_>) -> Check {
    let errors = &gate.verdict.errors;
    let mut words = failures(errors);
    if let Some(reason) = &errors.reason {
        words += &format!(", {reason}");
    }
    check(gate, "errors", mark(errors.verdict), words, None)
}

/// Whether it has a verdict, and one that no check explains.
fn whole(gate: &GateRun<'_>, checks: &[Check]) -> Check {
    let verdict = gate.verdict;
    let mark = match &verdict.outcome {
        Outcome::Internal(_) | Outcome::Invalid(_) | Outcome::Interrupted => Mark::Invalid,
        Outcome::Fail => Mark::Fail,
        Outcome::Inconclusive => Mark::Inconclusive,
        Outcome::Pass => Mark::Pass,
    };
    let worst = checks.iter().map(|check| check.mark).max();
    let is_explained = worst >= Some(counted(verdict, mark)) && mark != Mark::Invalid;
    if is_explained {
        let used = verdict.used;
        let launches = format_things(used.launches, "launch", "launches");
        let mut words = format!("judged by {launches} of both arms");
        if let Some(scope) = &verdict.scope() {
            words += &format!(", {scope}");
        }
        return check(gate, "gate", Mark::Pass, words, None);
    }
    check(gate, "gate", mark, verdict.reasons.join("; "), None)
}

fn check(
    gate: &GateRun<'_>,
    name: &str,
    mark: Mark,
    mut words: String,
    line: Option<usize>,
) -> Check {
    let counted = counted(gate.verdict, mark);
    if let (Some(advisory), Mark::Fail) = (&gate.verdict.advisory, mark) {
        words += &format!("; advisory: {advisory}");
    }
    Check {
        group: "gate".to_owned(),
        name: name.to_owned(),
        mark: counted,
        words: one_line(&words),
        place: Some(Place {
            file: gate.file.to_owned(),
            line: line.or(gate.lines.table),
        }),
    }
}

/// What a mark counts for, as the exit code has it.
fn counted(verdict: &GateVerdict, mark: Mark) -> Mark {
    match (mark, &verdict.advisory, verdict.on_inconclusive) {
        (Mark::Fail, Some(_), _) => Mark::Inconclusive,
        (Mark::Inconclusive, None, OnInconclusive::Fail) => Mark::Fail,
        (mark, ..) => mark,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::checks::gate_samples::{gate, metric, verdict};
    use crate::scenario::plan::gate::GateMetric;

    #[track_caller]
    fn marks(verdict: &GateVerdict, expected: &[(&str, Mark)]) -> Checks {
        let checks = gate(verdict, of_gate);
        let found: Vec<_> = checks
            .checks
            .iter()
            .map(|of| (of.name.as_str(), of.mark))
            .collect();
        assert_eq!(found, expected);
        checks
    }

    #[test]
    fn each_metric_is_a_check_at_its_line() {
        let found = marks(
            &verdict(Verdict::Fail),
            &[
                ("gate", Mark::Pass),
                ("cpu_per_request", Mark::Fail),
                ("capacity", Mark::Pass),
                ("latency.p99", Mark::Told),
                ("errors", Mark::Pass),
            ],
        );
        assert_eq!(found.worst(), Mark::Fail);
        let place = |at: usize| found.checks[at].place.clone().unwrap();
        assert_eq!((place(1).file.as_str(), place(1).line), ("s.toml", Some(7)));
        assert_eq!(place(2).line, Some(5));
        let words = &found.checks[1].words;
        assert!(words.starts_with("412 µs → 431 µs, "), "{words}");
    }

    #[test]
    fn a_check_counts_as_the_exit_code_does() {
        let mut advisory = verdict(Verdict::Fail);
        advisory.advisory = Some("another machine".to_owned());
        let found = gate(&advisory, of_gate);
        assert_eq!(found.worst(), Mark::Inconclusive);
        assert_eq!(found.checks[0].mark, Mark::Pass);
        let words = &found.checks[1].words;
        assert!(words.ends_with("; advisory: another machine"), "{words}");
        let mut strict = verdict(Verdict::Inconclusive);
        strict.on_inconclusive = OnInconclusive::Fail;
        assert_eq!(gate(&strict, of_gate).worst(), Mark::Fail);
        assert_eq!(strict.exit_code(), 1);
    }

    #[test]
    fn a_gate_without_a_verdict_is_no_pass() {
        let mut nothing = verdict(Verdict::Pass);
        nothing.metrics = vec![metric(GateMetric::PeakMemory, None)];
        nothing.outcome = Outcome::Inconclusive;
        nothing.reasons = vec!["no metric could be judged".to_owned()];
        let found = marks(
            &nothing,
            &[
                ("gate", Mark::Inconclusive),
                ("peak_memory", Mark::Told),
                ("errors", Mark::Pass),
            ],
        );
        assert_eq!(found.checks[0].words, "no metric could be judged");
        for outcome in [
            Outcome::Invalid("the base died".to_owned()),
            Outcome::Internal("no port".to_owned()),
            Outcome::Interrupted,
        ] {
            let mut verdict = verdict(Verdict::Fail);
            verdict.outcome = outcome;
            let found = gate(&verdict, of_gate);
            assert_eq!(found.checks[0].mark, Mark::Invalid);
        }
    }
}
