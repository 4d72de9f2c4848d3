//! What is said of a store that says nothing.

/// The store did not answer in time, or not with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Down;
