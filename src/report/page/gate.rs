//! The page of a gate: the verdict, an interval for each metric, and the functions that a failure comes from.

use askama::Template;

use super::bar::bar;
use super::changes::{self, Change};
use super::frame::{Frame, when};
use super::functions::{self, Functions};
use super::island::Island;
use super::machine;
use super::table::{Cell, Table};
use crate::gate::paired::MetricVerdict;
use crate::gate::{Outcome, Verdict};
use crate::report::checks::GateRun;
use crate::report::figures::gate::{
    change, evidence, failed, reached, reason, used, value, verdict,
};
use crate::units::format_share;

#[derive(Template)]
#[template(path = "gate.html")]
struct Page<'a> {
    frame: Frame,
    scenario: &'a str,
    when: String,
    exit_code: u8,
    words: &'static str,
    class: &'static str,
    base: &'a str,
    head: &'a str,
    reasons: &'a [String],
    advisory: Option<&'a str>,
    table: Table,
    used: String,
    evidence: String,
    /// Whether the verdict rests on profiles too.
    judges_functions: bool,
    changes: Vec<Change>,
    functions: Vec<Functions>,
    machine: Vec<(&'static str, String)>,
    seed: Option<u64>,
    command: &'a str,
}

/// The page; `command` is what the user typed, without credentials.
///
/// # Panics
/// Never: templates write to memory.
pub fn html(gate: &GateRun<'_>, command: &str) -> String {
    let of = gate.verdict;
    let (words, class) = words(&of.outcome);
    let (scenario, when) = (gate.scenario.name.as_str(), when(gate.started_at));
    let functions = gate.functions.map(|of| functions::of_comparison(of, None));
    let page = Page {
        frame: Frame::of(
            format!("{scenario} · gate · {when}"),
            Island::default().json(),
        ),
        scenario,
        when,
        exit_code: of.exit_code(),
        words,
        class,
        base: gate.arms.base,
        head: gate.arms.head,
        reasons: &of.reasons,
        advisory: of.advisory.as_deref(),
        table: table(gate),
        used: used(of.used, gate.seconds),
        evidence: evidence(&of.evidence),
        judges_functions: of.metrics.iter().any(|of| of.function.is_some()),
        changes: changes::all(gate.functions),
        functions: functions.unwrap_or_default(),
        machine: machine::parts(gate.machine),
        seed: gate.scenario.seed,
        command,
    };
    page.render().expect("a string takes all that is written")
}

fn words(outcome: &Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Pass => (
            "Passed: nothing that was judged is worse than is tolerated",
            "good",
        ),
        Outcome::Fail => ("Failed: the head is worse than the base", "bad"),
        Outcome::Inconclusive => (
            "Inconclusive: it is open whether the head is worse",
            "doubt",
        ),
        Outcome::Invalid(_) => ("Invalid: the gate says nothing of the head", "bad"),
        Outcome::Interrupted => ("Interrupted: the gate was ended before its time", "doubt"),
        Outcome::Internal(_) => ("Error: telemload or its machine failed", "bad"),
    }
}

fn table(gate: &GateRun<'_>) -> Table {
    let heads = [
        "metric",
        "#base",
        "#head",
        "verdict",
        "change (95 %)",
        "better │ worse",
        "why, and what it would have seen",
    ];
    let mut table = Table::new("What was judged, and what is shown beside it", &heads).with_prose();
    for metric in &gate.verdict.metrics {
        table.add(row(metric));
    }
    let errors = &gate.verdict.errors;
    table.add([
        Cell::from("errors"),
        Cell::from(failed(errors.base)),
        Cell::from(failed(errors.head)),
        marked(errors.verdict),
        Cell::default(),
        Cell::default(),
        Cell::from(errors.reason.clone().unwrap_or_default()),
    ]);
    table
}

fn row(of: &MetricVerdict) -> [Cell; 7] {
    let (by, interval) = change(of.change);
    let by = match of.change {
        Some(_) => format!("{by} ({interval})"),
        None => by,
    };
    let sees = of.smallest_effect.map(|effect| {
        format!(
            "a change of {} for the worse fails in nine of ten gates",
            format_share(effect)
        )
    });
    let why = Some(reason(of)).filter(|why| !why.is_empty());
    let why: Vec<String> = why.into_iter().chain(sees).collect();
    [
        Cell::from(of.name()),
        Cell::from(value(of.metric, of.base)),
        Cell::from(value(of.metric, of.head)),
        marked(of.verdict),
        Cell::from(by),
        Cell::drawn(reached(of).as_ref().map(bar).unwrap_or_default()),
        Cell::from(why.join("; ")),
    ]
}

/// A verdict with a sign that is no colour.
fn marked(of: Option<Verdict>) -> Cell {
    let class = match of {
        Some(Verdict::Pass) => "mark good",
        Some(Verdict::Fail) => "mark bad",
        Some(Verdict::Inconclusive) => "mark doubt",
        None => "mark",
    };
    Cell::marked(verdict(of), class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::paired::GateVerdict;
    use crate::report::checks::gate_samples::{self, gate, verdict};

    fn page(of: &GateVerdict) -> String {
        gate(of, |gate| html(gate, "telemload gate s.toml"))
    }

    #[test]
    fn the_verdict_comes_first_and_rests_on_what_the_table_has() {
        let text = page(&verdict(Verdict::Fail));
        for words in [
            "<h1 class=\"bad\">Failed: the head is worse than the base</h1>",
            "exit code 1",
            "<code>./old</code>",
            "<td class=\"n \">412 µs</td><td class=\"n \">431 µs</td><td class=\"mark bad\">✗ FAIL</td><td>+4.7 % (+3.9 % to +5.5 %)</td>",
            "<svg class=\"interval\"",
            "a change of 1.9 % for the worse fails in nine of ten gates",
            "<td class=\"n \">0 of 12,000</td><td class=\"n \">1 of 11,900</td><td class=\"mark good\">✓ pass</td>",
            "rests on 16 launches of both arms",
            "others used 0.10 CPUs",
            "The seed of this gate was 7.",
            "<code>telemload gate s.toml</code>",
        ] {
            assert!(text.contains(words), "no {words:?} in {text}");
        }
        let at = |words: &str| text.find(words).unwrap();
        assert!(
            at("<h1") < at("cpu_per_request</th>") && at("cpu_per_request</th>") < at("kernel")
        );
        let mut early = verdict(Verdict::Pass);
        early.outcome = Outcome::Invalid("the base died".to_owned());
        early.reasons = vec!["the base died".to_owned()];
        early.advisory = Some("a stored baseline".to_owned());
        let text = page(&early);
        for words in [
            "Invalid: the gate says nothing",
            "<li>the base died</li>",
            "a stored baseline",
            "exit code 4",
        ] {
            assert!(text.contains(words), "no {words:?}");
        }
    }

    #[test]
    fn functions_are_told_apart() {
        let mut of = verdict(Verdict::Pass);
        of.metrics
            .extend(["^f$", "^g$"].map(gate_samples::function));
        let text = page(&of);
        for name in ["cost(&quot;^f$&quot;)", "cost(&quot;^g$&quot;)"] {
            assert!(text.contains(&format!("{name}</th>")), "{text}");
        }
    }

    #[test]
    fn names_of_others_stay_text() {
        const HOSTILE: &str = "</script><img src=x onerror=\"x\">\u{202e}";
        let mut of = verdict(Verdict::Inconclusive);
        of.reasons = vec![HOSTILE.to_owned()];
        of.advisory = Some(HOSTILE.to_owned());
        of.errors.reason = Some(HOSTILE.to_owned());
        of.metrics[0].reason = Some(HOSTILE.to_owned());
        of.metrics[0].needs = Some(HOSTILE.to_owned());
        let text = gate(&of, |gate| {
            let mut hostile = *gate;
            (hostile.arms.base, hostile.arms.head) = (HOSTILE, HOSTILE);
            html(&hostile, HOSTILE)
        });
        assert_eq!(text.matches("</script>").count(), 2);
        assert!(!text.contains("<img") && !text.contains('\u{202e}'));
        assert!(
            text.matches("&lt;img src=x onerror=&quot;x&quot;&gt;")
                .count()
                >= 8
        );
    }
}
