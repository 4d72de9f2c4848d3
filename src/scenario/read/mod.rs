//! What may be written: the mirror of a scenario's tables, variants and flags laid over it, refusals with their places.

pub(super) mod bytes;
pub(super) mod error;
pub(super) mod file;
pub(super) mod flagged;
pub(super) mod flags;
pub(super) mod gate;
pub(super) mod merge;
pub(super) mod names;
pub(super) mod refusal;
pub(super) mod texts;
pub(super) mod values;
