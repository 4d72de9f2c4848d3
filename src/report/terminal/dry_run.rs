//! What a run would do: the resolved plan and the first requests, byte for byte but for secrets.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;

use crate::engine::{AcknowledgedIds, Acknowledgement, Rendered, Source};
use crate::experiment::shard_stretches;
use crate::report::figures::load::{describe, planned};
use crate::scenario::{Judge, Plan, Profile, ProfileSource, Request, Target, Variant};
use crate::shard::Shard;
use crate::tenant;
use crate::traffic::fleet::Roster;
use crate::traffic::redact::{visible, without_credentials};
use crate::traffic::template::{Secrets, Stamp};
use crate::units::{format_count, format_duration};

/// Requests that are shown of each variant.
const SHOWN: u64 = 2;

/// Renders a plan; sends nothing.
pub fn render(plan: &Plan) -> String {
    let mut text = format!(
        "{}: {} × {} round(s), seed {}\n",
        plan.name,
        plan.variants.len(),
        plan.rounds,
        plan.seed
    );
    for note in &plan.notes {
        let _ = writeln!(text, "note: {}", visible(note));
    }
    for pair in &plan.turns {
        let name = |at: usize| &plan.variants[at].name;
        let (base, head) = (name(pair.base), name(pair.head));
        let _ = writeln!(text, "in turns: {base} and {head}");
    }
    for variant in &plan.variants {
        render_variant(plan, variant, &mut text);
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
        let value = match threshold.judge {
            Judge::Interval => "",
            Judge::Value => " (by the value alone)",
        };
        let _ = writeln!(
            text,
            "threshold: {}{only}{untrusted}{value}",
            threshold.expr
        );
    }
    text
}

/// When each stretch of load of a shard begins.
pub fn timetable(plan: &Plan, shard: Shard, start: Option<Timestamp>) -> String {
    let from = start.unwrap_or_default();
    let mut text = format!("\nshard {shard} begins\n");
    for stretch in shard_stretches(plan, from) {
        let after = stretch.begins_at.duration_since(from);
        let after = format_duration(after.try_into().unwrap_or_default());
        let at = start.map_or_else(String::new, |_| format!(" at {}", stretch.begins_at));
        let profiled = if stretch.profiled { ", profiled" } else { "" };
        let _ = writeln!(
            text,
            "  {after} after the start{at}: {} · {}, round {}{profiled}, {} worker(s)",
            stretch.variant, stretch.phase, stretch.round, stretch.workers
        );
    }
    text
}

fn render_variant(plan: &Plan, variant: &Variant, text: &mut String) {
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
    for (at, host) in variant.hosts.iter().enumerate() {
        let requests = variant.requests.iter();
        let names = requests
            .filter(|of| of.elsewhere.as_ref().is_some_and(|of| of.host == at))
            .map(|of| of.name.as_str());
        let names: Vec<&str> = names.collect();
        let _ = writeln!(text, "  host {}: {}", host.describe(), names.join(", "));
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
            ProfileSource::Pprof { url: Some(url) } => without_credentials(url),
            ProfileSource::Pprof { url: None } => format!("the {}'s endpoint", tenant::NAME),
            ProfileSource::Perf => "perf".to_owned(),
        };
        let _ = writeln!(
            text,
            "  profile: {} at {} Hz from {from}",
            length(profile),
            profile.hz
        );
    }
    first_requests(plan, variant, text);
}

fn length(profile: &Profile) -> String {
    let duration = format_duration(profile.duration);
    match profile.samples {
        Some(samples) => {
            let samples = format_count(samples as f64);
            format!("{samples} samples, {duration} at most,")
        }
        None => duration,
    }
}

/// The first requests of the first phase, with what a device sends before them.
fn first_requests(plan: &Plan, variant: &Variant, text: &mut String) {
    let authority = match &variant.target {
        Target::Url { base, .. } => base.authority.clone(),
        Target::Bundled { port, .. } | Target::Command { port, .. } => port
            .map_or("127.0.0.1:{port}".to_owned(), |port| {
                format!("127.0.0.1:{port}")
            }),
    };
    let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
    let requests = match variant.phases.first() {
        Some(phase) => variant.requests_of(&phase.load, Stamp::default()),
        None => variant.requests.clone(),
    };
    let (requests, rosters): (Arc<[Request]>, Arc<[Roster]>) = (requests.into(), rosters.into());
    let ids = AcknowledgedIds::new(requests.clone(), rosters.clone(), plan.seed);
    let mut source = Source::new(requests, rosters, &authority, plan.seed, plan.secrets);
    let mut out = Rendered::default();
    let mut shown_before = Vec::new();
    for n in 0..SHOWN {
        let kind = source.kind(n);
        for before in source.before(kind) {
            if !shown_before.contains(&before) {
                shown_before.push(before);
                source.render(before, n, &mut out);
                let heading = format!("before the first {} of a device", source.name(kind));
                render_request(&heading, source.name(before), &shown(plan, &out), text);
            }
        }
        source.render(kind, n, &mut out);
        let heading = format!("request {n}");
        render_request(&heading, source.name(kind), &shown(plan, &out), text);
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

/// A request as text, without the credentials that stand in the scenario itself.
fn shown(plan: &Plan, request: &Rendered) -> String {
    let request = String::from_utf8_lossy(request.bytes());
    match plan.secrets {
        Secrets::Sent => request.into_owned(),
        Secrets::Redacted => without_credentials(&request),
    }
}

fn render_request(heading: &str, name: &str, request: &str, text: &mut String) {
    let _ = writeln!(text, "  {heading}, {name}:");
    for line in request.lines() {
        let _ = writeln!(text, "    {}", visible(line));
    }
}
