//! JSON as it stands in the bytes of an answer: values are found and compared without a tree, and without an allocation once warm.
//! It takes the documents that serde_json takes as values, and no others. serde_json's own reader does not do here: it allocates
//! for each document with an escape, and what it skips it does not check.

mod pointers;
mod reader;
#[cfg(test)]
mod tests;
mod text;
mod value;

pub use pointers::{Found, Pointers};
pub use value::Value;

/// The bytes are not one JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson;
