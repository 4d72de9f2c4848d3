//! Which variants are up together and take turns, and why others are not. Pure.

use std::time::Duration;

use super::{ComparisonPlan, Load, LoadModel, Phase, Plan, Target, Variant};

/// The shortest window that has room for turns.
const SHORTEST: Duration = Duration::from_millis(400);

impl Plan {
    /// Why the variants of a comparison cannot take turns; `None` if they can.
    pub fn apart(&self, pair: ComparisonPlan) -> Option<String> {
        let (base, head) = (&self.variants[pair.base], &self.variants[pair.head]);
        let compared = |at: usize| {
            let each = self.comparisons.iter();
            each.filter(|of| of.base == at || of.head == at).count() > 1
        };
        let twice = [pair.base, pair.head].into_iter().find(|at| compared(*at));
        let twice = twice.map(|at| {
            let name = &self.variants[at].name;
            format!("`{name}` is in several comparisons, and turns are those of two variants")
        });
        twice
            .or_else(|| cannot_share(base, head))
            .or_else(|| no_phase(base, head))
    }
}

/// Why both cannot be up at once and be measured apart.
fn cannot_share(base: &Variant, head: &Variant) -> Option<String> {
    let both = [base, head];
    if let Some(several) = both.iter().find(|of| of.target.instances() > 1) {
        return Some(format!("`{}` has several instances", several.name));
    }
    if let Some(port) = shared_port(base, head) {
        return Some(format!(
            "both are to listen at port {port}; leave out `port` of `target`, or let the command take `{{port}}`"
        ));
    }
    match (&base.target, &head.target) {
        (
            Target::Url {
                base,
                route,
                pid,
                metrics,
                ..
            },
            Target::Url {
                base: other,
                route: other_route,
                pid: other_pid,
                metrics: other_metrics,
                ..
            },
        ) => {
            let is_one = base.to_string() == other.to_string() && route == other_route;
            if is_one {
                return Some("both are one target, which has one CPU time".to_owned());
            }
            if pid.is_some() && pid == other_pid {
                return Some("both have the same `pid`".to_owned());
            }
            (metrics.is_some() && metrics == other_metrics)
                .then(|| "both have the same `metrics`".to_owned())
        }
        (
            Target::Bundled { config, places, .. },
            Target::Bundled {
                config: other,
                places: of_other,
                ..
            },
        ) => {
            let (kept, other) = (places.lasting(config), of_other.lasting(other));
            let shared = kept.into_iter().find(|one| other.contains(one));
            shared.map(|(key, _)| format!("both have the same `{key}`"))
        }
        _ => None,
    }
}

/// The port that both are to listen at, if there is one.
pub fn shared_port(base: &Variant, head: &Variant) -> Option<u16> {
    let port = |variant: &Variant| match &variant.target {
        Target::Bundled { port, .. } | Target::Command { port, .. } => *port,
        Target::Url { .. } => None,
    };
    port(head).filter(|fixed| port(base) == Some(*fixed))
}

fn no_phase(base: &Variant, head: &Variant) -> Option<String> {
    let mut both = base.phases.iter().filter_map(|of| {
        let other = head.phases.iter().find(|other| other.name == of.name)?;
        Some((of, other))
    });
    let Some((first, other)) = both.next() else {
        return Some("they have no phase in common".to_owned());
    };
    let why = not_in_turns(first, other)?;
    let can = both.any(|(of, other)| not_in_turns(of, other).is_none());
    (!can).then(|| format!("phase `{}`: {why}", first.name))
}

/// Whether both loads fill their turns alike: each may have its own mix, and keep its connections or not.
fn are_paced_alike(base: &Load, head: &Load) -> bool {
    let as_head = Load {
        keep_alive: head.keep_alive,
        weights: head.weights.clone(),
        ..base.clone()
    };
    as_head == *head
}

/// Why a phase of two variants is not loaded in turns; `None` if it is.
pub fn not_in_turns(base: &Phase, head: &Phase) -> Option<String> {
    let Load {
        model,
        requests,
        overload,
        silent_for,
        duration,
        ..
    } = &base.load;
    let why = if *model != LoadModel::Closed {
        "turns are those of a closed loop, and its load is at a rate"
    } else if !are_paced_alike(&base.load, &head.load) {
        "its loads differ between the two variants"
    } else if requests.is_some() {
        "its load ends with a number of requests"
    } else if *overload {
        "its load is meant to be too much"
    } else if silent_for.is_some() {
        "its load ends when nothing answers"
    } else if *duration < SHORTEST {
        "its window has no room for turns"
    } else {
        return None;
    };
    Some(why.to_owned())
}
