//! What all pages of tables and charts share: one style, one script, and a policy that lets nothing else run.

use super::flame_diff;
use crate::report::inert::hash;

pub(super) const STYLE: &str = concat!(
    include_str!("assets/uplot.css"),
    include_str!("assets/run.css")
);
pub(super) const SCRIPT: &str = concat!(
    "/*\n",
    include_str!("assets/uplot-LICENSE"),
    "*/\n",
    include_str!("assets/uplot.js"),
    "\n'use strict';\n(() => {\n",
    include_str!("assets/run.js"),
    include_str!("assets/run-selftest.js"),
    "})();\n"
);

/// Everything around the body of a page.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) policy: String,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    /// What the script reads.
    pub(super) data: String,
    pub(super) version: &'static str,
}

impl Frame {
    pub(super) fn of(title: String, data: String) -> Self {
        Self {
            title,
            policy: policy(),
            style: STYLE,
            script: SCRIPT,
            data,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Only the script and the styles of the page run, and those of the graph in its frames.
fn policy() -> String {
    let [frame_style, frame_script] = flame_diff::hashes();
    format!(
        "default-src 'none'; script-src {} {frame_script}; style-src {} {frame_style}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

/// An instant as people read it.
pub(super) fn when(at: jiff::Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or(&text);
    format!("{} UTC", seconds.trim_end_matches('Z').replace('T', " "))
}
