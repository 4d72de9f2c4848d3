//! Texts with placeholders, compiled once to parts. What sends them joins the parts to runs of bytes and values.
//!
//! Appending a value is part of the measured path: it allocates nothing once the buffer has grown. This module knows
//! neither TOML nor HTTP.

mod compiled;
mod part;
mod placeholder;
#[cfg(test)]
mod tests;
mod values;

pub use compiled::Template;
pub(crate) use part::{Part, append_integer};
pub(crate) use placeholder::{is_built_in, literal_unless_known};
pub use values::{Scope, Secrets, Stamp, TemplateError, Values};
