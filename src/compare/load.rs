//! Whether two loads are the same, and in what they differ.

use std::fmt;

use crate::scenario::{Arrivals, Load, LoadModel, Pace, describe_weights};
use crate::units::{format_duration, printable};

/// One thing in which two loads differ, with both in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadDifference {
    /// What differs, by its key in a scenario.
    pub what: &'static str,
    /// That of the base.
    pub base: String,
    /// That of the head.
    pub head: String,
}

impl fmt::Display for LoadDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}; {})", self.what, self.base, self.head)
    }
}

/// Everything in which two loads differ. Their length does not make them different, nor does what was expected of the target.
pub fn load_differences(base: &Load, head: &Load) -> Vec<LoadDifference> {
    // Each field is named, so that a new one is either compared or left out on purpose.
    let Load {
        model,
        connections,
        duration: _,
        requests: _,
        warmup,
        timeout,
        workers,
        keep_alive,
        weights,
        overload: _,
        silent_for: _,
    } = base;
    let ((loops, pace, arrivals), other) = (parts(model), parts(&head.model));
    let weights_in_words = |of: &_| match describe_weights(of) {
        none if none.is_empty() => "none".to_owned(),
        words => printable(&words).into_owned(),
    };
    let duration = |of: &_| format_duration(*of);
    [
        part("model", &loops, &other.0, ToString::to_string),
        part("rate", &pace, &other.1, |of| or_none(*of)),
        part("arrivals", &arrivals, &other.2, |of| or_none(*of)),
        part(
            "connections",
            connections,
            &head.connections,
            ToString::to_string,
        ),
        part(
            "keep_alive",
            keep_alive,
            &head.keep_alive,
            ToString::to_string,
        ),
        part("warmup", warmup, &head.warmup, duration),
        part("timeout", timeout, &head.timeout, duration),
        part("workers", workers, &head.workers, ToString::to_string),
        part("weights", weights, &head.weights, weights_in_words),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn parts(model: &LoadModel) -> (&'static str, Option<&Pace>, Option<&Arrivals>) {
    match model {
        LoadModel::Closed => ("closed loop", None, None),
        LoadModel::Open { pace, arrivals } => ("open loop", Some(pace), Some(arrivals)),
    }
}

/// The difference of a part, whose words may be the same where values are rounded.
fn part<T: PartialEq>(
    what: &'static str,
    base: &T,
    head: &T,
    words: impl Fn(&T) -> String,
) -> Option<LoadDifference> {
    (base != head).then(|| LoadDifference {
        what,
        base: words(base),
        head: words(head),
    })
}

fn or_none(part: Option<&impl fmt::Display>) -> String {
    part.map_or_else(|| "none".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;
    use crate::scenario::Stage;
    use crate::units::Rate;

    fn load() -> Load {
        Load {
            model: open(burst(10)),
            connections: 4,
            duration: Duration::from_secs(10),
            requests: None,
            warmup: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            workers: 1,
            keep_alive: true,
            weights: BTreeMap::new(),
            overload: false,
            silent_for: None,
        }
    }

    fn open(arrivals: Arrivals) -> LoadModel {
        LoadModel::Open {
            pace: Pace::Constant(Rate::new(100.0).unwrap()),
            arrivals,
        }
    }

    fn burst(size: u32) -> Arrivals {
        Arrivals::Burst(NonZeroU32::new(size).unwrap())
    }

    #[test]
    fn each_difference_is_named() {
        let check = |change: fn(&mut Load), says: &[&str]| {
            let mut other = load();
            change(&mut other);
            let found = load_differences(&load(), &other);
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, says);
        };
        check(|_| {}, &[]);
        check(|load| load.duration *= 3, &[]);
        check(|load| load.requests = Some(100), &[]);
        check(|load| load.overload = true, &[]);
        check(
            |load| load.model = open(burst(1_000)),
            &["arrivals (bursts of 10; bursts of 1000)"],
        );
        // A difference that words round away is one all the same.
        check(
            |load| load.timeout += Duration::from_nanos(1),
            &["timeout (1s; 1s)"],
        );
        check(|load| load.timeout *= 10, &["timeout (1s; 10s)"]);
        check(|load| load.warmup *= 0, &["warmup (2s; 0s)"]);
        check(|load| load.connections = 8, &["connections (4; 8)"]);
        check(|load| load.workers = 2, &["workers (1; 2)"]);
        check(
            |load| load.keep_alive = false,
            &["keep_alive (true; false)"],
        );
        check(
            |load| load.weights = BTreeMap::from([("a".to_owned(), 2)]),
            &["weights (none; a 2)"],
        );
        check(
            |load| load.model = LoadModel::Closed,
            &[
                "model (open loop; closed loop)",
                "rate (100/s; none)",
                "arrivals (bursts of 10; none)",
            ],
        );
        check(
            |load| {
                let stage = |to| Stage {
                    to,
                    over: Duration::from_secs(5),
                };
                load.model = LoadModel::Open {
                    pace: Pace::Staged {
                        begin: 0.0,
                        stages: [stage(100.0), stage(100.0)].into(),
                    },
                    arrivals: burst(10),
                };
            },
            &["rate (100/s; 0 → 100/s over 5s, hold 5s)"],
        );
    }
}
