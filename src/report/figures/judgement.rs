//! What a threshold found, in words.

use crate::gate::{Judgement, Judgements, Outcome, Verdict};
use crate::units::{format_count, format_share, format_us};

/// The name of a threshold: what it says, and of which request.
pub(in crate::report) fn name(judgement: &Judgement) -> String {
    let request = judgement.request.as_ref();
    let request = request.map_or_else(String::new, |name| format!(" for {name}"));
    format!("{}{request}", judgement.expr)
}

/// The value that was found, in words; `None` if none was.
pub(in crate::report) fn found(judgement: &Judgement) -> Option<String> {
    value(judgement).map(|value| format!("found {value}"))
}

/// The value that was found, in the unit of the expression; `None` if none was.
pub(in crate::report) fn value(judgement: &Judgement) -> Option<String> {
    Some(in_unit(&judgement.expr, judgement.value?))
}

/// What a run comes to, in a line. Thresholds of a run that counts for nothing neither hold nor fail.
pub(in crate::report) fn concluded(outcome: &Outcome, judgements: &Judgements) -> String {
    match outcome {
        Outcome::Pass | Outcome::Fail | Outcome::Inconclusive => counted(judgements),
        Outcome::Invalid(_) => "the run says nothing of the load that was planned".to_owned(),
        Outcome::Interrupted => format!(
            "the run was ended before its time; until then {}",
            counted(judgements)
        ),
        Outcome::Internal(_) => "telemload or its machine failed".to_owned(),
    }
}

/// How many thresholds came to what.
fn counted(judgements: &Judgements) -> String {
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

fn in_unit(expr: &str, value: f64) -> String {
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
            assert_eq!(in_unit(expr, value), shown, "{expr}");
        }
    }
}
