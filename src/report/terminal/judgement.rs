//! A threshold of a run, judged.

use std::fmt::Write as _;

use super::style::{BAD, DOUBT, GOOD};
use crate::gate::{Judgement, Verdict};
use crate::units::{format_count, format_share, format_us};

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

/// A value in the unit of its expression.
fn found(expr: &str, value: f64) -> String {
    let is_one_of = |names: &[&str]| names.iter().any(|name| expr.starts_with(name));
    let is_counted = is_one_of(&["errors", "timeouts", "resent"]);
    if is_one_of(&["errors.rate", "share"]) || (is_counted && expr.ends_with('%')) {
        format_share(value)
    } else if is_counted {
        format_count(value)
    } else if expr.starts_with("throughput") {
        format!("{}/s", format_count(value))
    } else {
        format_us(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_unit_of_its_expression() {
        for (expr, value, shown) in [
            ("errors.rate < 1%", 0.5, "50 %"),
            ("errors.timeout < 1%", 0.5, "50 %"),
            ("errors.status_503 == 0", 12_000.0, "12,000"),
            ("timeouts == 0", 5.0, "5"),
            ("resent < 1%", 0.5, "50 %"),
            ("throughput > 1/s", 5.0, "5/s"),
            ("service_time.p50 < 1ms", 1_500.0, "1.5 ms"),
        ] {
            assert_eq!(found(expr, value), shown, "{expr}");
        }
    }
}
