//! What requests are resolved in, and what is found on the way.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::acknowledged::Numbers;
use super::hosts::Hosts;
use crate::scenario::read::error::{Error, Source};
use crate::scenario::read::file::Text;
use crate::traffic::feeds::Feed;
use crate::traffic::fleet::Fleet;
use crate::traffic::template::{Scope, Template};

/// What requests are resolved in.
pub(super) struct Context<'a> {
    pub(super) source: Source<'a>,
    pub(super) directory: &'a Path,
    pub(super) hosts: &'a Hosts,
    pub(super) fleets: &'a [Fleet],
    pub(super) feeds: &'a [Arc<Feed>],
    pub(super) numbers: Numbers,
}

/// What the templates of one request have in common.
pub(super) struct Templates<'a> {
    pub(super) source: Source<'a>,
    pub(super) scope: Scope<'a>,
}

/// What is found beside the requests themselves.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Places of literal credentials.
    pub(super) secrets: Vec<Range<usize>>,
    /// What the user should know, each once.
    pub(super) notes: Vec<String>,
    /// Where requests say `Connection: close`, each with its key.
    pub(super) closing: Vec<(Range<usize>, String)>,
    /// Indices of the `[[host]]` tables of hosts that requests go to.
    pub(super) ways: Vec<usize>,
}

impl Found {
    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

impl Templates<'_> {
    pub(super) fn compile(&self, text: &Text, key: &str, salt: u64) -> Result<Template, Error> {
        Template::compile(text.get_ref(), salt, &self.scope).map_err(|error| {
            // The value's quotes and escapes differ from its text; the n-th `{{` is the same in both.
            let nth = text.get_ref()[..error.offset].matches("{{").count();
            let span = text.span();
            let at = self
                .source
                .text
                .get(span.clone())
                .and_then(|raw| raw.match_indices("{{").nth(nth))
                .map_or(0, |(at, _)| at);
            self.source
                .error(Some(span.start + at..span.end), key, error.message)
        })
    }
}
