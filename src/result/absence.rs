//! What a phase found of a target that did not answer, over all of its launches. Pure.

use super::PhaseResult;
use super::answering::{Answering, Answerings, Gone, Quiet, in_words};
use crate::metrics::Tally;

/// By so many times requests without an OK answer may take more of a closed loop's time than the error rate tells: failures are a few
/// times as slow as answers, or as fast, in any loop.
const OUT_OF_PROPORTION: f64 = 5.0;

/// What answered no more, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Absence {
    /// Who, and from when on.
    pub words: String,
    /// What is missing of the window by that, 0..=1.
    pub share: f64,
}

impl PhaseResult {
    /// What answered no more: the target, its process or one of its instances, in the first launch in which that was so.
    pub fn gone(&self) -> Option<Absence> {
        self.rounds.iter().enumerate().find_map(|(at, round)| {
            let mut gone = self.gone_in(&round.answerings)?;
            if self.rounds.len() > 1 {
                gone.words += &format!(" of launch {}", at + 1);
            }
            Some(gone)
        })
    }

    fn gone_in(&self, of: &Answerings) -> Option<Absence> {
        let ended = of.process_ended.map(|seen| {
            let seen = in_words(seen);
            format!("the target's process ended in the window (seen last at {seen})")
        });
        let missing = |from: f64| (1.0 - from / of.whole.window).clamp(0.0, 1.0);
        if let Some(gone) = of.whole.gone {
            let words = [Some(gone.words("")), ended].into_iter().flatten();
            return Some(Absence {
                words: words.collect::<Vec<_>>().join("; "),
                share: missing(gone.from),
            });
        }
        if let (Some(words), Some(seen)) = (ended, of.process_ended) {
            let share = missing(seen);
            return Some(Absence { words, share });
        }
        let instances = self.instances.iter().zip(&of.instances);
        let gone: Vec<_> = instances
            .filter_map(|(instance, of)| Some((&instance.address, of.gone?)))
            .collect();
        let words = gone
            .iter()
            .map(|(address, gone)| gone.words(&format!(" at the instance {address}")));
        let share: f64 = gone.iter().map(|(_, gone)| missing(gone.from)).sum();
        (!gone.is_empty()).then(|| Absence {
            words: words.collect::<Vec<_>>().join("; "),
            share: share / of.instances.len() as f64,
        })
    }

    /// The longest stall, and the window that it was in.
    pub fn stall(&self) -> Option<(Quiet, f64)> {
        let each = self.each_answering();
        let stalls = each.filter_map(|of| Some((of.stall?, of.window)));
        stalls.max_by(|a, b| (a.0.seconds / a.1).total_cmp(&(b.0.seconds / b.1)))
    }

    /// The longest time in which requests waited and no OK answer came.
    pub fn longest_silence(&self) -> Option<Quiet> {
        let each = self.each_answering().filter_map(|of| of.longest);
        each.max_by(|a, b| a.seconds.total_cmp(&b.seconds))
    }

    /// Seconds of all windows without the long silences.
    pub fn answered_seconds(&self) -> f64 {
        self.each_answering().fold(0.0, |sum, of| sum + of.answered)
    }

    /// OK responses completed per second of those.
    pub fn answered_rps(&self, total: &Tally) -> Option<f64> {
        let seconds = self.answered_seconds();
        (seconds > 0.0).then(|| total.completed_ok as f64 / seconds)
    }

    /// The largest share of a closed loop's time that went into requests without an OK answer.
    pub fn lost_share(&self) -> Option<f64> {
        let rounds = self.rounds.iter();
        let shares = rounds.filter_map(|round| round.answerings.lost_share);
        shares.reduce(f64::max)
    }

    /// The same, if it is out of proportion to the error rate: failures that take as long as answers are told by their number.
    pub fn unanswered_share(&self, total: &Tally) -> Option<f64> {
        self.lost_share()
            .filter(|share| *share > OUT_OF_PROPORTION * total.error_rate())
    }

    /// Whether a request of the plan had no OK answer any more, in the first launch in which that was so.
    pub fn request_gone(&self, at: usize) -> Option<Gone> {
        let mut rounds = self.rounds.iter();
        rounds.find_map(|round| round.answerings.requests.get(at)?.gone)
    }

    fn each_answering(&self) -> impl Iterator<Item = &Answering> {
        self.rounds.iter().map(|round| &round.answerings.whole)
    }
}
