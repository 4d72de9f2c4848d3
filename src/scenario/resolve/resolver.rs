//! What every table is resolved in.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::de::DeTable;

use crate::scenario::overrides::Overrides;
use crate::scenario::read::error::{Error, Source};
use crate::scenario::read::file::Text;
use crate::units;

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

    /// A duration as it was written.
    pub(super) fn duration(
        &self,
        text: Option<&Text>,
        key: &str,
        default: Duration,
    ) -> Result<Duration, Error> {
        text.map_or(Ok(default), |text| {
            units::parse_duration(text.get_ref())
                .map_err(|error| self.error(text.span(), key, error.to_string()))
        })
    }
}
