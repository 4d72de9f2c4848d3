//! A threshold of a run, judged.

use std::fmt::Write as _;

use super::style::{BAD, DOUBT, GOOD};
use crate::gate::{Judgement, Verdict};
use crate::report::figures::judgement::{found, name};

/// Renders it with its verdict first.
pub(super) fn render(judgement: &Judgement, text: &mut String) {
    let style = match judgement.verdict {
        Verdict::Pass => GOOD,
        Verdict::Fail => BAD,
        Verdict::Inconclusive => DOUBT,
    };
    let value = found(judgement).map(|found| format!(" · {found}"));
    let reason = judgement
        .reason
        .as_ref()
        .map(|reason| format!(" ({reason})"));
    let _ = writeln!(
        text,
        "    {style}{}{style:#} {}{}{}",
        judgement.verdict.name(),
        name(judgement),
        value.unwrap_or_default(),
        reason.unwrap_or_default()
    );
}
