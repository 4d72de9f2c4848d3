//! The profile of a phase: how it was taken, and where most CPU time goes.

use super::style::{indent, line, plain_table};
use crate::profile::{Bounds, Share};
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
    let launches = match profile.launches.len() {
        0 | 1 => String::new(),
        several => format!(" of {several} launches"),
    };
    line(
        "profile",
        &format!(
            "{} samples{launches} at {} Hz · {} while profiled{cost}{ratio}",
            profile.samples,
            profile.hz,
            rate(profile.throughput_rps)
        ),
        text,
    );
    if let Some(taken) = &profile.taken {
        let cost = |share: Share| {
            let us = profile.us_per_request?;
            Some(format_count(share.value * us))
        };
        functions(taken, &["µs/request"], |share| [cost(share)], text);
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
    let all = also.per_request.map(|all| amount(all, also.unit()));
    let in_all = match (all, also.interval()) {
        (None, _) => String::new(),
        (Some(all), Some(of)) => {
            let bounds = bounds(of, also.unit());
            format!(" · {all} {spent} per request (95 %: {bounds})")
        }
        (Some(all), None) => format!(
            " · {all} {spent} per request (how well that is known is not judged: one slice shows no spread; profile for 2 s or longer)"
        ),
    };
    let samples = format_count(also.samples as f64);
    line(also.kind.name(), &format!("{samples} {seen}{in_all}"), text);
    if let Some(taken) = &also.taken {
        let cost = |share: Share| {
            let all = also.per_request?;
            Some(amount(share.value * all, also.unit()))
        };
        let interval = |share| also.interval_of(share).map(|of| bounds(of, also.unit()));
        let columns = |share| [cost(share), interval(share)];
        functions(taken, &["per request", "95 %"], columns, text);
    }
}

fn bounds(of: Bounds, unit: &str) -> String {
    format!("{} to {}", amount(of.low, unit), amount(of.high, unit))
}

/// What samples of a kind are, and what they add up to.
fn words(kind: Also) -> (&'static str, &'static str) {
    match kind {
        Also::Block => ("waits seen", "waited at channels, selects and locks"),
        Also::Mutex => ("waits seen", "waited for locks, by who held them"),
        Also::Heap => ("allocations seen", "allocated"),
        Also::Goroutine => ("goroutines seen", "of goroutines"),
        Also::OffCpu => ("waits seen", "of threads on no CPU"),
    }
}

/// Functions with what each costs itself, in columns with these heads.
fn functions<const N: usize>(
    taken: &Samples,
    heads: &[&str; N],
    cost: impl Fn(Share) -> [Option<String>; N],
    text: &mut String,
) {
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
    let mut all = vec!["self", "total"];
    all.extend(heads);
    all.push("function");
    let mut table = plain_table(&all, 2 + N);
    for function in by_self.into_iter().take(TOP_FUNCTIONS) {
        let mut row = vec![
            format_share(function.self_share.value),
            format_share(function.total_share.value),
        ];
        let costs = cost(function.self_share).into_iter();
        row.extend(costs.map(|cost| cost.unwrap_or_else(|| "–".to_owned())));
        row.push(shortened(&function.function));
        table.add_row(row);
    }
    indent(&table.to_string(), "      ", text);
}
