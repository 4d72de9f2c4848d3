//! How much of a file is read.

/// Scenarios are written by hand; more is a mistake.
pub(in crate::scenario) const MAX_FILE: u64 = 1 << 20;

/// Bytes that a body from a file may have: it is held in memory and copied per request.
pub const MAX_BODY_FILE: u64 = 16 << 20;
