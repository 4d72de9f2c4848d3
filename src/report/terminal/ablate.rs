//! What headers cost: a row for each, then what they cost together and what is explained.

use std::fmt::Write as _;

use super::style::{BAD, BOLD, DOUBT, GOOD, indent, plain_table};
use crate::ablation::{Ablation, Answers, Effect};
use crate::report::figures::change::words;
use crate::units::format_us;

/// Renders it for people. Writing to a String cannot fail.
pub fn render(found: &Ablation) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{BOLD}CPU of the service per OK request{BOLD:#}: {} and {}, each header dropped from the one and added to what has none of them\n",
        found.production, found.local
    );
    let mut table = plain_table(&["header", "dropped", "added", "part of the whole"], 0);
    for (factor, dropped, added) in &found.factors {
        let part = found.part(dropped).or_else(|| found.part(added));
        table.add_row([
            factor.header.clone(),
            cell(dropped),
            cell(added),
            part.map_or("–".to_owned(), |part| format!("{:.0} %", part * 100.0)),
        ]);
    }
    indent(&table.to_string(), "  ", &mut text);
    text.push('\n');
    whole(found, &mut text);
    text
}

/// What a trial says, in a cell.
fn cell(effect: &Effect) -> String {
    match (&effect.answers, &effect.cost) {
        (Answers::Changed(words), _) => format!("changes the answer: {words}"),
        (Answers::Unknown, _) => "not measured".to_owned(),
        (Answers::Same, None) => "not judged: the CPU is not known".to_owned(),
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

fn whole(found: &Ablation, text: &mut String) {
    let names: Vec<&str> = found
        .factors
        .iter()
        .map(|(factor, ..)| factor.header.as_str())
        .collect();
    let names = names.join(", ");
    let Some(cost) = &found.whole.cost else {
        let _ = writeln!(
            text,
            "{DOUBT}not judged{DOUBT:#} the CPU per OK request of a side is not known"
        );
        return;
    };
    let Some(together) = found.together() else {
        let (style, word) = match found.is_nothing() {
            true => (GOOD, "no cost found"),
            false => (DOUBT, "inconclusive"),
        };
        let _ = writeln!(
            text,
            "{style}{word}{style:#} {names} together: {}",
            words(cost)
        );
        return;
    };
    let style = if together > 0.0 { BAD } else { GOOD };
    let _ = writeln!(
        text,
        "{style}together{style:#} {names}: {} → {} per request, {:.1} % of what {} costs ({})",
        format_us(cost.base),
        format_us(cost.head),
        together * 100.0,
        found.production,
        words(cost)
    );
    let only = found.only_together();
    if !only.is_empty() {
        let names: Vec<&str> = only.iter().map(|factor| factor.header.as_str()).collect();
        let _ = writeln!(
            text,
            "only together: {}; by itself each costs next to nothing or changes the answer",
            names.join(" and ")
        );
    }
    let dropped = found
        .factors
        .iter()
        .filter_map(|(_, dropped, _)| found.part(dropped));
    let explained: f64 = dropped.sum();
    if found.factors.len() > 1 && only.is_empty() {
        let _ = writeln!(
            text,
            "dropped one by one they explain {:.0} % of it; parts need not add up where headers need each other",
            explained * 100.0
        );
    }
    if let [first, rest @ ..] = found.functions.as_slice() {
        let rest = if rest.is_empty() {
            String::new()
        } else {
            format!("; {}", rest.join(", "))
        };
        let _ = writeln!(text, "where         {first}{rest}");
    }
}
