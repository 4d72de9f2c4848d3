//! What shards are together is what one process would have been.

use std::fs;

use super::samples::{Process, WINDOW, judged, shard, shard_until};
use super::set::{Set, Unfinished};
use crate::experiment::hints::hints;
use crate::experiment::notes;
use crate::experiment::phase::counted_notes;
use crate::experiment::run_dir::RunDir;
use crate::experiment::trend_hints;
use crate::metrics::{Window, read_intervals};
use crate::result::{Cause, Failure, PhaseResult, RunResult};

fn directory(root: &std::path::Path, name: &str) -> RunDir {
    let now = jiff::Timestamp::UNIX_EPOCH;
    RunDir::create(Some(&root.join(name)), "sample", "", now).unwrap()
}

/// One process with all workers, as a run concludes it.
fn direct(dir: &RunDir, all: u32) -> PhaseResult {
    let process = Process {
        first: 0,
        workers: all,
        all,
        window: WINDOW,
        is_shard: false,
    };
    let over = process.run(dir);
    let mut found = over.found;
    found.note(over.no_cpu.map(|why| notes::no_target_cpu(&why)));
    counted_notes(&mut found, false);
    found.note(over.late.notes());
    found.note(trend_hints::hints(&over.trend, &found.load));
    found.conclude_trust();
    let known = hints(&found);
    found.note(known);
    found
}

fn merged(set: &Set, dir: &RunDir) -> RunResult {
    set.merge(dir).unwrap()
}

#[test]
fn three_shards_of_two_workers_are_one_process_of_six() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let one = directory(root, "one");
    let expected = direct(&one, 6);
    assert!(expected.total().ok > 2_900 && expected.total().in_flight_at_end > 0);
    // In whatever order they are named.
    let found = [2, 0, 1].map(|index| shard(root, index, 3)).to_vec();
    let set = Set::of(found, &[]).unwrap();
    assert_eq!(set.judged(), &judged());
    let dir = directory(root, "whole");
    let result = merged(&set, &dir);
    assert_eq!((result.failure.as_ref(), result.incomplete()), (None, None));
    assert_eq!(result.variants[0].phases, [expected]);
    let read = |dir: &RunDir, name: &str| {
        fs::read_to_string(dir.path().join("main/load").join(name)).unwrap()
    };
    assert_eq!(read(&dir, "series.csv"), read(&one, "series.csv"));
    // A histogram that was read has room for other values, and counts the same.
    let intervals = |dir: &RunDir| -> Vec<_> {
        let text = read(dir, "latency.hlog");
        read_intervals(&text).map(Result::unwrap).collect()
    };
    assert!(intervals(&dir) == intervals(&one) && intervals(&one).len() == 31);
    let shards = &result.shards;
    let due: u64 = shards.iter().map(|of| of.windows[0].due).sum();
    assert_eq!(due, result.variants[0].phases[0].total().due);
    assert!(shards.iter().all(|of| of.lost.is_none()), "{shards:?}");
}

#[test]
fn a_shard_that_is_lost_is_named_and_nothing_is_scaled_up() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let found = vec![shard(root, 0, 3), shard(root, 2, 3)];
    let gone = [Unfinished {
        directory: root.join("shard-1"),
        words: "holds no result.json: its shard was killed".to_owned(),
    }];
    let set = Set::of(found, &gone).unwrap();
    let result = merged(&set, &directory(root, "whole"));
    let words = result.incomplete().unwrap();
    let expected = format!(
        "incomplete: shard 1 of 3 left no result ({} holds no result.json: its shard was killed)",
        root.join("shard-1").display()
    );
    assert!(words.starts_with(&expected), "{words}");
    // Requests 2, 3, 8, 9, …
    assert!(
        words.ends_with("; 1,016 requests were its part and are in no figure"),
        "{words}"
    );
    let total = result.variants[0].phases[0].total();
    assert_eq!(total.due, 2_034);
    assert_eq!(result.shards[1].windows, []);
}

#[test]
fn counts_that_end_early_make_a_shard_lost() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let found = vec![shard(root, 0, 2), shard(root, 1, 2)];
    let file = root.join("shard-1/main/load/counts.jsonl");
    let whole = fs::read(&file).unwrap();
    let cuts = [0, 1, whole.len() / 2, whole.len() - 1];
    for cut in cuts {
        fs::write(&file, &whole[..cut]).unwrap();
        let set = Set::of(found.clone(), &[]).unwrap();
        let words = &set.lost[&1];
        assert!(
            words.contains("did not finish, or was copied in part"),
            "{words}"
        );
        assert!(words.contains("counts.jsonl: line "), "{words}");
    }
    fs::remove_file(&file).unwrap();
    let set = Set::of(found, &[]).unwrap();
    assert!(set.lost[&1].contains("No such file"), "{:?}", set.lost);
}

#[test]
fn an_interrupted_shard_makes_the_run_so_and_rates_are_summed() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let half = Window {
        start: 0,
        end: WINDOW.end / 2,
    };
    let mut found = vec![shard(root, 0, 2), shard_until(root, 1, 2, half)];
    found[1].result.interrupted = true;
    let own: f64 = found
        .iter()
        .map(|of| {
            of.result.variants[0].phases[0].rounds[0]
                .whole
                .throughput_rps
                .unwrap()
        })
        .sum();
    let set = Set::of(found, &[]).unwrap();
    let result = merged(&set, &directory(root, "whole"));
    assert!(result.interrupted && result.incomplete().is_none());
    let phase = &result.variants[0].phases[0];
    let rate = phase.throughput_rps(&phase.total()).unwrap();
    assert!((rate / own - 1.0).abs() < 1e-9, "{rate} {own}");
    let lengths: Vec<_> = result
        .shards
        .iter()
        .map(|of| of.windows[0].window_s)
        .collect();
    assert_eq!(lengths, [3.05, 1.525]);
}

#[test]
fn a_failure_of_a_shard_is_one_of_the_run() {
    let scratch = tempfile::tempdir().unwrap();
    let mut found = vec![shard(scratch.path(), 0, 2), shard(scratch.path(), 1, 2)];
    found[1].result.failure = Some(Failure::Target("it died".to_owned()));
    let set = Set::of(found, &[]).unwrap();
    let result = merged(&set, &directory(scratch.path(), "whole"));
    let expected = Failure::Target("shard 1: it died".to_owned());
    assert_eq!(result.failure, Some(expected));
}

#[test]
fn beginnings_are_judged_by_how_far_they_are_off() {
    for (late_ms, is_suspect) in [(0, false), (5, false), (80, true), (-80, true)] {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        let mut found = vec![shard(root, 0, 2), shard(root, 1, 2)];
        let begun = jiff::Timestamp::from_millisecond(late_ms).unwrap();
        found[1].shard.stretches[0].begun_at = Some(begun);
        let set = Set::of(found, &[]).unwrap();
        let result = merged(&set, &directory(root, "whole"));
        let error = result.shards[1].windows[0].begin_error_s.unwrap();
        assert!((error - late_ms as f64 / 1e3).abs() < 1e-9, "{error}");
        let doubts = &result.variants[0].phases[0].trust.doubts;
        let skewed = doubts.iter().find(|of| of.cause == Cause::Skewed);
        assert_eq!(skewed.is_some(), is_suspect, "{late_ms}");
        if let Some(skewed) = skewed {
            assert!(
                skewed
                    .words
                    .starts_with("shard 1 may have begun 80.1ms off"),
                "{}",
                skewed.words
            );
        }
    }
}
