//! Intervals of workers and readings of a target, in whatever order they come.

use super::*;
use crate::experiment::blocks::MOST;
use crate::metrics::{Outcome, OwnTime, Times, Window};
use crate::result::samples::phase;

const INTERVAL: u64 = 50_000_000;
/// A minute.
const ROWS: u64 = 1_200;

fn gather(workers: u32) -> Gather {
    let window = Window {
        start: 0,
        end: ROWS * INTERVAL,
    };
    let schedule = Schedule {
        window,
        interval_ns: INTERVAL,
        own: OwnTime::ALL,
    };
    Gather::new(schedule, workers, 1, MOST, None)
}

/// An interval with one OK response.
fn counted(index: u64) -> Interval {
    let mut interval = Interval::blank(1, 1);
    interval.index = index;
    let intended = index * INTERVAL;
    let times = Times {
        intended,
        startable: intended,
        sent: intended,
        done: intended + 1_000_000,
    };
    interval.tallies[0].record(Outcome::Ok { status: 200 }, times, u64::MAX);
    interval.tallies[0].completed_ok += 1;
    interval
}

fn cells(index: u64, cores: f64) -> Cells {
    Cells {
        index,
        cores: Some(cores),
        rss_bytes: None,
        own_cores: None,
        service_cores: None,
        published: Vec::new(),
    }
}

/// CPU of the rows that are told.
fn emit(gather: &mut Gather) -> Vec<Option<f64>> {
    let mut rows = Vec::new();
    gather.emit(Emit::Complete, &mut |live| rows.push(live.target_cores));
    rows
}

#[test]
fn readings_are_joined_to_the_intervals_that_they_are_of() {
    let mut gather = gather(1);
    (0..3).for_each(|index| gather.interval(&counted(index)));
    assert_eq!(emit(&mut gather), []);
    gather.cells(cells(0, 0.5));
    assert_eq!(emit(&mut gather), [Some(0.5)]);
    // What comes of the third says that nothing will come of the second.
    gather.cells(cells(2, 0.75));
    assert_eq!(emit(&mut gather), [None, Some(0.75)]);
    // Of an interval whose row is written nothing is kept.
    gather.cells(cells(1, 9.0));
    assert_eq!(gather.cells.len(), 0);
}

#[test]
fn a_target_that_is_not_read_any_more_holds_back_no_counts() {
    let mut gather = gather(1);
    let mut rows = 0;
    for index in 0..ROWS {
        gather.interval(&counted(index));
        rows += emit(&mut gather).len();
        assert!(gather.waiting.len() <= MOST_WAITING, "{index}");
    }
    assert_eq!(rows, ROWS as usize - MOST_WAITING);
    assert_eq!(gather.rows.late, 0);
    assert!(gather.blocks.complete().len() <= MOST);
}

#[test]
fn a_worker_that_is_silent_costs_rows_and_no_memory_and_no_counts() {
    let mut gather = gather(2);
    for index in 0..ROWS {
        gather.interval(&counted(index));
        gather.cells(cells(index, 0.5));
        assert_eq!(emit(&mut gather), []);
        assert!(gather.waiting.len() <= MOST_WAITING && gather.cells.len() <= MOST_WAITING + 1);
    }
    // It wakes, and reports what it did.
    let told: usize = (0..ROWS)
        .map(|index| {
            gather.interval(&counted(index));
            emit(&mut gather).len()
        })
        .sum();
    assert_eq!(told, MOST_WAITING);
    assert_eq!(gather.rows.late, ROWS - MOST_WAITING as u64);
    assert_eq!(gather.counted.tallies[0].ok, 2 * ROWS);
}

#[test]
fn intervals_in_which_nothing_happened_wait_for_a_worker_that_stalls() {
    let mut gather = gather(2);
    let silent = |index| Interval {
        index,
        ..Interval::blank(1, 1)
    };
    (0..1_000).for_each(|index| gather.interval(&silent(index)));
    gather.cells(cells(999, 0.5));
    assert_eq!(emit(&mut gather), []);
    (0..1_000).for_each(|index| gather.interval(&silent(index)));
    assert_eq!(emit(&mut gather).len(), 1_000);
}

#[test]
fn what_was_found_so_far_is_a_phase_that_ended_with_the_last_row() {
    let mut gather = gather(1);
    let blank = || {
        let mut blank = phase(|_| ());
        blank.rounds.clear();
        blank
    };
    assert!(gather.so_far(blank(), &[]).is_none());
    let silent = |index| Interval {
        index,
        ..Interval::blank(1, 1)
    };
    gather.interval(&counted(0));
    (1..4).for_each(|index| gather.interval(&silent(index)));
    gather.cells(cells(3, 0.5));
    assert_eq!(emit(&mut gather).len(), 4);
    let times = [gather.silent_from(), gather.reached()];
    assert_eq!(times.map(|at| at.as_millis()), [50, 200]);
    let found = gather.so_far(blank(), &[5_000.0]).unwrap();
    assert_eq!((found.total().ok, found.seconds()), (1, 0.2));
    assert_eq!(found.rounds[0].whole.throughput_rps, Some(5.0));
    assert_eq!(found.rounds[0].tails.len(), 1);
    // What a worker counted together with its neighbours may be answers.
    let joined = Interval {
        joined: 1,
        ..counted(5)
    };
    gather.interval(&joined);
    gather.cells(cells(5, 0.5));
    assert_eq!(emit(&mut gather), []);
    assert_eq!(gather.silent_from(), gather.reached());
}

#[test]
fn rows_of_a_load_that_takes_turns_are_of_its_own_time() {
    let slices = crate::metrics::Slices {
        dropped: 0,
        measured: 16,
    };
    let [slice, gap] = [20, 5].map(Duration::from_millis);
    let table = crate::metrics::Timetable::new(slice, gap, slices);
    let schedule = Schedule {
        window: Window {
            start: 0,
            end: table.end(),
        },
        // Two turns of its own, and two of the other load.
        interval_ns: table.every(40_000_000),
        own: OwnTime::of(0, Some(table)),
    };
    assert_eq!((schedule.interval_ns, schedule.rows()), (100_000_000, 4));
    let mut gather = Gather::new(schedule, 1, 1, MOST, None);
    for index in 0..4 {
        gather.interval(&counted(index));
        gather.cells(cells(index, 0.5));
    }
    let mut rates = Vec::new();
    gather.emit(Emit::Complete, &mut |live| {
        rates.push(live.completed_ok as f64 / live.length.as_secs_f64());
    });
    // An answer in 40 ms, and not in 100.
    assert_eq!(rates, [25.0; 4]);
    assert_eq!(gather.reached(), Duration::from_millis(160));
}

#[test]
fn rows_that_are_left_out_are_gaps_of_the_course() {
    let mut gather = gather(2);
    for index in 0..=MOST_WAITING as u64 {
        gather.interval(&counted(index));
        gather.cells(cells(index, 0.5));
    }
    assert!(!gather.trend.has_gaps);
    emit(&mut gather);
    assert_eq!(gather.rows.late, 1);
    assert!(gather.trend.has_gaps);
}
