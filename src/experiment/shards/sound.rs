//! Whether what a file of a shard says can be what a run wrote, and its words fit to be shown. Pure.

use std::ops::RangeInclusive;

use hdrhistogram::Histogram;

use crate::experiment::over::Over;
use crate::experiment::readings::Cells;
use crate::experiment::readout::Readout;
use crate::experiment::row::Row;
use crate::experiment::watched::Count;
use crate::metrics::{Oddities, Tally};
use crate::tenant;
use crate::units::printable;

/// Lengths of intervals, ns: from 1 ms to an hour.
pub(super) const INTERVALS: RangeInclusive<u64> = 1_000_000..=3_600_000_000_000;

/// Instances of a target at most.
pub(super) const MOST_INSTANCES: usize = 4_096;

/// Intervals of a window at most: with the shortest ones that a scenario may have, those of eleven days.
const MOST_ROWS: u64 = 20_000_000;

/// Ways in which connections were secured at most.
const MOST_HANDSHAKES: usize = 64;

/// Bytes of a text of others at most.
const MOST_TEXT: usize = 4_096;

/// More than any machine has, in cores, shares and seconds.
const MOST_FIGURE: f64 = 1e9;

/// Counters that the histograms of a tally have room for.
pub(super) fn counters(tally: &Tally) -> u64 {
    let all: [&Histogram<u64>; 7] = [
        &tally.latency,
        &tally.censored,
        &tally.failed_latency,
        &tally.service_time,
        &tally.first_byte,
        &tally.queue_wait,
        &tally.dispatch_lag,
    ];
    all.iter().map(|of| of.distinct_values() as u64).sum()
}

/// Whether no count is larger than this.
pub(super) fn tally(of: &Tally, most: u64) -> bool {
    let counts = [
        of.due,
        of.sent,
        of.sent_in_window,
        of.needed,
        of.needed_sent_in_window,
        of.resent,
        of.ok,
        of.failed,
        of.timed_out,
        of.in_flight_at_end,
        of.not_sent,
        of.completed_ok,
        of.received,
        of.received_body,
        of.sent_bytes,
        of.sent_body,
    ];
    let all = counts.iter().chain(&of.errors).chain(of.status.values());
    all.into_iter().all(|count| *count <= most)
}

pub(super) fn row(row: &Row, has_columns: bool, most: u64) -> bool {
    let columns = if has_columns {
        tenant::columns().len()
    } else {
        0
    };
    let cells = row.cells.as_ref();
    row.index < MOST_ROWS
        && row.elsewhere <= most
        && tally(&row.tally, most)
        && cells.is_none_or(|of| of.index == row.index && cells_fit(of, columns, most))
}

fn cells_fit(cells: &Cells, columns: usize, most: u64) -> bool {
    let figures = [cells.cores, cells.own_cores, cells.service_cores];
    (cells.published.is_empty() || cells.published.len() == columns)
        && cells.rss_bytes.is_none_or(|bytes| bytes <= most)
        && figures.into_iter().flatten().all(is_figure)
}

/// Intervals of its window, if it can be one.
pub(super) fn rows(over: &Over, interval_ns: u64) -> Option<u64> {
    let length = over.window.end.checked_sub(over.window.start)?;
    Some(length.div_ceil(interval_ns)).filter(|rows| *rows <= MOST_ROWS)
}

pub(super) fn over(over: &Over, most: u64) -> bool {
    let length = over.window.end.saturating_sub(over.window.start);
    let counted = &over.counted;
    let answers = counted.answered.requests.iter();
    let mut answers = answers.chain(&counted.answered.instances);
    let mut served = counted.served.iter();
    let is_small = |counts: [u64; 3]| counts.iter().all(|count| *count <= most);
    let odd = counted.oddities.iter().all(|(_, count, _)| count <= most);
    let hosts = over.hosts.iter().map(|host| &host.handshakes);
    let mut handshakes = hosts.chain([&over.handshakes]);
    (over.seconds - length as f64 / 1e9).abs() < 1e-6
        && over.rows.of <= MOST_ROWS
        && over.rows.late <= over.rows.of
        && served.all(|of| is_small([of.ok, of.failed, of.completed_ok]))
        && odd
        && counted.served.len() <= MOST_INSTANCES
        && answers.all(|of| of.fits(length, most))
        && handshakes.all(|of| {
            let all = of.all();
            let mut counts = all.iter().map(|of| is_small([of.full, of.resumed, 0]));
            all.len() <= MOST_HANDSHAKES && counts.all(|of| of)
        })
        && readout_fits(&over.readout, most)
}

fn readout_fits(of: &Readout, most: u64) -> bool {
    let figures = [
        of.target_cpu.as_ref().ok().copied(),
        of.generator_cores,
        of.busiest_worker,
        of.worker_wait,
        Some(of.stopped_seconds),
        of.throttled_seconds,
        of.steal_share,
        of.neighbour_cores,
        of.missed_share,
        of.process_ended,
    ];
    let services = of.services.iter().map(|of| of.cpu_seconds);
    let instances = of.instances.iter().map(|of| of.used.cpu_seconds);
    let mut figures = figures
        .into_iter()
        .chain(services)
        .chain(instances)
        .flatten();
    let published = of.published.iter();
    let named = published.flat_map(|of| of.counters.values().chain(of.peaks.values()));
    let instances = of.instances.iter().flat_map(|of| of.counters.values());
    let bytes = of.peak_bytes.iter();
    let counts = [of.processes, of.metrics];
    let counts = counts.iter().flat_map(|Count { of, late }| [of, late]);
    let mut counts = named.chain(instances).chain(bytes).chain(counts);
    of.instances.len() <= MOST_INSTANCES
        && figures.all(is_figure)
        && counts.all(|count| *count <= most)
}

fn is_figure(figure: f64) -> bool {
    (0.0..=MOST_FIGURE).contains(&figure)
}

/// Makes all words of others fit to be shown.
pub(super) fn make_plain(over: &mut Over) {
    let plain = |text: &mut String| {
        let end = text.floor_char_boundary(MOST_TEXT);
        *text = printable(&text[..end]).into_owned();
    };
    let counted = &mut over.counted;
    counted.exemplars.values_mut().for_each(plain);
    let mut oddities = Oddities::default();
    for (quirk, count, quote) in counted.oddities.iter() {
        oddities.put(quirk, count, printable(quote).into_owned());
    }
    counted.oddities = oddities;
    let readout = &mut over.readout;
    let names = readout.instances.iter_mut().map(|of| &mut of.address);
    let reasons = [
        readout.target_cpu.as_mut().err(),
        readout.published.as_mut().err(),
        over.died.as_mut(),
        over.failed.as_mut(),
    ];
    let reasons = reasons.into_iter().flatten();
    let services = over.services_ended.iter_mut();
    names.chain(reasons).chain(services).for_each(plain);
    if let Ok(published) = &mut over.readout.published
        && let Some((_, why)) = &mut published.ended
    {
        plain(why);
    }
}
