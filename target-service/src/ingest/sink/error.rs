//! Why a sink did not do what it was asked.

/// Why an attempt failed. It holds no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SinkError(pub(super) String);

impl SinkError {
    /// Keeps words, bounded, in one line, and without `secrets`.
    pub(super) fn from_words(words: &str, secrets: &[String]) -> Self {
        Self(bucket_client::bounded(words, secrets))
    }
}
