//! What every table is resolved in.

use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use crate::scenario::overrides::Overrides;
use crate::scenario::read::error::{Error, Source};

/// A variant's name and its tables.
pub(super) type NamedTable<'i> = (String, DeTable<'i>);

/// One reading of the scenario: its root, or a variant laid over it. Each table adds its own part to it.
pub(super) struct Resolver<'a> {
    pub(super) source: Source<'a>,
    pub(super) directory: &'a Path,
    pub(super) overrides: &'a Overrides,
    pub(super) names: &'a [NamedTable<'a>],
    /// What the file was read from.
    pub(super) table: &'a DeTable<'a>,
}

impl Resolver<'_> {
    /// An error at the start of `span`.
    pub(super) fn error(&self, span: Range<usize>, key: &str, message: impl Into<String>) -> Error {
        self.source.error(Some(span), key, message)
    }
}
