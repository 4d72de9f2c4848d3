//! What is not yet as the rules want it. These lists only shrink: whatever is mended is taken off.

/// Circles of files of `src/`, each as the exact set of its files.
pub(crate) const CIRCLES: &[&[&str]] = &[];

/// Files of `src/` of more than 500 lines.
pub(crate) const LONG_FILES: &[&str] = &[];

/// Functions of `src/` of more than 80 lines.
pub(crate) const LONG_FUNCTIONS: &[&str] = &[];
