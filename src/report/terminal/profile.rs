//! The profile of a phase: how it was taken, and where most CPU time goes.

use super::style::{indent, line, plain_table};
use crate::report::figures::{amount, rate, shortened};
use crate::result::{AlsoResult, ProfileResult, RequestCost, Samples};
use crate::scenario::Also;
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
        let cost = |share: f64| profile.us_per_request.map(|us| format_count(share * us));
        functions(taken, "µs/request", cost, text);
    }
    for cost in &profile.by_request {
        by_request(cost, text);
    }
    for also in &profile.also {
        beside(also, text);
    }
}

/// What a kind of request costs, by the label of its samples.
fn by_request(cost: &RequestCost, text: &mut String) {
    let (share, low, high) = cost.share;
    let us = cost.us_per_request.map_or_else(
        || "cost not known".to_owned(),
        |(us, low, high)| {
            let bounds = format!("95 %: {} to {}", format_us(low), format_us(high));
            format!("{} CPU per request ({bounds})", format_us(us))
        },
    );
    let words = match &cost.request {
        Some(name) => format!("{name}: {us}"),
        None => format!("of no request (runtime, other work): {us} of any kind"),
    };
    let shares = format!(
        "{} of the samples, {} to {}",
        format_share(share),
        format_share(low),
        format_share(high)
    );
    line("by request", &format!("{words} · {shares}"), text);
}

/// What was captured beside the CPU, with its functions below.
fn beside(also: &AlsoResult, text: &mut String) {
    let (seen, spent) = words(also.kind);
    let in_all = match also.per_request {
        Some(all) => format!(" · {} {spent} per request", amount(all, also.unit())),
        None => String::new(),
    };
    let samples = format_count(also.samples as f64);
    line(also.kind.name(), &format!("{samples} {seen}{in_all}"), text);
    if let Some(taken) = &also.taken {
        let cost = |share: f64| also.per_request.map(|all| amount(share * all, also.unit()));
        functions(taken, "per request", cost, text);
    }
}

/// What samples of a kind are, and what they add up to.
fn words(kind: Also) -> (&'static str, &'static str) {
    match kind {
        Also::Block => ("waits seen", "waited at channels, selects and locks"),
        Also::Mutex => ("waits seen", "waited for locks, by who held them"),
        Also::Heap => ("allocations seen", "allocated"),
        Also::Goroutine => ("goroutines seen", "of goroutines"),
    }
}

fn functions(taken: &Samples, unit: &str, cost: impl Fn(f64) -> Option<String>, text: &mut String) {
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
    let mut table = plain_table(&["self", "total", unit, "function"], 3);
    for function in by_self.into_iter().take(TOP_FUNCTIONS) {
        table.add_row([
            format_share(function.self_share.value),
            format_share(function.total_share.value),
            cost(function.self_share.value).unwrap_or_else(|| "–".to_owned()),
            shortened(&function.function),
        ]);
    }
    indent(&table.to_string(), "      ", text);
}
