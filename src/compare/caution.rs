//! What makes a comparison doubtful, in words.

use std::fmt;

use super::load::LoadDifference;
use crate::result::Note;
use crate::units::format_share;

/// What makes a comparison doubtful; each says what to do or to bear in mind.
#[derive(Debug, Clone, PartialEq)]
pub enum Caution {
    /// The scenarios are not the same.
    Scenario {
        /// What differs, in words.
        what: String,
    },
    /// The loads of a phase are not the same.
    Load {
        /// In what they differ, at least one thing.
        differences: Vec<LoadDifference>,
    },
    /// The machines are not the same.
    Machine {
        /// What differs, in words.
        what: String,
    },
    /// The profiles have different sample types of one unit.
    ProfileType {
        /// Type and unit of the base.
        base: String,
        /// Type and unit of the head.
        head: String,
    },
    /// The profiles cannot be compared.
    Incomparable(Incomparable),
    /// A side has so few samples that little can be found.
    FewSamples {
        /// Which.
        side: &'static str,
        /// How many.
        samples: u64,
    },
    /// Functions do not match by name.
    Names {
        /// Share of the base in functions that the head does not have.
        gone: f64,
        /// Share of the head in functions that the base does not have.
        new: f64,
    },
    /// Stacks of a side, or its samples, are not what they seem.
    Stacks {
        /// Of which side, and what.
        what: String,
    },
    /// A phase is on one side alone.
    OneSided {
        /// Its name.
        phase: String,
    },
    /// A side was not trusted or not finished when it was measured.
    Doubtful {
        /// Its name in results.
        code: &'static str,
        /// Which, and why.
        what: String,
    },
}

/// Profiles that measure different things.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "profiles of {base} and of {head} cannot be compared; capture both with the same type, or choose it with --sample-type"
)]
pub struct Incomparable {
    /// Type and unit of the base.
    pub base: String,
    /// Type and unit of the head.
    pub head: String,
}

impl Caution {
    /// As it is told: its words name what to do.
    pub fn note(&self) -> Note {
        let (code, subject) = match self {
            Self::Scenario { .. } => ("scenarios_differ", "scenario"),
            Self::Load { .. } => ("loads_differ", "load"),
            Self::Machine { .. } => ("machines_differ", "machine"),
            Self::ProfileType { .. } => ("profile_types_differ", "profile"),
            Self::Incomparable(_) => ("profiles_incomparable", "profile"),
            Self::FewSamples { .. } => ("few_samples", "profile"),
            Self::Names { .. } => ("names_differ", "profile"),
            Self::OneSided { .. } => ("one_sided", "phase"),
            Self::Stacks { .. } => ("stacks", "profile"),
            Self::Doubtful { code, .. } => (*code, "run"),
        };
        Note::warning(code, subject, self.to_string())
    }
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scenario { what } => write!(
                f,
                "{what}: what differs may come from that and not from the target"
            ),
            Self::Load { differences } => {
                let each: Vec<_> = differences.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "the loads differ in {}: only costs per request can be compared",
                    each.join(" and ")
                )
            }
            Self::Machine { what } => write!(
                f,
                "the machines differ ({what}): measure both sides on one machine"
            ),
            Self::ProfileType { base, head } => write!(
                f,
                "the profiles are of different types ({base}; {head}): capture both alike"
            ),
            Self::Incomparable(error) => write!(f, "{error}"),
            Self::FewSamples { side, samples } => write!(
                f,
                "the profile of the {side} has few samples ({samples}): only large changes can be found; profile longer, at a higher rate, or under more load"
            ),
            Self::Names { gone, new } => write!(
                f,
                "names do not seem to match: {} of the base and {} of the head are in stacks with functions that the other side does not have; unless that is the change, build both with the same compiler and debug settings",
                format_share(*gone),
                format_share(*new)
            ),
            Self::OneSided { phase } => {
                write!(f, "phase {phase} is on one side alone and left out")
            }
            Self::Stacks { what } | Self::Doubtful { what, .. } => f.write_str(what),
        }
    }
}
