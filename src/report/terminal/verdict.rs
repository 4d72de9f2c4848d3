//! What a run comes to: the last lines of its summary, which are what stays on a terminal. The very last one says it all: whatever
//! stands above, a run that counts for nothing ends with that.

use std::fmt::Write as _;

use super::style::{BAD, BOLD, DOUBT, GOOD};
use crate::gate::{Judgements, Outcome};
use crate::report::figures::judgement::concluded;
use crate::result::{PhaseResult, RunResult, TrustLevel};

/// Thresholds that are told one by one; what is behind them stands with its phase.
const MOST: usize = 6;
/// Phases that are named because their figures are not trusted.
const MOST_NAMED: usize = 3;

/// Renders each threshold that does not hold with its place, or why the run counts for nothing, and then the outcome.
pub(super) fn render(
    outcome: &Outcome,
    result: &RunResult,
    judgements: &Judgements,
    text: &mut String,
) {
    let style = match outcome {
        Outcome::Pass => GOOD,
        Outcome::Inconclusive | Outcome::Interrupted => DOUBT,
        Outcome::Fail | Outcome::Invalid(_) | Outcome::Internal(_) => BAD,
    };
    let reasons = match outcome {
        // The last line says it.
        Outcome::Interrupted => Vec::new(),
        _ => outcome.reasons(result, judgements),
    };
    for reason in reasons.iter().take(MOST) {
        let _ = writeln!(text, "  {reason}");
    }
    if let Some(more) = reasons.len().checked_sub(MOST).filter(|more| *more > 0) {
        let _ = writeln!(text, "  and {more} more, each with its phase above");
    }
    let (name, words) = match (&result.shard, outcome) {
        (Some(part), Outcome::Pass) => ("ran", format!("shard {}, judged by merge", part.shard)),
        _ => (outcome.name(), concluded(outcome, judgements)),
    };
    let _ = writeln!(
        text,
        "{style}{name}{style:#} {BOLD}{}{BOLD:#}: {words}{} (exit code {})",
        result.scenario.name,
        untrusted(result),
        outcome.exit_code()
    );
}

/// The phases whose figures are not trusted; empty without any.
fn untrusted(result: &RunResult) -> String {
    let level = |phase: &PhaseResult| phase.trust.level();
    let phases = result.variants.iter().flat_map(|variant| {
        let phases = variant.phases.iter();
        let phases = phases.filter(|phase| level(phase) != TrustLevel::Trusted);
        phases.map(|phase| format!("{} · {} is {}", variant.name, phase.name, level(phase)))
    });
    let phases: Vec<String> = phases.collect();
    let named = phases[..phases.len().min(MOST_NAMED)].join(", ");
    match phases.len() {
        0 => String::new(),
        1..=MOST_NAMED => format!("; not trusted: {named}"),
        many => format!("; not trusted: {named} and {} more", many - MOST_NAMED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Judgement, Verdict};
    use crate::result::samples::{phase, run};
    use crate::result::{Cause, Doubt, Failure};

    fn shown(outcome: &Outcome, result: &RunResult) -> String {
        let holds = Judgement {
            expr: "errors.rate < 1%".to_owned(),
            request: None,
            value: Some(0.0),
            verdict: Verdict::Pass,
            reason: None,
            doubts: Vec::new(),
            line: None,
        };
        let mut text = String::new();
        render(outcome, result, &vec![vec![vec![holds]]], &mut text);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn the_last_line_never_praises_what_counts_for_nothing() {
        let died = "the target ended in the middle of the load; its last lines:\n  ready";
        let result = run(phase(|_| ()), Some(Failure::Target(died.to_owned())));
        let text = shown(&Outcome::Invalid(died.to_owned()), &result);
        let last = "\ninvalid s: the run says nothing of the load that was planned (exit code 4)\n";
        assert!(
            text.ends_with(last) && text.contains("\n  ready\n"),
            "{text}"
        );
        assert!(!text.contains("holds"), "{text}");
        for (outcome, last) in [
            (
                Outcome::Internal("no memory".to_owned()),
                "  no memory\nerror s: telemload or its machine failed (exit code 5)\n",
            ),
            (
                Outcome::Interrupted,
                "interrupted s: the run was ended before its time; until then its threshold holds (exit code 130)\n",
            ),
            (Outcome::Pass, "pass s: its threshold holds (exit code 0)\n"),
        ] {
            assert_eq!(shown(&outcome, &result), last);
        }
    }

    #[test]
    fn the_last_line_names_figures_that_are_not_trusted() {
        let mut result = run(phase(|_| ()), None);
        let phases = &mut result.variants[0].phases;
        phases[0].trust.doubts = vec![Doubt {
            cause: Cause::Neighbour,
            share: None,
            words: "others used the CPUs".to_owned(),
        }];
        let text = shown(&Outcome::Pass, &result);
        let last = "pass s: its threshold holds; not trusted: v · load is suspect (exit code 0)\n";
        assert_eq!(text, last);
        let four = result.variants[0].phases[0].clone();
        result.variants[0].phases = vec![four; 4];
        let text = shown(&Outcome::Pass, &result);
        assert!(text.contains("v · load is suspect and 1 more ("), "{text}");
    }
}
