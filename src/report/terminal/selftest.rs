//! What the self-test found.

use std::fmt::Write as _;

use super::style::{BAD, BOLD, DOUBT, GOOD, indent, plain_table};
use crate::gate::Verdict;
use crate::selftest::floor::Points;
use crate::selftest::{Check, Floor, Report, Standing, Unit};
use crate::units::{format_count, format_us};

/// Beyond a percentile there are to be so many values; fewer are marked.
const ENOUGH: f64 = 10.0;

/// Renders it for people. Writing to a String cannot fail.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{BOLD}floor of this machine{BOLD:#}: immediate answers on loopback, closed loop {}/s",
        format_count(report.floor.closed_loop_rps)
    );
    indent(&floor_table(&report.floor), "  ", &mut text);
    let _ = writeln!(
        text,
        "  (lag / timer: dispatch lag by the lateness of a thread that only waits on a timerfd, p50 and p99; ~ rests on fewer than ten values)\n"
    );
    let _ = writeln!(
        text,
        "{BOLD}reported beside true{BOLD:#}: a server with known delays and stalls"
    );
    indent(&check_table(&report.checks), "  ", &mut text);
    for left_out in &report.left_out {
        let _ = writeln!(text, "  {DOUBT}left out{DOUBT:#} {left_out}");
    }
    for noise in &report.noise {
        let _ = writeln!(text, "  {DOUBT}noise{DOUBT:#} {noise}");
    }
    let (style, words) = match report.verdict() {
        Verdict::Pass => (GOOD, "the reported figures are true on this machine"),
        Verdict::Fail => (BAD, "a reported figure is outside its bounds"),
        Verdict::Inconclusive => (DOUBT, "this machine is too noisy to tell"),
    };
    let _ = writeln!(text, "{style}{}{style:#} {words}", report.verdict().name());
    for check in report
        .checks
        .iter()
        .filter(|check| check.standing() != Standing::Holds)
    {
        let _ = writeln!(text, "  {}", check.describe());
    }
    text
}

fn floor_table(floor: &Floor) -> String {
    let header = ["rate", "", "p50", "p99", "p99.9", "lag / timer"];
    let mut table = plain_table(&header, 0);
    for at in &floor.rates {
        let rows = [
            ("bare timer", at.bare_timer_us, at.bare_steps),
            ("dispatch lag", at.dispatch_lag_us, at.requests),
            ("service time", at.service_time_us, at.requests),
            ("latency", at.latency_us, at.requests),
        ];
        for (row, (what, points, count)) in rows.into_iter().enumerate() {
            let rate = format!("{}/s", format_count(f64::from(at.rate)));
            let ratio = at
                .lag_by_bare()
                .map(|(p50, p99)| format!("{p50:.2}, {p99:.2}"));
            let [p50, p99, p99_9] = marked(points, count);
            table.add_row([
                if row == 0 { rate } else { String::new() },
                what.to_owned(),
                p50,
                p99,
                p99_9,
                ratio.filter(|_| what == "dispatch lag").unwrap_or_default(),
            ]);
        }
    }
    table.to_string()
}

/// Points with a mark where they rest on few of `count` values.
fn marked(points: Points, count: u64) -> [String; 3] {
    [(points.p50, 0.5), (points.p99, 0.99), (points.p99_9, 0.999)].map(|(us, quantile)| {
        let mark = if count as f64 * (1.0 - quantile) < ENOUGH - 1e-6 {
            "~"
        } else {
            ""
        };
        format!("{mark}{}", format_us(us))
    })
}

fn check_table(checks: &[Check]) -> String {
    let mut table = plain_table(&["stretch", "figure", "reported", "true", "allowed", ""], 0);
    for check in checks {
        let write = |value| match check.unit {
            Unit::Microseconds => format_us(value),
            Unit::Requests => format_count(value),
        };
        let allowed = if check.lowest == check.highest {
            "the same".to_owned()
        } else {
            format!("{} to {}", write(check.lowest), write(check.highest))
        };
        table.add_row([
            check.stretch.clone(),
            check.figure.clone(),
            write(check.reported),
            write(check.truth),
            allowed,
            check.standing().name().to_owned(),
        ]);
    }
    table.to_string()
}
