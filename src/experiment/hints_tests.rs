//! Each rule on figures that it is for, and on those of services that are slow by themselves.

use super::*;
use crate::metrics::Durations;
use crate::result::Doubt;
use crate::result::samples::phase;
use crate::scenario::{Arrivals, Pace};
use crate::units::Rate;

const MS: u64 = 1_000_000;

fn codes(phase: &PhaseResult) -> Vec<String> {
    let notes = hints(phase);
    notes.iter().map(|note| note.code.to_string()).collect()
}

/// OK answers as (service time, first byte, how many), ns.
fn answers(of: &[(u64, u64, u64)]) -> PhaseResult {
    let mut found = phase(|tally| {
        for (service, first, count) in of {
            for spread in 0..*count {
                tally.service_time.record(service + spread * 1_000).unwrap();
                tally.first_byte.record(first + spread * 1_000).unwrap();
            }
            tally.ok += count;
            tally.completed_ok += count;
        }
    });
    found.target_cpus = 4.0;
    found.rounds[0].target_cpu_seconds = None;
    found
}

#[test]
fn a_body_that_waits_for_an_acknowledgement_is_told_from_a_service_of_40_ms() {
    let waits = answers(&[(41 * MS, 2 * MS, 500)]);
    assert_eq!(codes(&waits), ["delayed_acknowledgement"]);
    let words = hints(&waits)[0].to_string();
    assert!(
        words.contains("500 answers (100 %)") && words.contains("TCP_NODELAY"),
        "{words}"
    );
    assert_eq!(codes(&answers(&[(41 * MS, 41 * MS, 500)])), [""; 0]);
    // Times that are as common beside it are no cluster.
    let broad: Vec<_> = (20..60).map(|ms| (ms * MS, MS, 50)).collect();
    assert_eq!(codes(&answers(&broad)), [""; 0]);
}

#[test]
fn lost_packets_are_told_from_a_service_of_200_ms() {
    let lost = answers(&[(MS, MS, 5_000), (203 * MS, 203 * MS, 40)]);
    assert_eq!(codes(&lost), ["retransmission"]);
    let slow = answers(&[(203 * MS, 203 * MS, 5_000)]);
    assert_eq!(codes(&slow), [""; 0]);
}

#[test]
fn a_resolver_that_asks_twice_is_seen() {
    let lost = answers(&[(MS, MS, 5_000), (5_010 * MS, 5_010 * MS, 30)]);
    assert_eq!(codes(&lost), ["resolver"]);
}

#[test]
fn a_full_queue_of_connections_is_seen_by_whole_seconds() {
    let mut found = answers(&[(MS, MS, 50)]);
    let mut opening = Durations::default();
    (0..20).for_each(|_| opening.record(MS));
    found.opening = opening.clone();
    assert_eq!(codes(&found), [""; 0]);
    opening.record(1_020 * MS);
    opening.record(3_050 * MS);
    found.opening = opening;
    assert_eq!(codes(&found), ["repeated_opening"]);
    assert!(hints(&found)[0].words.starts_with("2 of 22 connections"));
}

#[test]
fn a_target_that_waits_keeps_connections_busy_and_idles() {
    let mut found = answers(&[(50 * MS, 50 * MS, 200)]);
    found.rounds[0].target_cpu_seconds = Some(0.1);
    assert_eq!(codes(&found), ["idle_target"]);
    // One that others keep from the CPUs waits for these.
    found.trust.doubts = vec![Doubt {
        cause: Cause::Neighbour,
        share: None,
        words: "others used the CPUs".to_owned(),
    }];
    assert_eq!(codes(&found), [""; 0]);
    found.trust.doubts.clear();
    // It computes: that is no wait.
    found.rounds[0].target_cpu_seconds = Some(7.0);
    assert_eq!(codes(&found), [""; 0]);
    // One thread of four.
    found.rounds[0].target_cpu_seconds = Some(1.95);
    assert_eq!(codes(&found), ["one_thread"]);
}

#[test]
fn requests_that_wait_for_a_connection_to_an_idle_target_are_seen() {
    let mut found = answers(&[(5 * MS, 5 * MS, 200)]);
    found.load.model = LoadModel::Open {
        pace: Pace::Constant(Rate::new(100.0).unwrap()),
        arrivals: Arrivals::Constant,
    };
    found.rounds[0].target_cpu_seconds = Some(0.1);
    assert_eq!(codes(&found), [""; 0]);
    (0..200).for_each(|_| found.tallies[0].queue_wait.record(80 * MS).unwrap());
    assert_eq!(codes(&found), ["busy_connections"]);
}

#[test]
fn limits_of_requests_are_seen_by_their_statuses() {
    let mut found = answers(&[(MS, MS, 1_000)]);
    found.tallies[0].status.extend([(200, 1_000), (429, 5)]);
    assert_eq!(codes(&found), [""; 0]);
    found.tallies[0].status.insert(429, 500);
    assert_eq!(codes(&found), ["refused_on_purpose"]);
}
