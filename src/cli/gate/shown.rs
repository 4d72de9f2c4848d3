//! A verdict as it is printed.

use super::arms::Compared;
use crate::cli::output::say;
use crate::gate::paired::GateVerdict;
use crate::gate::{Outcome, Verdict};
use crate::scenario::plan::gate::GateMetric;
use crate::units::format_share;

/// The verdict as text.
pub(super) fn render(verdict: &GateVerdict, compared: &Compared) -> String {
    let mut text = format!(
        "{}: {} against {}\n",
        verdict.outcome.name(),
        compared.names.head,
        compared.names.base
    );
    for of in &verdict.metrics {
        let change = of.change.map_or_else(
            || "-".to_owned(),
            |change| {
                format!(
                    "{:+.2} % ({:+.2} to {:+.2})",
                    change.by * 100.0,
                    change.low * 100.0,
                    change.high * 100.0
                )
            },
        );
        let sd = of.sd.map_or_else(|| "-".to_owned(), format_share);
        let judged = of.verdict.map_or("not gated", Verdict::name);
        let reason = of.reason.as_deref().unwrap_or_default();
        let needs = of.needs.as_ref();
        let needs = needs.map_or_else(String::new, |needs| format!(" · needs {needs}"));
        text += &format!(
            "  {:24} {change}  n {} SD {sd}  {judged}  {reason}{needs}\n",
            of.metric.name(),
            of.n
        );
    }
    for reason in &verdict.reasons {
        text += &format!("  because {reason}\n");
    }
    if let Some(advisory) = &verdict.advisory {
        text += &format!("  advisory: {advisory}\n");
    }
    let used = verdict.used;
    text += &format!(
        "  {} blocks on {} launches, {} to confirm, {} with void latencies\n",
        used.blocks, used.launches, used.confirming, used.voided
    );
    text
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
