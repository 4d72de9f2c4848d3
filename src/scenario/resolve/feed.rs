//! `[feed.NAME]` → rows in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;

use super::resolver::Resolver;
use crate::scenario::read::error::Error;
use crate::scenario::read::file::{self, Text};
use crate::scenario::read::names::check_name;
use crate::traffic::feeds::{Feed, Format, MAX_FEED_BYTES, RowOrder};
use crate::traffic::template::is_built_in;
use crate::transport::input::read_at_most;

impl Resolver<'_> {
    /// Reads all feeds, in the order of their names.
    pub(super) fn feeds(
        &self,
        given: &BTreeMap<Text, file::Feed>,
    ) -> Result<Vec<Arc<Feed>>, Error> {
        given
            .iter()
            .map(|(name, feed)| self.feed(name, feed).map(Arc::new))
            .collect()
    }

    fn feed(&self, name: &Text, feed: &file::Feed) -> Result<Feed, Error> {
        let key = format!("feed.{}", name.get_ref());
        check_name(self.source, Some(name.span()), &key, name.get_ref())?;
        if is_built_in(name.get_ref()) {
            let message = format!(
                "`{}` is a placeholder of its own; choose another name",
                name.get_ref()
            );
            return Err(self.error(name.span(), &key, message));
        }
        let order = match feed
            .order
            .as_ref()
            .map(Spanned::get_ref)
            .map(String::as_str)
        {
            None | Some("round-robin") => RowOrder::RoundRobin,
            Some("random") => RowOrder::Random,
            Some(_) => {
                let span = feed.order.as_ref().map(Spanned::span);
                let message = "use \"round-robin\" or \"random\"";
                return Err(self.source.error(span, &format!("{key}.order"), message));
            }
        };
        let refused =
            |message: String| self.error(feed.file.span(), &format!("{key}.file"), message);
        let path = self.directory.join(feed.file.get_ref());
        let format = Format::of(&path).ok_or_else(|| {
            refused(format!(
                "`{}` is neither .csv nor .jsonl; write the rows in one of them",
                feed.file.get_ref().escape_debug()
            ))
        })?;
        let bytes = read_at_most(&path, MAX_FEED_BYTES).map_err(|error| {
            let remedy = if error.kind() == std::io::ErrorKind::FileTooLarge {
                "use a sample of its rows"
            } else {
                "it is looked for beside the scenario"
            };
            refused(format!("cannot read {}: {error}; {remedy}", path.display()))
        })?;
        Feed::read(name.get_ref(), &bytes, format, order)
            .map_err(|message| refused(format!("{}{message}", path.display())))
    }
}
