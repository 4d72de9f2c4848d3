//! What a page is made of.

use crate::report::chart::Recorded;
use crate::report::document::audit::Stored;
use crate::report::document::run::Concluded;

/// Everything that a page tells of.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The run with what was concluded from it.
    pub concluded: Concluded<'a>,
    /// What was stored of each launch.
    pub recorded: &'a [Recorded],
    /// The scenario as it was stored, credentials hidden; `None` if it is gone.
    pub scenario: Option<&'a str>,
    /// An audit of that scenario, if one was stored beside the run.
    pub audit: Option<&'a Stored>,
}
