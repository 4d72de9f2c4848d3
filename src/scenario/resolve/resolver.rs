//! What every table is resolved in.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::scenario::read::error::{Error, Source};
use crate::scenario::read::file::Text;

/// A variant's name and its tables.
pub(super) type NamedTable<'i> = (String, DeTable<'i>);

/// One reading of the scenario: its root, or a variant laid over it. Each table adds its own part to it.
pub(super) struct Resolver<'a> {
    pub(super) source: Source<'a>,
    pub(super) directory: &'a Path,
    /// The only variant that is run.
    pub(super) wanted: Option<&'a str>,
    pub(super) names: &'a [NamedTable<'a>],
    /// What the file was read from.
    pub(super) table: &'a DeTable<'a>,
}

impl Resolver<'_> {
    /// An error at the start of `span`.
    pub(super) fn error(&self, span: Range<usize>, key: &str, message: impl Into<String>) -> Error {
        self.source.error(Some(span), key, message)
    }

    /// A file that a key names beside the scenario, or a flag from the working directory.
    pub(super) fn path(&self, text: &Text) -> PathBuf {
        match self.source.flag_at(&text.span()) {
            Some(_) => PathBuf::from(text.get_ref()),
            None => self.directory.join(text.get_ref()),
        }
    }
}
