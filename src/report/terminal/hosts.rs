//! What each host of a load came to, where requests go to others than the target.

use std::fmt::Write as _;

use bytesize::ByteSize;

use super::counts::{handshakes, latency, requests};
use super::style::line;
use crate::metrics::{Tally, value_at};
use crate::report::figures::rate;
use crate::result::{HostUse, PhaseResult};
use crate::units::{format_count, format_us};

/// Renders a line for each, and whose the figures of CPU are.
pub(super) fn render(phase: &PhaseResult, total: &Tally, text: &mut String) {
    for host in &phase.hosts {
        line("host", &of_host(phase, host), text);
    }
    if !phase.hosts.is_empty() && phase.target_cpu_seconds().is_some() {
        let own = format_count(phase.target_ok(total) as f64);
        let words =
            format!("the target's alone; CPU per request is by the {own} OK answers of its own");
        line("CPU, memory", &words, text);
    }
}

fn of_host(phase: &PhaseResult, host: &HostUse) -> String {
    let tally = host.tally(&phase.tallies);
    let mut words = format!(
        "{} {}, {}, latency {}, {} received",
        host.name,
        rate(phase.throughput_rps(&tally)),
        requests(&tally),
        latency(&tally),
        ByteSize(tally.received).display().si()
    );
    let opened = host.opening.count();
    let _ = write!(words, ", {} connections", format_count(opened as f64));
    if opened > 0 {
        let took = host.opening.histogram();
        let _ = write!(words, " opened in p50 {}", format_us(value_at(took, 0.5)));
    }
    for negotiated in host.handshakes.all() {
        let _ = write!(words, ", {}", handshakes(negotiated));
    }
    words
}
