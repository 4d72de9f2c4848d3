//! What a run would do: the resolved plan and the first requests, byte for byte but for secrets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{AcknowledgedIds, Acknowledgement, Rendered, Source};
use crate::pacer::Schedule;
use crate::scenario::{
    Arrivals, Load, LoadModel, Pace, Plan, ProfileSource, Request, Stage, Target, Variant,
};
use crate::traffic::fleet::Roster;
use crate::traffic::redact::{visible, without_userinfo};
use crate::traffic::template::{Secrets, Stamp};
use crate::units::{format_count, format_duration};

/// Requests that are shown of each variant.
const SHOWN: u64 = 2;

/// Renders a plan; sends nothing.
pub fn render(plan: &Plan) -> String {
    let mut text = format!(
        "{}: {} × {} round(s)\n",
        plan.name,
        plan.variants.len(),
        plan.rounds
    );
    for variant in &plan.variants {
        render_variant(variant, plan.secrets, &mut text);
    }
    for threshold in &plan.thresholds {
        let only = [
            ("variant", &threshold.variant),
            ("phase", &threshold.phase),
            ("request", &threshold.request),
        ];
        let only: String = only
            .iter()
            .filter_map(|(what, name)| name.as_ref().map(|name| format!(" ({what} {name})")))
            .collect();
        let untrusted = if threshold.allow_untrusted {
            " (also of untrusted phases)"
        } else {
            ""
        };
        let _ = writeln!(text, "threshold: {}{only}{untrusted}", threshold.expr);
    }
    text
}

/// A load in words.
pub fn describe(load: &Load) -> String {
    let model = match &load.model {
        LoadModel::Closed => "closed loop".to_owned(),
        LoadModel::Open { pace, arrivals } => {
            let arrivals = match arrivals {
                Arrivals::Constant => "constant arrivals".to_owned(),
                Arrivals::Poisson => "poisson arrivals".to_owned(),
                Arrivals::Burst(size) => format!("bursts of {size}"),
            };
            let rate = match pace {
                Pace::Constant(rate) => format!("at {rate}"),
                Pace::Staged { begin, stages } => describe_stages(*begin, stages),
            };
            format!("open loop {rate}, {arrivals}")
        }
    };
    let length = load.requests.map_or_else(
        || format_duration(load.duration),
        |requests| format!("{requests} requests"),
    );
    let warmup = if load.warmup.is_zero() {
        String::new()
    } else {
        format!(" after {} of warm-up", format_duration(load.warmup))
    };
    let connections = if load.keep_alive {
        format!("{} connections", load.connections)
    } else {
        format!(
            "{} connections, a new one for each request",
            load.connections
        )
    };
    let overload = if load.overload {
        ", meant to be too much"
    } else {
        ""
    };
    let mix = describe_mix(&load.weights);
    format!("{model}, {connections}, {length}{warmup}{mix}{overload}")
}

/// Weights that a load has of its own, in words that go behind others.
pub(super) fn describe_mix(weights: &BTreeMap<String, u32>) -> String {
    let one = |(name, weight): (&String, &u32)| format!("{name} {weight}");
    let all: Vec<String> = weights.iter().map(one).collect();
    if all.is_empty() {
        return String::new();
    }
    format!(", weights {}", all.join(" and "))
}

/// The requests that a load plans in its window, on average; `None` if their number does not follow from time.
fn planned(load: &Load) -> Option<f64> {
    let LoadModel::Open { pace, .. } = &load.model else {
        return None;
    };
    let schedule = Schedule::new(pace, load.warmup);
    let at = |offset: Duration| schedule.requests_before(offset.as_nanos() as u64);
    load.requests
        .is_none()
        .then(|| at(load.warmup + load.duration) - at(load.warmup))
}

/// Stages in words: "0 → 20,000/s over 30s, hold 60s".
pub(super) fn describe_stages(begin: f64, stages: &[Stage]) -> String {
    let mut from = begin;
    let mut words = Vec::new();
    for (at, stage) in stages.iter().enumerate() {
        let over = format_duration(stage.over);
        let how = if stage.over.is_zero() {
            "at once".to_owned()
        } else {
            format!("over {over}")
        };
        let (first, last) = (format_count(from), format_count(stage.to));
        words.push(match (at, stage.to == from) {
            (0, true) => format!("{first}/s for {over}"),
            (_, true) => format!("hold {over}"),
            (0, false) => format!("{first} → {last}/s {how}"),
            (_, false) => format!("→ {last}/s {how}"),
        });
        from = stage.to;
    }
    words.join(", ")
}

// Writing to a String cannot fail.
fn render_variant(variant: &Variant, secrets: Secrets, text: &mut String) {
    let _ = writeln!(
        text,
        "\nvariant {}: {}",
        variant.name,
        variant.target.describe()
    );
    for service in &variant.services {
        let ready = service
            .ready
            .as_ref()
            .map_or("its port accepts".to_owned(), |path| {
                format!("{path} answers 2xx")
            });
        let _ = writeln!(
            text,
            "  service {}: `{}`, ready when {ready}, within {}",
            service.name,
            service.command.line(),
            format_duration(service.ready_within)
        );
    }
    for fleet in &variant.fleets {
        let _ = writeln!(
            text,
            "  fleet {}: {} devices, {} secrets, seed {}",
            fleet.name, fleet.devices, fleet.secrets, fleet.seed
        );
    }
    for phase in &variant.phases {
        let load = &phase.load;
        let planned = planned(load)
            .map(|requests| format!(", {} requests planned", format_count(requests.round())))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "  phase {}: {}{planned}, timeout {}, {} worker(s)",
            phase.name,
            describe(load),
            format_duration(load.timeout),
            load.workers
        );
    }
    if let Some(profile) = &variant.profile {
        let from = match &profile.source {
            ProfileSource::Pprof { url: Some(url) } => without_userinfo(url),
            ProfileSource::Pprof { url: None } => "the gateway's endpoint".to_owned(),
            ProfileSource::Perf => "perf".to_owned(),
        };
        let _ = writeln!(
            text,
            "  profile: {} at {} Hz from {from}",
            format_duration(profile.duration),
            profile.hz
        );
    }
    let authority = match &variant.target {
        Target::Url { base, .. } => base.authority.clone(),
        Target::Gateway { port, .. } | Target::Command { port, .. } => port
            .map_or("127.0.0.1:{port}".to_owned(), |port| {
                format!("127.0.0.1:{port}")
            }),
    };
    let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
    let seed = rosters.first().map_or(0, Roster::seed);
    let requests = match variant.phases.first() {
        Some(phase) => variant.requests_of(&phase.load, Stamp::default()),
        None => variant.requests.clone(),
    };
    let (requests, rosters): (Arc<[Request]>, Arc<[Roster]>) = (requests.into(), rosters.into());
    let ids = AcknowledgedIds::new(requests.clone(), rosters.clone(), seed);
    let mut source = Source::new(requests, rosters, &authority, seed, secrets);
    let mut out = Rendered::default();
    let mut shown_before = Vec::new();
    for n in 0..SHOWN {
        let kind = source.kind(n);
        for before in source.before(kind) {
            if !shown_before.contains(&before) {
                shown_before.push(before);
                source.render(before, n, &mut out);
                let heading = format!("before the first {} of a device", source.name(kind));
                render_request(&heading, source.name(before), &out, text);
            }
        }
        source.render(kind, n, &mut out);
        render_request(&format!("request {n}"), source.name(kind), &out, text);
        let mut acknowledged = Vec::new();
        if ids.append(Acknowledgement { kind, n }, &mut acknowledged) > 0 {
            let shown = String::from_utf8_lossy(&acknowledged);
            let shown: Vec<String> = shown.lines().map(visible).collect();
            let _ = writeln!(
                text,
                "    acknowledged by an OK answer: {}",
                shown.join(" ")
            );
        }
    }
}

fn render_request(heading: &str, name: &str, request: &Rendered, text: &mut String) {
    let _ = writeln!(text, "  {heading}, {name}:");
    for line in String::from_utf8_lossy(request.bytes()).lines() {
        let _ = writeln!(text, "    {}", visible(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_said_in_words() {
        let stage = |to, seconds| Stage {
            to,
            over: Duration::from_secs(seconds),
        };
        for (begin, stages, words) in [
            (
                0.0,
                vec![stage(20_000.0, 30), stage(20_000.0, 60)],
                "0 → 20,000/s over 30s, hold 60s",
            ),
            (
                100.0,
                vec![
                    stage(100.0, 5),
                    stage(500.0, 0),
                    stage(500.0, 5),
                    stage(0.0, 180),
                ],
                "100/s for 5s, → 500/s at once, hold 5s, → 0/s over 3m",
            ),
        ] {
            assert_eq!(describe_stages(begin, &stages), words);
        }
    }
}
