//! What two profiles are compared in that know of no requests: CPU time per second, other values as they are, or shares.
//!
//! What was waited or allocated grows with the time of a recording. It is scaled to one length where both are known. Time on the wall is compared
//! by shares where they are not, because a longer recording is no change of the program.

use super::caution::Caution;
use crate::profile::{Profile, Scale, Unit, is_on_the_wall};
use crate::units::{format_us, printable};

/// Sample types that count CPU time, whatever a tool calls it.
const CPU_TYPES: [&str; 6] = [
    "cpu",
    "samples",
    "cpu-clock",
    "task-clock",
    "cycles",
    "cpu-cycles",
];
/// Lengths that differ by no more than this factor are alike.
const ALIKE: f64 = 1.1;
/// How names of sample types begin whose values add up over a recording, beside those of time.
const ADDED_UP: [&str; 4] = ["alloc", "contentions", "waits", "exception"];
/// Counts of what there is, of which nothing was sampled.
const OF_WHAT_IS: [&str; 2] = ["goroutine", "threadcreate"];
/// Units of time.
const OF_TIME: [&str; 4] = ["nanoseconds", "microseconds", "milliseconds", "seconds"];

/// The unit, and what shares of each side are multiplied by.
pub fn amounts(base: &Profile, head: &Profile) -> (Unit, (Scale, Scale)) {
    let per_second = |profile: &Profile| {
        let seconds = profile.duration_ns() as f64 / 1e9;
        let cpu = profile.cpu_ns().filter(|ns| *ns > 0 && seconds > 0.0)?;
        Some(Scale::rate(cpu as f64 / 1e3 / seconds))
    };
    if let Some(scales) = per_second(base).zip(per_second(head)) {
        return (Unit::PerSecond, scales);
    }
    let has_values = |profile: &Profile| {
        let counts = OF_WHAT_IS.contains(&profile.sample_type());
        counts || (profile.is_of_values() && !is_of_cpu(profile))
    };
    let is_by_share = is_on_the_wall(base.sample_type()) && !are_of_known_lengths(base, head);
    if is_by_share || !has_values(base) || !has_values(head) {
        return (Unit::Share, (Scale::SHARE, Scale::SHARE));
    }
    let unit = match base.unit() {
        "bytes" => Unit::Bytes,
        "nanoseconds" => Unit::Nanoseconds,
        _ => Unit::Count,
    };
    let of_base = Scale::amount(base.value() as f64);
    (unit, (of_base, Scale::amount(of_head(base, head))))
}

/// Whether a profile tells where CPU time goes, which can be a part of a request's cost.
pub fn is_of_cpu(profile: &Profile) -> bool {
    CPU_TYPES.contains(&profile.sample_type())
}

/// What the head holds in all, scaled to the length of the base where that matters and both lengths are known.
pub(super) fn of_head(base: &Profile, head: &Profile) -> f64 {
    let whole = head.value() as f64;
    if adds_up(base) && are_of_known_lengths(base, head) {
        whole * base.duration_ns() as f64 / head.duration_ns() as f64
    } else {
        whole
    }
}

/// What is to be said of how long both sides were recorded.
pub(super) fn lengths(base: &Profile, head: &Profile) -> Option<Caution> {
    let is_of_values = |profile: &Profile| profile.is_of_values() && !is_of_cpu(profile);
    if !adds_up(base) || !is_of_values(base) || !is_of_values(head) {
        return None;
    }
    let what = if are_of_known_lengths(base, head) {
        let (before, after) = (base.duration_ns(), head.duration_ns());
        let factor = before.max(after) as f64 / before.min(after) as f64;
        if factor <= ALIKE {
            return None;
        }
        format!(
            "the base was recorded for {} and the head for {}: the amounts of the head are scaled to the time of the base",
            format_us(before as f64 / 1e3),
            format_us(after as f64 / 1e3)
        )
    } else if is_on_the_wall(base.sample_type()) {
        "how long both sides were recorded is not known, and time on the wall grows with that: shares of it are compared".to_owned()
    } else {
        format!(
            "how long both sides were recorded is not known, and {} grows with that: what changed may come from it, unless both took as long",
            printable(base.sample_type())
        )
    };
    Some(Caution::Stacks { what })
}

fn are_of_known_lengths(base: &Profile, head: &Profile) -> bool {
    base.duration_ns() > 0 && head.duration_ns() > 0
}

/// Whether the values add up over a recording. What is in use does not.
fn adds_up(profile: &Profile) -> bool {
    let name = profile.sample_type();
    OF_TIME.contains(&profile.unit()) || ADDED_UP.iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile((sample_type, unit): (&str, &str), value: u64, seconds: u64) -> Profile {
        let mut profile =
            Profile::new(sample_type, unit, 0).with_duration_ns(seconds * 1_000_000_000);
        profile.add(["main", "f"], 10, value).expect("small");
        profile
    }

    #[track_caller]
    fn check(kind: (&str, &str), seconds: (u64, u64), expected: (Unit, f64), says: Option<&str>) {
        let (base, head) = (
            profile(kind, 1_000, seconds.0),
            profile(kind, 6_000, seconds.1),
        );
        let (unit, (_, scale)) = amounts(&base, &head);
        assert_eq!((unit, scale.factor), expected);
        let said = lengths(&base, &head).map(|caution| caution.to_string());
        match (said, says) {
            (None, None) => {}
            (Some(said), Some(says)) => assert!(said.contains(says), "{said}"),
            (said, says) => panic!("{said:?} instead of {says:?}"),
        }
    }

    #[test]
    fn what_adds_up_is_compared_over_one_length() {
        let delay = ("delay", "nanoseconds");
        check(delay, (10, 10), (Unit::Nanoseconds, 6_000.0), None);
        let scaled = "the base was recorded for 10 s and the head for 60 s: the amounts of the head are scaled";
        check(delay, (10, 60), (Unit::Nanoseconds, 1_000.0), Some(scaled));
        check(
            ("wall", "nanoseconds"),
            (10, 60),
            (Unit::Nanoseconds, 1_000.0),
            Some(scaled),
        );
        check(
            ("alloc_space", "bytes"),
            (10, 60),
            (Unit::Bytes, 1_000.0),
            Some(scaled),
        );
    }

    #[test]
    fn counts_of_what_there_is_are_compared_as_they_are() {
        check(("goroutine", "count"), (0, 0), (Unit::Count, 6_000.0), None);
    }

    #[test]
    fn what_is_in_use_does_not_grow_with_the_time() {
        check(
            ("inuse_space", "bytes"),
            (10, 60),
            (Unit::Bytes, 6_000.0),
            None,
        );
        check(
            ("inuse_space", "bytes"),
            (0, 0),
            (Unit::Bytes, 6_000.0),
            None,
        );
    }

    #[test]
    fn lengths_that_are_not_known_are_told() {
        let wall = "time on the wall grows with that: shares of it are compared";
        check(
            ("time", "nanoseconds"),
            (0, 60),
            (Unit::Share, 1.0),
            Some(wall),
        );
        let delay = "delay grows with that: what changed may come from it";
        check(
            ("delay", "nanoseconds"),
            (0, 0),
            (Unit::Nanoseconds, 6_000.0),
            Some(delay),
        );
    }
}
