//! What an ablation found, in words that all its outputs share.

use super::change::words;
use crate::ablation::{Ablation, Answers, Direction, Effect, Factor, Row, SMALLEST};
use crate::compare::{ENOUGH_ROUNDS, Metric};
use crate::units::{format_things, format_us};

/// The columns of a table of factors.
pub(in crate::report) const HEADS: [&str; 5] =
    ["factor", "dropped", "added", "part of the whole", "where"];

/// What the whole says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Tone {
    Costs,
    Saves,
    Nothing,
    Open,
}

/// What costs are of.
pub(in crate::report) fn subject(found: &Ablation) -> &'static str {
    match found.metric {
        Metric::P50 => "median latency per request",
        _ => "CPU of the service per OK request",
    }
}

/// Names with commas between them.
pub(in crate::report) fn names<'a>(factors: impl IntoIterator<Item = &'a Factor>) -> String {
    let names = factors.into_iter().map(ToString::to_string);
    names.collect::<Vec<_>>().join(", ")
}

/// The cells of a factor.
pub(in crate::report) fn cells(found: &Ablation, row: &Row) -> [String; 5] {
    let part = found.part(&row.dropped).or_else(|| found.part(&row.added));
    let cell = |of: &Effect| match row.is_ruled_out && of.answers == Answers::Unknown {
        true => "costs nothing that was seen, together with others".to_owned(),
        false => cell(of),
    };
    [
        row.factor.to_string(),
        cell(&row.dropped),
        cell(&row.added),
        part.map_or("–".to_owned(), |part| format!("{:.0} %", part * 100.0)),
        row.functions.first().cloned().unwrap_or_default(),
    ]
}

/// What a trial says.
fn cell(effect: &Effect) -> String {
    match (&effect.answers, &effect.cost) {
        (Answers::Changed(words), _) => format!("changes the answer: {words}"),
        (Answers::Unknown, _) => "not measured".to_owned(),
        (Answers::Same, None) => "not judged: its cost is not known".to_owned(),
        (Answers::Same, Some(cost)) => match effect.costs_us() {
            Some(us) => format!(
                "{}{} ({})",
                if us < 0.0 { "-" } else { "+" },
                format_us(us.abs()),
                words(cost)
            ),
            None => words(cost),
        },
    }
}

/// What all factors come to, behind its first word.
pub(in crate::report) fn whole(found: &Ablation) -> (Tone, &'static str, String) {
    let names = names(found.rows.iter().map(|row| &row.factor));
    let Some(cost) = &found.whole.cost else {
        let why = format!("{names}: the cost of a side is not known");
        return (Tone::Open, "not judged", why);
    };
    let Some(together) = found.together() else {
        let words = format!("{names} together: {}", words(cost));
        return match found.is_nothing() {
            true => (Tone::Nothing, "no cost found", words),
            false => (Tone::Open, "inconclusive", words),
        };
    };
    let words = format!(
        "{names}: {} → {} per request, {:.1} % of what {} costs ({})",
        format_us(cost.base),
        format_us(cost.head),
        together * 100.0,
        found.production,
        words(cost)
    );
    let tone = if together > 0.0 {
        Tone::Costs
    } else {
        Tone::Saves
    };
    (tone, "together", words)
}

/// What else is said, each with its first word.
pub(in crate::report) fn lines(found: &Ablation) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for factors in found.only_together() {
        let names: Vec<String> = factors.iter().map(ToString::to_string).collect();
        lines.push((
            "only together",
            format!(
                "{}; by itself each costs next to nothing or changes the answer",
                names.join(" and ")
            ),
        ));
    }
    for (factors, direction, effect) in &found.pairs {
        lines.push((
            "pair",
            format!("{} {}: {}", names(factors), way(*direction), cell(effect)),
        ));
    }
    if let Some(explained) = found
        .explained()
        .filter(|_| found.only_together().is_empty())
    {
        lines.push((
            "explained",
            format!(
                "{:.0} % by factors dropped one by one; parts need not add up where factors need each other",
                explained * 100.0
            ),
        ));
    }
    if let [first, rest @ ..] = found.functions.as_slice() {
        let rest = if rest.is_empty() {
            String::new()
        } else {
            format!("; {}", rest.join(", "))
        };
        lines.push(("where", format!("{first}{rest}")));
    }
    lines.extend(found.aside.iter().map(|what| ("no factor", what.clone())));
    if let Some(why) = &found.apart {
        lines.push((
            "advisory",
            format!(
                "the sides of a trial were loaded one after the other ({why}): what one leaves in caches, the next one finds"
            ),
        ));
    }
    lines.extend(open(found).map(|words| ("open", words)));
    lines.extend(judged(found).map(|words| ("judged", words)));
    lines
}

/// How factors were tried.
pub(in crate::report) fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Added => "added",
        Direction::Dropped | Direction::Whole => "dropped",
    }
}

/// What the last look left open.
fn open(found: &Ablation) -> Option<String> {
    let trials = found.open();
    let trials = trials.map(|(factor, direction)| format!("{factor} {}", way(direction)));
    let trials: Vec<String> = trials.collect();
    (!trials.is_empty()).then(|| {
        format!(
            "{}: whether that costs {:.0} % or more is not known; --most-blocks allows more than {} of each side",
            trials.join(", "),
            SMALLEST * 100.0,
            format_things(found.judged.most_blocks as usize, "launch", "launches")
        )
    })
}

/// What the intervals of factors rest on.
fn judged(found: &Ablation) -> Option<String> {
    let of = &found.judged;
    if of.trials == 0 {
        return None;
    }
    let launches = match of.most_blocks > of.blocks {
        true => format!("{} to {} launches", of.blocks, of.most_blocks),
        false => format_things(of.blocks as usize, "launch", "launches"),
    };
    let control = match of.looks {
        1 => "Holm".to_owned(),
        looks => format!("Holm, with an equal part of that at each of {looks} looks"),
    };
    let error = match of.spread {
        Some(spread) => format!(
            "what launches differ by ({:.1} %) is estimated from all trials, with {} degrees of freedom",
            spread.sd * 100.0,
            spread.degrees
        ),
        None if of.blocks < ENOUGH_ROUNDS as u32 => {
            "each trial has an error of its own, of fewer than three launches with an assumption of what these differ by".to_owned()
        }
        None => "each trial has an error of its own".to_owned(),
    };
    Some(format!(
        "{} trials of {launches} of each side in random order; {error}; together at most 5 % of reports without any difference find one ({control})",
        of.trials
    ))
}
