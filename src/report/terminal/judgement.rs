//! A threshold of a run, judged.

use std::fmt::Write as _;

use super::style::{BAD, DOUBT, GOOD};
use crate::gate::{Judgement, Verdict};
use crate::report::figures::found;

/// Renders it with its verdict first.
pub(super) fn render(judgement: &Judgement, text: &mut String) {
    let style = match judgement.verdict {
        Verdict::Pass => GOOD,
        Verdict::Fail => BAD,
        Verdict::Inconclusive => DOUBT,
    };
    let request = judgement
        .request
        .as_ref()
        .map(|name| format!(" for {name}"))
        .unwrap_or_default();
    let value = judgement
        .value
        .map(|value| format!(" · found {}", found(&judgement.expr, value)))
        .unwrap_or_default();
    let reason = judgement
        .reason
        .as_ref()
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    let _ = writeln!(
        text,
        "    {style}{}{style:#} {}{request}{value}{reason}",
        judgement.verdict.name(),
        judgement.expr
    );
}
