//! Why a sink did not do what it was asked.

/// Characters of a store's own words that are passed on.
const MAX_WORDS: usize = 300;

/// Why an attempt failed. It holds no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SinkError(pub(super) String);

impl SinkError {
    /// Keeps the words of an error and of its causes, bounded, in one line, and without `secrets`.
    pub(super) fn from_words(words: &str, secrets: &[String]) -> Self {
        let mut words = words.replace(['\n', '\r'], " ");
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            words = words.replace(secret.as_str(), "…");
        }
        Self(words.chars().take(MAX_WORDS).collect())
    }
}
