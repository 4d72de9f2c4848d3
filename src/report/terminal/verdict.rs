//! What a run comes to: the last lines of its summary, which are what stays on a terminal.

use std::fmt::Write as _;

use super::style::{BAD, BOLD, DOUBT, GOOD};
use crate::gate::{Judgements, Outcome};
use crate::report::figures::judgement::counted;
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
        counted(judgements),
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
