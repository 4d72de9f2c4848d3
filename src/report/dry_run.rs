//! What a run would do: the resolved plan and the first requests, byte for byte but for secrets.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::engine::{Rendered, Source};
use crate::scenario::fleet::Roster;
use crate::scenario::redact::{visible, without_userinfo};
use crate::scenario::template::Secrets;
use crate::scenario::{Load, LoadModel, Plan, Target, Variant};
use crate::units::format_duration;

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
        let _ = writeln!(text, "threshold: {}{only}", threshold.expr);
    }
    text
}

/// A load in words.
pub fn describe(load: &Load) -> String {
    let model = match load.model {
        LoadModel::Closed => "closed loop".to_owned(),
        LoadModel::Open { rate, arrivals } => format!(
            "open loop at {rate}, {} arrivals",
            format!("{arrivals:?}").to_lowercase()
        ),
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
    format!(
        "{model}, {} connections, {length}{warmup}",
        load.connections
    )
}

// Writing to a String cannot fail.
fn render_variant(variant: &Variant, secrets: Secrets, text: &mut String) {
    let _ = writeln!(
        text,
        "\nvariant {}: {}",
        variant.name,
        variant.target.describe()
    );
    for fleet in &variant.fleets {
        let _ = writeln!(
            text,
            "  fleet {}: {} devices, {} secrets, seed {}",
            fleet.name, fleet.devices, fleet.secrets, fleet.seed
        );
    }
    for phase in &variant.phases {
        let load = &phase.load;
        let _ = writeln!(
            text,
            "  phase {}: {}, timeout {}, {} worker(s)",
            phase.name,
            describe(load),
            format_duration(load.timeout),
            load.workers
        );
    }
    if let Some(profile) = &variant.profile {
        let from = profile
            .url
            .as_deref()
            .map_or("the gateway's endpoint".to_owned(), without_userinfo);
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
    let mut source = Source::new(
        variant.requests.clone().into(),
        Arc::from(rosters),
        &authority,
        seed,
        secrets,
    );
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
    }
}

fn render_request(heading: &str, name: &str, request: &Rendered, text: &mut String) {
    let _ = writeln!(text, "  {heading}, {name}:");
    for line in String::from_utf8_lossy(request.bytes()).lines() {
        let _ = writeln!(text, "    {}", visible(line));
    }
}
