//! What the user chose of a draft.

use super::timing::Pace;

/// What the user chose.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Name of the scenario.
    pub name: String,
    /// Only what went to this origin; the most frequent one without it.
    pub origin: Option<String>,
    /// Where the scenario's load goes instead, with the Host header of the origin.
    pub target: Option<String>,
    /// How the recorded times are used.
    pub pace: Pace,
    /// Directory for feeds and bodies, as the scenario names it.
    pub folder: String,
    /// File for what was secret, as the scenario names it, if it is kept.
    pub secrets: Option<String>,
    /// Whether bodies that are no text are sent as they were recorded. Nobody looks for secrets in them.
    pub keeps_binary: bool,
}
