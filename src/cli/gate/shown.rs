//! What is printed and written of a gate.

use std::path::Path;

use super::Args;
use super::arms::Compared;
use crate::cli::files::unwritten;
use crate::cli::output::{print, say};
use crate::compare::Comparison;
use crate::experiment::RunDir;
use crate::gate::paired::{GateVerdict, Measured};
use crate::gate::{Outcome, Verdict};
use crate::process::machine::Fingerprint;
use crate::report::checks::{GateRun, of_gate};
use crate::report::{document, terminal, text};
use crate::result::ScenarioId;
use crate::scenario::plan::gate::GateMetric;
use crate::traffic::redact::without_credentials;
use crate::units::format_share;

/// A gate that has ended.
pub(super) struct Ended<'a> {
    pub(super) compared: &'a Compared,
    pub(super) verdict: &'a GateVerdict,
    pub(super) measured: Measured<'a>,
    pub(super) started_at: jiff::Timestamp,
    pub(super) seconds: f64,
}

impl Ended<'_> {
    /// Prints the verdict, and writes it with all that CI systems read. What cannot be written costs nothing else.
    pub(super) fn show(&self, args: &Args, dir: &RunDir) -> anyhow::Result<()> {
        let plan = &self.compared.plan;
        let names = self.compared.names.as_ref();
        let names = names.map(|name| without_credentials(name));
        let gate = GateRun {
            scenario: &ScenarioId {
                name: plan.name.clone(),
                sha256: plan.sha256.clone(),
                seed: Some(plan.seed),
            },
            arms: names.as_ref().map(AsRef::as_ref),
            started_at: self.started_at,
            seconds: self.seconds,
            machine: &Fingerprint::read(),
            measured: self.measured,
            verdict: self.verdict,
            functions: None,
            file: &args.scenario.display().to_string(),
            lines: &plan.gate_lines,
        };
        let document = document::gate::json(&gate);
        let printed = if args.json {
            print(&document)
        } else {
            print(&terminal::gate::render(&gate))
        };
        let written = dir.write(Path::new("gate.json"), document.as_bytes());
        let written = printed.and(written.map_err(|error| unwritten(&error)));
        // What it should find was put there.
        if args.given.prove {
            return written;
        }
        let checks = of_gate(&gate);
        let reported = args.ci.write(&checks, &[text::gate::markdown(&gate)]);
        let at_scenario = args.at_scenario.write(&checks, Some(gate.file));
        written.and(reported).and(at_scenario)
    }
}

/// Prints which functions a failure comes from, or why that is not known.
pub(super) fn blamed(found: Result<Comparison, String>, args: &Args) {
    match found {
        // gate.json on standard output stays one document.
        Ok(comparison) if args.json => say(&terminal::compare::render(&comparison)),
        Ok(comparison) => {
            if let Err(error) = print(&format!("\n{}", terminal::compare::render(&comparison))) {
                say(&format!("error: {error:#}"));
            }
        }
        Err(why) => say(&format!(
            "note: no function is named for the failure: {why}"
        )),
    }
}

/// Says whether the gate fires here, and the exit code of that: 0 if it does, 1 if it passes what it promises to see.
pub(super) fn proven(verdict: &GateVerdict, injected: f64, quiet: bool) -> u8 {
    let cpu = verdict.metrics.iter();
    let mut cpu = cpu.filter(|of| of.metric == GateMetric::CpuPerRequest);
    let of_cpu = cpu.next().and_then(|of| of.verdict);
    let by = format_share(injected);
    let (code, words) = match (&verdict.outcome, of_cpu) {
        (Outcome::Internal(_) | Outcome::Invalid(_) | Outcome::Interrupted, _) => {
            return verdict.outcome.exit_code();
        }
        (_, Some(Verdict::Fail)) => (
            Outcome::Pass,
            format!("the gate fires here: {by} more CPU time was added, and it failed"),
        ),
        (_, Some(Verdict::Pass)) => (
            Outcome::Fail,
            format!("the gate does not fire here: {by} more CPU time was added, and it passed"),
        ),
        _ => (
            Outcome::Inconclusive,
            format!(
                "the gate does not tell here: {by} more CPU time was added, and the machine is too noisy to see it"
            ),
        ),
    };
    if !quiet {
        say(&words);
    }
    code.exit_code()
}
