//! Two sides of a comparison from launches, through what `telemload compare` calls.

use std::sync::LazyLock;

use telemload::compare::{MetricChange, RoundFigures, RunOf, Side, Subject, Untrusted, sides};
use telemload::process::machine::Fingerprint;
use telemload::result::{ScenarioId, Trust};

static MACHINE: LazyLock<Fingerprint> = LazyLock::new(Fingerprint::read);

/// When the runs of both sides began.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Runs {
    /// One run whose variants took turns.
    Turns,
    One,
    Two,
}

/// What is found of two sides with one phase.
pub(crate) fn compared(
    runs: Runs,
    base: &[RoundFigures],
    head: &[RoundFigures],
) -> Vec<MetricChange> {
    let trust = Trust::default();
    let scenario = ScenarioId {
        name: "s".to_owned(),
        sha256: "0".to_owned(),
        seed: None,
    };
    let side = |label, other, started_at: &str, rounds: &[RoundFigures]| Side {
        label,
        run: Some(RunOf {
            scenario: &scenario,
            started_at: started_at.parse().unwrap(),
            machine: &MACHINE,
            interrupted: false,
            variant: label,
        }),
        phases: vec![Subject {
            phase: "load",
            load: None,
            turns_with: matches!(runs, Runs::Turns).then_some(other),
            rounds: rounds.to_vec(),
            generator: None,
            answers: None,
            trust: &trust,
            profile: None,
            also: Vec::new(),
            profiled: false,
        }],
    };
    let later = match runs {
        Runs::Turns | Runs::One => "2026-01-01T00:00:00Z",
        Runs::Two => "2026-01-09T00:00:00Z",
    };
    let (base, head) = (
        side("base", "head", "2026-01-01T00:00:00Z", base),
        side("head", "base", later, head),
    );
    let mut comparison = sides(&base, &head, Untrusted::NotJudged);
    comparison.phases.remove(0).metrics
}
