//! What a run will do, in its order: the stretches of load of all rounds, variants and phases. Pure.

use std::time::Duration;

use crate::scenario::{ComparisonPlan, Load, Phase, Plan, Profile, Variant, not_in_turns};

/// The load of a profiled stretch ends with the capture, which takes longer than its slices: a target writes its profile after
/// each. This much longer at most, beyond twice their length.
const LONGEST_WRITING: Duration = Duration::from_secs(30);

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

/// What is launched at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A variant alone, by index.
    One(usize),
    /// Two that take turns.
    Two(ComparisonPlan),
}

/// A phase of one or of both, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Base(usize),
    Head(usize),
    Both(usize, usize),
}

/// All stretches of a run, in their order.
pub(super) fn timeline(plan: &Plan) -> Vec<Planned> {
    let mut all = Vec::new();
    for round in 1..=plan.rounds {
        for unit in order(plan, round) {
            let launch = PlannedLaunch { round };
            match unit {
                Unit::One(at) => {
                    let variant = &plan.variants[at];
                    let phases = variant.phases.iter();
                    all.extend(phases.flat_map(|phase| launch.alone(variant, phase)));
                }
                Unit::Two(pair) => {
                    all.extend(launch.both(&plan.variants[pair.base], &plan.variants[pair.head]));
                }
            }
        }
    }
    all
}

/// A launch of one or of both that take turns.
#[derive(Debug, Clone, Copy)]
struct PlannedLaunch {
    round: u32,
}

impl PlannedLaunch {
    fn both(self, base: &Variant, head: &Variant) -> Vec<Planned> {
        let mut all = Vec::new();
        for step in steps(&base.phases, &head.phases) {
            let mut arms = match step {
                Step::Base(at) => vec![(base, &base.phases[at])],
                Step::Head(at) => vec![(head, &head.phases[at])],
                Step::Both(of, other) => {
                    vec![(base, &base.phases[of]), (head, &head.phases[other])]
                }
            };
            let in_turns = match arms[..] {
                [(_, of), (_, other)] if not_in_turns(of, other).is_none() => {
                    let length = length(&of.load).zip(length(&other.load));
                    let length = length.map(|(of, other)| of + other);
                    all.push(self.stretch(base, of, false, length));
                    true
                }
                _ => false,
            };
            if self.round.is_multiple_of(2) {
                arms.reverse();
            }
            for (variant, phase) in arms {
                if in_turns {
                    all.extend(self.profiled(variant, phase));
                } else {
                    all.extend(self.alone(variant, phase));
                }
            }
        }
        all
    }

    fn alone(self, variant: &Variant, phase: &Phase) -> Vec<Planned> {
        let measured = self.stretch(variant, phase, false, length(&phase.load));
        let profiled = self.profiled(variant, phase);
        [measured].into_iter().chain(profiled).collect()
    }

    fn profiled(self, variant: &Variant, phase: &Phase) -> Option<Planned> {
        let profile = variant.profile.as_ref()?;
        let length = phase.load.warmup + profile.duration;
        Some(self.stretch(variant, phase, true, Some(length)))
    }

    fn stretch(
        self,
        variant: &Variant,
        phase: &Phase,
        profiled: bool,
        length: Option<Duration>,
    ) -> Planned {
        Planned {
            variant: variant.name.clone(),
            phase: phase.name.clone(),
            round: self.round,
            profiled,
            length,
        }
    }
}

/// How long the window of a phase lasts by the clock: that of one that takes turns at least twice as long as its own turns.
pub(super) fn lasts(plan: &Plan, variant: &Variant, phase: &Phase) -> Duration {
    let of = |at: usize| &plan.variants[at];
    let other = plan.turns.iter().find_map(|pair| {
        let (base, head) = (of(pair.base), of(pair.head));
        if base.name == variant.name {
            Some(head)
        } else {
            (head.name == variant.name).then_some(base)
        }
    });
    let other = other.and_then(|other| other.phases.iter().find(|of| of.name == phase.name));
    let turns = match other.map(|other| not_in_turns(phase, other)) {
        Some(None) => 2,
        _ => 1,
    };
    phase.load.duration * turns
}

/// The longest window of a profiled stretch.
pub(super) fn longest(plan: &Profile) -> Duration {
    2 * plan.duration + LONGEST_WRITING
}

/// Warm-up and window of a load; `None` if it ends with a number of requests.
fn length(load: &Load) -> Option<Duration> {
    load.requests
        .is_none()
        .then_some(load.warmup + load.duration)
}

/// There and back again: what drifts over time falls on all variants alike. One that takes turns comes with the other one, where
/// the first of both is.
pub(super) fn order(plan: &Plan, round: u32) -> Vec<Unit> {
    let unit = |at: usize| {
        let mut pairs = plan.turns.iter();
        match pairs.find(|pair| pair.base == at || pair.head == at) {
            Some(pair) => (pair.base.min(pair.head) == at).then_some(Unit::Two(*pair)),
            None => Some(Unit::One(at)),
        }
    };
    let forward = (0..plan.variants.len()).filter_map(unit);
    if round % 2 == 1 {
        forward.collect()
    } else {
        forward.rev().collect()
    }
}

/// The phases of both in the order of the scenario, which each of them keeps.
pub(super) fn steps(base: &[Phase], head: &[Phase]) -> Vec<Step> {
    let (mut at, mut steps) = (0, Vec::new());
    for (number, phase) in base.iter().enumerate() {
        let Some(same) = head.iter().position(|of| of.name == phase.name) else {
            steps.push(Step::Base(number));
            continue;
        };
        steps.extend((at..same).map(Step::Head));
        steps.push(Step::Both(number, same));
        at = same + 1;
    }
    steps.extend((at..head.len()).map(Step::Head));
    steps
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::result::samples;
    use crate::scenario::{Overrides, parse};

    #[test]
    fn variants_go_there_and_back_and_are_profiled_each_time() {
        let text = r#"
name = "t"
rounds = 2
order = "one-by-one"
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
                "1 old a profiled Some(6)",
                "1 new a Some(4)",
                "1 new a profiled Some(6)",
                "1 new b None",
                "1 new b profiled Some(5)",
                "2 new a Some(4)",
                "2 new a profiled Some(6)",
                "2 new b None",
                "2 new b profiled Some(5)",
                "2 old a Some(4)",
                "2 old a profiled Some(6)",
            ]
        );
    }

    #[test]
    fn a_window_of_turns_lasts_as_long_as_those_of_both() {
        let text = r#"
name = "t"
order = "ORDER"
[target]
command = "serve {port}"
[[phase]]
name = "a"
load = { model = "closed", connections = 1, duration = "3s" }
[[phase]]
name = "b"
variants = ["new"]
load = { model = "closed", connections = 1, duration = "9s" }
[[phase]]
name = "c"
load = { model = "open", rate = "9/s", connections = 1, duration = "4s" }
[[request]]
name = "get"
path = "/"
[[variant]]
name = "old"
[[variant]]
name = "new"
"#;
        for (order, expected) in [("turns", [6, 4, 6, 9, 4]), ("one-by-one", [3, 4, 3, 9, 4])] {
            let text = text.replace("ORDER", order);
            let plan = parse("t.toml", &text, Path::new("."), &Overrides::default()).unwrap();
            let of = |variant: &Variant| -> Vec<u64> {
                let phases = variant.phases.iter();
                phases
                    .map(|phase| lasts(&plan, variant, phase).as_secs())
                    .collect()
            };
            let all: Vec<u64> = plan.variants.iter().flat_map(of).collect();
            assert_eq!(all, expected, "{order}");
        }
    }

    #[test]
    fn phases_go_in_the_order_of_the_scenario() {
        let phases = |names: &str| -> Vec<Phase> {
            let named = names.chars().map(|name| Phase {
                name: name.to_string(),
                load: samples::phase(|_| ()).load,
            });
            named.collect()
        };
        let check = |base, head, expected: &[Step]| {
            assert_eq!(
                steps(&phases(base), &phases(head)),
                expected,
                "{base} {head}"
            );
        };
        check("ab", "ab", &[Step::Both(0, 0), Step::Both(1, 1)]);
        check("a", "ab", &[Step::Both(0, 0), Step::Head(1)]);
        check(
            "ac",
            "bc",
            &[Step::Base(0), Step::Head(0), Step::Both(1, 1)],
        );
        check("", "b", &[Step::Head(0)]);
    }
}
