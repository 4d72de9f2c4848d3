//! When trials are looked at, and what settles them.

use super::*;
use crate::compare::Metric;
use crate::result::samples;

#[test]
fn each_look_doubles_the_launches_up_to_the_most() {
    let check = |first, most, added: &[u32]| {
        let looks = Looks::new(first, most);
        assert_eq!(looks.count().get() as usize, added.len(), "{first} {most}");
        let all: Vec<u32> = (1..).map_while(|look| looks.added(look)).collect();
        assert_eq!(all, added, "{first} {most}");
    };
    check(2, 8, &[2, 2, 4]);
    check(3, 8, &[3, 3, 2]);
    check(1, 1, &[1]);
    check(5, 2, &[5]);
    check(100, 400, &[100, 100, 200]);
    check(1, u32::MAX, &{
        let mut all = vec![1];
        all.extend((0..31).map(|look| 1 << look));
        all.push(u32::MAX - (1 << 31));
        all
    });
}

fn effect(ratio: f64, interval: (f64, f64), basis: Basis, finding: Finding) -> Effect {
    Effect {
        cost: Some(MetricChange {
            metric: Metric::CpuPerRequest,
            base: 100.0,
            head: 100.0 * ratio,
            ratio,
            interval,
            p: 0.5,
            p_adjusted: 0.5,
            together: 1,
            finding,
            detectable: None,
            basis,
            unjudged: (finding == Finding::NotJudged).then_some(Unjudged::TooWide),
            doubts: Vec::new(),
        }),
        answers: Answers::Same,
        launches: 2,
        is_settled: false,
    }
}

#[test]
fn what_is_found_or_too_small_to_be_of_interest_is_settled() {
    let pairs = Basis::Rounds(4);
    let nothing = Finding::NotDetected;
    for (ratio, interval, basis, finding, gap, is) in [
        (1.2, (1.1, 1.3), pairs, Finding::Worse, None, true),
        (0.8, (0.7, 0.9), pairs, Finding::Better, None, true),
        (1.01, (0.97, 1.04), pairs, nothing, None, true),
        (1.01, (0.93, 1.10), pairs, nothing, None, false),
        // An interval without "no change" is no finding where others are judged beside it.
        (1.06, (1.01, 1.12), pairs, nothing, None, false),
        // A tenth of 2,000 µs is more than all that it can be.
        (1.01, (0.5, 2.0), pairs, nothing, Some(2_000.0), true),
        (1.01, (0.5, 2.0), pairs, nothing, Some(200.0), false),
        // Of two launches, only what thrice the reach leaves.
        (1.2, (1.14, 1.26), Basis::Turns, Finding::Worse, None, true),
        (1.2, (1.05, 1.37), Basis::Turns, Finding::Worse, None, false),
        (1.0, (0.985, 1.015), Basis::Turns, nothing, None, true),
        (1.0, (0.97, 1.03), Basis::Turns, nothing, None, false),
        (1.2, (0.0, 9.0), pairs, Finding::NotJudged, None, false),
    ] {
        let of = effect(ratio, interval, basis, finding);
        assert_eq!(
            is_settled(&of, Direction::Added, gap),
            is,
            "{interval:?} {basis:?} {gap:?}"
        );
    }
}

#[test]
fn another_answer_is_settled_and_silence_is_not() {
    let of = |answers| Effect {
        answers,
        ..effect(1.2, (0.5, 3.0), Basis::Rounds(4), Finding::NotDetected)
    };
    let is_settled = |of: &Effect| is_settled(of, Direction::Dropped, None);
    let changed = of(Answers::Changed("200 → 401".to_owned()));
    assert!(is_settled(&changed));
    // It is no answer to what all factors cost together.
    assert!(!super::is_settled(&changed, Direction::Whole, None));
    assert!(!is_settled(&of(Answers::Unknown)));
    assert!(!is_settled(&of(Answers::Same)));
    // More launches do not tell a cost that nobody knows, and do not take a doubt away.
    let unknown = Effect {
        cost: None,
        ..of(Answers::Same)
    };
    assert!(is_settled(&unknown));
    let mut doubted = effect(1.2, (1.1, 1.3), Basis::Rounds(4), Finding::NotJudged);
    doubted.cost.as_mut().unwrap().unjudged = None;
    assert!(is_settled(&doubted));
}

#[test]
fn launches_of_another_look_are_numbered_behind_the_first_ones() {
    let run = |launches: u32| {
        let mut phase = samples::phase(|tally| samples::ok(tally, 10, 50));
        let round = phase.rounds[0].clone();
        phase.rounds = (1..=launches)
            .map(|number| crate::result::Round {
                number,
                ..round.clone()
            })
            .collect();
        samples::run(phase, None)
    };
    let mut all = run(2);
    let mut more = run(3);
    more.variants.push({
        let mut other = more.variants[0].clone();
        other.name = "w".to_owned();
        other
    });
    join(&mut all, &more);
    let numbers = |at: usize| -> Vec<u32> {
        let rounds = all.variants[at].phases[0].rounds.iter();
        rounds.map(|round| round.number).collect()
    };
    assert_eq!(
        (numbers(0), numbers(1)),
        (vec![1, 2, 3, 4, 5], vec![1, 2, 3])
    );
    assert_eq!(all.variants[0].phases[0].total().ok, 20);
    // Those that were loaded alone are no launches in turns.
    let mut in_turns = run(2);
    in_turns.variants[0].phases[0].turns = Some(crate::result::InTurns {
        with: "w".to_owned(),
        slice: std::time::Duration::from_millis(100),
        gap: std::time::Duration::from_millis(2),
        count: 4,
    });
    join(&mut in_turns, &run(3));
    assert_eq!(in_turns.variants[0].phases[0].rounds.len(), 2);
}
