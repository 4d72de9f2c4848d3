//! What can be said against comparing two sides, and against comparing one of their phases.

use super::caution::Caution;
use super::change::{Basis, Metric, MetricChange};
use super::doubts::Untrusted;
use super::load::load_differences;
use super::metrics::is_unknown;
use super::side::{Side, Subject};
use crate::process::machine::Fingerprint;
use crate::result::{ASSUMED_TIME_SPREAD, Figure, TrustLevel};
use crate::units::printable;

/// What is to be said of two sides as a whole.
pub(super) fn cautions(base: &Side<'_>, head: &Side<'_>) -> Vec<Caution> {
    let mut cautions = Vec::new();
    if let Some((from, to)) = base.run.zip(head.run) {
        if from.scenario.name != to.scenario.name {
            let (from, to) = (printable(&from.scenario.name), printable(&to.scenario.name));
            let what = format!("the scenarios are {from} and {to}");
            cautions.push(Caution::Scenario { what });
        } else if from.scenario.sha256 != to.scenario.sha256 {
            let what = format!(
                "the scenario {} was changed between the runs",
                printable(&from.scenario.name)
            );
            cautions.push(Caution::Scenario { what });
        }
        let differing = differing(from.machine, to.machine);
        if !differing.is_empty() {
            let what = differing.join(", ");
            cautions.push(Caution::Machine { what });
        }
    }
    for side in [base, head] {
        if side.run.is_some_and(|run| run.interrupted) {
            let what = format!("the run of {} ended before its time", side.label);
            cautions.push(Caution::Doubtful {
                code: "ended_early",
                what,
            });
        }
    }
    for (side, other) in [(base, head), (head, base)] {
        for subject in &side.phases {
            if other.find(subject.phase).is_none() {
                let phase = subject.phase.to_owned();
                cautions.push(Caution::OneSided { phase });
            }
        }
    }
    cautions
}

fn differing(from: &Fingerprint, to: &Fingerprint) -> Vec<&'static str> {
    let all = [
        ("host", from.hostname_hash != to.hostname_hash),
        ("processor", from.cpu_model != to.cpu_model),
        ("CPUs", from.logical_cpus != to.logical_cpus),
        ("usable CPUs", from.usable_cpus != to.usable_cpus),
        ("CPU limit", from.cgroup_cpus != to.cgroup_cpus),
        ("kernel", from.kernel != to.kernel),
        ("memory", from.memory_bytes != to.memory_bytes),
        ("governor", from.governor != to.governor),
    ];
    let differing = all.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(what, _)| what).collect()
}

/// A side and one of its phases.
pub(super) type Of<'a> = (&'a Side<'a>, &'a Subject<'a>);

/// What is to be said of a phase of both.
pub(super) fn phase_cautions(base: Of<'_>, head: Of<'_>, untrusted: Untrusted) -> Vec<Caution> {
    let mut cautions = Vec::new();
    if let Some((from, to)) = base.1.load.zip(head.1.load) {
        let differences = load_differences(from, to);
        if !differences.is_empty() {
            cautions.push(Caution::Load { differences });
        }
    }
    for (side, subject) in [base, head] {
        cautions.extend(unanswered_caution(side.label, subject));
    }
    for ((side, subject), (_, other)) in [(base, head), (head, base)] {
        cautions.extend(unknown_cautions(side.label, subject, other));
    }
    for (side, subject) in [base, head] {
        cautions.extend(untrusted_caution(side.label, subject, untrusted));
    }
    let has_costs = |of: &Subject<'_>| of.profile.is_some_and(|of| of.per_request.is_some());
    let both_have_costs = has_costs(base.1) && has_costs(head.1);
    for (side, subject) in [base, head] {
        let doubts = subject.trust.about(Figure::Cost);
        let codes: Vec<&str> = doubts.map(|(doubt, _)| doubt.cause.code()).collect();
        if both_have_costs && !codes.is_empty() {
            let (label, codes) = (side.label, codes.join(", "));
            let what = format!(
                "costs of functions of {label} hold what moved its CPU per request ({codes}), all by the same factor: shares do not"
            );
            cautions.push(Caution::Doubtful {
                code: "moved_costs",
                what,
            });
        }
    }
    for ((side, subject), (_, other)) in [(base, head), (head, base)] {
        if subject.profiled && !other.profiled {
            let what = format!(
                "{} was profiled in {} alone: functions cannot be compared",
                subject.phase, side.label
            );
            cautions.push(Caution::Doubtful {
                code: "profiled_alone",
                what,
            });
        }
    }
    cautions
}

/// Said where the machine's speed makes intervals noticeably wider: `speed` is ln of the generator's CPU per request, head by base.
pub(super) fn speed_caution(metrics: &[MetricChange], speed: Option<f64>) -> Option<Caution> {
    let speed = speed.filter(|speed| speed.abs() > ASSUMED_TIME_SPREAD)?;
    let widened = |change: &MetricChange| matches!(change.basis, Basis::Times | Basis::Runs);
    metrics.iter().any(widened).then(|| {
        let what = format!(
            "the generator's own CPU per request changed by {:+.0} % for the same work, so the machine's speed may have: intervals are wider by that; compare in one run with `rounds = 3` or more",
            speed.exp_m1() * 100.0
        );
        Caution::Doubtful {
            code: "machine_speed",
            what,
        }
    })
}

/// A side without any OK response has no figure to compare but its failures.
fn unanswered_caution(label: &str, subject: &Subject<'_>) -> Option<Caution> {
    let answers = subject.answers.filter(|answers| answers.ok == 0)?;
    let (failed, unanswered) = (answers.failed, answers.unanswered);
    let what = format!(
        "{label} · {} had no OK response ({failed} requests failed, {unanswered} were never answered): nothing but that can be compared; see its `exemplars` in result.json",
        subject.phase
    );
    Some(Caution::Doubtful {
        code: "no_ok_response",
        what,
    })
}

/// Figures that a side with OK responses lacks, so that they have no row: throughput if no answer came within its window, and the CPU if the
/// other side has it.
fn unknown_cautions(label: &str, subject: &Subject<'_>, other: &Subject<'_>) -> Vec<Caution> {
    let has_ok = |of: &Subject<'_>| of.answers.is_some_and(|answers| answers.ok > 0);
    if !has_ok(subject) || !has_ok(other) {
        return Vec::new();
    }
    let lacks = |metric| is_unknown(metric, &subject.rounds);
    let phase = subject.phase;
    let throughput = lacks(Metric::Throughput).then(|| {
        format!(
            "{label} · {phase} has no throughput to compare: none of its OK answers came within the window; let the load last ten answers or longer"
        )
    });
    let has_cpu = !is_unknown(Metric::CpuPerRequest, &other.rounds);
    let is_idle = throughput.is_some();
    let cpu = (lacks(Metric::CpuPerRequest) && has_cpu && !is_idle).then(|| {
        format!("{label} · {phase} has no CPU per request to compare: its `warnings` say why")
    });
    let all = [("no_throughput", throughput), ("no_target_cpu", cpu)];
    all.into_iter()
        .filter_map(|(code, what)| Some(Caution::Doubtful { code, what: what? }))
        .collect()
}

fn untrusted_caution(label: &str, subject: &Subject<'_>, untrusted: Untrusted) -> Option<Caution> {
    let level = subject.trust.level();
    if level == TrustLevel::Trusted {
        return None;
    }
    let doubts = subject.trust.doubts.iter();
    let reasons: Vec<&str> = doubts.map(|doubt| doubt.words.as_str()).collect();
    let allowed = match untrusted {
        Untrusted::NotJudged => "",
        Untrusted::Allowed => "; judged all the same by `allow_untrusted`",
    };
    let what = format!(
        "{label} · {} is {level}: {}{allowed}",
        subject.phase,
        reasons.join("; ")
    );
    Some(Caution::Doubtful {
        code: "untrusted",
        what,
    })
}
