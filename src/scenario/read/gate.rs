//! The table `[gate]` as it may be typed.

use serde::Deserialize;
use toml::Spanned;

use super::texts::Text;
use super::values::{Length, PerSecond, Share};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Gate {
    pub(in crate::scenario) phase: Option<Text>,
    pub(in crate::scenario) budget: Option<Spanned<Length>>,
    pub(in crate::scenario) rate: Option<Spanned<PerSecond>>,
    pub(in crate::scenario) relaunch: Option<Spanned<Relaunch>>,
    pub(in crate::scenario) confirm: Option<bool>,
    pub(in crate::scenario) on_inconclusive: Option<Text>,
    pub(in crate::scenario) answers: Option<Text>,
    #[serde(default)]
    pub(in crate::scenario) metric: Vec<Metric>,
}

/// Blocks on each launch, or `"never"`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "use a number of blocks such as 1, or \"never\"")]
pub(in crate::scenario) enum Relaunch {
    Blocks(u32),
    Word(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Metric {
    pub(in crate::scenario) name: Text,
    pub(in crate::scenario) catch: Option<Spanned<Share>>,
    pub(in crate::scenario) tolerate: Option<Spanned<Share>>,
}
