//! `result.json`, part by part.

mod comparison;
mod counts;
mod document;
mod phase;
mod profile;

pub use document::{SCHEMA, json};
