//! What is read of a file that holds several things, and how that is said.

use super::Error;
use super::observations::Meaning;
use crate::units::printable;

/// Names that a message lists.
const SHOWN: usize = 8;
const SHOWN_NAME: usize = 40;

/// What was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The values, such as `alloc_space`, or the event of a perf text.
    pub sample_type: Option<&'a str>,
    /// The profile of a file of several: the name of a thread, a process or a recording.
    pub profile: Option<&'a str>,
    /// Key and value of a label that samples must have.
    pub label: Option<(&'a str, &'a str)>,
    /// What the numbers are, where the file does not tell.
    pub value: Option<Meaning>,
}

impl Choice<'_> {
    /// What of the file is chosen, such as `endpoint=/slow`; `None` for all of it.
    pub(super) fn selects(self) -> Option<String> {
        let label = self.label.map(|(key, value)| format!("{key}={value}"));
        label.or_else(|| self.profile.map(str::to_owned))
    }
}

/// One of several profiles of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    /// What it belongs to, by which it is found too; may be empty.
    pub(super) group: &'a str,
    /// What its values are in: only those of one unit can be added up.
    pub(super) unit: &'a str,
}

/// Which of the profiles are added up, and what to say of it.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) chosen: Vec<usize>,
    pub(super) note: Option<String>,
}

/// The profiles of a name (else of a group, else with that in their names: py-spy's threads have numbers), or all that have the unit of the `first`.
pub(super) fn select(
    all: &[Named<'_>],
    first: usize,
    wanted: Option<&str>,
) -> Result<Selected, Error> {
    let places = |is: &dyn Fn(&Named<'_>) -> bool| -> Vec<usize> {
        (0..all.len()).filter(|at| is(&all[*at])).collect()
    };
    if let Some(wanted) = wanted {
        let mut chosen = places(&|one| one.name == wanted);
        if chosen.is_empty() {
            chosen = places(&|one| one.group == wanted);
        }
        let is_part = chosen.is_empty() && !wanted.is_empty();
        if is_part {
            chosen = places(&|one| one.name.contains(wanted));
        }
        let Some(unit) = chosen.first().map(|at| all[*at].unit) else {
            return Err(Error::NoProfile {
                wanted: wanted.to_owned(),
                known: listed(all.iter().map(|one| one.name)),
            });
        };
        chosen.retain(|at| all[*at].unit == unit);
        let note = is_part.then(|| {
            let names = listed(chosen.iter().map(|at| all[*at].name));
            format!(
                "shown is what has {} in its name: {names}",
                printable(wanted)
            )
        });
        return Ok(Selected { chosen, note });
    }
    let Some(unit) = all.get(first).or(all.first()).map(|one| one.unit) else {
        return Ok(Selected {
            chosen: Vec::new(),
            note: None,
        });
    };
    let chosen = places(&|one| one.unit == unit);
    let others = places(&|one| one.unit != unit);
    let note = (all.len() > 1).then(|| {
        let names = listed(chosen.iter().map(|at| all[*at].name));
        let count = chosen.len();
        let others = if others.is_empty() {
            String::new()
        } else {
            let other_names = listed(others.iter().map(|at| all[*at].name));
            format!("; there are also {other_names}, whose unit is another one")
        };
        format!("shown are {count} profiles of the file together: {names}{others}; --profile NAME selects")
    });
    Ok(Selected { chosen, note })
}

/// Distinct names for a message, in their order, some of them.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    let mut more = 0;
    let mut last = "";
    for name in names {
        if distinct.contains(&name) || (more > 0 && name == last) {
            continue;
        }
        if distinct.len() < SHOWN {
            distinct.push(name);
        } else {
            more += 1;
        }
        last = name;
    }
    let shown: Vec<String> = distinct
        .iter()
        .map(|name| printable(name).chars().take(SHOWN_NAME).collect())
        .collect();
    let more = if more > 0 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn named(name: &'static str, group: &'static str, unit: &'static str) -> Named<'static> {
        Named { name, group, unit }
    }

    #[test]
    fn a_name_selects_and_else_one_unit_is_added_up() {
        let all = [
            named("main", "api", "count"),
            named("worker", "api", "count"),
            named("main", "db", "bytes"),
        ];
        let chosen = |first, wanted| select(&all, first, wanted).map(|selected| selected.chosen);
        assert_eq!(chosen(0, None).expect("there"), [0, 1]);
        assert_eq!(chosen(2, None).expect("there"), [2]);
        assert_eq!(chosen(9, None).expect("there"), [0, 1]);
        assert_eq!(chosen(0, Some("worker")).expect("there"), [1]);
        assert_eq!(chosen(0, Some("db")).expect("there"), [2]);
        assert_eq!(chosen(2, Some("main")).expect("there"), [0]);
        let part = select(&all, 0, Some("ork")).expect("there");
        assert_eq!(part.chosen, [1]);
        let note = part.note.expect("says what it is");
        assert_eq!(note, "shown is what has ork in its name: worker");
        let error = chosen(0, Some("x")).expect_err("not there").to_string();
        assert_eq!(error, "the file has no profile `x`; it has main, worker");
        assert!(select(&[], 0, None).expect("nothing").chosen.is_empty());
        assert_eq!(select(&all[..1], 0, None).expect("one").note, None);
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..20).map(|at| format!("t{at}")).collect();
        let text = listed(names.iter().map(String::as_str));
        assert_eq!(text, "t0, t1, t2, t3, t4, t5, t6, t7, …");
    }
}
