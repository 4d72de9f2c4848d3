//! Where a picture stands.

/// Whether a picture stands alone, with its title and legend, or in a page that has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A file of its own.
    Alone,
    /// A figure that has both beside it.
    InPage,
}
