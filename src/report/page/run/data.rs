//! What the page's script reads: one island of JSON.

use serde::Serialize;

use crate::report::chart::{Curves, Panel};
use crate::report::inert;
use crate::report::page::flame_diff;
use crate::result::RunResult;

#[derive(Serialize)]
struct Data<'a> {
    schema: &'static str,
    variants: Vec<&'a str>,
    panels: &'a [Panel],
    curves: &'a [Curves],
    /// The page of a frame, around its data.
    shell: Option<[String; 2]>,
    /// The data of each frame, as text.
    frames: &'a [Option<String>],
}

/// The island, inert in markup.
pub(super) fn island(
    result: &RunResult,
    panels: &[Panel],
    curves: &[Curves],
    frames: &[Option<String>],
) -> String {
    let names = result.variants.iter().map(|variant| variant.name.as_str());
    let data = Data {
        schema: "telemload.page/1",
        variants: names.collect(),
        panels,
        curves,
        shell: frames.iter().any(Option::is_some).then(shell),
        frames,
    };
    inert::json(&serde_json::to_string(&data).expect("all keys are strings"))
}

fn shell() -> [String; 2] {
    const MARK: &str = "{{the data}}";
    let page = flame_diff::around("differential flame graph", MARK);
    let (before, after) = page.split_once(MARK).expect("the mark is in it");
    [before.to_owned(), after.to_owned()]
}
