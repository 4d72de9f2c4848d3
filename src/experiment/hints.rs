//! Hints: what figures are known to mean, said once, with their evidence and what to do. Never a verdict. Each rule asks for evidence
//! that a service which is slow by itself does not show.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::metrics::{Tally, value_at};
use crate::result::{Cause, Note, PhaseResult, TrustLevel};
use crate::scenario::LoadModel;
use crate::units::{format_count, format_share, format_us};

/// What the rules look at.
struct Seen<'a> {
    phase: &'a PhaseResult,
    total: &'a Tally,
}

type Rule = fn(&Seen<'_>) -> Option<Note>;

const RULES: &[Rule] = &[
    delayed_acknowledgement,
    retransmission,
    repeated_opening,
    resolver,
    busy_connections,
    one_thread,
    idle_target,
    refused_on_purpose,
];

/// What the figures of a phase are known to mean.
pub(super) fn hints(phase: &PhaseResult) -> Vec<Note> {
    let total = phase.total();
    let seen = Seen {
        phase,
        total: &total,
    };
    RULES.iter().filter_map(|rule| rule(&seen)).collect()
}

/// Fewer values than these are no cluster.
const FEWEST: u64 = 20;
/// A cluster is so many times denser than the times beside it.
const DENSER: f64 = 4.0;

/// Times between two instants that stand out from those beside them.
#[derive(Debug, Clone, Copy)]
struct Cluster {
    count: u64,
    share: f64,
}

/// The values of a histogram, ns, in a band; `None` unless they stand out from what is as wide on both sides.
fn cluster(histogram: &Histogram<u64>, from: Duration, to: Duration) -> Option<Cluster> {
    let (low, high) = (from.as_nanos() as u64, to.as_nanos() as u64);
    let width = high - low;
    let between = |from: u64, to: u64| histogram.count_between(from, to - 1);
    let count = between(low, high);
    let beside = between(low.saturating_sub(width), low).max(between(high, high + width));
    let stands_out = count as f64 >= DENSER * beside.max(1) as f64;
    (count >= FEWEST && stands_out).then(|| Cluster {
        count,
        share: count as f64 / histogram.len() as f64,
    })
}

fn told(cluster: Cluster, what: &str, band: &str) -> String {
    format!(
        "{} {what} ({}) took {band}",
        format_count(cluster.count as f64),
        format_share(cluster.share)
    )
}

/// A body that comes 40 ms after its head: the kernel acknowledges small packets after 40 ms (TCP_DELACK_MIN of Linux), and a sender
/// with Nagle's algorithm (RFC 896) waits for that before its second small write.
fn delayed_acknowledgement(seen: &Seen<'_>) -> Option<Note> {
    let (from, to) = (Duration::from_micros(39_500), Duration::from_micros(49_500));
    let found = cluster(&seen.total.service_time, from, to)?;
    // A service that takes 40 ms has not sent its head before.
    let (low, high) = (from.as_nanos() as u64, to.as_nanos() as u64);
    let late_heads = seen.total.first_byte.count_between(low, high);
    (late_heads * 2 < found.count).then(|| {
        hint(
            "delayed_acknowledgement",
            told(found, "answers", "40 to 49 ms, and their first bytes did not"),
            "the server writes head and body apart and waits in between until the head is acknowledged: set TCP_NODELAY there, or write both at once",
        )
    })
}

/// Few answers at the shortest retransmission time-out of Linux (TCP_RTO_MIN, 200 ms), far from all others.
fn retransmission(seen: &Seen<'_>) -> Option<Note> {
    let (from, to) = (Duration::from_millis(200), Duration::from_millis(216));
    let found = cluster(&seen.total.service_time, from, to)?;
    let median_us = value_at(&seen.total.service_time, 0.5);
    (found.share < 0.2 && median_us < 50_000.0).then(|| {
        hint(
            "retransmission",
            told(found, "answers", "200 to 216 ms, and half of all less than a quarter of that"),
            "that is how long Linux waits before it sends a lost packet again: look at `nstat -az TcpRetransSegs TcpExtListenDrops` on both sides while the load runs",
        )
    })
}

/// Connections that took whole seconds: the first SYN is repeated after 1 s, then after 2 and 4 more (RFC 6298 section 2.1).
fn repeated_opening(seen: &Seen<'_>) -> Option<Note> {
    let opening = seen.phase.opening.histogram();
    if opening.is_empty() || value_at(opening, 0.5) > 250_000.0 {
        return None;
    }
    let at = |seconds: u64| {
        let from = Duration::from_secs(seconds).as_nanos() as u64;
        opening.count_between(from, from + 99_999_999)
    };
    let count = at(1) + at(3) + at(7);
    (count > 0).then(|| {
        hint(
            "repeated_opening",
            format!(
                "{} of {} connections took 1, 3 or 7 s to open, and half of all less than {}",
                format_count(count as f64),
                format_count(opening.len() as f64),
                format_us(value_at(opening, 0.5))
            ),
            "the first packet was dropped and repeated: the target's queue of connections was full; raise the backlog it listens with and net.core.somaxconn, or accept faster",
        )
    })
}

/// Few answers at the time-out of the resolver (`timeout` of resolv.conf, 5 s).
fn resolver(seen: &Seen<'_>) -> Option<Note> {
    let found = cluster(
        &seen.total.service_time,
        Duration::from_secs(5),
        Duration::from_millis(5_200),
    )?;
    let median_us = value_at(&seen.total.service_time, 0.5);
    (found.share < 0.2 && median_us < 1_000_000.0).then(|| {
        hint(
            "resolver",
            told(found, "answers", "5.0 to 5.2 s"),
            "that is how long a resolver waits for a name server before it asks again: look whether the target looks up a name for each request",
        )
    })
}

/// The share of its CPUs below which a target idles.
const IDLE: f64 = 0.5;
/// Fewer answers than these tell nothing of where time goes.
const ENOUGH: u64 = 100;

/// The share of its CPUs that the target used, where the figures are its own.
fn used(seen: &Seen<'_>) -> Option<f64> {
    let phase = seen.phase;
    let limited = phase.trust.level() == TrustLevel::ClientLimited;
    let mut causes = phase.trust.doubts.iter().map(|of| of.cause);
    // A target that others keep from the CPUs idles for no reason of its own.
    let misled = causes.any(|cause| {
        matches!(
            cause,
            Cause::Stalled | Cause::Neighbour | Cause::Steal | Cause::Throttled
        )
    });
    let enough = seen.total.ok >= ENOUGH && !limited && !misled;
    let cores = phase.target_cores().filter(|_| enough)?;
    Some(cores / phase.target_cpus)
}

/// An open loop whose requests wait for a free connection though the target idles.
fn busy_connections(seen: &Seen<'_>) -> Option<Note> {
    let LoadModel::Open { .. } = seen.phase.load.model else {
        return None;
    };
    let used = used(seen).filter(|used| *used < IDLE)?;
    let waited = value_at(&seen.total.queue_wait, 0.9);
    let served = value_at(&seen.total.service_time, 0.9);
    (waited > 1_000.0 && waited > served).then(|| {
        hint(
            "busy_connections",
            format!(
                "one request in ten waited {} or more for one of {} connections, and the target used {} of its CPUs",
                format_us(waited),
                format_count(f64::from(seen.phase.load.connections)),
                format_share(used)
            ),
            "the connections are the bound: raise `connections`; if the wait stays, a lock, a pool or what the target calls is",
        )
    })
}

/// A target of many CPUs that keeps one of them busy.
fn one_thread(seen: &Seen<'_>) -> Option<Note> {
    let used = used(seen)?;
    let (cores, cpus) = (used * seen.phase.target_cpus, seen.phase.target_cpus);
    (cpus >= 2.0 && (0.9..=1.02).contains(&cores)).then(|| {
        hint(
            "one_thread",
            format!("the target used {cores:.2} of {} CPUs", format_count(cpus)),
            "a program that is bound by one thread looks like that: give it more workers, or start more `instances`",
        )
    })
}

/// A closed loop that keeps all connections busy with a target that idles.
fn idle_target(seen: &Seen<'_>) -> Option<Note> {
    if seen.phase.load.model != LoadModel::Closed {
        return None;
    }
    let used = used(seen).filter(|used| *used < IDLE)?;
    let (served, on_cpu) = (
        value_at(&seen.total.service_time, 0.5),
        seen.phase.us_per_request(seen.total)?,
    );
    // Of a short answer most is the way there and back.
    let waits = served > 2_000.0 && served > 10.0 * on_cpu;
    waits.then(|| {
        let connections = format_count(f64::from(seen.phase.load.connections));
        hint(
            "idle_target",
            format!(
                "{connections} connections were always busy, half of the answers took {} or more with {} of CPU each, and the target used {} of its CPUs",
                format_us(served),
                format_us(on_cpu),
                format_share(used)
            ),
            "it waits for something: double -c; if throughput stays, a lock, a pool or what it calls is the bound",
        )
    })
}

/// Statuses by which a service refuses load that it could read.
fn refused_on_purpose(seen: &Seen<'_>) -> Option<Note> {
    let status = |status: u16| seen.total.status.get(&status).copied().unwrap_or(0);
    let (many, unavailable) = (status(429), status(503));
    let all: u64 = seen.total.status.values().sum();
    let share = (many + unavailable) as f64 / all.max(1) as f64;
    (many + unavailable >= FEWEST && share >= 0.01).then(|| {
        hint(
            "refused_on_purpose",
            format!(
                "{} of the answers were 429 or 503",
                format_share(share)
            ),
            "a limit of requests or a protection against overload answered, and not the service: its answers are fast and cost little; spread the load over more devices or addresses, lift the limit for the test, or expect these statuses",
        )
    })
}

/// Severity tells a hint from what is wrong with a figure.
fn hint(code: &'static str, evidence: String, remedy: &'static str) -> Note {
    Note::hint(code, evidence).with_remedy(remedy)
}

#[cfg(test)]
#[path = "hints_tests.rs"]
mod tests;
