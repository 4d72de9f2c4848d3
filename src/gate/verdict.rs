//! What a threshold comes to, and what a run or a gate does, with their names and exit codes. Plain values.

/// What a threshold, or a run, comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// The figures do not tell.
    Inconclusive,
}

impl Verdict {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// How a run ended as a whole, in the order of precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// telemload or its machine failed.
    Internal(String),
    /// The run says nothing: the target could not be reached, died, gave no OK response or none any more, or was not sent the planned
    /// load.
    Invalid(String),
    /// The user ended it.
    Interrupted,
    /// A threshold failed.
    Fail,
    /// A threshold could not be judged, or ended the run and does not fail by what it had found then; or the machine was too busy to send the
    /// planned load.
    Inconclusive,
    /// Everything holds.
    Pass,
}

impl Outcome {
    /// Its name in results.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Internal(_) => "error",
            Self::Invalid(_) => "invalid",
            Self::Interrupted => "interrupted",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Pass => "pass",
        }
    }

    /// The exit code of the command.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Internal(_) => 5,
            Self::Invalid(_) => 4,
            Self::Interrupted => 130,
            Self::Fail => 1,
            Self::Inconclusive => 3,
            Self::Pass => 0,
        }
    }
}
