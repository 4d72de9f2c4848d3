//! Silences of known requests.

use super::*;
use proptest::prelude::*;

const MS: u64 = 1_000_000;
const OK: Outcome = Outcome::Ok { status: 200 };
const REFUSED: Outcome = Outcome::Failed {
    kind: ErrorKind::ConnectRefused,
    status: None,
};
const BROKEN: Outcome = Outcome::Failed {
    kind: ErrorKind::Status,
    status: Some(500),
};

fn window(seconds: u64) -> Window {
    Window {
        start: 7 * MS,
        end: 7 * MS + seconds * 1_000 * MS,
    }
}

/// Instants in ms since the start of the window.
fn times(intended: u64, done: u64) -> Times {
    let [intended, done] = [intended, done].map(|ms| (ms + 7) * MS);
    Times {
        intended,
        startable: intended,
        sent: intended,
        done,
    }
}

/// Silences in ms.
fn silences(answers: &Answers, seconds: u64) -> Vec<(u64, u64)> {
    let all = answers.silences(seconds * 1_000 * MS).into_iter();
    all.map(|of| (of.begin / MS, of.end / MS)).collect()
}

#[test]
fn what_waits_through_a_stall_tells_it() {
    let mut answers = Answers::default();
    let window = window(12);
    // A connection in a closed loop: 1 ms each, and one that takes 5 s.
    (0..3_000).for_each(|at| answers.note(window, OK, times(at, at + 1)));
    answers.note(window, OK, times(3_000, 8_000));
    (8_000..11_999).for_each(|at| answers.note(window, OK, times(at, at + 1)));
    let found = answers.silences(12_000 * MS);
    let longest = found.iter().map(|of| of.length()).max().unwrap();
    assert!(longest.abs_diff(5_000 * MS) < 3 * MS, "{longest}");
    assert_eq!((answers.unanswered(), answers.lost_ns()), (None, 0));
    assert_eq!(answers.last_ok(), Some(11_999 * MS));
}

#[test]
fn a_time_in_which_nothing_is_due_is_no_silence() {
    let mut answers = Answers::default();
    let window = window(30);
    for at in [0, 10_000, 20_000] {
        answers.note(window, OK, times(at, at + 3));
    }
    let found = silences(&answers, 30);
    assert!(
        found.iter().all(|(begin, end)| end - begin < 5),
        "{found:?}"
    );
    assert_eq!(answers.unanswered(), None);
    // One that fails alone is as long as it took.
    answers.note(window, REFUSED, times(25_000, 25_100));
    let last = *silences(&answers, 30).last().unwrap();
    assert!(last.1 - last.0 < 105, "{last:?}");
}

#[test]
fn what_was_due_after_the_last_answer_is_unanswered() {
    let mut answers = Answers::default();
    let window = window(12);
    answers.note(window, OK, times(3_999, 4_000));
    // Sent before the last answer: others were answered since.
    answers.note(window, REFUSED, times(3_998, 9_000));
    assert_eq!(answers.unanswered(), None);
    answers.note(window, REFUSED, times(4_000, 4_001));
    answers.note(window, BROKEN, times(4_500, 4_600));
    answers.note_unanswered(window, times(5_000, 0).intended, times(0, 22_000).done);
    let found = answers.unanswered().unwrap();
    assert_eq!((found.count, found.refused), (3, 1));
    assert_eq!(
        (found.first, found.last, found.until),
        (4_000 * MS, 5_000 * MS, 22_000 * MS)
    );
    // 3,998 to 9,000, 1, 100, and 5,000 to the end of the window.
    assert_eq!(answers.lost_ns(), (5_002 + 1 + 100 + 7_000) * MS);
    // An answer in the drain tells that it lives.
    answers.note(window, OK, times(11_000, 12_500));
    assert_eq!(answers.unanswered(), None);
    assert_eq!(answers.last_ok(), Some(4_000 * MS));
    let late = answers.late();
    assert_eq!((late.count, late.waited_ns), (1, 1_000 * MS));
    assert_eq!(silences(&answers, 12).last().unwrap().1, 12_000);
}

#[test]
fn what_is_outside_the_window_is_nothing_to_it() {
    let mut answers = Answers::default();
    let window = window(1);
    let before = Times {
        intended: 0,
        startable: 0,
        sent: 0,
        done: 6 * MS,
    };
    answers.note(window, OK, before);
    answers.note(window, REFUSED, before);
    answers.note(window, REFUSED, times(1_000, 1_001));
    answers.note_unanswered(window, times(2_000, 0).intended, times(0, 3_000).done);
    assert_eq!((answers.first_ok(), answers.last_ok()), (None, None));
    assert_eq!((answers.unanswered(), answers.lost_ns()), (None, 0));
    assert_eq!(answers.silences(0), []);
    assert_eq!(silences(&answers, 1), []);
    // One that was cut before it began.
    answers.note(super::tests::window(0), OK, times(0, 5));
    assert_eq!(answers.last_ok(), None);
}

#[test]
fn workers_are_silent_together_or_not_at_all() {
    let window = window(10);
    let mut one = Answers::default();
    let mut other = Answers::default();
    (0..2_000).for_each(|at| one.note(window, OK, times(at, at + 1)));
    one.note_unanswered(window, times(2_000, 0).intended, times(0, 20_000).done);
    (0..6_000).for_each(|at| other.note(window, OK, times(at, at + 1)));
    other.note_unanswered(window, times(6_000, 0).intended, times(0, 20_000).done);
    let both = Answers::sum(&[one, other]);
    assert_eq!(both.last_ok(), Some(6_000 * MS));
    let since = both.unanswered().unwrap();
    assert_eq!((since.count, since.first), (1, 6_000 * MS));
    let found = silences(&both, 10);
    let longest = found.iter().map(|(begin, end)| end - begin).max();
    assert!(longest.unwrap().abs_diff(4_000) < 3, "{found:?}");
}

#[test]
fn a_long_window_has_longer_bins_and_not_more() {
    let hour = 3_600;
    let mut answers = Answers::default();
    for at in (0..hour * 1_000).step_by(50) {
        if !(600_000..660_000).contains(&at) {
            answers.note(window(hour), OK, times(at, at + 40));
        }
    }
    answers.note(window(hour), OK, times(600_000, 660_000));
    let found = silences(&answers, hour);
    let longest = found.iter().map(|(begin, end)| end - begin).max().unwrap();
    assert!(longest.abs_diff(60_000) < 300, "{longest}");
    // A worker that ended early has finer bins.
    let mut early = Answers::default();
    early.note(window(hour), OK, times(610_000, 610_001));
    early.add(&answers);
    answers.add(&early);
    let split = silences(&answers, hour);
    let longest = split.iter().map(|(begin, end)| end - begin).max().unwrap();
    assert!(longest.abs_diff(50_000) < 300, "{longest}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn bins_are_as_a_set_of_numbers(ranges in prop::collection::vec((0..BINS, 1..300_u64), 1..20)) {
        let mut bins = Bins::default();
        let mut known = std::collections::BTreeSet::new();
        for (from, length) in ranges {
            let to = (from + length).min(BINS);
            bins.fill(from, to);
            known.extend(from..to);
        }
        for bin in 0..BINS {
            prop_assert_eq!(bins.has(bin), known.contains(&bin), "{}", bin);
        }
        bins.halve();
        for bin in 0..BINS {
            let either = known.contains(&(2 * bin)) || known.contains(&(2 * bin + 1));
            prop_assert_eq!(bins.has(bin), either, "{}", bin);
        }
    }
}
