//! What a request needs and a user holds.

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    Read,
    Write,
}

impl Permission {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Read => "telemetry:read",
            Self::Write => "telemetry:write",
        }
    }

    pub(crate) const fn bit(self) -> u64 {
        match self {
            Self::Read => 1 << 0,
            Self::Write => 1 << 1,
        }
    }
}
