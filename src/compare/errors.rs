//! The error rates of two phases: what they were, and whether chance explains that they differ. Pure.

use super::change::{DoubtedSide, Finding, Unjudged};
use super::doubts::{Doubtful, Untrusted};
use crate::metrics::Tally;
use crate::profile::{Bounds, wilson};
use crate::result::{Figure, Trust};

/// How requests of a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    /// As expected.
    pub ok: u64,
    /// In any other way.
    pub failed: u64,
    /// Of those, by being late, which may be the generator's doing.
    pub late: u64,
    /// Those without an end: they may have become either.
    pub unanswered: u64,
}

/// The error rates of both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorRates {
    /// Of the base.
    pub base: Answers,
    /// Of the head.
    pub head: Answers,
    /// Head minus base with its 95 % interval, as if each request failed by itself; `None` if no request of a side ended.
    pub change: Option<(f64, Bounds)>,
    /// What follows.
    pub finding: Finding,
    /// Why nothing does, where no doubt is the reason and requests ended on both sides.
    pub unjudged: Option<Unjudged>,
    /// What kept it from a finding, or in spite of what it has one.
    pub doubts: Vec<DoubtedSide>,
}

impl Answers {
    pub(super) fn of(total: &Tally) -> Self {
        Self {
            ok: total.ok,
            failed: total.failed,
            late: total.late_failures(total),
            unanswered: total.in_flight_at_end + total.not_sent,
        }
    }

    /// Those that ended.
    pub fn ended(self) -> u64 {
        self.ok + self.failed
    }

    /// Failed by ended requests; `None` if none ended.
    pub fn error_rate(self) -> Option<f64> {
        (self.ended() > 0).then(|| self.failed as f64 / self.ended() as f64)
    }

    /// As if those without an end had failed, or succeeded.
    fn had_all_failed(self, failed: bool) -> Self {
        let (more_ok, more_failed) = if failed {
            (0, self.unanswered)
        } else {
            (self.unanswered, 0)
        };
        Self {
            ok: self.ok + more_ok,
            failed: self.failed + more_failed,
            unanswered: 0,
            ..self
        }
    }

    /// As if the generator had made all failures that it can make.
    fn without_late(self) -> Self {
        Self {
            failed: self.failed - self.late,
            ..self
        }
    }
}

impl ErrorRates {
    pub(super) fn of(base: Answers, head: Answers, doubtful: &Doubtful<'_>) -> Self {
        let change = change(base, head);
        let found = Self {
            base,
            head,
            finding: finding(base, head),
            change,
            unjudged: None,
            doubts: Vec::new(),
        };
        found.doubted(doubtful)
    }

    /// Those of different loads, which say nothing of the targets.
    pub(super) fn withheld(base: Answers, head: Answers) -> Self {
        Self {
            base,
            head,
            change: change(base, head),
            finding: Finding::NotJudged,
            unjudged: Some(Unjudged::LoadsDiffer),
            doubts: Vec::new(),
        }
    }

    /// With what remains of its finding where a side's failures may be the generator's.
    fn doubted(self, doubtful: &Doubtful<'_>) -> Self {
        let (higher, lower) = match self.finding {
            Finding::Worse => (("head", doubtful.trust.1), ("base", doubtful.trust.0)),
            Finding::Better => (("base", doubtful.trust.0), ("head", doubtful.trust.1)),
            Finding::NotDetected | Finding::NotJudged => return self,
        };
        let is_too_high = higher.1.bias(Figure::ErrorRate).higher;
        let is_too_low = lower.1.bias(Figure::ErrorRate).lower;
        let (base, head) = match self.finding {
            Finding::Worse => (self.base, self.head.without_late()),
            _ => (self.base.without_late(), self.head),
        };
        let least = finding(base, head);
        if !is_too_low && (!is_too_high || least == self.finding) {
            return self;
        }
        let of = |(side, trust): (&'static str, &Trust), is_meant: bool| {
            let doubts = trust.about(Figure::ErrorRate).filter(|_| is_meant);
            let doubts = doubts.map(|(doubt, _)| DoubtedSide {
                side,
                cause: doubt.cause,
            });
            doubts.collect::<Vec<_>>()
        };
        Self {
            finding: match doubtful.untrusted {
                Untrusted::NotJudged => Finding::NotJudged,
                Untrusted::Allowed => self.finding,
            },
            doubts: [of(higher, is_too_high), of(lower, is_too_low)].concat(),
            ..self
        }
    }
}

/// What follows whether the requests without an end succeeded or failed; nothing if that decides it.
fn finding(base: Answers, head: Answers) -> Finding {
    let of = |base, head| match difference(base, head) {
        None => Finding::NotJudged,
        Some((_, interval)) if interval.low > 0.0 => Finding::Worse,
        Some((_, interval)) if interval.high < 0.0 => Finding::Better,
        Some(_) => Finding::NotDetected,
    };
    let least = of(base.had_all_failed(true), head.had_all_failed(false));
    let most = of(base.had_all_failed(false), head.had_all_failed(true));
    if least == most && base.ended() > 0 && head.ended() > 0 {
        least
    } else {
        Finding::NotJudged
    }
}

/// Head minus base of the requests that ended, with the interval that it has whether the others succeeded or failed.
fn change(base: Answers, head: Answers) -> Option<(f64, Bounds)> {
    let (change, _) = difference(base, head)?;
    let least = difference(base.had_all_failed(true), head.had_all_failed(false))?;
    let most = difference(base.had_all_failed(false), head.had_all_failed(true))?;
    let interval = Bounds {
        low: least.1.low,
        high: most.1.high,
    };
    Some((change, interval))
}

/// The difference of two shares with its 95 % interval from those of both (R. G. Newcombe, Stat. Med. 17, 1998, p. 873, method 10).
fn difference(base: Answers, head: Answers) -> Option<(f64, Bounds)> {
    let (before, after) = (base.error_rate()?, head.error_rate()?);
    let of_base = wilson(base.failed, base.ended());
    let of_head = wilson(head.failed, head.ended());
    let difference = after - before;
    let down = (after - of_head.low).hypot(of_base.high - before);
    let up = (of_head.high - after).hypot(before - of_base.low);
    let interval = Bounds {
        low: difference - down,
        high: difference + up,
    };
    Some((difference, interval))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::{Cause, Doubt};

    fn answers(failed: u64, of: u64) -> Answers {
        Answers {
            ok: of - failed,
            failed,
            late: 0,
            unanswered: 0,
        }
    }

    fn rates(base: Answers, head: Answers, causes: [Option<Cause>; 2]) -> ErrorRates {
        let trust = causes.map(|cause| Trust {
            doubts: cause
                .map(|cause| Doubt {
                    cause,
                    share: None,
                    words: String::new(),
                })
                .into_iter()
                .collect(),
        });
        let doubtful = Doubtful {
            trust: (&trust[0], &trust[1]),
            cpus: (2, 2),
            untrusted: Untrusted::NotJudged,
        };
        ErrorRates::of(base, head, &doubtful)
    }

    #[test]
    fn a_difference_has_the_published_interval() {
        // Newcombe's table II, example (a), method 10: 56/70 and 48/80.
        let (difference, interval) = change(answers(48, 80), answers(56, 70)).unwrap();
        assert!((difference - 0.2).abs() < 1e-9);
        assert!((interval.low - 0.0524).abs() < 1e-4, "{interval:?}");
        assert!((interval.high - 0.3339).abs() < 1e-4, "{interval:?}");
    }

    #[test]
    fn rates_that_chance_does_not_explain_are_a_finding() {
        let check = |base, head, expected| {
            let found = rates(base, head, [None, None]);
            assert_eq!(found.finding, expected, "{found:?}");
        };
        check(answers(0, 1_000), answers(0, 1_000), Finding::NotDetected);
        check(answers(0, 1_000), answers(1, 1_000), Finding::NotDetected);
        check(answers(0, 1_000), answers(20, 1_000), Finding::Worse);
        check(answers(48, 48), answers(0, 40), Finding::Better);
        check(answers(48, 48), answers(48, 48), Finding::NotDetected);
        // Where nothing ended nothing is known.
        check(answers(0, 0), answers(9, 9), Finding::NotJudged);
    }

    #[test]
    fn requests_without_an_end_may_have_failed() {
        let open = |of: Answers, unanswered| Answers { unanswered, ..of };
        let check = |base, head, expected| {
            let found = rates(base, head, [None, None]);
            assert_eq!(found.finding, expected, "{found:?}");
        };
        let fine = answers(0, 1_000);
        check(fine, open(fine, 9_000), Finding::NotJudged);
        check(open(fine, 9_000), fine, Finding::NotJudged);
        check(open(fine, 9_000), open(fine, 9_000), Finding::NotJudged);
        // Whatever became of them.
        check(fine, open(answers(500, 1_000), 1_000), Finding::Worse);
        check(open(answers(500, 1_000), 100), fine, Finding::Better);
        check(open(fine, 1), open(fine, 2), Finding::NotDetected);
        let found = rates(fine, open(fine, 9_000), [None, None]);
        let (change, interval) = found.change.unwrap();
        assert_eq!(change, 0.0);
        assert!(interval.low <= 0.0 && interval.high > 0.89, "{interval:?}");
    }

    #[test]
    fn what_a_late_generator_could_have_made_is_not_judged() {
        let late = Answers {
            late: 20,
            ..answers(20, 1_000)
        };
        let found = |base, head| rates(base, head, [None, Some(Cause::SentLate)]);
        let doubted = found(answers(0, 1_000), late);
        assert_eq!(doubted.finding, Finding::NotJudged);
        assert_eq!(doubted.doubts.len(), 1);
        // It answers nothing with 503, and it makes no rate lower.
        let refused = found(answers(0, 1_000), answers(20, 1_000));
        assert_eq!(refused.finding, Finding::Worse);
        assert_eq!(found(late, answers(0, 1_000)).finding, Finding::Better);
        let unstated = Cause::Unstated(crate::result::TrustLevel::Suspect);
        let lower = rates(late, answers(0, 1_000), [None, Some(unstated)]);
        assert_eq!(lower.finding, Finding::NotJudged);
    }
}
