//! Thresholds that end a run while it goes on, because it is hopeless. Pure: the caller brings the time.
//!
//! A threshold is judged by what was counted since the window began, as it will be at its end, so that a run is ended only where its figures
//! tell already. Doubts that show at the end alone may leave it without a verdict then.

use std::time::Duration;

use super::{Verdict, judge_one};
use crate::result::PhaseResult;
use crate::scenario::Threshold;

/// What has failed since when, in one window.
#[derive(Debug, Default)]
pub struct Early {
    /// By threshold; `None` if it did not fail when it was looked at last.
    since: Vec<Option<Duration>>,
}

/// What was found so far.
#[derive(Debug, Clone, Copy)]
pub struct SoFar<'a> {
    /// The variant.
    pub variant: &'a str,
    /// The phase as if it were over.
    pub phase: &'a PhaseResult,
    /// Since the start of the window.
    pub at: Duration,
    /// CPUs of the machine.
    pub cpus: usize,
}

impl Early {
    /// Looks at a window once more. The words of a threshold that ends the run, if one does.
    pub fn look(&mut self, thresholds: &[Threshold], found: SoFar<'_>) -> Option<String> {
        self.since.resize(thresholds.len(), None);
        let total = found.phase.total();
        let mut ends = None;
        for (threshold, since) in thresholds.iter().zip(&mut self.since) {
            let is_of = threshold.looks_at(found.variant, &found.phase.name);
            let Some(abort) = threshold.abort.filter(|_| is_of) else {
                continue;
            };
            let judgement = judge_one(threshold, found.phase, &total, found.cpus);
            if judgement.verdict != Verdict::Fail {
                *since = None;
                continue;
            }
            let begun = *since.get_or_insert(found.at);
            if found.at >= abort.delay && found.at - begun >= abort.held {
                ends.get_or_insert_with(|| judgement.in_words());
            }
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ErrorKind;
    use crate::result::samples::{failed, ok, phase};
    use crate::scenario::plan::threshold::Expression;
    use crate::scenario::{Abort, Judge};

    fn threshold(delay: u64, held: u64) -> Threshold {
        let [delay, held] = [delay, held].map(Duration::from_secs);
        Threshold {
            expr: Expression::parse("errors.rate < 10%").unwrap(),
            variant: None,
            phase: Some("load".to_owned()),
            request: None,
            allow_absent: false,
            allow_untrusted: false,
            judge: Judge::Interval,
            line: None,
            abort: Some(Abort { delay, held }),
        }
    }

    /// At which second a run ends whose window has so many failures of 100 requests at each.
    fn ends(threshold: &Threshold, failures: &[u64]) -> Option<usize> {
        let mut early = Early::default();
        failures.iter().enumerate().position(|(at, &count)| {
            let phase = phase(|tally| {
                ok(tally, 100 - count, 100);
                failed(tally, count, ErrorKind::Reset);
            });
            let found = SoFar {
                variant: "v",
                phase: &phase,
                at: Duration::from_secs(at as u64),
                cpus: 2,
            };
            let words = early.look(std::slice::from_ref(threshold), found);
            if let Some(words) = &words {
                assert!(words.starts_with("errors.rate < 10%: fail"), "{words}");
            }
            words.is_some()
        })
    }

    #[test]
    fn a_run_ends_where_a_threshold_surely_fails_for_long_enough() {
        assert_eq!(ends(&threshold(0, 0), &[0, 5, 90, 90]), Some(2));
        // 12 of 100 may as well be less than 10 %.
        assert_eq!(ends(&threshold(0, 0), &[12, 12, 12]), None);
        assert_eq!(ends(&threshold(3, 0), &[90; 5]), Some(3));
        assert_eq!(ends(&threshold(0, 2), &[0, 90, 90, 90, 90]), Some(3));
        // It must fail for so long without a break.
        assert_eq!(ends(&threshold(0, 2), &[90, 90, 0, 90, 90, 90]), Some(5));
        assert_eq!(ends(&threshold(4, 1), &[90; 6]), Some(4));
        let elsewhere = Threshold {
            phase: Some("other".to_owned()),
            ..threshold(0, 0)
        };
        assert_eq!(ends(&elsewhere, &[90; 3]), None);
        let at_its_end = Threshold {
            abort: None,
            ..threshold(0, 0)
        };
        assert_eq!(ends(&at_its_end, &[90; 3]), None);
    }
}
