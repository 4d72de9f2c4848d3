//! Ranges of values, and what is said of a value outside of its own. The only place where a range is judged.

use std::fmt;

use jiff::SignedDuration;

use crate::size::Size;

/// The shortest life of what is remembered, and the shortest deadline.
pub(crate) const SHORTEST_LIFE: SignedDuration = SignedDuration::from_millis(1);
/// The longest life of what is remembered, and the longest deadline.
pub(crate) const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// Highest accepted cost of bcrypt: one check takes about 0.9 s of a CPU there, and each step above doubles it.
pub const MAX_COST: u32 = 14;
pub(crate) const MAX_CPUS: usize = 1024;
pub(crate) const MAX_KIB: usize = 65_536;
pub(crate) const MAX_WAITING: usize = 65_536;

/// A value that the gateway refuses to start with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A number, duration or size outside its range.
    #[error("{key} = {value} is out of range, use {low} to {high}")]
    OutOfRange {
        /// The key in the configuration.
        key: &'static str,
        /// What it was set to, as it is written.
        value: String,
        /// Smallest accepted value, as it is written.
        low: String,
        /// Largest accepted value, as it is written.
        high: String,
    },
    /// Any other value that cannot be used, or not as it is used.
    #[error("{key}: {why}")]
    Unusable {
        /// The key in the configuration.
        key: &'static str,
        /// What is wrong with its value, and the remedy.
        why: String,
    },
}

impl ConfigError {
    /// The configuration key that is at fault.
    pub fn key(&self) -> &'static str {
        match self {
            Self::OutOfRange { key, .. } | Self::Unusable { key, .. } => key,
        }
    }
}

/// A value with an order, and the form in which a configuration has it.
pub(crate) trait Written: Copy + PartialOrd {
    fn written(&self) -> String;
}

impl Written for usize {
    fn written(&self) -> String {
        self.to_string()
    }
}

impl Written for u32 {
    fn written(&self) -> String {
        self.to_string()
    }
}

impl Written for Size {
    fn written(&self) -> String {
        quoted(format_args!("{self}"))
    }
}

impl Written for SignedDuration {
    fn written(&self) -> String {
        quoted(format_args!("{self:#}"))
    }
}

fn quoted(text: fmt::Arguments<'_>) -> String {
    format!("\"{text}\"")
}

/// Refuses what is below `low` or above `high`.
pub(crate) fn in_range<T: Written>(
    key: &'static str,
    value: T,
    low: T,
    high: T,
) -> Result<(), ConfigError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::OutOfRange {
        key,
        value: value.written(),
        low: low.written(),
        high: high.written(),
    })
}
