//! The histograms of a run in one file beside `result.json`: a HdrHistogram interval log (V2) with a line for each that is not empty.
//! Its tag says what it is of: `VARIANT/PHASE/REQUEST/WHAT`, or `VARIANT/PHASE/open` for the opening of connections.

use hdrhistogram::Histogram;

use crate::metrics::{Durations, HistogramLog, Tally, read_histograms};
use crate::result::{PhaseResult, RunResult};

/// Name of the file.
pub const FILE: &str = "histograms.hlog";

/// What a tally has histograms of, by their tags.
fn parts(tally: &mut Tally) -> [(&'static str, &mut Histogram<u64>); 7] {
    [
        ("latency", &mut tally.latency),
        ("censored", &mut tally.censored),
        ("failed_latency", &mut tally.failed_latency),
        ("service_time", &mut tally.service_time),
        ("first_byte", &mut tally.first_byte),
        ("queue_wait", &mut tally.queue_wait),
        ("dispatch_lag", &mut tally.dispatch_lag),
    ]
}

/// The file of a run.
pub fn text(run: &RunResult) -> String {
    let mut log = HistogramLog::new(run.started_at);
    for variant in &run.variants {
        for phase in &variant.phases {
            let (place, seconds) = (place(&variant.name, phase), phase.seconds());
            for (request, tally) in phase.requests.iter().zip(&phase.tallies) {
                for (what, histogram) in parts(&mut tally.clone()) {
                    log.add(&format!("{place}/{request}/{what}"), seconds, histogram);
                }
            }
            log.add(&format!("{place}/open"), seconds, phase.opening.histogram());
            for (at, host) in phase.hosts.iter().enumerate() {
                let tag = format!("{place}/hosts/{at}/open");
                log.add(&tag, seconds, host.opening.histogram());
            }
        }
    }
    log.into_text()
}

/// Adds the histograms of its file to a run that was read without.
///
/// # Errors
/// A message: the file is no such file, or that of another run.
pub fn attach(run: &mut RunResult, text: &str) -> Result<(), String> {
    let mut read = read_histograms(text)?;
    for variant in &mut run.variants {
        for phase in &mut variant.phases {
            let place = place(&variant.name, phase);
            for (request, tally) in phase.requests.iter().zip(&mut phase.tallies) {
                for (what, histogram) in parts(tally) {
                    if let Some(of) = read.remove(&format!("{place}/{request}/{what}")) {
                        *histogram = of;
                    }
                }
                if !tally.holds() {
                    return Err(format!(
                        "the histograms of {place}/{request} are not those of the result beside it; copy both from one run directory"
                    ));
                }
            }
            if let Some(of) = read.remove(&format!("{place}/open")) {
                phase.opening = Durations::from(of);
            }
            for (at, host) in phase.hosts.iter_mut().enumerate() {
                if let Some(of) = read.remove(&format!("{place}/hosts/{at}/open")) {
                    host.opening = Durations::from(of);
                }
            }
        }
    }
    Ok(())
}

fn place(variant: &str, phase: &PhaseResult) -> String {
    format!("{variant}/{}", phase.name)
}
