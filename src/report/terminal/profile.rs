//! The profile of a phase: how it was taken, and where most CPU time goes.

use super::style::{indent, line, plain_table};
use crate::report::figures::{rate, shortened};
use crate::result::{ProfileResult, Samples};
use crate::units::{format_count, format_share, format_us};

/// Functions that a phase lists.
const TOP_FUNCTIONS: usize = 8;

/// Renders it with its functions below.
pub(super) fn render(profile: &ProfileResult, text: &mut String) {
    let ratio = profile
        .capture_ratio
        .map(|ratio| format!(" · capture ratio {ratio:.2}"))
        .unwrap_or_default();
    let cost = profile
        .us_per_request
        .map(|us| format!(" · {} CPU per request", format_us(us)))
        .unwrap_or_default();
    line(
        "profile",
        &format!(
            "{} samples at {} Hz · {} while profiled{cost}{ratio}",
            profile.samples,
            profile.hz,
            rate(profile.throughput_rps)
        ),
        text,
    );
    if let Some(taken) = &profile.taken {
        functions(taken, profile.us_per_request, text);
    }
}

fn functions(taken: &Samples, us_per_request: Option<f64>, text: &mut String) {
    let mut by_self: Vec<_> = taken
        .functions
        .functions
        .iter()
        .filter(|function| function.self_share.value > 0.0)
        .collect();
    by_self.sort_by(|a, b| {
        let by_own = b.self_share.value.total_cmp(&a.self_share.value);
        by_own.then_with(|| a.function.cmp(&b.function))
    });
    let mut table = plain_table(&["self", "total", "µs/request", "function"], 3);
    let cost =
        |share: f64| us_per_request.map_or_else(|| "–".to_owned(), |us| format_count(share * us));
    for function in by_self.into_iter().take(TOP_FUNCTIONS) {
        table.add_row([
            format_share(function.self_share.value),
            format_share(function.total_share.value),
            cost(function.self_share.value),
            shortened(&function.function),
        ]);
    }
    indent(&table.to_string(), "      ", text);
}
