//! A run as a whole: one outcome with an exit code.

use super::bounds::PLANNED_SHARE;
use super::{Judgement, Verdict};
use crate::experiment::{Failure, Figure, PhaseResult, RunResult};
use crate::metrics::{ErrorKind, Tally};

/// How a run ended as a whole, in the order of precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// telemload or its machine failed.
    Internal(String),
    /// The run says nothing: the target could not be reached, died, gave no OK response, or was not sent the planned rate.
    Invalid(String),
    /// The user ended it.
    Interrupted,
    /// A threshold failed.
    Fail,
    /// A threshold could not be judged.
    Inconclusive,
    /// Everything holds.
    Pass,
}

impl Outcome {
    /// The exit code of the command.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Internal(_) => 5,
            Self::Invalid(_) => 4,
            Self::Interrupted => 130,
            Self::Fail => 1,
            Self::Inconclusive => 3,
            Self::Pass => 0,
        }
    }
}

/// The whole run, from its judgements.
pub fn outcome(result: &RunResult, judgements: &[Judgement], asked_to_stop: bool) -> Outcome {
    match &result.failure {
        Some(Failure::Internal(message)) => return Outcome::Internal(message.clone()),
        Some(Failure::Target(message)) => return Outcome::Invalid(message.clone()),
        None => {}
    }
    if asked_to_stop {
        return Outcome::Interrupted;
    }
    for variant in &result.variants {
        for phase in &variant.phases {
            let total = phase.total();
            let place = || format!("{}, {}", variant.name, phase.name);
            if total.ok + total.completed_ok == 0 {
                return Outcome::Invalid(format!(
                    "{}: no OK response at all{}",
                    place(),
                    first_failure(phase, &total, |_| true)
                ));
            }
            if phase.sent_share(&total) < PLANNED_SHARE && !phase.load.overload {
                let message = format!(
                    "{}: only {:.1} % of the planned requests could be sent in time{}",
                    place(),
                    phase.sent_share(&total) * 100.0,
                    why_unsent(phase, &total)
                );
                return Outcome::Invalid(message);
            }
        }
    }
    if judgements
        .iter()
        .any(|judgement| judgement.verdict == Verdict::Fail)
    {
        Outcome::Fail
    } else if judgements
        .iter()
        .any(|judgement| judgement.verdict == Verdict::Inconclusive)
    {
        Outcome::Inconclusive
    } else {
        Outcome::Pass
    }
}

/// What kept planned requests from being sent in time, with the remedy: too high a rate, failures before they could be
/// sent, or both. Each is named if it alone would have made the load another one, or if neither does.
fn why_unsent(phase: &PhaseResult, total: &Tally) -> String {
    let unsent = total.error_counts().filter(|(kind, _)| kind.is_unsent());
    let unsent: u64 = unsent.map(|(_, count)| count).sum();
    let late = (total.due - total.sent_in_window).saturating_sub(unsent);
    let matters = |count: u64| count as f64 > (1.0 - PLANNED_SHARE) * total.due as f64;
    let (is_late, is_unsent) = match (matters(late), matters(unsent)) {
        (false, false) => (late > 0, unsent > 0),
        both => both,
    };
    let mut why = String::new();
    if is_late {
        why += "; lower the rate, or allow more connections";
        let trust = phase.trust(total);
        let doubts = trust.about(Figure::Throughput);
        let codes: Vec<_> = doubts.map(|(doubt, _)| doubt.cause.code()).collect();
        if !codes.is_empty() {
            let codes = codes.join(", ");
            why += &format!("; the generator itself may have been in the way ({codes})");
        }
    }
    if is_unsent {
        why += &first_failure(phase, total, ErrorKind::is_unsent);
    }
    why
}

/// The words of the most frequent kind of failure among some; those of failures to connect name the remedy themselves.
fn first_failure(phase: &PhaseResult, total: &Tally, among: fn(ErrorKind) -> bool) -> String {
    let counts = total.error_counts().filter(|&(kind, _)| among(kind));
    let worst = counts.max_by_key(|&(_, count)| count);
    worst
        .and_then(|(kind, count)| {
            let remedy = match kind {
                ErrorKind::Prerequisite => "make the request that others need succeed first: ",
                _ => "",
            };
            Some(format!(
                "; {remedy}{count} × {kind}, such as: {}",
                phase.exemplars.get(&kind)?
            ))
        })
        .unwrap_or_default()
}
