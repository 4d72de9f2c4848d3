//! What a profile tells beside the functions of the CPU: where goroutines waited and memory went, and what kinds of requests cost.
//! Pure.

use std::sync::Arc;

use super::notes;
use crate::metrics::Tally;
use crate::profile::capture::Captured;
use crate::profile::{ByLabel, ENOUGH_SLICES, Matched};
use crate::result::{AlsoResult, Note, RequestCost, Samples};
use crate::scenario::{Also, Request};
use crate::statistics::{Z95, nested_half, t_quantile};

/// A slice of a capture: its length in seconds, and the OK responses a second in it, if they are known.
pub(super) type SliceRate = (f64, Option<f64>);

/// A profile that was captured beside the CPU, as amounts per OK response; or why there is none.
pub(super) fn also(
    kind: Also,
    captured: Result<Captured, String>,
    throughput_rps: Option<f64>,
    rates: &[SliceRate],
) -> Result<(AlsoResult, Vec<u8>), Box<Note>> {
    let captured = captured.map_err(|error| Box::new(notes::no_also(kind, &error)))?;
    let Captured {
        profile,
        bytes,
        slices,
    } = captured;
    if profile.is_empty() {
        return Err(Box::new(notes::empty_also(kind)));
    }
    let value = profile.value() as f64;
    let rate = match kind {
        // As many are there at any time, by Little's law each a second of some request in a second.
        Also::Goroutine => Some(value / slices.max(1) as f64 * 1e9),
        Also::Block | Also::Mutex | Also::Heap | Also::OffCpu => {
            let seconds = profile.duration_ns() as f64 / 1e9;
            (seconds > 0.0).then_some(value / seconds)
        }
    };
    let requests = throughput_rps.filter(|rps| *rps > 0.0);
    let result = AlsoResult {
        kind,
        samples: profile.samples(),
        slices,
        per_request: rate.zip(requests).map(|(rate, rps)| rate / rps),
        error: amount_error(kind, profile.weighed_slices(), rates),
        launches: Vec::new(),
        taken: Some(Samples::of(Arc::new(profile))),
    };
    Ok((result, bytes))
}

/// Relative standard error of the amount per request, from the spread between slices; `None` of one slice, which shows none. It goes with as
/// many slices as that of the CPU per request does.
fn amount_error(kind: Also, values: &[u64], rates: &[SliceRate]) -> Option<f64> {
    let slices = values
        .iter()
        .zip(rates)
        .filter_map(|(value, (seconds, rate))| {
            let in_a_second = match kind {
                Also::Goroutine => *value as f64,
                _ => *value as f64 / seconds,
            };
            Some((in_a_second, (*rate)?))
        });
    let units: Vec<(f64, f64)> = slices.collect();
    let quantile = if units.len() < ENOUGH_SLICES {
        Z95
    } else {
        t_quantile(0.975, units.len() as f64 - 1.0)
    };
    Some(nested_half(&units)? / quantile)
}

/// Which request a value of a label means: its name, or its path, with or without its method.
pub(super) fn request_of(requests: &[Request], value: &str) -> Option<usize> {
    let is_path = |request: &Request| {
        let path = value.strip_prefix(&request.method).map(str::trim_start);
        let is = |path: &str| {
            request.path.literal_len() == Some(path.len()) && request.path.holds(path.as_bytes())
        };
        is(value) || path.is_some_and(is)
    };
    let named = requests.iter().position(|request| request.name == value);
    named.or_else(|| requests.iter().position(is_path))
}

/// The CPU time of each kind of request: its share of the samples, times the CPU time by OK response, by its part of these.
pub(super) fn costs(
    found: &ByLabel,
    requests: &[(&str, &Tally)],
    us_per_request: Option<f64>,
) -> Vec<RequestCost> {
    let ok = |tally: &Tally| tally.completed_ok as f64;
    let all: f64 = requests.iter().map(|(_, tally)| ok(tally)).sum();
    let cost = |request: Option<&str>, of: Matched, part: f64| {
        let share = of.share;
        let shares = (share.value, share.interval.low, share.interval.high);
        let us = us_per_request.filter(|_| part > 0.0);
        RequestCost {
            request: request.map(str::to_owned),
            samples: of.samples,
            share: shares,
            us_per_request: us.map(|us| {
                let by = us / part;
                (shares.0 * by, shares.1 * by, shares.2 * by)
            }),
        }
    };
    let of_requests = requests.iter().zip(&found.groups);
    let mut costs: Vec<RequestCost> = of_requests
        .filter_map(|((name, tally), of)| Some(cost(Some(name), (*of)?, ok(tally) / all)))
        .collect();
    if found.rest.samples > 0 && !costs.is_empty() {
        costs.push(cost(None, found.rest, 1.0));
    }
    costs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    fn captured(kind: (&str, &str), seconds: u64, value: u64) -> Result<Captured, String> {
        let profile = Profile::new(kind.0, kind.1, 0).with_duration_ns(seconds * 1_000_000_000);
        let mut profile = profile;
        profile.add(["main", "wait"], 10, value).expect("small");
        Ok(Captured {
            profile,
            bytes: Vec::new(),
            slices: 4,
        })
    }

    #[test]
    fn amounts_are_per_ok_response() {
        // 6 s of waiting in 2 s at 100 responses a second: 30 ms each.
        let delay = captured(("delay", "nanoseconds"), 2, 6_000_000_000);
        let (block, _) = also(Also::Block, delay, Some(100.0), &[]).expect("there");
        assert_eq!(block.per_request, Some(3e7));
        let heap = captured(("alloc_space", "bytes"), 2, 4_000_000);
        let (heap, _) = also(Also::Heap, heap, Some(100.0), &[]).expect("there");
        assert_eq!((heap.per_request, heap.unit()), (Some(20_000.0), "bytes"));
        // 8 goroutines in 4 snapshots are 2 at a time: 20 ms of each of 100 requests a second.
        let there = captured(("goroutine", "count"), 0, 8);
        let (there, _) = also(Also::Goroutine, there, Some(100.0), &[]).expect("there");
        assert_eq!(there.per_request, Some(2e7));
        let delay = captured(("delay", "nanoseconds"), 2, 5);
        let (unknown, _) = also(Also::Mutex, delay, Some(0.0), &[]).expect("there");
        assert_eq!(unknown.per_request, None);
    }

    #[test]
    fn an_amount_is_as_uncertain_as_slices_differ() {
        let error = |values: &[u64], rates: &[f64]| {
            let rates: Vec<SliceRate> = rates.iter().map(|rate| (2.0, Some(*rate))).collect();
            amount_error(Also::Block, values, &rates)
        };
        // As much of each request in each slice, however many there were.
        assert_eq!(
            error(&[20, 40, 20, 60, 20], &[1.0, 2.0, 1.0, 3.0, 1.0]),
            Some(0.0)
        );
        // 10, 20, 30, 20, 20 of one request each: √(5/4 · 200)/100.
        let five = error(&[20, 40, 60, 40, 40], &[1.0; 5]).expect("known");
        assert!((five - 0.158_1).abs() < 1e-4, "{five}");
        // Two: √(2/1 · 50)/30 with t of one degree, as a normal error.
        let two = error(&[20, 40], &[1.0; 2]).expect("known");
        assert!((two - 0.333_3 * 12.706 / 1.96).abs() < 1e-3, "{two}");
        assert_eq!(error(&[20], &[1.0]), None);
        assert_eq!(
            amount_error(Also::Block, &[20, 30], &[(1.0, None), (1.0, None)]),
            None
        );
    }

    #[test]
    fn what_is_missing_is_said_with_its_remedy() {
        let nothing = || {
            Ok(Captured {
                profile: Profile::new("delay", "nanoseconds", 0),
                bytes: Vec::new(),
                slices: 1,
            })
        };
        for (kind, remedy) in [
            (Also::Block, "runtime.SetBlockProfileRate"),
            (Also::Mutex, "runtime.SetMutexProfileFraction"),
            (Also::Heap, "for longer"),
            (Also::OffCpu, "no thread left its CPU"),
        ] {
            let note = also(kind, nothing(), Some(1.0), &[]).expect_err("empty");
            assert!(note.to_string().contains(remedy), "{note}");
        }
        let error = Err("the endpoint does not honour it".to_owned());
        let note = also(Also::Heap, error, Some(1.0), &[]).expect_err("none");
        let words = "no heap profile: the endpoint does not honour it";
        assert!(note.to_string().starts_with(words), "{note}");
    }

    #[test]
    fn a_kind_of_request_costs_its_share_by_its_part_of_the_answers() {
        let profile = |samples| {
            let mut profile = Profile::new("cpu", "nanoseconds", 0);
            profile.add(["f"], samples, samples).expect("small");
            profile
        };
        let whole = profile(100);
        let matched = |samples| crate::profile::matched(&profile(samples), &whole);
        let tally = |ok| Tally {
            completed_ok: ok,
            ..Tally::default()
        };
        let (slow, fast, none) = (tally(10), tally(90), tally(0));
        let found = ByLabel {
            groups: vec![Some(matched(60)), Some(matched(30)), None],
            rest: matched(10),
            others: Vec::new(),
        };
        let requests = [("slow", &slow), ("fast", &fast), ("gone", &none)];
        let costs = costs(&found, &requests, Some(100.0));
        let of: Vec<_> = costs
            .iter()
            .map(|of| {
                (
                    of.request.as_deref(),
                    of.us_per_request.expect("known").0.round(),
                )
            })
            .collect();
        // 0.6 of 100 µs a response, which every tenth one causes; 0.3 of nine tenths; the rest of all.
        assert_eq!(
            of,
            [(Some("slow"), 600.0), (Some("fast"), 33.0), (None, 10.0)]
        );
        let sum: f64 = 0.1 * 600.0 + 0.9 * 100.0 / 3.0 + 10.0;
        assert!((sum - 100.0).abs() < 1e-9);
        assert_eq!(
            super::costs(&found, &requests, None)[0].us_per_request,
            None
        );
    }
}
