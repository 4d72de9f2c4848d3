//! Two profiles of one phase: what changed by function, and which few functions explain it.
//!
//! Pure. It refuses what cannot be compared, and says what makes a comparison doubtful.

use crate::profile::{
    Diff, FEW_SAMPLES, FunctionShare, FunctionTable, LaunchSpread, Observed, Profile, Scale, Side,
    Unit, diff, differently_selected, doubts, doubts_between, renamed_thread, share_with,
    with_threads_of,
};

use super::amounts::{self, is_of_cpu};
use super::caution::{Caution, Incomparable};
use super::explanation::{Explanation, explain};
use crate::result::Samples;
use crate::units::printable;

/// A profile and what it costs.
#[derive(Debug, Clone, Copy)]
pub struct Profiled<'a> {
    /// The samples.
    pub profile: &'a Profile,
    /// Its functions.
    pub functions: &'a FunctionTable,
    /// What shares are multiplied with to be CPU-µs per request; `None` if that is not known.
    pub per_request: Option<Scale>,
}

impl<'a> Profiled<'a> {
    /// Samples of a run, or of a profile on its own.
    pub fn of(taken: &'a Samples, per_request: Option<Scale>) -> Self {
        Self {
            profile: &taken.profile,
            functions: &taken.functions,
            per_request,
        }
    }
}

/// What changed by function.
#[derive(Debug)]
pub struct FunctionComparison {
    /// All functions.
    pub diff: Diff,
    /// Samples of base and head.
    pub samples: (u64, u64),
    /// What these are.
    pub observed: (Observed, Observed),
    /// Sample types and units of base and head.
    pub types: (String, String),
    /// What the samples of base and head stand for; `None` for CPU time, of which only what it is spent on can be compared.
    pub amounts: Option<Amounts>,
    /// CPU-µs per request of base and head, if both are known.
    pub scales: Option<(Scale, Scale)>,
    /// What is known of how launches of either side differ.
    pub launches: LaunchSpread,
    /// Which functions explain the change.
    pub explanation: Explanation,
}

/// What two profiles hold in all.
#[derive(Debug, Clone, PartialEq)]
pub struct Amounts {
    /// Before, in the unit.
    pub base: u64,
    /// After.
    pub head: u64,
    /// Such as bytes.
    pub unit: String,
}

/// Shares of both sides in functions that the other lacks, from which the names do not seem to match.
const UNMATCHED: f64 = 0.2;

/// Compares two profiles: per request if both sides know that, else by share.
///
/// # Errors
/// [`Incomparable`] if they measure different things.
pub fn functions(
    base: Profiled<'_>,
    head: Profiled<'_>,
    cautions: &mut Vec<Caution>,
) -> Result<FunctionComparison, Incomparable> {
    functions_in(base, head, Unit::PerRequest, cautions)
}

/// The same of what was captured beside the CPU: amounts per request in their unit, where both sides know them.
///
/// # Errors
/// As for [`functions`].
pub(super) fn functions_in(
    base: Profiled<'_>,
    head: Profiled<'_>,
    unit: Unit,
    cautions: &mut Vec<Caution>,
) -> Result<FunctionComparison, Incomparable> {
    comparable(base.profile, head.profile, cautions)?;
    if let Some((of_base, of_head)) = renamed_thread(base.profile, head.profile) {
        let what = format!(
            "the thread {} of the base is called {} in the head, and both are taken for one",
            printable(of_base),
            printable(of_head)
        );
        cautions.push(Caution::Stacks { what });
        let profile = &*with_threads_of(base.profile, head.profile);
        let functions = &FunctionTable::of(profile);
        let head = Profiled {
            profile,
            functions,
            ..head
        };
        return Ok(compared(base, head, unit, cautions));
    }
    if of_one_capture(base.profile, head.profile) {
        let parts = [base, head].map(|side| side.profile.clone().as_part());
        let tables = parts.each_ref().map(FunctionTable::of);
        let part = |side: usize, per_request| Profiled {
            profile: &parts[side],
            functions: &tables[side],
            per_request,
        };
        return Ok(compared(
            part(0, base.per_request),
            part(1, head.per_request),
            unit,
            cautions,
        ));
    }
    Ok(compared(base, head, unit, cautions))
}

/// Whether both are parts of one capture, taken at one nanosecond: then nothing differs but by chance.
fn of_one_capture(base: &Profile, head: &Profile) -> bool {
    base.taken_ns() > 0 && base.taken_ns() == head.taken_ns() && base.is_of_values()
}

fn compared(
    base: Profiled<'_>,
    head: Profiled<'_>,
    per_request: Unit,
    cautions: &mut Vec<Caution>,
) -> FunctionComparison {
    let scales = base.per_request.zip(head.per_request);
    let (unit, (of_base, of_head)) = match scales {
        Some(scales) => (per_request, scales),
        None => amounts::amounts(base.profile, head.profile),
    };
    let (base_launches, head_launches) = launches(base, head);
    let of_base = of_base.of_launches(base_launches);
    let of_head = of_head.of_launches(head_launches);
    if scales.is_none() {
        cautions.extend(amounts::lengths(base.profile, head.profile));
    }
    let scales = scales.map(|_| (of_base, of_head));
    cautions.extend(stacks(base.profile, head.profile));
    let (base_side, head_side) = (
        Side {
            table: base.functions,
            scale: of_base,
        },
        Side {
            table: head.functions,
            scale: of_head,
        },
    );
    for (side, of) in [("base", base.functions), ("head", head.functions)] {
        let samples = of.samples;
        if samples < FEW_SAMPLES {
            cautions.push(Caution::FewSamples { side, samples });
        }
    }
    let found = diff(base_side, head_side, unit);
    let (gone, new) = found.unmatched(base_side, head_side);
    let (gone, new) = (
        share_with(base.profile, &gone),
        share_with(head.profile, &new),
    );
    if gone > UNMATCHED && new > UNMATCHED {
        cautions.push(Caution::Names { gone, new });
    }
    FunctionComparison {
        samples: (base.functions.samples, head.functions.samples),
        observed: (base.profile.observed(), head.profile.observed()),
        types: (kind(base.profile), kind(head.profile)),
        amounts: match (scales, per_request) {
            (Some((of_base, of_head)), Unit::Bytes | Unit::Nanoseconds) => Some(Amounts {
                base: of_base.factor.round() as u64,
                head: of_head.factor.round() as u64,
                unit: per_request.name().to_owned(),
            }),
            _ => (!is_of_cpu(base.profile)).then(|| Amounts {
                base: base.profile.value(),
                head: amounts::of_head(base.profile, head.profile).round() as u64,
                unit: base.profile.unit().to_owned(),
            }),
        },
        scales,
        launches: base_launches.or(head_launches),
        explanation: explain(&found, base.profile, head.profile),
        diff: found,
    }
}

/// What launches of both sides differ by: those of one run alternate, so that they show it.
fn launches(base: Profiled<'_>, head: Profiled<'_>) -> (LaunchSpread, LaunchSpread) {
    let (of_base, of_head) = (base.functions.launches, head.functions.launches);
    match base.profile.is_of_run_of(head.profile) {
        true => (of_base, of_head),
        false => (of_base.between_runs(), of_head.between_runs()),
    }
}

/// What is to be said of the stacks of both sides, and of how their samples follow each other.
fn stacks(base: &Profile, head: &Profile) -> Vec<Caution> {
    let mut cautions = Vec::new();
    let mut say = |what: String| cautions.push(Caution::Stacks { what });
    let (of_base, of_head) = (doubts(base), doubts(head));
    for (side, all) in [("base", &of_base), ("head", &of_head)] {
        for what in all {
            say(format!("the profile of the {side}: {what}"));
        }
    }
    let between = [differently_selected(base, head), doubts_between(base, head)];
    for what in between.into_iter().flatten() {
        say(what);
    }
    let sides = [("base", base), ("head", head)];
    let is_unsliced =
        |profile: &Profile| profile.design_effect() > 1.0 && profile.slices().len() < 2;
    let unsliced = sides.iter().filter(|(_, profile)| is_unsliced(profile));
    let unsliced: Vec<&str> = unsliced.map(|(side, _)| *side).collect();
    if let Some((_, profile)) = sides.iter().find(|(_, profile)| is_unsliced(profile)) {
        say(format!(
            "the profile of the {} is not in slices, which show whether samples come in bursts: {:.0} of its samples are taken for one; capture with telemload, or give several files (a1,a2,a3)",
            unsliced.join(" and of the "),
            profile.design_effect()
        ));
    }
    for (side, profile) in sides {
        if profile.observed() == Observed::Records {
            say(format!(
                "how many samples the profile of the {side} holds is not known: each of its records counts as one; --value says what the numbers of profile.proto and of folded stacks are"
            ));
        }
    }
    cautions
}

/// What is to be said if the head was taken before the base.
pub fn order(base: &Profile, head: &Profile) -> Option<Caution> {
    let (before, after) = (base.taken_ns(), head.taken_ns());
    (before > 0 && after > 0 && after < before).then(|| Caution::Stacks {
        what: "the head was captured before the base: are the sides swapped?".to_owned(),
    })
}

fn kind(profile: &Profile) -> String {
    printable(&format!("{}/{}", profile.sample_type(), profile.unit())).into_owned()
}

fn comparable(
    base: &Profile,
    head: &Profile,
    cautions: &mut Vec<Caution>,
) -> Result<(), Incomparable> {
    let of_cpu = (is_of_cpu(base), is_of_cpu(head));
    // Of two that are no CPU time the unit tells whether they can be compared; time that was waited is none.
    let alike = of_cpu.0 == of_cpu.1 && (of_cpu.0 || base.unit() == head.unit());
    if !alike {
        return Err(Incomparable {
            base: kind(base),
            head: kind(head),
        });
    }
    if base.sample_type() != head.sample_type() {
        cautions.push(Caution::ProfileType {
            base: kind(base),
            head: kind(head),
        });
    }
    Ok(())
}

/// How many times the requests the same CPU could serve at most if the function cost nothing (Amdahl's law); infinite for a
/// function that is everything.
pub fn ceiling(function: &FunctionShare) -> f64 {
    1.0 / (1.0 - function.total_share.value)
}

#[cfg(test)]
#[path = "halves_tests.rs"]
mod halves;

#[cfg(test)]
mod tests {
    use super::super::explanation::Part;
    use super::*;
    use crate::profile::DeltaFinding;

    fn profile(kind: (&str, &str), stacks: &str) -> Profile {
        let mut profile = Profile::new(kind.0, kind.1, 0);
        for line in stacks.lines() {
            let (stack, count) = line.rsplit_once(' ').unwrap();
            let count = count.parse().unwrap();
            profile.add(stack.split(';'), count, count).unwrap();
        }
        profile
    }

    fn comparing(
        base: &Profile,
        head: &Profile,
        us: Option<(f64, f64)>,
    ) -> (Result<FunctionComparison, Incomparable>, Vec<Caution>) {
        let tables = (FunctionTable::of(base), FunctionTable::of(head));
        let scale = Scale::cost;
        let of = |profile, functions, us: Option<f64>| Profiled {
            profile,
            functions,
            per_request: us.map(scale),
        };
        let mut cautions = Vec::new();
        let found = functions(
            of(base, &tables.0, us.map(|us| us.0)),
            of(head, &tables.1, us.map(|us| us.1)),
            &mut cautions,
        );
        // Profiles of a few lines are never in slices.
        cautions.retain(|caution| !caution.to_string().contains("not in slices"));
        (found, cautions)
    }

    const CPU: (&str, &str) = ("cpu", "nanoseconds");

    #[test]
    fn a_few_functions_explain_the_change() {
        let base = profile(
            CPU,
            "main;auth;bcrypt;expand 600\nmain;auth;bcrypt;encrypt 350\nmain;parse 50",
        );
        let head = profile(CPU, "main;parse 990\nmain;auth;lookup 10");
        let (found, cautions) = comparing(&base, &head, Some((8_000.0, 400.0)));
        let found = found.unwrap();
        let name = |part: &Part| {
            let function = &found.diff.functions[part.function].function;
            format!("{function} {:.0}", part.part.unwrap() * 100.0)
        };
        assert_eq!(
            found.explanation.below.as_ref().map(name),
            Some("bcrypt 100".to_owned())
        );
        let own: Vec<_> = found.explanation.own.iter().map(name).collect();
        assert_eq!(own, ["expand 63", "encrypt 37"]);
        assert_eq!(cautions, []);
        let parse = found
            .diff
            .functions
            .iter()
            .find(|delta| delta.function == "parse")
            .unwrap();
        assert!((ceiling(parse.base.as_ref().unwrap()) - 1.0 / 0.95).abs() < 1e-9);
    }

    #[test]
    fn what_moved_within_a_whole_that_did_not_change_is_named() {
        let base = profile(CPU, "main;parse_old 2000\nmain;other 8000");
        let head = profile(CPU, "main;parse_new 2000\nmain;other 8000");
        let (found, _) = comparing(&base, &head, Some((100.0, 100.1)));
        let found = found.unwrap();
        assert!(!found.diff.has_changed());
        assert_eq!(found.explanation.below, None);
        let named = found.explanation.own.iter().map(|part| {
            let delta = &found.diff.functions[part.function];
            (delta.function.as_str(), part.part)
        });
        let named: Vec<_> = named.collect();
        assert_eq!(named, [("parse_new", None), ("parse_old", None)]);
    }

    #[test]
    fn what_moved_into_its_caller_is_a_pair() {
        let base = profile(CPU, "main;parse;inner 4000\nmain;other 6000");
        let head = profile(CPU, "main;parse 4000\nmain;other 6000");
        let (found, _) = comparing(&base, &head, None);
        let found = found.unwrap();
        let name = |at: usize| found.diff.functions[at].function.as_str();
        let moved = found.explanation.moved.iter();
        let moved: Vec<_> = moved
            .map(|of| (name(of.function), name(of.caller)))
            .collect();
        assert_eq!(moved, [("inner", "parse")]);
        // One that went without its caller's rising is none.
        let head = profile(CPU, "main;parse 100\nmain;other 9900");
        let (found, _) = comparing(&base, &head, None);
        assert_eq!(found.unwrap().explanation.moved, []);
    }

    #[test]
    fn what_changed_with_its_callees_alone_is_named() {
        let base = profile(CPU, "main;x;p 3000\nmain;y;p 1000\nmain;z 6000");
        let head = profile(CPU, "main;x;p 1000\nmain;y;p 3000\nmain;z 6000");
        let (found, _) = comparing(&base, &head, None);
        let found = found.unwrap();
        assert_eq!(found.explanation.own, []);
        let callees = found.explanation.callees.iter();
        let names: Vec<_> = callees
            .map(|of| found.diff.functions[of.function].function.as_str())
            .collect();
        assert_eq!(names, ["x", "y"]);
    }

    #[test]
    fn without_costs_shares_are_compared_and_explain_no_whole() {
        let base = profile(CPU, "main;a 900\nmain;b 100");
        let head = profile(CPU, "main;a 500\nmain;b 500");
        let (found, _) = comparing(&base, &head, None);
        let found = found.unwrap();
        assert_eq!(found.diff.unit, Unit::Share);
        let parts: Vec<_> = found.explanation.own.iter().map(|of| of.part).collect();
        assert_eq!(parts, [None, None], "both are named, as parts of nothing");
        assert_eq!(found.diff.count(DeltaFinding::Changed), 2);
        assert_eq!(found.amounts, None);
    }

    #[test]
    fn what_measures_something_else_is_refused() {
        let stacks = "main;a 900\nmain;b 100";
        let (found, _) = comparing(
            &profile(CPU, stacks),
            &profile(("alloc_space", "bytes"), stacks),
            None,
        );
        let message = found.unwrap_err().to_string();
        assert!(
            message.contains(
                "profiles of cpu/nanoseconds and of alloc_space/bytes cannot be compared"
            ),
            "{message}"
        );
        // Time that was waited is no CPU time, though the unit is the same.
        let (found, _) = comparing(
            &profile(CPU, stacks),
            &profile(("delay", "nanoseconds"), stacks),
            None,
        );
        let message = found.unwrap_err().to_string();
        assert!(message.contains("delay/nanoseconds"), "{message}");
        let heap = profile(("inuse_space", "bytes"), stacks);
        let (found, _) = comparing(&heap, &heap, None);
        let amounts = found.unwrap().amounts.unwrap();
        assert_eq!((amounts.base, amounts.unit.as_str()), (1_000, "bytes"));
        let (found, cautions) = comparing(
            &profile(CPU, stacks),
            &profile(("samples", "count"), stacks),
            None,
        );
        assert!(found.is_ok());
        assert!(
            cautions[0].to_string().contains("cpu/nanoseconds"),
            "{cautions:?}"
        );
    }

    #[test]
    fn names_that_do_not_match_are_a_caution() {
        let (_, cautions) = comparing(
            &profile(CPU, "main;a::f 900\nmain;a::g 100"),
            &profile(CPU, "main;f 900\nmain;g 100"),
            Some((10.0, 10.0)),
        );
        let shown = cautions[0].to_string();
        assert!(
            shown.contains("100 % of the base") && shown.contains("debug"),
            "{shown}"
        );
    }
}
