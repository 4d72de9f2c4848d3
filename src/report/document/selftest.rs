//! What the self-test found (`telemload.selftest/1`).

use serde::Serialize;

use crate::selftest::{Floor, Report, Unit};

/// Name and version of the JSON document.
pub const SCHEMA: &str = "telemload.selftest/1";

/// It as JSON, with a line break at its end.
pub fn json(report: &Report) -> String {
    let checks = report.checks.iter().map(|check| CheckJson {
        stretch: &check.stretch,
        figure: &check.figure,
        unit: match check.unit {
            Unit::Microseconds => "us",
            Unit::Requests => "requests",
        },
        reported: check.reported,
        truth: check.truth,
        lowest: check.lowest,
        highest: check.highest,
        standing: check.standing().name(),
    });
    let document = Document {
        schema: SCHEMA,
        verdict: report.verdict().name(),
        floor: &report.floor,
        checks: checks.collect(),
        evidence: report
            .evidence
            .iter()
            .map(|of| EvidenceJson {
                stretch: &of.stretch,
                steal_share: of.steal_share,
                waited_share: of.waited_share,
                server_late_us: of.server_late_us,
            })
            .collect(),
        noise: &report.noise,
        left_out: &report.left_out,
    };
    super::pretty(&document)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    verdict: &'static str,
    floor: &'a Floor,
    checks: Vec<CheckJson<'a>>,
    evidence: Vec<EvidenceJson<'a>>,
    noise: &'a [String],
    left_out: &'a [String],
}

#[derive(Serialize)]
struct CheckJson<'a> {
    stretch: &'a str,
    figure: &'a str,
    unit: &'static str,
    reported: f64,
    truth: f64,
    lowest: f64,
    highest: f64,
    standing: &'static str,
}

#[derive(Serialize)]
struct EvidenceJson<'a> {
    stretch: &'a str,
    steal_share: Option<f64>,
    waited_share: f64,
    server_late_us: f64,
}
