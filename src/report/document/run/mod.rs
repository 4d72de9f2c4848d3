//! A run as it is stored: `result.json`, schema `telemload.result/1`, and `histograms.hlog` beside it. What is written is read by the
//! types that wrote it: each file here has a part of the document, with its way from the model and back.

mod comparison;
mod conclusions;
mod counts;
mod document;
mod histograms;
mod hosts;
mod in_order;
mod load;
mod phase;
mod processes;
mod profile;
mod round;
mod trust;

pub use conclusions::{Conclusions, read as conclusions};
pub use document::{Concluded, SCHEMA, json, read};
pub use histograms::{FILE as HISTOGRAMS, attach, text as histograms};

#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod tests;
