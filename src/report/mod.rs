//! Renders results: for people on a terminal, for programs as JSON. Strings out; only `cli` writes them anywhere.

pub mod chart;
pub mod checks;
pub mod document;
pub mod figures;
pub mod inert;
pub mod live;
pub mod page;
pub mod terminal;
pub mod text;
