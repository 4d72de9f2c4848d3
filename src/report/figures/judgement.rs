//! What a threshold found, in words.

use crate::gate::Judgement;
use crate::units::{format_count, format_share, format_us};

/// The name of a threshold: what it says, and of which request.
pub(in crate::report) fn name(judgement: &Judgement) -> String {
    let request = judgement.request.as_ref();
    let request = request.map_or_else(String::new, |name| format!(" for {name}"));
    format!("{}{request}", judgement.expr)
}

/// The value that was found, in the unit of the expression, with what it is; `None` if none was.
pub(in crate::report) fn found(judgement: &Judgement) -> Option<String> {
    value(judgement).map(|value| format!("found {value}"))
}

/// The value alone.
pub(in crate::report) fn value(judgement: &Judgement) -> Option<String> {
    Some(in_unit(&judgement.expr, judgement.value?))
}

fn in_unit(expr: &str, value: f64) -> String {
    let is_resent = expr.starts_with("resent");
    if expr.starts_with("errors") || expr.starts_with("share") || (is_resent && expr.ends_with('%'))
    {
        format_share(value)
    } else if is_resent {
        format_count(value)
    } else if expr.starts_with("throughput") {
        format!("{}/s", format_count(value))
    } else {
        format_us(value)
    }
}
