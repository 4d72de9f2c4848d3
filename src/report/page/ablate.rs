//! The page of an ablation: what factors cost together, and a row for each.

use askama::Template;

use super::frame::Frame;
use super::island::Island;
use super::table::{Cell, Table};
use crate::ablation::Ablation;
use crate::report::figures::ablation::{HEADS, Tone, cells, lines, subject, whole};

#[derive(Template)]
#[template(path = "ablate.html")]
struct Page<'a> {
    frame: Frame,
    scenario: &'a str,
    production: &'a str,
    local: &'a str,
    title: &'static str,
    class: &'static str,
    words: String,
    subject: &'static str,
    table: Table,
    lines: Vec<(&'static str, String)>,
    command: &'a str,
}

/// The page; `command` is what the user typed, without credentials.
///
/// # Panics
/// Never: templates write to memory.
pub fn html(found: &Ablation, scenario: &str, command: &str) -> String {
    let (tone, _, words) = whole(found);
    let (title, class) = match tone {
        Tone::Costs => ("What differs costs the service", "bad"),
        Tone::Saves => ("What differs saves the service work", "good"),
        Tone::Nothing => ("No cost found of what differs", ""),
        Tone::Open => ("Inconclusive: it is open what differs costs", "doubt"),
    };
    let mut table = Table::new("Each factor, the costliest first", &HEADS);
    for row in &found.rows {
        table.add(cells(found, row).map(Cell::from));
    }
    let page = Page {
        frame: Frame::of(format!("{scenario} · ablation"), Island::default().json()),
        scenario,
        production: &found.production,
        local: &found.local,
        title,
        class,
        words,
        subject: subject(found),
        table,
        lines: lines(found),
        command,
    };
    page.render().expect("a string takes all that is written")
}
