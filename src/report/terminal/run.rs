//! The summary for people: per variant and phase, first whether it can be trusted, then what was found.

use std::fmt::Write as _;

use super::compare;
use super::story;
use super::style::{BAD, BOLD, DOUBT, GOOD, indent, plain_table};
use crate::compare::Comparison;
use crate::experiment::{
    InstanceUse, PhaseResult, RunResult, ServiceUse, TrustLevel, VariantResult,
};
use crate::gate::{Judgement, Judgements, PLANNED_SHARE, Verdict};
use crate::metrics::{Tally, latency_quantiles, value_at};
use crate::report::figures::load::describe;
use crate::report::figures::shortened;
use crate::scenario::Plan;
use crate::units::{format_count, format_share, format_us};

/// Functions that a phase lists.
const TOP_FUNCTIONS: usize = 8;

/// Renders a run.
pub fn render(
    plan: &Plan,
    result: &RunResult,
    comparisons: &[Comparison],
    judgements: &Judgements,
) -> String {
    let mut text = String::new();
    for (variant, judged) in result.variants.iter().zip(judgements) {
        render_variant(plan, variant, judged, &mut text);
    }
    for comparison in comparisons {
        render_comparison(plan, result, comparison, &mut text);
    }
    text
}

// Writing to a String cannot fail, here and below.
fn render_variant(
    plan: &Plan,
    variant: &VariantResult,
    judged: &[Vec<Judgement>],
    text: &mut String,
) {
    let _ = writeln!(
        text,
        "{BOLD}{} · {}{BOLD:#}  ({})",
        plan.name, variant.name, variant.target
    );
    for (phase, judgements) in variant.phases.iter().zip(judged) {
        render_phase(phase, judgements, text);
    }
    text.push('\n');
}

fn render_phase(phase: &PhaseResult, judgements: &[Judgement], text: &mut String) {
    let total = phase.total();
    let trust = phase.trust(&total);
    let style = match trust.level() {
        TrustLevel::Trusted => GOOD,
        TrustLevel::Suspect | TrustLevel::ClientLimited => DOUBT,
    };
    let rounds = if phase.rounds.len() > 1 {
        format!(", {} launches", phase.rounds.len())
    } else {
        String::new()
    };
    let _ = writeln!(
        text,
        "  {BOLD}{}{BOLD:#}: {}{rounds} · {style}{}{style:#}",
        phase.name,
        describe(&phase.load),
        trust.level()
    );
    if phase.rounds.is_empty() {
        let _ = writeln!(text, "    the load ended before its window began");
        return;
    }
    for doubt in &trust.doubts {
        let (words, code) = (&doubt.words, doubt.cause.code());
        let _ = writeln!(text, "    {style}because{style:#} {words} ({code})");
    }
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "    {label:<13} {value}");
    };
    line(
        "throughput",
        &format!(
            "{}/s ({} OK in {:.1} s)",
            format_count(phase.throughput_rps(&total)),
            format_count(total.completed_ok as f64),
            phase.seconds()
        ),
    );
    let resent = match phase.resent {
        0 => String::new(),
        resent => format!(
            ", {} sent again after the target closed a kept connection",
            format_count(resent as f64)
        ),
    };
    line("requests", &format!("{}{resent}", requests(&total)));
    line("latency", &latency(&total));
    if !total.service_time.is_empty() {
        let pair = |histogram| {
            format!(
                "p50 {} · p99 {}",
                format_us(value_at(histogram, 0.5)),
                format_us(value_at(histogram, 0.99))
            )
        };
        line("service time", &pair(&total.service_time));
        line("queue wait", &pair(&total.queue_wait));
        line("dispatch lag", &pair(&total.dispatch_lag));
    }
    if let Some(opened) = connections(phase) {
        line("connections", &opened);
    }
    line("target CPU", &target_cpu(phase, &total));
    for instance in &phase.instances {
        line("instance", &of_instance(phase, instance));
    }
    if !phase.services.is_empty() {
        line("services", &services(phase, &total));
    }
    let steal = phase
        .steal_share()
        .map(|share| format!(" · steal {}", format_share(share)))
        .unwrap_or_default();
    let wait = phase
        .worker_wait()
        .map(|share| format!(" · waited for a CPU {}", format_share(share)))
        .unwrap_or_default();
    line(
        "generator",
        &format!("{:.2} cores{wait}{steal}", phase.generator_cores()),
    );
    if let Some(counters) = story::counters(phase, &total) {
        line("gateway", &counters);
    }
    if let Some(payloads) = story::payloads(phase) {
        line("payloads", &payloads);
    }
    if let Some(acknowledged) = acknowledged(phase) {
        line("acknowledged", &acknowledged);
    }
    if let Some(profile) = &phase.profile {
        let ratio = profile
            .capture_ratio
            .map(|ratio| format!(" · capture ratio {ratio:.2}"))
            .unwrap_or_default();
        let cost = profile
            .us_per_request
            .map(|us| format!(" · {} CPU per request", format_us(us)))
            .unwrap_or_default();
        line(
            "profile",
            &format!(
                "{} samples at {} Hz · {}/s while profiled{cost}{ratio}",
                profile.profile.samples(),
                profile.hz,
                format_count(profile.throughput_rps)
            ),
        );
        functions(profile, text);
    }
    if phase.requests.len() > 1 {
        let sent = phase.requests.iter().zip(&phase.tallies);
        for (name, tally) in sent.filter(|(_, tally)| tally.due > 0) {
            let _ = writeln!(
                text,
                "    · {name}: {}/s, {}, latency {}",
                format_count(phase.throughput_rps(tally)),
                requests(tally),
                latency(tally)
            );
        }
    }
    for (kind, words) in &phase.exemplars {
        let _ = writeln!(
            text,
            "    {BAD}{kind}{BAD:#} × {}, such as: {words}",
            total.errors[*kind as usize]
        );
    }
    let sent = phase.sent_share(&total);
    if phase.load.overload && sent < PLANNED_SHARE {
        let sent = format_share(sent);
        let _ = writeln!(
            text,
            "    {DOUBT}behind{DOUBT:#} only {sent} of the planned requests could be sent in time"
        );
    }
    if let Some(died) = &phase.died {
        let _ = writeln!(text, "    {BAD}ended{BAD:#} {died}");
    }
    for judgement in judgements {
        render_judgement(judgement, text);
    }
    for warning in &phase.warnings {
        let _ = writeln!(text, "    {DOUBT}note{DOUBT:#} {warning}");
    }
}

/// How many ids were recorded, and where.
fn acknowledged(phase: &PhaseResult) -> Option<String> {
    let first = phase.acknowledged.first()?;
    let ids: u64 = phase.acknowledged.iter().map(|file| file.ids).sum();
    let others = match phase.acknowledged.len() - 1 {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    let (ids, file) = (format_count(ids as f64), first.file.display());
    Some(format!(
        "{ids} ids, warm-up and drain included, in {file}{others}"
    ))
}

/// What opening connections took, where more were opened than are kept.
fn connections(phase: &PhaseResult) -> Option<String> {
    let kept = u64::from(phase.load.connections) * phase.rounds.len() as u64;
    if phase.opening.count() == 0 || (phase.load.keep_alive && phase.opening.count() <= kept) {
        return None;
    }
    let part = if phase.load.keep_alive {
        ""
    } else {
        " (part of the queue wait)"
    };
    let took = phase.opening.histogram();
    Some(format!(
        "{} opened, each in p50 {} · p99 {}{part}",
        format_count(phase.opening.count() as f64),
        format_us(value_at(took, 0.5)),
        format_us(value_at(took, 0.99))
    ))
}

fn requests(total: &Tally) -> String {
    let mut text = format!(
        "{} due, {} OK, {} failed",
        format_count(total.due as f64),
        format_count(total.ok as f64),
        format_count(total.failed as f64)
    );
    for (count, what) in [
        (total.timed_out, "of them timed out"),
        (total.in_flight_at_end, "in flight at the end"),
        (total.not_sent, "not sent"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {} {what}", format_count(count as f64));
        }
    }
    if total.failed > 0 {
        let _ = write!(text, " ({})", format_share(total.error_rate()));
    }
    text
}

fn latency(total: &Tally) -> String {
    let (histogram, exact_below) = latency_quantiles(total);
    if histogram.is_empty() {
        return "no OK response".to_owned();
    }
    let points = [
        ("p50", 0.5),
        ("p90", 0.9),
        ("p99", 0.99),
        ("p99.9", 0.999),
        ("max", 1.0),
    ];
    let point = |(name, quantile): (&str, f64)| {
        let bound = if quantile > exact_below { "≥ " } else { "" };
        format!(
            "{name} {bound}{}",
            format_us(value_at(&histogram, quantile))
        )
    };
    points.map(point).join(" · ")
}

fn target_cpu(phase: &PhaseResult, total: &Tally) -> String {
    let Some(cores) = phase.target_cores() else {
        return "not known".to_owned();
    };
    let cost = phase
        .us_per_request(total)
        .map(|us| format!(" · {} per request", format_us(us)))
        .unwrap_or_default();
    let memory = peak(phase.peak_bytes);
    format!(
        "{cores:.2} of {} cores ({}){cost}{memory}",
        format_count(phase.target_cpus),
        format_share(cores / phase.target_cpus)
    )
}

/// One instance of several in a line.
fn of_instance(phase: &PhaseResult, of: &InstanceUse) -> String {
    let seconds = phase.seconds();
    let rate = of.served.completed_ok as f64 / seconds;
    let cores = of.cpu_seconds.map_or(String::new(), |cpu| {
        format!(" · {:.2} cores", cpu / seconds)
    });
    let cost = of.us_per_request().map_or(String::new(), |us| {
        format!(" · {} per request", format_us(us))
    });
    let bcrypts = of.counters.get("bcrypt").map_or(String::new(), |count| {
        format!(" · {} bcrypt", format_count(*count as f64))
    });
    let failed = match of.served.failed {
        0 => String::new(),
        failed => format!(" · {} failed", format_count(failed as f64)),
    };
    format!(
        "{} {}/s{cores}{cost}{bcrypts}{failed}{}",
        of.address,
        format_count(rate),
        peak(of.peak_bytes)
    )
}

/// What ran beside the target, service by service.
fn services(phase: &PhaseResult, total: &Tally) -> String {
    let of = |service: &ServiceUse| {
        let cores = phase.service_cores(service);
        let cores = cores.map_or("CPU not known".to_owned(), |cores| {
            format!("{cores:.2} cores")
        });
        let cost = service.us_per_request(total);
        let cost = cost.map_or(String::new(), |us| {
            format!(" · {} per request", format_us(us))
        });
        format!("{} {cores}{cost}{}", service.name, peak(service.peak_bytes))
    };
    let each: Vec<String> = phase.services.iter().map(of).collect();
    each.join("; ")
}

fn peak(bytes: Option<u64>) -> String {
    bytes.map_or(String::new(), |bytes| {
        format!(
            " · peak memory {}",
            bytesize::ByteSize(bytes).display().iec()
        )
    })
}

fn functions(profile: &crate::experiment::ProfileResult, text: &mut String) {
    let us = profile.us_per_request.unwrap_or(0.0);
    let mut by_self: Vec<_> = profile
        .functions
        .functions
        .iter()
        .filter(|function| function.self_share.value > 0.0)
        .collect();
    by_self.sort_by(|a, b| {
        let by_own = b.self_share.value.total_cmp(&a.self_share.value);
        by_own.then_with(|| a.function.cmp(&b.function))
    });
    let mut table = plain_table(&["self", "total", "µs/request", "function"], 3);
    for function in by_self.into_iter().take(TOP_FUNCTIONS) {
        table.add_row([
            format_share(function.self_share.value),
            format_share(function.total_share.value),
            format_count(function.self_share.value * us),
            shortened(&function.function),
        ]);
    }
    indent(&table.to_string(), "      ", text);
}

fn render_judgement(judgement: &Judgement, text: &mut String) {
    let style = match judgement.verdict {
        Verdict::Pass => GOOD,
        Verdict::Fail => BAD,
        Verdict::Inconclusive => DOUBT,
    };
    let request = judgement
        .request
        .as_ref()
        .map(|name| format!(" for {name}"))
        .unwrap_or_default();
    let value = judgement
        .value
        .map(|value| format!(" · found {}", found(&judgement.expr, value)))
        .unwrap_or_default();
    let reason = judgement
        .reason
        .as_ref()
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    let _ = writeln!(
        text,
        "    {style}{}{style:#} {}{request}{value}{reason}",
        judgement.verdict.name(),
        judgement.expr
    );
}

/// A value in the unit of its expression.
fn found(expr: &str, value: f64) -> String {
    if expr.starts_with("errors") || expr.starts_with("share") {
        format_share(value)
    } else if expr.starts_with("throughput") {
        format!("{}/s", format_count(value))
    } else {
        format_us(value)
    }
}

fn render_comparison(plan: &Plan, result: &RunResult, comparison: &Comparison, text: &mut String) {
    compare::heading(comparison, text);
    for phase in &comparison.phases {
        compare::changes(phase, text);
    }
    if let Some(table) = story::table(plan, result, comparison) {
        text.push('\n');
        indent(&table, "  ", text);
    }
    compare::functions(comparison, text);
    text.push('\n');
}
