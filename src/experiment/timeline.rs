//! What a run will do, in its order: the stretches of load of all rounds, variants and phases. Pure.

use std::time::Duration;

use crate::scenario::{Load, Plan};

/// A stretch of load that a run has planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The variant.
    pub variant: String,
    /// The phase.
    pub phase: String,
    /// Launch of the variant, from 1.
    pub round: u32,
    /// Whether it is the profiled repetition of the phase.
    pub profiled: bool,
    /// Warm-up and window; `None` if it ends with a number of requests.
    pub length: Option<Duration>,
}

/// All stretches of a run, in their order.
pub(super) fn timeline(plan: &Plan) -> Vec<Planned> {
    let mut all = Vec::new();
    for round in 1..=plan.rounds {
        for at in order(round, plan.variants.len()) {
            let variant = &plan.variants[at];
            // Profiles are taken once, in the last round.
            let profile = variant.profile.as_ref().filter(|_| round == plan.rounds);
            for phase in &variant.phases {
                let stretch = |profiled, length| Planned {
                    variant: variant.name.clone(),
                    phase: phase.name.clone(),
                    round,
                    profiled,
                    length,
                };
                all.push(stretch(false, length(&phase.load)));
                let sampled = profile.map(|profile| phase.load.warmup + profile.duration);
                all.extend(sampled.map(|length| stretch(true, Some(length))));
            }
        }
    }
    all
}

/// Warm-up and window of a load; `None` if it ends with a number of requests.
fn length(load: &Load) -> Option<Duration> {
    load.requests
        .is_none()
        .then_some(load.warmup + load.duration)
}

/// There and back again: what drifts over time falls on all variants alike.
pub(super) fn order(round: u32, variants: usize) -> Vec<usize> {
    let forward = 0..variants;
    if round % 2 == 1 {
        forward.collect()
    } else {
        forward.rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::{Overrides, parse};

    #[test]
    fn variants_go_there_and_back_and_are_profiled_at_last() {
        let text = r#"
name = "t"
rounds = 2
[target]
url = "http://127.0.0.1:1"
pid = 1
[[phase]]
name = "a"
load = { model = "closed", connections = 1, duration = "3s", warmup = "1s" }
[[phase]]
name = "b"
variants = ["new"]
load = { model = "closed", connections = 1, duration = "9s", requests = 7 }
[profile]
cpu = "pprof"
url = "http://127.0.0.1:2/"
duration = "5s"
[[request]]
name = "get"
path = "/"
[[variant]]
name = "old"
[[variant]]
name = "new"
"#;
        let plan = parse("t", text, Path::new("."), &Overrides::default()).unwrap();
        let all: Vec<String> = timeline(&plan)
            .iter()
            .map(|of| {
                let length = of.length.map(|length| length.as_secs());
                let profiled = if of.profiled { " profiled" } else { "" };
                format!(
                    "{} {} {}{profiled} {length:?}",
                    of.round, of.variant, of.phase
                )
            })
            .collect();
        assert_eq!(
            all,
            [
                "1 old a Some(4)",
                "1 new a Some(4)",
                "1 new b None",
                "2 new a Some(4)",
                "2 new a profiled Some(6)",
                "2 new b None",
                "2 new b profiled Some(5)",
                "2 old a Some(4)",
                "2 old a profiled Some(6)",
            ]
        );
    }
}
