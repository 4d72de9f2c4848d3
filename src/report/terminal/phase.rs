//! A phase of a run: first whether it can be trusted, then what was found.

use std::fmt::Write as _;

use anstyle::Style;
use bytesize::ByteSize;
use hdrhistogram::Histogram;

use super::counts::{handshakes, latency, requests};
use super::style::{BAD, BOLD, DOUBT, GOOD, line};
use super::{hosts, judgement, profile, resources};
use crate::experiment::COMMON_QUANTILE;
use crate::gate::{Judgement, PLANNED_SHARE};
use crate::metrics::{Tally, value_at};
use crate::report::figures::load::measured;
use crate::report::figures::rate;
use crate::result::{Cause, PhaseResult, Trust, TrustLevel};
use crate::tenant;
use crate::units::{format_count, format_share, format_us};

/// The target answered for less than this share of the window: what is missing is worth a word.
const SHORTER: f64 = 0.99;

/// Renders it with its thresholds and warnings.
pub(super) fn render(phase: &PhaseResult, judgements: &[Judgement], text: &mut String) {
    let total = phase.total();
    let trust = &phase.trust;
    let style = match trust.level() {
        TrustLevel::Trusted => GOOD,
        TrustLevel::Suspect | TrustLevel::ClientLimited => DOUBT,
    };
    heading(phase, trust.level(), style, text);
    if phase.rounds.is_empty() {
        let _ = writeln!(text, "    the load ended before its window began");
        return;
    }
    for doubt in &trust.doubts {
        let (words, code) = (&doubt.words, doubt.cause.code());
        let _ = writeln!(text, "    {style}because{style:#} {words} ({code})");
    }
    absences(phase, &total, trust, text);
    answers(phase, &total, text);
    resources::render(phase, &total, text);
    hosts::render(phase, &total, text);
    for (label, words) in tenant::lines(&phase.told(&total)) {
        line(label, &words, text);
    }
    if let Some(words) = acknowledged(phase) {
        line("acknowledged", &words, text);
    }
    if let Some(profile) = &phase.profile {
        profile::render(profile, text);
    }
    if phase.requests.len() > 1 {
        each_request(phase, text);
    }
    troubles(phase, &total, text);
    for judgement in judgements {
        judgement::render(judgement, text);
    }
    oddities(phase, text);
    for note in &phase.notes {
        let what = if note.is_hint() { "hint" } else { "note" };
        let _ = writeln!(text, "    {DOUBT}{what}{DOUBT:#} {note}");
    }
}

fn heading(phase: &PhaseResult, level: TrustLevel, style: Style, text: &mut String) {
    let rounds = if phase.rounds.len() > 1 {
        format!(", {} launches", phase.rounds.len())
    } else {
        String::new()
    };
    let _ = writeln!(
        text,
        "  {BOLD}{}{BOLD:#}: {}{rounds} · {style}{level}{style:#}",
        phase.name,
        measured(phase),
    );
}

/// What the target did not answer where that is no reason of doubt: of a load that is meant to be too much, and a time without an OK
/// answer that is long against what answers take.
fn absences(phase: &PhaseResult, total: &Tally, trust: &Trust, text: &mut String) {
    if phase.load.overload {
        for found in phase.absences(COMMON_QUANTILE, total) {
            let (words, code) = (&found.words, found.cause.code());
            let _ = writeln!(text, "    {DOUBT}behind{DOUBT:#} {words} ({code})");
        }
    }
    let is_told = trust.doubts.iter().any(|of| of.cause == Cause::Stalled);
    if let Some((stall, _)) = phase.stall().filter(|_| !is_told) {
        let words = format!(
            "{:.1} s from {:.1} s on without an OK answer",
            stall.seconds, stall.from
        );
        line("silence", &words, text);
    }
}

/// The throughput of the time in which the target answered, if that is not all of the window.
fn while_it_answered(phase: &PhaseResult, total: &Tally) -> String {
    let answered = phase.answered_seconds();
    match phase.answered_rps(total) {
        Some(rate) if answered < SHORTER * phase.seconds() => {
            let rate = format_count(rate);
            format!("; {rate}/s in the {answered:.1} s in which it answered")
        }
        _ => String::new(),
    }
}

/// What became of the requests, and how long that took.
fn answers(phase: &PhaseResult, total: &Tally, text: &mut String) {
    line(
        "throughput",
        &format!(
            "{} ({} OK in {:.1} s{})",
            rate(phase.throughput_rps(total)),
            format_count(total.completed_ok as f64),
            phase.seconds(),
            while_it_answered(phase, total)
        ),
        text,
    );
    let resent = match total.resent {
        0 => String::new(),
        resent => format!(
            ", {} sent again because the target dropped a kept connection",
            format_count(resent as f64)
        ),
    };
    line("requests", &format!("{}{resent}", requests(total)), text);
    line("latency", &latency(total), text);
    if !total.service_time.is_empty() {
        for (label, histogram) in [
            ("service time", &total.service_time),
            ("queue wait", &total.queue_wait),
            ("dispatch lag", &total.dispatch_lag),
        ] {
            let pair = format!(
                "p50 {} · p99 {}",
                format_us(value_at(histogram, 0.5)),
                format_us(value_at(histogram, 0.99))
            );
            line(label, &pair, text);
        }
    }
    if let Some(spent) = time_spent(total) {
        line("time went to", &spent, text);
    }
    if let Some(moved) = transfer(phase, total) {
        line("transfer", &moved, text);
    }
    if let Some(opened) = connections(phase) {
        line("connections", &opened, text);
    }
    for negotiated in phase.handshakes.all() {
        line("TLS", &handshakes(negotiated), text);
    }
}

/// Where the time of a request went, on the average.
fn time_spent(total: &Tally) -> Option<String> {
    if total.first_byte.is_empty() {
        return None;
    }
    let us = |histogram: &Histogram<u64>| format_us(histogram.mean() / 1e3);
    let rest = total.service_time.mean() - total.first_byte.mean();
    Some(format!(
        "queue wait {} · dispatch {} · first byte {} · rest of the answer {} (means)",
        us(&total.queue_wait),
        us(&total.dispatch_lag),
        us(&total.first_byte),
        format_us(rest.max(0.0) / 1e3)
    ))
}

/// What answers and their requests moved.
fn transfer(phase: &PhaseResult, total: &Tally) -> Option<String> {
    let seconds = phase.seconds();
    if total.received == 0 || seconds == 0.0 {
        return None;
    }
    let size = |bytes: f64| ByteSize(bytes as u64).display().si();
    Some(format!(
        "{}/s received ({}, bodies {}) · {}/s sent",
        size(total.received as f64 / seconds),
        size(total.received as f64),
        size(total.received_body as f64),
        size(total.sent_bytes as f64 / seconds)
    ))
}

fn each_request(phase: &PhaseResult, text: &mut String) {
    let sent = phase.requests.iter().zip(&phase.tallies).enumerate();
    for (at, (name, tally)) in sent.filter(|(_, (_, tally))| tally.due > 0) {
        let gone = phase.request_gone(at).map(|gone| gone.words(""));
        let gone = gone.map(|words| format!("{words}, ")).unwrap_or_default();
        let _ = writeln!(
            text,
            "    · {name}: {gone}{}, {}, latency {}",
            rate(phase.throughput_rps(tally)),
            requests(tally),
            latency(tally)
        );
    }
}

/// What failed, what could not be sent, and how the target ended.
fn troubles(phase: &PhaseResult, total: &Tally, text: &mut String) {
    for (kind, words) in &phase.exemplars {
        let _ = writeln!(
            text,
            "    {BAD}{kind}{BAD:#} × {}, such as: {words}",
            total.errors[*kind as usize]
        );
    }
    let sent = phase.sent_share(total);
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
}

/// What answers did that they should not, each with the bytes of one.
fn oddities(phase: &PhaseResult, text: &mut String) {
    for (quirk, answers, quote) in phase.oddities.iter() {
        let answers = format_count(answers as f64);
        let such = if quote.is_empty() {
            String::new()
        } else {
            format!("; such as `{quote}`")
        };
        let _ = writeln!(
            text,
            "    {DOUBT}note{DOUBT:#} {answers} answers {}{such}",
            quirk.words()
        );
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
    let hosts = phase.hosts.len().max(1) as u64;
    let kept = u64::from(phase.load.connections) * hosts * phase.rounds.len() as u64;
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
