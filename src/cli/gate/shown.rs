//! What is printed and written of a gate.

use std::path::Path;

use super::args::Args;
use super::arms::Compared;
use crate::cli::again::command_line;
use crate::cli::ci::in_repository;
use crate::cli::files::unwritten;
use crate::cli::output::{command, is_on_github, print, say};
use crate::cli::report::PAGE;
use crate::compare::Comparison;
use crate::experiment::RunDir;
use crate::gate::paired::{GateVerdict, Measured};
use crate::gate::{Outcome, Verdict};
use crate::process::machine::Fingerprint;
use crate::report::checks::{GateRun, of_gate};
use crate::report::{document, page, terminal, text};
use crate::result::ScenarioId;
use crate::scenario::plan::gate::GateMetric;
use crate::units::format_share;

/// A gate that has ended, with what its reports say of it.
pub(super) struct Ended<'a> {
    args: &'a Args,
    compared: &'a Compared,
    verdict: &'a GateVerdict,
    measured: Measured<'a>,
    started_at: jiff::Timestamp,
    seconds: f64,
    scenario: ScenarioId,
    machine: Fingerprint,
    file: String,
}

impl<'a> Ended<'a> {
    /// What was measured since `started_at`, and what follows.
    pub(super) fn of(
        args: &'a Args,
        compared: &'a Compared,
        (measured, verdict): (Measured<'a>, &'a GateVerdict),
        (started_at, seconds): (jiff::Timestamp, f64),
    ) -> Self {
        let plan = &compared.plan;
        Self {
            args,
            compared,
            verdict,
            measured,
            started_at,
            seconds,
            scenario: ScenarioId {
                name: plan.name.clone(),
                sha256: plan.sha256.clone(),
                seed: Some(plan.seed),
            },
            machine: Fingerprint::read(),
            file: in_repository(&args.scenario.display().to_string()),
        }
    }

    fn run<'r>(&'r self, functions: Option<&'r Comparison>) -> GateRun<'r> {
        GateRun {
            scenario: &self.scenario,
            arms: self.compared.names.as_ref().map(String::as_str),
            started_at: self.started_at,
            seconds: self.seconds,
            machine: &self.machine,
            measured: self.measured,
            verdict: self.verdict,
            functions,
            file: &self.file,
            lines: &self.compared.plan.gate_lines,
        }
    }

    /// Writes the reports that flags name, as far as they stay files and are written again at the end.
    pub(super) fn begin(&self) -> anyhow::Result<()> {
        let gate = self.run(None);
        let checks = of_gate(&gate);
        let begun = self.args.ci.begin(&checks);
        begun.and(self.args.at_scenario.begin(&checks, Some(gate.file)))
    }

    /// Prints the verdict.
    pub(super) fn print(&self) -> anyhow::Result<()> {
        if self.args.json {
            return Ok(());
        }
        print(&terminal::gate::render(&self.run(None)))
    }

    /// Stores it in the run directory, with the functions that a failure comes from. What cannot be written costs nothing else.
    pub(super) fn store(&self, functions: Option<&Comparison>, dir: &RunDir) -> anyhow::Result<()> {
        let gate = self.run(functions);
        let write = |name: &str, text: &str| {
            let written = dir.write(Path::new(name), text.as_bytes());
            written.map_err(|error| unwritten(&error))
        };
        let written = write("gate.json", &document::gate::json(&gate));
        // What it should find was put there.
        if self.args.given.prove {
            return written;
        }
        written.and(write(PAGE, &page::gate::html(&gate, &command_line())))
    }

    /// Prints the functions, and writes what is asked for beside the run directory: whoever reads that may not be there.
    pub(super) fn report(&self, functions: Option<&Comparison>) -> anyhow::Result<()> {
        let (args, gate) = (self.args, self.run(functions));
        let printed = match functions {
            _ if args.json => print(&document::gate::json(&gate)),
            Some(functions) => print(&format!("\n{}", terminal::compare::render(functions))),
            None => Ok(()),
        };
        if args.given.prove {
            return printed;
        }
        let checks = of_gate(&gate);
        let reported = args.ci.write(&checks, &[text::gate::markdown(&gate)]);
        let at_scenario = args.at_scenario.write(&checks, Some(gate.file));
        printed.and(reported).and(at_scenario)
    }
}

/// What the user should know of the comparison: a gate that compares something with itself passes, and nobody reads the log of that.
pub(super) fn note(is_quiet: bool, words: &str) {
    if !is_quiet {
        say(&format!("note: {words}"));
    }
    if is_on_github() {
        command(&text::annotations::warning("gate", words));
    }
}

/// Says whether the gate fires here, and the exit code of that: 0 if it does, 1 if it passes what it promises to see.
pub(super) fn proven(verdict: &GateVerdict, injected: f64, quiet: bool) -> u8 {
    if !verdict.is_a_verdict() {
        return verdict.outcome.exit_code();
    }
    let by = format_share(injected);
    let mut metrics = verdict.metrics.iter();
    let cpu = metrics.find(|of| of.metric == GateMetric::CpuPerRequest);
    let (code, words) = match cpu.and_then(|of| of.verdict) {
        Some(Verdict::Fail) => (
            Outcome::Pass,
            format!("the gate fires here: {by} more CPU time was added, and it failed"),
        ),
        Some(Verdict::Pass) => (
            Outcome::Fail,
            format!("the gate does not fire here: {by} more CPU time was added, and it passed"),
        ),
        // Noise, a budget that is too short, a service whose CPU time is not known, errors.
        _ => {
            let why = cpu.and_then(|of| of.reason.clone());
            let needs = cpu.and_then(|of| of.needs.clone());
            let needs = needs.map_or_else(String::new, |needs| format!("; needs {needs}"));
            let why = why.map_or_else(|| verdict.reasons.join("; "), |why| why + &needs);
            (
                Outcome::Inconclusive,
                format!("the gate does not tell here: {by} more CPU time was added; {why}"),
            )
        }
    };
    if !quiet {
        say(&words);
    }
    code.exit_code()
}
