//! Failures of all kinds, of one kind or with one status: how many, and their share of the requests. Pure.

use super::bounds;
use super::found::Found;
use crate::metrics::{ErrorKind, Tally};
use crate::scenario::Judge;
use crate::scenario::plan::threshold::Failure;

/// Failed requests, and those of them that a late generator cannot have made.
#[derive(Debug, Clone, Copy)]
struct Failed {
    all: u64,
    not_late: u64,
}

impl Failed {
    fn of(failure: Failure, tally: &Tally, total: &Tally) -> Self {
        let of = |kind: ErrorKind| tally.errors[kind as usize];
        match failure {
            Failure::Kind(kind) => {
                let only = Tally {
                    failed: of(kind),
                    errors: std::array::from_fn(|at| match at == kind as usize {
                        true => tally.errors[at],
                        false => 0,
                    }),
                    ..Tally::default()
                };
                Self {
                    all: of(kind),
                    not_late: of(kind) - only.late_failures(total),
                }
            }
            // The plan refuses a status that is expected.
            Failure::Status(status) => {
                let all = tally.status.get(&status).copied().unwrap_or(0);
                Self { all, not_late: all }
            }
        }
    }
}

/// Failed by ended requests.
pub(super) fn rate(judge: Judge, tally: &Tally, total: &Tally) -> Found {
    let failed = Failed {
        all: tally.failed,
        not_late: tally.failed - tally.late_failures(total),
    };
    of_ended(failed, judge, tally)
}

/// Those that failed in one way.
pub(super) fn share(failure: Failure, judge: Judge, tally: &Tally, total: &Tally) -> Found {
    of_ended(Failed::of(failure, tally, total), judge, tally)
}

/// Their number.
pub(super) fn count(failure: Failure, tally: &Tally, total: &Tally) -> Found {
    let failed = Failed::of(failure, tally, total);
    let (least, unanswered) = (failed.all as f64, unanswered(tally));
    Found {
        bounds: Some((least, least + unanswered as f64)),
        outmost: (failed.not_late as f64, f64::INFINITY),
        reason: open(unanswered),
        ..Found::exact(least)
    }
}

fn unanswered(tally: &Tally) -> u64 {
    tally.in_flight_at_end + tally.not_sent
}

fn open(unanswered: u64) -> Option<String> {
    (unanswered > 0).then(|| format!("{unanswered} more were never answered"))
}

/// A share of the ended requests. Those without an end may have become either.
fn of_ended(failed: Failed, judge: Judge, tally: &Tally) -> Found {
    let ended = tally.ok + tally.failed;
    if ended == 0 {
        return Found::unknown("no request was answered");
    }
    let unanswered = unanswered(tally);
    let of = if unanswered == 0 { ended } else { tally.due };
    let most = failed.all + unanswered;
    let share = |failed: u64| failed as f64 / of as f64;
    let found = match judge {
        // Whoever asks for few failures is content with none, however few requests there were.
        Judge::Interval if most > 0 => Found {
            outmost: (
                bounds::of_failures(failed.not_late, failed.not_late, of)
                    .ends
                    .0,
                f64::INFINITY,
            ),
            ..Found::of(0.0, bounds::of_failures(failed.all, most, of))
        },
        Judge::Interval | Judge::Value => Found {
            bounds: Some((share(failed.all), share(most))),
            outmost: (share(failed.not_late), f64::INFINITY),
            ..Found::exact(0.0)
        },
    };
    Found {
        value: Some(failed.all as f64 / ended as f64),
        // What is missing is no chance that a longer window lessens.
        unsure: found.unsure.filter(|_| unanswered == 0),
        reason: open(unanswered),
        ..found
    }
}
