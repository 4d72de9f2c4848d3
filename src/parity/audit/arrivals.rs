//! How many requests come in a second, and how evenly.

use super::finding::{Finding, Verdict};
use super::side::Side;
use crate::import::Times;
use crate::statistics::Z95;

/// Windows of an index of dispersion, in milliseconds.
const WINDOWS: [(i64, &str); 3] = [(100, "0.1 s"), (1_000, "1 s"), (10_000, "10 s")];
/// Of fewer windows an index tells nothing.
const FEWEST_WINDOWS: usize = 20;

pub(super) fn findings(production: &Side, scenario: &Side) -> Vec<Finding> {
    let why = if production.holds.time == Times::Absent || production.arrivals.len() < 2 {
        Some("this source holds no times")
    } else if scenario.arrivals.len() < 2 {
        Some("a closed loop sends as fast as it is answered")
    } else if rate(production).is_none() || rate(scenario).is_none() {
        Some("all requests of a side have one time")
    } else {
        None
    };
    if let Some(why) = why {
        return vec![Finding::unjudged("arrivals", "rate and bursts", why)];
    }
    let there = rate(production).unwrap_or_default();
    let here = rate(scenario).unwrap_or_default();
    let words = format!("{}/s there, {}/s here", short(there), short(here));
    let rate = if (0.67..=1.5).contains(&(there / here)) {
        Finding::new(Verdict::Same, "arrivals", "rate", words)
    } else if is_chance(production, scenario, (there / here).ln()) {
        let words = format!("{words}: that few requests do not tell");
        Finding::unjudged("arrivals", "rate", words)
    } else {
        Finding::new(Verdict::Different, "arrivals", "rate", words)
    };
    let mut findings = vec![rate];
    for (window, name) in WINDOWS {
        let subject = format!("index of dispersion over {name}");
        if window < 1_000 && production.holds.time == Times::Seconds {
            let why = "the source's times are whole seconds";
            findings.push(Finding::unjudged("arrivals", subject, why));
            continue;
        }
        let both = (
            dispersion(&production.arrivals, window),
            dispersion(&scenario.arrivals, window),
        );
        let (Some(there), Some(here)) = both else {
            let why = format!("it takes {FEWEST_WINDOWS} such windows of both");
            findings.push(Finding::unjudged("arrivals", subject, why));
            continue;
        };
        // Counts of a Poisson process have 1; even spacing has almost 0, and both are calm.
        let is_alike = there.max(1.0) / here.max(1.0);
        let verdict = if (0.5..=2.0).contains(&is_alike) {
            Verdict::Same
        } else {
            Verdict::Different
        };
        let words = format!("{} there, {} here", short(there), short(here));
        findings.push(Finding::new(verdict, "arrivals", subject, words));
    }
    findings
}

/// Whether so many independent arrivals have rates that far apart in more than 5 of 100 cases: ln of a rate has the variance of 1 by its gaps.
fn is_chance(production: &Side, scenario: &Side, log_ratio: f64) -> bool {
    let variance = |side: &Side| 1.0 / (side.arrivals.len() - 1) as f64;
    let error = (variance(production) + variance(scenario)).sqrt();
    log_ratio.abs() < Z95 * error
}

/// Requests a second, of at least two rising times in microseconds; `None` if they are one.
fn rate(side: &Side) -> Option<f64> {
    let (first, last) = (side.arrivals.first()?, side.arrivals.last()?);
    let (requests, span) = match side.holds.time {
        // The last second counts whole, and so do the requests of the first one.
        Times::Seconds => (side.arrivals.len(), last - first + 1_000_000),
        _ => (side.arrivals.len() - 1, last - first),
    };
    (span > 0).then(|| requests as f64 / (span as f64 / 1e6))
}

/// Variance over mean of the requests in windows of so many milliseconds; 1 for a Poisson process (Cox and Lewis 1966).
fn dispersion(arrivals: &[i64], window_ms: i64) -> Option<f64> {
    let window = window_ms * 1_000;
    let first = *arrivals.first()?;
    let last = *arrivals.last()?;
    // The last window is not over.
    let windows = usize::try_from((last - first) / window).ok()?;
    if !(FEWEST_WINDOWS..=10_000_000).contains(&windows) {
        return None;
    }
    let mut counts = vec![0_u64; windows];
    for at in arrivals {
        let window = usize::try_from((at - first) / window).ok()?;
        if let Some(count) = counts.get_mut(window) {
            *count += 1;
        }
    }
    let n = windows as f64;
    let mean = counts.iter().sum::<u64>() as f64 / n;
    let square = counts.iter().map(|&count| (count as f64 - mean).powi(2));
    let variance = square.sum::<f64>() / (n - 1.0);
    (mean > 0.0).then(|| variance / mean)
}

fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dispersion_is_small_for_even_spacing_and_large_for_bursts() {
        let even: Vec<i64> = (0..4_000).map(|n| n * 10_000).collect();
        assert!(dispersion(&even, 1_000).unwrap() < 0.01);
        // 100 requests at the begin of each second that is even.
        let bursts: Vec<i64> = (0..4_000)
            .map(|n: i64| (n / 100) * 2_000_000 + n % 100)
            .collect();
        let index = dispersion(&bursts, 1_000).unwrap();
        assert!((45.0..55.0).contains(&index), "{index}");
        assert_eq!(dispersion(&even, 10_000), None);
    }
}
