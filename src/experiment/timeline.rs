//! What a run will do, in its order: the stretches of load of all rounds, variants and phases. Pure.

use std::time::Duration;

use crate::scenario::{
    ComparisonPlan, Load, Phase, Plan, Profile, Sequence, Variant, not_in_turns,
};
use crate::traffic::random::{below, draw};

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
            let launch = PlannedLaunch { plan, round };
            match unit {
                Unit::One(at) => {
                    let variant = &plan.variants[at];
                    let phases = variant.phases.iter();
                    all.extend(phases.flat_map(|phase| launch.alone(variant, phase)));
                }
                Unit::Two(pair) => {
                    all.extend(launch.both(pair));
                }
            }
        }
    }
    all
}

/// A launch of one or of both that take turns.
#[derive(Debug, Clone, Copy)]
struct PlannedLaunch<'a> {
    plan: &'a Plan,
    round: u32,
}

impl PlannedLaunch<'_> {
    fn both(self, pair: ComparisonPlan) -> Vec<Planned> {
        let variants = &self.plan.variants;
        let (base, head) = (&variants[pair.base], &variants[pair.head]);
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
            if head_first(self.plan, &base.name, self.round) {
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

/// Uses of random numbers: the order of launches, and which of two that take turns begins.
const ORDER_SALT: u64 = 0x0A0B_1A7E;
const FIRST_SALT: u64 = 0x0F1A_57ED;

/// There and back again. One that takes turns comes with the other one, where the first of both is.
pub(super) fn order(plan: &Plan, round: u32) -> Vec<Unit> {
    let unit = |at: usize| {
        let mut pairs = plan.turns.iter();
        match pairs.find(|pair| pair.base == at || pair.head == at) {
            Some(pair) => (pair.base.min(pair.head) == at).then_some(Unit::Two(*pair)),
            None => Some(Unit::One(at)),
        }
    };
    let mut units: Vec<Unit> = (0..plan.variants.len()).filter_map(unit).collect();
    if let Sequence::Shuffled(seed) = plan.sequence {
        let seed = draw(seed, two_of(round), ORDER_SALT);
        // R. Durstenfeld, Comm. ACM 7, 1964, p. 420.
        for at in (1..units.len()).rev() {
            let other = below(draw(seed, at as u64, ORDER_SALT), at as u64 + 1);
            units.swap(at, other as usize);
        }
    }
    if round.is_multiple_of(2) {
        units.reverse();
    }
    units
}

/// Whether the head begins, of two that take turns: in one of two rounds.
pub(super) fn head_first(plan: &Plan, base: &str, round: u32) -> bool {
    let is_second = round.is_multiple_of(2);
    match plan.sequence {
        Sequence::ThereAndBack => is_second,
        Sequence::Shuffled(seed) => {
            let mut variants = plan.variants.iter();
            let base = variants.position(|variant| variant.name == base);
            let seed = draw(seed, two_of(round), FIRST_SALT);
            let drawn = draw(seed, base.unwrap_or(0) as u64, FIRST_SALT) & 1 == 1;
            drawn != is_second
        }
    }
}

/// The number of the two rounds that a round is one of.
fn two_of(round: u32) -> u64 {
    u64::from(round.div_ceil(2))
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

    /// Six variants, of which each two follow each other as a pair in turns.
    fn three_pairs(sequence: Sequence) -> Plan {
        let mut text = "name = \"t\"\ntarget.command = \"serve {port}\"\nload = { model = \"closed\", connections = 1, duration = \"3s\" }\n[[request]]\nname = \"get\"\npath = \"/\"\n".to_owned();
        for pair in 0..3 {
            let of = |way: &str| format!("[[variant]]\nname = \"{pair}-{way}\"\n");
            text += &(of("without") + &of("with"));
            text += &format!("[[compare]]\nbase = \"{pair}-without\"\nhead = \"{pair}-with\"\n");
        }
        let plan = parse("t.toml", &text, Path::new("."), &Overrides::default()).unwrap();
        assert_eq!(plan.turns.len(), 3);
        Plan { sequence, ..plan }
    }

    /// The bases of the pairs in their order, and which of them have their head first.
    fn drawn(plan: &Plan, round: u32) -> (Vec<usize>, Vec<bool>) {
        let bases = order(plan, round).into_iter().map(|unit| match unit {
            Unit::Two(pair) => pair.base,
            Unit::One(at) => panic!("{at} is alone"),
        });
        let bases: Vec<usize> = bases.collect();
        let first = bases
            .iter()
            .map(|base| head_first(plan, &plan.variants[*base].name, round));
        let first = first.collect();
        (bases, first)
    }

    #[test]
    fn a_shuffle_is_seeded_and_each_is_as_often_first_as_last() {
        let plan = three_pairs(Sequence::Shuffled(7));
        let mut seen = std::collections::BTreeSet::new();
        let mut begins = 0;
        for two in 0..100 {
            let (there, first) = drawn(&plan, 2 * two + 1);
            let (back, second) = drawn(&plan, 2 * two + 2);
            let reversed: Vec<usize> = back.into_iter().rev().collect();
            assert_eq!(there, reversed, "{two}");
            // Of each pair the other one begins: the same pairs, from the end.
            let turned: Vec<bool> = second.into_iter().rev().map(|of| !of).collect();
            assert_eq!(first, turned, "{two}");
            assert_eq!(drawn(&plan, 2 * two + 1), (there.clone(), first.clone()));
            begins += first.iter().filter(|of| **of).count();
            seen.insert(there);
        }
        // All orders of three occur, and heads begin in about half of 300 odd rounds.
        assert_eq!(seen.len(), 6);
        assert!((115..185).contains(&begins), "{begins}");
        let other = three_pairs(Sequence::Shuffled(8));
        let all = |plan: &Plan| (1..20).map(|round| drawn(plan, round)).collect::<Vec<_>>();
        assert_ne!(all(&plan), all(&other));
        // Without a shuffle it is the order of the scenario, and the base begins.
        let written = three_pairs(Sequence::ThereAndBack);
        assert_eq!(drawn(&written, 1), (vec![0, 2, 4], vec![false; 3]));
        assert_eq!(drawn(&written, 2), (vec![4, 2, 0], vec![true; 3]));
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
