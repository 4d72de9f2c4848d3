//! What a recorder counts, and where.

use super::*;

const WINDOW: Window = Window {
    start: 1_000,
    end: 3_500,
};
const OK: Outcome = Outcome::Ok { status: 200 };

fn ok(recorder: &mut Recorder, intended: u64, done: u64) {
    recorder.record(
        0,
        OK,
        Times {
            intended,
            startable: intended,
            sent: intended,
            done,
        },
    );
}

#[test]
fn latency_counts_what_was_due_in_the_window_and_throughput_what_completed_in_it() {
    let mut recorder = Recorder::new(WINDOW, 1_000, 1, 1);
    ok(&mut recorder, 900, 1_100);
    ok(&mut recorder, 1_000, 1_200);
    ok(&mut recorder, 3_400, 3_600);
    ok(&mut recorder, 3_500, 3_700);
    let interval = recorder.finish();
    assert_eq!(
        (
            interval.tallies[0].due,
            interval.tallies[0].ok,
            interval.tallies[0].completed_ok
        ),
        (2, 2, 2)
    );
}

#[test]
fn what_completes_between_turns_is_no_throughput() {
    let slices = super::super::Slices {
        dropped: 2,
        measured: 2,
    };
    let ns = std::time::Duration::from_nanos;
    let turns = super::super::Timetable::new(ns(100), ns(10), slices);
    let window = Window {
        start: 1_220,
        end: 1_430,
    };
    let recorder = Recorder::new(window, 1_000, 1, 1);
    let mut recorder = recorder.in_own_time(OwnTime::of(1_000, Some(turns)));
    // One of the turns that are dropped, then three of the measured one.
    for (intended, done) in [
        (1_090, 1_095),
        (1_220, 1_319),
        (1_300, 1_321),
        (1_319, 1_400),
    ] {
        ok(&mut recorder, intended, done);
    }
    let tally = &recorder.finish().tallies[0];
    assert_eq!((tally.due, tally.ok, tally.completed_ok), (3, 3, 1));
}

#[test]
fn time_between_turns_is_no_silence() {
    let slices = super::super::Slices {
        dropped: 0,
        measured: 8,
    };
    let ms = std::time::Duration::from_millis;
    // A B B A B A A B of 100 ms: between the first two turns of A are 208 ms.
    let turns = super::super::Timetable::new(ms(100), ms(4), slices);
    let at = |ms: u64| ms * 1_000_000;
    let window = Window {
        start: 0,
        end: at(828),
    };
    let silences = |own: OwnTime, length| {
        let mut recorder = Recorder::new(window, at(1_000), 1, 1).in_own_time(own);
        for turn in [0, 312, 520, 624] {
            // Until the end of each turn each request takes 10 ms, and the last one is answered behind it.
            for step in 0..10 {
                ok(
                    &mut recorder,
                    at(turn + 10 * step),
                    at(turn + 10 * step + 10),
                );
            }
        }
        let answers = recorder.finish().answered.unwrap().requests.remove(0);
        let silences = answers.silences(length).into_iter();
        silences.map(|of| of.length()).max().unwrap()
    };
    let own = OwnTime::of(0, Some(turns));
    assert!(silences(own, at(400)) < at(12));
    // A request that is not answered in its turn waits in the next one.
    let mut recorder = Recorder::new(window, at(1_000), 1, 1).in_own_time(own);
    ok(&mut recorder, at(50), at(350));
    let answers = recorder.finish().answered.unwrap().requests.remove(0);
    let longest = answers.silences(at(400)).first().unwrap().length();
    assert!((at(85)..at(90)).contains(&longest), "{longest}");
}

#[test]
fn intervals_follow_the_window_and_the_drain_is_one_of_its_own() {
    let mut recorder = Recorder::new(WINDOW, 1_000, 1, 1);
    assert!(!recorder.is_over(1_999));
    assert!(recorder.is_over(2_000));
    ok(&mut recorder, 1_000, 1_500);
    let mut first = recorder.rotate(None);
    assert_eq!((first.index, first.tallies[0].ok), (0, 1));
    first.clear();
    ok(&mut recorder, 2_000, 2_500);
    assert!(recorder.is_over(3_100));
    let second = recorder.rotate(Some(first));
    assert_eq!((second.index, second.tallies[0].ok), (1, 1));
    assert!(recorder.is_over(3_500));
    let third = recorder.rotate(None);
    assert_eq!((third.index, third.tallies[0].ok), (2, 0));
    assert!(!recorder.is_over(9_999));
    assert_eq!(recorder.finish().index, 3);
}

#[test]
fn a_stall_longer_than_an_interval_leaves_none_out() {
    let mut recorder = Recorder::new(WINDOW, 1_000, 1, 1);
    let mut handed_over = Vec::new();
    while recorder.is_over(9_999) {
        handed_over.push(recorder.rotate(None).index);
    }
    handed_over.push(recorder.finish().index);
    assert_eq!(handed_over, [0, 1, 2, 3]);
}

#[test]
fn an_interval_that_goes_on_holds_those_that_it_took_in() {
    let mut recorder = Recorder::new(WINDOW, 1_000, 1, 1);
    ok(&mut recorder, 1_000, 1_500);
    recorder.join_next();
    ok(&mut recorder, 2_000, 2_500);
    let mut both = recorder.rotate(None);
    assert_eq!((both.index, both.joined, both.tallies[0].ok), (1, 1, 2));
    both.clear();
    let next = recorder.rotate(Some(both));
    assert_eq!((next.index, next.joined, next.tallies[0].ok), (2, 0, 0));
}

#[test]
fn the_first_failure_of_a_kind_is_kept_in_words() {
    let mut recorder = Recorder::new(WINDOW, 1_000, 1, 1);
    assert!(recorder.wants_exemplar(ErrorKind::Reset, 1_000));
    assert!(!recorder.wants_exemplar(ErrorKind::Reset, 999));
    recorder.keep_exemplar(ErrorKind::Reset, "gone".to_owned());
    assert!(!recorder.wants_exemplar(ErrorKind::Reset, 1_000));
    let first = recorder.rotate(None);
    assert_eq!(first.exemplars[&ErrorKind::Reset], "gone");
    assert!(!recorder.wants_exemplar(ErrorKind::Reset, 2_000));
}

#[test]
fn a_quirk_is_asked_for_its_bytes_once_even_if_they_are_not_known() {
    let mut recorder = Recorder::new(WINDOW, 1_000, 1, 1);
    let mut asked = 0;
    for words in ["", "X-A : one", "X-B : two"] {
        recorder.note_quirk(Quirk::SpaceBeforeColon, 1_000, || {
            asked += 1;
            words.to_owned()
        });
    }
    assert_eq!(asked, 1);
    let mut all = recorder.finish().oddities;
    assert!(all.iter().eq([(Quirk::SpaceBeforeColon, 3, "")]));
    // Another worker may know them.
    let mut other = Recorder::new(WINDOW, 1_000, 1, 1);
    other.note_quirk(Quirk::SpaceBeforeColon, 1_000, || "X-C : three".to_owned());
    all.add(&other.finish().oddities);
    assert!(all.iter().eq([(Quirk::SpaceBeforeColon, 4, "X-C : three")]));
}

#[test]
fn instances_are_counted_apart_where_there_are_several() {
    let times = |intended, done| Times {
        intended,
        startable: intended,
        sent: intended,
        done,
    };
    let failed = Outcome::Failed {
        kind: ErrorKind::Reset,
        status: None,
    };
    let mut recorder = Recorder::new(WINDOW, 1_000, 1, 2);
    recorder.note_instance(1, OK, times(900, 1_100));
    recorder.note_instance(1, OK, times(1_000, 1_200));
    recorder.note_instance(0, failed, times(1_000, 1_200));
    recorder.note_instance(0, OK, times(3_400, 3_600));
    let mut interval = recorder.rotate(None);
    let served = |ok, failed, completed_ok| Served {
        ok,
        failed,
        completed_ok,
    };
    assert_eq!(interval.instances, [served(1, 1, 0), served(1, 0, 2)]);
    interval.clear();
    assert_eq!(interval.instances, [Served::default(); 2]);
    assert_eq!(recorder.finish().instances.len(), 2);
    let mut alone = Recorder::new(WINDOW, 1_000, 1, 1);
    alone.note_instance(0, OK, times(1_000, 1_200));
    assert_eq!(alone.finish().instances, []);
}
