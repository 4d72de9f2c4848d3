//! What the script of a page reads: one island of JSON.

use serde::Serialize;

use super::flame_diff;
use super::flame_files::Pictured;
use crate::report::chart::{Curves, Panel};
use crate::report::inert;

/// All that it may hold.
#[derive(Default)]
pub(super) struct Island<'a> {
    pub(super) variants: Vec<&'a str>,
    pub(super) panels: &'a [Panel],
    pub(super) curves: &'a [Curves],
    /// The data of each frame, as text.
    pub(super) frames: &'a [Option<String>],
}

#[derive(Serialize)]
struct Data<'a> {
    schema: &'static str,
    variants: &'a [&'a str],
    panels: &'a [Panel],
    curves: &'a [Curves],
    /// The page of a frame, around its data.
    shell: Option<[String; 2]>,
    frames: &'a [Option<String>],
}

impl Island<'_> {
    /// Inert in markup.
    pub(super) fn json(&self) -> String {
        let data = Data {
            schema: "telemload.page/1",
            variants: &self.variants,
            panels: self.panels,
            curves: self.curves,
            shell: self.frames.iter().any(Option::is_some).then(shell),
            frames: self.frames,
        };
        inert::json(&serde_json::to_string(&data).expect("all keys are strings"))
    }
}

/// Bytes of the data of a graph in a page at most: a larger one is in its file alone.
const MOST: usize = 500_000;
/// Bytes of all of them.
const MOST_OF_ALL: usize = 700_000;

/// What each graph is drawn of; `None` where that is too much for a page.
pub(super) fn embedded<'a>(
    graphs: impl IntoIterator<Item = &'a Pictured<'a>>,
) -> Vec<Option<String>> {
    let mut used = 0;
    let data = graphs.into_iter().map(|graph| {
        let data = flame_diff::island(&graph.pair()).ok();
        let data = data.filter(|data| data.len() <= MOST && used + data.len() <= MOST_OF_ALL);
        used += data.as_ref().map_or(0, String::len);
        data
    });
    data.collect()
}

fn shell() -> [String; 2] {
    const MARK: &str = "{{the data}}";
    let page = flame_diff::around("differential flame graph", MARK);
    let (before, after) = page.split_once(MARK).expect("the mark is in it");
    [before.to_owned(), after.to_owned()]
}
