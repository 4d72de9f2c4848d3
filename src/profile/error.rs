//! What can be wrong with a profile. It must name what is wrong and what to do, and carries bytes of the
//! profile only where a name is meant, made printable.

use std::borrow::Cow;
use std::io;

/// Why a profile could not be read, merged, written or drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are no profile, or an inconsistent one.
    #[error("not a profile: {0}")]
    Malformed(String),
    /// The bytes are something else.
    #[error("not a profile but {what}; {remedy}")]
    Other {
        /// What they are.
        what: String,
        /// What to do with it.
        remedy: Cow<'static, str>,
    },
    /// The format is known, and the bytes do not hold what it should.
    #[error("this is {format}, but {reason}")]
    Damaged {
        /// The format, with its article.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The gzip stream is damaged or cut off.
    #[error("not a profile: the gzip stream is damaged ({0}); capture it again")]
    Gzip(#[source] io::Error),
    /// The zstd stream is damaged or cut off.
    #[error(
        "not a profile: the zstd stream is damaged, cut off or in too many pieces; unpack it with `zstd -d`, or capture it again"
    )]
    Zstd,
    /// The profile is larger than what is read.
    #[error(
        "the profile has more than {limit} {what}; capture for a shorter time or at a lower rate"
    )]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// A name is longer than what is read.
    #[error(
        "the name that begins with `{begin}` has {length} bytes, and at most {limit} are read; symbols of such length are damaged or \
         generated: shorten them where the profile is written"
    )]
    LongName {
        /// Its begin.
        begin: String,
        /// Its bytes.
        length: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The sums leave the range of 64 bits.
    #[error(
        "the values of the profile add up to more than 64 bits hold; it is damaged or was merged too often"
    )]
    Overflow,
    /// The profile has no values of the type asked for.
    #[error("the profile has no sample type `{wanted}`; it has {known}")]
    SampleType {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// The values of the type are all zero, or some are negative.
    #[error(
        "the profile's values of `{sample_type}` are {fault}; show others with --sample-type {others}"
    )]
    NoValues {
        /// The type.
        sample_type: String,
        /// What is wrong with them.
        fault: &'static str,
        /// Types that have what is needed, as they follow the flag.
        others: String,
    },
    /// The file has no profile of the name asked for.
    #[error("the file has no profile `{wanted}`; it has {known}")]
    NoProfile {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// A profile of the file was asked for, and it has one alone.
    #[error("the file has one profile without a name; leave --profile out")]
    OneProfile,
    /// No sample has the label asked for.
    #[error("no sample has the label {wanted}; its samples have {known}")]
    NoLabel {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// A label was asked for of a format whose labels are not read.
    #[error(
        "labels are read of profile.proto alone, and threads of perf texts (thread=NAME); leave --where out"
    )]
    WithoutLabels,
    /// The meaning of numbers was given for a format that has it.
    #[error(
        "--value says what the numbers of profile.proto and of folded stacks are; this format says it itself: leave --value out"
    )]
    ValuesAreKnown,
    /// A line of a folded file cannot be understood.
    #[error("folded stacks, line {line}: {reason}")]
    Folded {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The text of `perf script` cannot be understood.
    #[error("perf script text, line {line}: {reason}")]
    Perf {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There are no bytes at all.
    #[error("the input is empty; {}", super::other::PROFILES)]
    NoInput,
    /// Two profiles measure different things.
    #[error(
        "profiles of {ours} and of {theirs} cannot be merged; capture both with the same type and rate"
    )]
    Mismatch {
        /// Type, unit and period of the profile merged into.
        ours: String,
        /// Type, unit and period of the other.
        theirs: String,
    },
    /// There is nothing to draw.
    #[error("the profile has no samples; was the target under load, and for long enough?")]
    Empty,
    /// The cost by which a graph should be scaled is not usable.
    #[error(
        "a cost of {0} us per request cannot scale a flame graph; give a positive number or none"
    )]
    Cost(f64),
    /// Reading or writing failed.
    #[error("the profile could not be read or written: {0}")]
    Io(#[from] io::Error),
}
