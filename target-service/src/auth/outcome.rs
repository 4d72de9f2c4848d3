//! The answer to a credential, and what told it.

/// The answer to a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The secret is the device's.
    Accepted,
    /// Unknown or revoked device or wrong secret; callers must not tell which.
    Refused,
    /// The device, whether it exists or not, had its share of checks.
    Limited,
    /// Too many checks are waiting.
    Overloaded,
    /// The check itself failed.
    Broken,
}

/// What told the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A remembered digest.
    Digest,
    /// A check, or the refusal to make one.
    Check,
}

/// An outcome and where it is from; what the requests of one flight share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) source: Source,
}
