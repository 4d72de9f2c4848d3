//! What may be written: the mirror of a scenario's tables, variants laid over it, refusals with their places.

pub(super) mod bytes;
pub(super) mod error;
pub(super) mod file;
pub(super) mod merge;
pub(super) mod names;
pub(super) mod refusal;
pub(super) mod values;
