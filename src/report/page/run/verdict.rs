//! The verdict in words: what follows from a run, how far its figures can be trusted, and what is missing.

use super::told::Run;
use crate::gate::{Judgements, Outcome, Verdict as Judged};
use crate::report::chart::Panel;
use crate::report::figures::judgement::{concluded, name, value};
use crate::report::page::frame::when;
use crate::report::page::table::{Cell, Table};
use crate::result::TrustLevel;

/// What a reader sees first.
pub(super) struct Verdict {
    /// In one line.
    pub(super) words: String,
    /// `good`, `bad` or `doubt`.
    pub(super) class: &'static str,
    pub(super) scenario: String,
    pub(super) when: String,
    pub(super) exit_code: u8,
    /// Why it is no pass.
    pub(super) reasons: Vec<String>,
    pub(super) trust: Vec<Trusted>,
    pub(super) thresholds: Table,
    pub(super) missing: Vec<String>,
}

/// How far the figures of a phase are the target's.
pub(super) struct Trusted {
    pub(super) place: String,
    pub(super) level: &'static str,
    pub(super) class: &'static str,
    /// The load and what was loaded, in words.
    pub(super) load: String,
    pub(super) reasons: Vec<String>,
    pub(super) notes: Vec<String>,
}

impl Verdict {
    pub(super) fn of(run: &Run<'_>, panels: &[Panel]) -> Self {
        let of = &run.concluded;
        let result = of.result;
        let (words, class) = words(of.outcome, of.judgements);
        Self {
            words,
            class,
            scenario: result.scenario.name.clone(),
            when: when(result.started_at),
            exit_code: of.outcome.exit_code(),
            reasons: of.outcome.reasons(result, of.judgements),
            trust: trust(run),
            thresholds: thresholds(run),
            missing: missing(run, panels),
        }
    }
}

/// The end of a run in a line.
fn words(outcome: &Outcome, judgements: &Judgements) -> (String, &'static str) {
    let (word, class) = match outcome {
        Outcome::Pass => ("Passed", "good"),
        Outcome::Fail => ("Failed", "bad"),
        Outcome::Inconclusive => ("Inconclusive", "doubt"),
        Outcome::Invalid(_) => ("Invalid", "bad"),
        Outcome::Interrupted => ("Interrupted", "doubt"),
        Outcome::Internal(_) => ("Error", "bad"),
    };
    (format!("{word}: {}", concluded(outcome, judgements)), class)
}

fn trust(run: &Run<'_>) -> Vec<Trusted> {
    let mut all = Vec::new();
    for variant in &run.concluded.result.variants {
        for phase in &variant.phases {
            let level = phase.trust.level();
            let doubts = phase.trust.doubts.iter();
            let load = crate::report::figures::load::measured(phase);
            all.push(Trusted {
                place: format!("{} · {}", variant.name, phase.name),
                level: level.name(),
                class: if level == TrustLevel::Trusted {
                    "good"
                } else {
                    "doubt"
                },
                load: format!("{load}; {}", variant.target),
                reasons: doubts
                    .map(|doubt| format!("{} ({})", doubt.words, doubt.cause.code()))
                    .collect(),
                notes: phase.notes.iter().map(ToString::to_string).collect(),
            });
        }
    }
    all
}

fn thresholds(run: &Run<'_>) -> Table {
    let of = &run.concluded;
    let mut table =
        Table::new("Thresholds", &["threshold", "", "#found", "where", "why"]).with_prose();
    for (variant, judged) in of.result.variants.iter().zip(of.judgements) {
        for (phase, judged) in variant.phases.iter().zip(judged) {
            for one in judged {
                table.add([
                    Cell::from(name(one)),
                    mark(one.verdict),
                    Cell::from(value(one).unwrap_or_else(|| "–".to_owned())),
                    Cell::from(format!("{} · {}", variant.name, phase.name)),
                    Cell::from(one.reason.clone().unwrap_or_default()),
                ]);
            }
        }
    }
    table
}

/// A verdict with a sign that is no colour.
pub(super) fn mark(verdict: Judged) -> Cell {
    match verdict {
        Judged::Pass => Cell::marked("✓ pass", "mark good"),
        Judged::Fail => Cell::marked("✗ fail", "mark bad"),
        Judged::Inconclusive => Cell::marked("? inconclusive", "mark doubt"),
    }
}

/// What a reader might look for and does not find.
fn missing(run: &Run<'_>, panels: &[Panel]) -> Vec<String> {
    let result = run.concluded.result;
    let mut all = Vec::new();
    if let Some(failure) = &result.failure {
        all.push(format!("The run ended early: {failure}."));
    } else if run.concluded.interrupted || result.interrupted {
        all.push("The run was interrupted: what was measured until then is here, and later variants and phases are not.".to_owned());
    }
    if result.variants.is_empty() {
        all.push("No variant was loaded, so there is nothing to show.".to_owned());
    }
    let phases = result.variants.iter().flat_map(|variant| {
        let phases = variant.phases.iter();
        phases.map(move |phase| (&variant.name, phase))
    });
    for (variant, phase) in phases {
        let place = format!("{variant} · {}", phase.name);
        if phase.rounds.is_empty() {
            all.push(format!("{place}: the load ended before its window began."));
            continue;
        }
        let total = phase.total();
        if total.ok > 0 && total.latency.is_empty() {
            all.push(format!(
                "{place}: latencies were not stored with this result (histograms.hlog)."
            ));
        }
        let profile = phase.profile.as_ref();
        if profile.is_some_and(|profile| profile.taken.is_none()) {
            all.push(format!(
                "{place}: its profile.pb.gz is gone, so there are no functions of it."
            ));
        }
    }
    if panels.iter().all(|panel| panel.charts.is_empty()) && !result.variants.is_empty() {
        all.push("No series was stored, so there are no charts over time.".to_owned());
    }
    all
}
