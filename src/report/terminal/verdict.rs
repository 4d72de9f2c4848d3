//! What a run comes to: the last lines of its summary, which are what stays on a terminal.

use std::fmt::Write as _;

use super::style::{BAD, BOLD, DOUBT, GOOD};
use crate::gate::{Judgements, Outcome, Verdict};
use crate::result::RunResult;

/// Thresholds that are told one by one; what is behind them stands with its phase.
const MOST: usize = 6;

/// Renders the outcome, how many thresholds hold, and each that does not with its place.
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
    let _ = writeln!(
        text,
        "{style}{}{style:#} {BOLD}{}{BOLD:#}: {} (exit code {})",
        outcome.name(),
        result.scenario.name,
        thresholds(judgements),
        outcome.exit_code()
    );
    let reasons = outcome.reasons(result, judgements);
    for reason in reasons.iter().take(MOST) {
        let _ = writeln!(text, "  {reason}");
    }
    if let Some(more) = reasons.len().checked_sub(MOST).filter(|more| *more > 0) {
        let _ = writeln!(text, "  and {more} more, each with its phase above");
    }
}

/// How many thresholds came to what.
fn thresholds(judgements: &Judgements) -> String {
    let judged = || judgements.iter().flatten().flatten();
    let count = |verdict| judged().filter(|of| of.verdict == verdict).count();
    let of = judged().count();
    let (fail, open) = (count(Verdict::Fail), count(Verdict::Inconclusive));
    let noun = if of == 1 { "threshold" } else { "thresholds" };
    match (of, fail, open) {
        (0, _, _) => "no threshold was judged".to_owned(),
        (1, 0, 0) => "its threshold holds".to_owned(),
        (_, 0, 0) => format!("all {of} thresholds hold"),
        (_, fail, 0) => format!("{fail} of {of} {noun} failed"),
        (_, 0, open) => format!("{open} of {of} {noun} could not be judged"),
        (_, fail, open) => format!("{fail} of {of} {noun} failed, {open} could not be judged"),
    }
}
