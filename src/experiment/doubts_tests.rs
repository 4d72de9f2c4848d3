//! Each reason not to trust a phase: its limit, its code and its words.

use super::*;
use crate::metrics::{Outcome, Times};
use crate::result::TrustLevel;
use crate::result::samples::{concluded, ok, phase};
use crate::scenario::{Arrivals, Pace};
use crate::units::Rate;

/// A phase of two seconds, disturbed in some way.
fn disturbed(how: impl FnOnce(&mut Round)) -> PhaseResult {
    let mut phase = phase(|tally| ok(tally, 100, 100));
    how(&mut phase.rounds[0]);
    phase
}

fn trust(phase: &PhaseResult) -> Trust {
    concluded(phase.clone()).trust
}

#[track_caller]
fn check(how: impl FnOnce(&mut Round), cause: Cause, share: f64, words: &str) {
    let trust = trust(&disturbed(how));
    let [doubt] = trust.doubts.as_slice() else {
        panic!("{trust:?}")
    };
    assert_eq!((doubt.cause, trust.level()), (cause, cause.level()));
    assert!((doubt.share.unwrap() - share).abs() < 1e-9, "{doubt:?}");
    assert!(doubt.words.starts_with(words), "{}", doubt.words);
    // Each names a remedy behind what was seen.
    assert!(doubt.words.contains("; "), "{}", doubt.words);
}

#[test]
fn nothing_within_the_limits_is_a_reason() {
    let quiet = disturbed(|round| {
        round.busiest_worker = Some(0.79);
        round.worker_wait = Some(0.1);
        round.stopped_seconds = Some(0.02);
        round.throttled_seconds = Some(0.02);
        round.steal_share = Some(0.02);
        round.neighbour_cores = Some(0.1);
        round.missed_share = Some(0.01);
    });
    assert_eq!(trust(&quiet), Trust::default());
    assert_eq!(trust(&quiet).level(), TrustLevel::Trusted);
    // No window, no reason.
    let mut none = quiet;
    none.rounds.clear();
    assert_eq!(trust(&none).level(), TrustLevel::Trusted);
}

#[test]
fn each_reason_has_a_code_a_level_and_words_with_a_remedy() {
    let busy = |share| move |round: &mut Round| round.busiest_worker = Some(share);
    check(
        busy(0.97),
        Cause::WorkerSaturated,
        0.97,
        "a worker of the generator used 97 % of a core: the target may be faster; use more workers",
    );
    check(
        busy(0.85),
        Cause::WorkerBusy,
        0.85,
        "a worker of the generator used 85 % of a core",
    );
    check(
        |round| round.worker_wait = Some(0.31),
        Cause::WaitedForCpu,
        0.31,
        "a worker of the generator waited for a CPU for 31 % of the window",
    );
    check(
        |round| (round.seconds, round.stopped_seconds) = (5.0, Some(2.0)),
        Cause::Stopped,
        0.4,
        "the generator did not run for 2s of the 5s window: throughput is lower and latencies are higher than the target's; ",
    );
    check(
        |round| round.throttled_seconds = Some(0.5),
        Cause::Throttled,
        0.25,
        "the generator's control group was throttled for 500ms of the 2s window",
    );
    check(
        |round| round.steal_share = Some(0.051),
        Cause::Steal,
        0.051,
        "the machine's host took 5.1 % of its CPU time",
    );
    check(
        |round| round.neighbour_cores = Some(0.35),
        Cause::Neighbour,
        0.35,
        "other processes used 0.3 cores while less than one CPU was idle: ",
    );
    check(
        |round| round.neighbour_cores = Some(5.0),
        Cause::Neighbour,
        1.0,
        "other processes used 5.0 cores",
    );
    check(
        |round| round.missed_share = Some(0.15),
        Cause::LateReadings,
        0.15,
        "the readings that tell the target's CPU miss the ends of the 2s window by 15 % of it: ",
    );
    // More than the window itself is all of it.
    check(
        |round| round.stopped_seconds = Some(7.0),
        Cause::Stopped,
        1.0,
        "the generator did not run for 2s of the 2s window",
    );
}

#[test]
fn what_is_nothing_to_p99_may_be_all_of_a_higher_percentile() {
    let short = disturbed(|round| round.stopped_seconds = Some(0.01));
    let total = short.total();
    let codes = |quantile| {
        let trust = short.trust_up_to(quantile, &total);
        let codes = trust.doubts.iter().map(|doubt| doubt.cause.code());
        codes.collect::<Vec<_>>()
    };
    assert_eq!(codes(0.5), [""; 0]);
    assert_eq!(codes(0.99), [""; 0]);
    assert_eq!(codes(0.999), ["stopped"]);
    assert_eq!(codes(1.0), ["stopped"]);
}

#[test]
fn an_open_loop_that_sends_late_is_suspect_and_a_closed_one_has_no_schedule() {
    let mut late = phase(|tally| {
        let times = Times {
            intended: 0,
            startable: 0,
            sent: 1_500_000,
            done: 1_600_000,
        };
        tally.record(Outcome::Ok { status: 200 }, times, u64::MAX);
    });
    assert_eq!(trust(&late), Trust::default());
    late.load.model = LoadModel::Open {
        pace: Pace::Constant(Rate::new(500.0).unwrap()),
        arrivals: Arrivals::Constant,
    };
    let found = trust(&late);
    assert_eq!(found.level(), TrustLevel::Suspect);
    let doubt = &found.doubts[0];
    assert_eq!((doubt.cause.code(), doubt.share), ("sent_late", None));
    let words = "the generator sent 1 % of requests more than 1.5 ms late";
    assert!(doubt.words.starts_with(words), "{}", doubt.words);
}

#[test]
fn the_worst_launch_and_the_worst_reason_count() {
    let mut phase = disturbed(|round| round.stopped_seconds = Some(0.1));
    let mut second = phase.rounds[0].clone();
    (second.stopped_seconds, second.seconds) = (Some(0.2), 20.0);
    second.busiest_worker = Some(0.99);
    phase.rounds.push(second);
    let found = trust(&phase);
    assert_eq!(found.level(), TrustLevel::ClientLimited);
    let causes: Vec<_> = found.doubts.iter().map(|doubt| doubt.cause).collect();
    assert_eq!(causes, [Cause::WorkerSaturated, Cause::Stopped]);
    assert_eq!(found.doubts[1].share, Some(0.05));
}

#[test]
fn what_waited_through_a_stall_does_not_tell_what_an_answer_takes() {
    let of = |stalled: u64| {
        let mut phase = phase(|tally| {
            ok(tally, 60, 10_000);
            ok(tally, stalled, 900_000);
        });
        phase.load.connections = 10;
        trust(&phase)
    };
    // One of each connection: more than the slowest tenth of all.
    let found = of(10);
    let causes: Vec<_> = found.doubts.iter().map(|doubt| doubt.cause).collect();
    assert_eq!(causes, [Cause::Stalled]);
    let words = "10 of the answers took 100ms or more, the longest 900ms";
    assert!(found.doubts[0].words.starts_with(words), "{found:?}");
    // Several of each are what this target takes.
    assert_eq!(of(200), Trust::default());
}
