//! Functions: those that the scenario gates, and those that a failure comes from.

use super::arms::Compared;
use super::profiles::{All, Around, profiles};
use crate::compare::{Comparison, Profiled, Side, Subject, Untrusted, sides};
use crate::gate::paired::{Ended, GateVerdict, asks_to_confirm, functions};
use crate::gate::{Outcome, Verdict, seen};
use crate::result::Arms;

/// What was profiled for functions that are gated; `None` if nothing was.
pub(super) type Found = Option<Result<Arms<All>, String>>;

/// The verdict with that on the functions which the scenario gates, if it does. Where a gate has no verdict, or failed for errors,
/// they are not looked at.
pub(super) async fn judge(
    compared: &Compared,
    verdict: GateVerdict,
    around: &Around<'_>,
) -> (GateVerdict, Found) {
    let plan = &compared.gate;
    if plan.functions.is_empty() {
        return (verdict, None);
    }
    if !verdict.is_a_verdict() || verdict.errors.verdict == Some(Verdict::Fail) {
        let why = Err("it was not profiled: the gate ended before that".to_owned());
        let functions = functions(plan, &why, None);
        return (verdict.with_functions(functions, Ended::Planned), None);
    }
    let found = profiles(compared, around, "profile").await;
    let seen_in = |found: &Result<Arms<All>, String>| {
        let arms = found.as_ref().map_err(String::clone)?;
        seen(&plan.functions, arms.as_ref().map(All::sampled))
    };
    let first = seen_in(&found);
    let confirming = match &first {
        Ok(first) if asks_to_confirm(plan, first) => {
            Some(seen_in(&profiles(compared, around, "confirm").await))
        }
        _ => None,
    };
    let ended = match around.stop.is_asked() {
        true => Ended::Early(Outcome::Interrupted),
        false => Ended::Planned,
    };
    let functions = functions(plan, &first, confirming.as_ref());
    (verdict.with_functions(functions, ended), Some(found))
}

/// Which functions a failure comes from; both arms are profiled for that unless they have been.
pub(super) async fn compare(
    compared: &Compared,
    found: Found,
    around: &Around<'_>,
) -> Result<Comparison, String> {
    let found = match found {
        Some(found) => found?,
        None => profiles(compared, around, "profile").await?,
    };
    let base = side(&found.base, compared.names.base.as_str());
    let head = side(&found.head, compared.names.head.as_str());
    Ok(sides(&base, &head, Untrusted::from(true)))
}

fn side<'a>(all: &'a All, label: &'a str) -> Side<'a> {
    let profiled = Profiled::of(&all.samples, all.cost);
    Side {
        label,
        run: None,
        phases: vec![Subject::of_profile("profiled", profiled)],
    }
}
