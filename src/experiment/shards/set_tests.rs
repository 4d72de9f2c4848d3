//! Which directories are shards of one run.

use std::path::Path;

use super::samples::shard;
use super::set::{Found, Set, Unfinished};

#[track_caller]
fn refused(change: impl FnOnce(&mut Found), expected: &str) {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let mut found = vec![shard(root, 0, 2), shard(root, 1, 2)];
    change(&mut found[1]);
    let words = Set::of(found, &[]).unwrap_err().to_string();
    let both = format!(
        "{} and {} are not of one run: their {expected}",
        root.join("shard-0").display(),
        root.join("shard-1").display()
    );
    assert!(words.starts_with(&both), "{words}");
}

#[test]
fn what_is_not_of_one_run_is_refused_by_what_differs() {
    refused(
        |of| of.shard.key = "other".to_owned(),
        "key differs (`key` and `other`); merge the shards of one run alone",
    );
    refused(
        |of| of.shard.version = "9\u{1b}[2J".to_owned(),
        "version of telemload differs (`0.1.0` and `9",
    );
    refused(
        |of| of.shard.plan_sha256 = "q".to_owned(),
        "scenario with its flags differs",
    );
    refused(
        |of| of.result.scenario.sha256 = "q".to_owned(),
        "scenario differs",
    );
    refused(|of| of.result.scenario.seed = Some(99), "seed differs");
    refused(
        |of| of.shard.shard = crate::shard::Shard::new(1, 3).unwrap(),
        "number of shards differs (`2` and `3`)",
    );
    refused(
        |of| of.shard.stretches[0].workers = 3,
        "number of `workers` differs (`2` and `3`)",
    );
    refused(
        |of| of.shard.stretches[0].begins_at = jiff::Timestamp::from_second(1).unwrap(),
        "timetable differs (`main, load, round 1 at 1970-01-01T00:00:00Z` and",
    );
    refused(
        |of| drop(of.shard.stretches.pop()),
        "timetable differs (`1 stretches` and `0 stretches`)",
    );
    refused(|of| of.judged.thresholds.clear(), "plan differs");
    refused(
        |of| of.result.variants[0].phases[0].requests[0] = "x".to_owned(),
        "plan differs",
    );
}

#[test]
fn two_attempts_of_one_shard_are_both_named_and_neither_is_used() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let (one, two) = (shard(root, 0, 2), shard(root, 1, 2));
    let again = Found {
        directory: root.join("again"),
        ..two.clone()
    };
    // A directory that is named twice is no second attempt.
    let set = Set::of(vec![one.clone(), two.clone(), again.clone()], &[]).unwrap();
    assert!(set.lost.is_empty() && set.used.len() == 2);
    let mut again = again;
    again.shard.attempt = "second".to_owned();
    let set = Set::of(vec![one, two, again], &[]).unwrap();
    let expected = format!(
        "was run more than once, and no attempt is used: {} and {}",
        root.join("shard-1").display(),
        root.join("again").display()
    );
    assert_eq!(set.lost[&1], expected);
    assert_eq!(set.used.keys().collect::<Vec<_>>(), [&0]);
}

#[test]
fn identities_of_others_lead_nowhere() {
    let scratch = tempfile::tempdir().unwrap();
    for name in ["../../etc", "/etc", "", "a/b"] {
        let mut found = shard(&scratch.path().join("x"), 0, 1);
        std::fs::remove_dir_all(scratch.path().join("x")).unwrap();
        found.shard.stretches[0].phase = name.to_owned();
        let words = Set::of(vec![found], &[]).unwrap_err().to_string();
        assert!(words.contains("but not as telemload says it"), "{words}");
    }
    let gone = Unfinished {
        directory: Path::new("/results/a").to_owned(),
        words: "holds no result.json: its shard was killed".to_owned(),
    };
    assert_eq!(
        Set::of(Vec::new(), &[gone]).unwrap_err().to_string(),
        "there is no shard to merge: /results/a holds no result.json: its shard was killed"
    );
}
