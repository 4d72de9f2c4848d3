//! Which functions of a profile are shown, and in which order.

use crate::profile::{FunctionShare, FunctionTable, Observed, Profile};
use crate::units::format_count;

/// How many samples a profile has, and what they are.
pub fn observed(profile: &Profile) -> String {
    counted(profile.samples(), profile.observed())
}

/// So many samples, as what they are.
pub(in crate::report) fn counted(samples: u64, observed: Observed) -> String {
    let count = format_count(samples as f64);
    let (about, noun) = match observed {
        Observed::Samples => ("", "sample"),
        Observed::Estimated => ("about ", "sample"),
        Observed::Records => ("", "record"),
    };
    let plural = if samples == 1 { "" } else { "s" };
    format!("{about}{count} {noun}{plural}")
}

/// By which share functions are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Of the function itself.
    Own,
    /// With what it calls.
    Total,
}

/// What is shown of a profile.
#[derive(Debug, Clone, Copy)]
pub struct Top<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// Its functions.
    pub functions: &'a FunctionTable,
    /// How many; `None` for all.
    pub limit: Option<usize>,
    /// In which order.
    pub order: Order,
}

impl Top<'_> {
    /// The functions that are shown, in their order.
    pub(in crate::report) fn rows(&self) -> Vec<&FunctionShare> {
        let mut rows: Vec<&FunctionShare> = self.functions.functions.iter().collect();
        if self.order == Order::Own {
            rows.sort_by(|a, b| b.self_share.value.total_cmp(&a.self_share.value));
        }
        rows.truncate(self.limit.unwrap_or(usize::MAX));
        rows
    }
}
