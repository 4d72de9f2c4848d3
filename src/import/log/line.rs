//! Lines of a log into a sample, and what such a log can hold.

use super::column::{self, Column, Fields};
use crate::import::sample::{Exchange, Sample, Skip, Source};

/// Longer lines are of no request.
pub(super) const LONGEST: usize = 256 << 10;

/// Lines by which a format is told.
pub(super) const LOOKED_AT: usize = 200;

/// Takes a line in.
pub(super) fn take(sample: &mut Sample, fields: Option<Fields>) {
    match fields.map(Fields::exchange) {
        Some(Ok(exchange)) => sample.push(exchange),
        Some(Err(why)) => sample.skip(why),
        None => sample.skip(Skip::Unreadable),
    }
}

/// Says what such a log can hold.
pub(super) fn finish(
    sample: &mut Sample,
    name: &str,
    format: &str,
    entries: u64,
    columns: &[Column],
) {
    let crawls = |exchange: &&Exchange| {
        let agent = exchange
            .header("user-agent")
            .unwrap_or_default()
            .to_ascii_lowercase();
        [
            "bot",
            "crawl",
            "spider",
            "healthcheck",
            "kube-probe",
            "health check",
        ]
        .iter()
        .any(|word| agent.contains(word))
    };
    let crawlers = sample.exchanges.iter().filter(crawls).count();
    if crawlers > 0 {
        sample.note(format!(
            "{crawlers} of {} requests are of crawlers and health checks, by their User-Agent",
            sample.exchanges.len()
        ));
    }
    if sample
        .exchanges
        .iter()
        .any(|exchange| exchange.path.contains('\u{fffd}'))
    {
        sample.note("some paths have bytes that are no UTF-8; U+FFFD is sent in their places");
    }
    let is_whole = sample
        .exchanges
        .iter()
        .all(|exchange| exchange.at_us.is_none_or(|at| at % 1_000_000 == 0));
    let has_times = !sample.exchanges.is_empty()
        && sample
            .exchanges
            .iter()
            .all(|exchange| exchange.at_us.is_some());
    let mut holds = column::holds(columns, has_times, is_whole);
    // Loggers that keep all headers may have it among them.
    let exchanges = &sample.exchanges;
    holds.host |= !exchanges.is_empty() && exchanges.iter().all(|of| of.host.is_some());
    sample.sources.push(Source {
        name: name.to_owned(),
        format: format!("access log ({format})"),
        producer: None,
        entries,
        holds,
    });
}
