//! Renders results: for people on a terminal, for programs as JSON. Strings out; only `cli` writes them anywhere.

pub mod dry_run;
pub mod json;
pub mod progress;
pub mod selftest;
pub mod story;
pub mod terminal;
