//! How much is told of functions.

/// How much a summary tells of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The few that explain a change.
    Brief,
    /// All lines of explanation, and tables.
    Full,
}
