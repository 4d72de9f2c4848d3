//! How turns are cut for arms of different kinds.

use std::collections::BTreeMap;

use super::*;
use crate::result::samples;

const MS: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(5_300);

/// An arm that answered so many requests a second with this latency.
fn arm(rate: f64, latency: Duration) -> Turns {
    let mut tally = Tally::default();
    let ok = (rate * 0.4) as u64;
    (tally.ok, tally.completed_ok) = (ok, ok);
    let nanos = latency.as_nanos() as u64;
    tally.latency.record_n(nanos, ok).unwrap();
    Turns {
        active: 400 * MS,
        count: 4,
        are_short: false,
        outruns_generator: false,
        tallies: vec![tally, Tally::default()],
        exemplars: BTreeMap::new(),
        by_turn: Vec::new(),
    }
}

fn arms(base: (f64, Duration), head: (f64, Duration)) -> Arms<Turns> {
    Arms {
        base: arm(base.0, base.1),
        head: arm(head.0, head.1),
    }
}

/// What a calibration found, in which both used so many CPUs.
fn calibrated(turns: Arms<Turns>, cores: Option<f64>) -> Calibrated {
    let cores = Arms {
        base: cores,
        head: cores,
    };
    Calibrated { turns, cores }
}

#[test]
fn turns_are_as_long_as_the_slower_arm_needs() {
    let load = samples::phase(|_| ()).load;
    let check = |base, head, slice: Duration, measured: u32| {
        let found = calibrated(arms(base, head), Some(0.5));
        let pacing = Pacing::decided(&found, &load, true, LONGEST);
        let close = |a: Duration, b: Duration| a.abs_diff(b) < b / 100;
        assert!(close(pacing.slice, slice), "{pacing:?}");
        assert_eq!(pacing.slices.measured, measured, "{pacing:?}");
        let within = if measured > 4 { CLOSED_WITHIN } else { LONGEST };
        assert!(
            (pacing.slice + pacing.gap) * all(pacing.slices) <= within,
            "{pacing:?}"
        );
        assert!(pacing.gap >= 2 * MS, "{pacing:?}");
        assert!(pacing.wanted >= pacing.slice, "{pacing:?}");
    };
    let fast = (20_000.0, 3 * MS);
    check(fast, fast, 62 * MS, 40);
    check((20_000.0, MS / 2), (20_000.0, MS / 2), 20 * MS, 112);
    // 200 requests.
    check(fast, (1_400.0, MS), 143 * MS, 16);
    // 20.5 median latencies.
    check((20_000.0, 10 * MS), fast, 205 * MS, 8);
    // Fewer turns in a longer block.
    check((400.0, 20 * MS), fast, 500 * MS, 4);
    // More than that has time for: what is under way ends between turns all the same.
    check((200.0, 20 * MS), fast, 843 * MS, 4);
    check((200.0, 320 * MS), fast, 530 * MS, 4);
    // Without an answer there is nothing to go by.
    check((0.0, MS), (0.0, MS), 100 * MS, 24);
}

#[test]
fn an_arm_that_computes_all_the_while_has_shorter_turns() {
    let load = samples::phase(|_| ()).load;
    let check = |rate, latency, cores, slice: Duration| {
        let arm = (rate, latency);
        let found = calibrated(arms(arm, arm), cores);
        let pacing = Pacing::decided(&found, &load, true, LONGEST);
        assert!(pacing.slice.abs_diff(slice) < slice / 100, "{pacing:?}");
    };
    check(20_000.0, MS, Some(0.95), 20 * MS);
    // Sixteen connections of a service with one CPU: 8.5 median latencies of 2.5 ms.
    let latency = 5 * MS / 2;
    check(6_400.0, latency, Some(0.95), 21_250 * MS / 1_000);
    check(6_400.0, latency, Some(0.5), 51_250 * MS / 1_000);
    check(6_400.0, latency, None, 51_250 * MS / 1_000);
    // 100 requests of one connection.
    check(1_000.0, MS, Some(0.9), 100 * MS);
    // A window that the user asked for has the turns that latencies need.
    let fast = arms((6_400.0, MS), (6_400.0, MS));
    let load = Load {
        duration: 4_000 * MS,
        ..load
    };
    assert_eq!(Pacing::filling(&fast, &load).slice, 100 * MS);
}

#[test]
fn a_block_of_short_turns_is_as_long_as_one_of_usual_ones() {
    let usual = (USUAL + 2 * MS) * all(BLOCK[0]);
    for ms in 20..100 {
        for gap in [2 * MS, ms * MS / 4] {
            let slices = short(ms * MS + gap);
            assert_eq!((slices.dropped % 4, slices.measured % 8), (0, 0));
            assert!(slices.dropped >= 4 && slices.measured >= 24, "{slices:?}");
            let all = (ms * MS + gap) * all(slices);
            assert!(
                all <= CLOSED_WITHIN && all * 5 > usual * 4,
                "{ms} ms: {all:?}"
            );
        }
    }
}

#[test]
fn turns_that_are_too_short_say_what_they_lack() {
    let load = samples::phase(|_| ()).load;
    let lacks = |rate| {
        let found = calibrated(arms((rate, 20 * MS), (rate, MS)), None);
        Pacing::decided(&found, &load, true, LONGEST).lacks()
    };
    assert_eq!(lacks(20_000.0), None);
    assert_eq!(lacks(400.0), None);
    // Six turns of a second, with their gaps.
    assert_eq!(lacks(200.0), Some(7_500 * MS));
}

#[test]
fn the_fixed_rate_is_half_of_what_the_slower_arm_takes_or_the_scenarios_own() {
    let found = calibrated(arms((20_000.0, MS), (10_000.0, MS)), None);
    let closed = Load {
        model: LoadModel::Closed,
        ..samples::phase(|_| ()).load
    };
    let rate = |load: &Load| {
        let open = Pacing::decided(&found, load, true, LONGEST).open.unwrap();
        open.rate.per_second()
    };
    assert_eq!(rate(&closed), 5_000.0);
    let own = Load {
        model: LoadModel::Open {
            pace: Pace::Constant(Rate::new(800.0).unwrap()),
            arrivals: Arrivals::Poisson,
        },
        ..closed.clone()
    };
    assert_eq!(rate(&own), 800.0);
    assert_eq!(Pacing::decided(&found, &own, false, LONGEST).open, None);
    let deaf = calibrated(arms((0.0, MS), (10_000.0, MS)), None);
    assert_eq!(Pacing::decided(&deaf, &closed, true, LONGEST).open, None);
}

#[test]
fn answers_that_all_come_between_turns_are_answers_at_a_fixed_rate() {
    let mut slow = arms((100.0, 200 * MS), (100.0, 200 * MS));
    for turns in [&mut slow.base, &mut slow.head] {
        turns.tallies[0].completed_ok = 0;
    }
    let load = Load {
        model: LoadModel::Closed,
        ..samples::phase(|_| ()).load
    };
    // 40 answers that took 200 ms, in four turns of 100 ms.
    let slow = calibrated(slow, None);
    let open = Pacing::decided(&slow, &load, true, LONGEST).open.unwrap();
    let rate = open.rate.per_second();
    assert!((24.0..26.0).contains(&rate), "{rate}");
}

#[test]
fn a_calibration_is_repeated_until_its_turns_are_long_enough() {
    let slow = calibrated(arms((200.0, 50 * MS), (200.0, 50 * MS)), None);
    let again = Pacing::first().again(&slow, LONGEST).unwrap();
    assert!(again.slice > 200 * MS, "{again:?}");
    assert_eq!(again.again(&slow, LONGEST), None);
    let fast = calibrated(arms((20_000.0, 3 * MS), (20_000.0, 3 * MS)), None);
    assert_eq!(Pacing::first().again(&fast, LONGEST), None);
    let (slow, fast) = (slow.turns, fast.turns);
    // Four turns of a second each, and of 0.1 s, in windows of 4 s and of 5 s.
    assert!(Pacing::lacks_room(&slow, 4_000 * MS) && !Pacing::lacks_room(&slow, 5_000 * MS));
    assert!(!Pacing::lacks_room(&fast, 4_000 * MS));
}
