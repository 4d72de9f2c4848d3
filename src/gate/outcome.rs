//! A run as a whole: one outcome with an exit code.

use super::bounds::PLANNED_SHARE;
use super::verdict::{Outcome, Verdict};
use super::{Judgement, Judgements};
use crate::metrics::{ErrorKind, Tally};
use crate::result::{Cause, Failure, Figure, PhaseResult, RunResult, VariantResult};
use crate::shard::Shard;
use crate::units::format_share;

impl Outcome {
    /// Why it is not a pass, in words: what failed or could not be judged, with its place.
    pub fn reasons(&self, result: &RunResult, judgements: &Judgements) -> Vec<String> {
        let because = match self {
            Self::Internal(message) | Self::Invalid(message) => return vec![message.clone()],
            Self::Interrupted => return vec!["the run was ended before its time".to_owned()],
            Self::Fail => Verdict::Fail,
            Self::Inconclusive => Verdict::Inconclusive,
            Self::Pass => return Vec::new(),
        };
        let variants = result.variants.iter().zip(judgements);
        let phases = variants.flat_map(|(variant, judged)| {
            let phases = variant.phases.iter().zip(judged);
            phases.map(move |(phase, judged)| (&variant.name, &phase.name, judged))
        });
        let judged = phases.flat_map(|(variant, phase, judged)| {
            let judged = judged.iter().filter(move |of| of.verdict == because);
            judged.map(move |of| format!("{variant}, {phase}: {}", of.in_words()))
        });
        let mut reasons: Vec<String> = judged.collect();
        if *self == Self::Inconclusive {
            reasons.extend(too_busy(result));
        }
        if reasons.is_empty() {
            let words = "a threshold ended the run, and does not fail by what was found until then";
            reasons.push(words.to_owned());
        }
        reasons
    }
}

/// Share of a closed loop's time in requests without an OK answer from which it was not the load of so many connections.
const LOST_SHARE: f64 = 0.25;

/// The whole run, from its judgements.
pub fn outcome(result: &RunResult, judgements: &[Judgement], asked_to_stop: bool) -> Outcome {
    match &result.failure {
        Some(Failure::Internal(message)) => return Outcome::Internal(message.clone()),
        Some(Failure::Target(message)) => return Outcome::Invalid(message.clone()),
        None => {}
    }
    if let Some(message) = result.incomplete() {
        return Outcome::Invalid(message);
    }
    if asked_to_stop {
        return Outcome::Interrupted;
    }
    if let Some(shard) = &result.shard {
        return of_shard(shard.shard, result);
    }
    let cpus = result.machine.logical_cpus;
    let mut invalid = phases(result).filter_map(|(variant, phase)| {
        let why = invalid(phase, &phase.total(), cpus)?;
        Some(format!("{}, {}: {why}", variant.name, phase.name))
    });
    if let Some(message) = invalid.next() {
        return Outcome::Invalid(message);
    }
    if judgements
        .iter()
        .any(|judgement| judgement.verdict == Verdict::Fail)
    {
        Outcome::Fail
    } else if result.interrupted
        || too_busy(result).next().is_some()
        || judgements
            .iter()
            .any(|judgement| judgement.verdict == Verdict::Inconclusive)
    {
        Outcome::Inconclusive
    } else {
        Outcome::Pass
    }
}

/// A part of a run is not judged: it ran, or it sent nothing.
fn of_shard(shard: Shard, result: &RunResult) -> Outcome {
    let sent = phases(result).map(|(_, phase)| phase.total().sent);
    if sent.sum::<u64>() == 0 {
        return Outcome::Invalid(format!("shard {shard} sent nothing"));
    }
    Outcome::Pass
}

/// How many times as much would have been sent without a busy machine at most: one that is busier sends next to nothing anyway.
const MOST_OWN: f64 = 3.0;

fn phases(result: &RunResult) -> impl Iterator<Item = (&VariantResult, &PhaseResult)> {
    let variants = result.variants.iter();
    variants.flat_map(|variant| variant.phases.iter().map(move |phase| (variant, phase)))
}

/// The phases whose planned load could not be sent for what generator and machine may have cost, in words.
pub fn too_busy(result: &RunResult) -> impl Iterator<Item = String> {
    let cpus = result.machine.logical_cpus;
    phases(result).filter_map(move |(variant, phase)| {
        let total = phase.total();
        let is_so = !phase.load.overload
            && phase.sent_share(&total) < PLANNED_SHARE
            && may_be_own(phase, &total, cpus);
        is_so.then(|| {
            let unsent = unsent(phase, &total);
            format!("{}, {}: {unsent}", variant.name, phase.name)
        })
    })
}

/// Whether the planned load would have been sent, if all that kept generator and machine from it had not.
fn may_be_own(phase: &PhaseResult, total: &Tally, cpus: usize) -> bool {
    let doubts = phase.trust.about(Figure::Throughput);
    // One that is sent late is sent.
    let doubts = doubts.filter(|(of, _)| !matches!(of.cause, Cause::SentLate | Cause::Gone));
    let factors = doubts.map(|(doubt, _)| doubt.factor(Figure::Throughput, cpus));
    let factor = factors.product::<f64>().min(MOST_OWN);
    let is_refused = total.error_counts().any(|(kind, _)| kind.is_unsent());
    !is_refused && phase.sent_share(total) * factor >= PLANNED_SHARE
}

fn unsent(phase: &PhaseResult, total: &Tally) -> String {
    format!(
        "only {:.1} % of the planned requests could be sent in time{}",
        phase.sent_share(total) * 100.0,
        why_unsent(phase, total)
    )
}

/// Why a phase says nothing of the load that was planned. What a load that is meant to be too much does to the target is a finding,
/// and no reason, as long as it answers at all.
fn invalid(phase: &PhaseResult, total: &Tally, cpus: usize) -> Option<String> {
    if total.ok + total.completed_ok == 0 {
        let first = first_failure(phase, total, |_| true);
        return Some(format!("no OK response at all{first}"));
    }
    if phase.load.overload {
        return None;
    }
    let is_planned = phase.sent_share(total) >= PLANNED_SHARE;
    let lost = phase.unanswered_share(total);
    let lost = lost.filter(|share| *share >= LOST_SHARE).map(|share| {
        format!(
            "requests without an OK answer in the window took {} of the time of {} connections",
            format_share(share),
            phase.load.connections
        )
    });
    let mut reasons: Vec<String> = Vec::new();
    if let Some(mut words) = phase.gone().map(|gone| gone.words).or(lost) {
        if is_planned {
            words += &first_failure(phase, total, |_| true);
        }
        reasons.push(words);
    }
    if !is_planned && !may_be_own(phase, total, cpus) {
        reasons.push(unsent(phase, total));
    }
    (!reasons.is_empty()).then(|| reasons.join("; "))
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
        let doubts = phase.trust.about(Figure::Throughput);
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
