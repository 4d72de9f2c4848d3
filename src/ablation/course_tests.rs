//! Which trials follow from what a service costs, whose costs are known.

use std::path::Path;
use std::time::Duration;

use super::super::trial::{Choice, trials};
use super::*;
use crate::compare::{Basis, Finding, MetricChange};
use crate::result::samples;
use crate::scenario::{Overrides, parse};

/// Cost of a request with these factors, µs, and its answer.
type Service = fn(&dyn Fn(usize) -> bool) -> (f64, u16);

fn course(factors: usize) -> Course {
    let headers: Vec<String> = (0..factors).map(|at| format!("X-{at} = \"1\"")).collect();
    let text = format!(
        "name = \"t\"\ntarget.command = \"./service --port {{port}}\"\nload = {{ model = \"closed\", connections = 1, duration = \"1s\" }}\n[[request]]\nname = \"r\"\npath = \"/\"\nheaders = {{ {} }}\n",
        headers.join(", ")
    );
    let plan = parse("t.toml", &text, Path::new("."), &Overrides::default()).unwrap();
    let choice = Choice {
        window: Duration::from_secs(1),
        blocks: 3,
        most_blocks: 12,
        ..Choice::default()
    };
    Course::new(trials(&plan, &choice).unwrap())
}

/// What a trial says of a service whose costs are known to a hundredth.
fn said(service: Service, trial: &Trial) -> Effect {
    let is_tried = |at: usize| trial.factors.contains(&at);
    let (base, head) = match trial.direction {
        Direction::Whole => (service(&|_| false), service(&|_| true)),
        Direction::Dropped => (service(&|at| !is_tried(at)), service(&|_| true)),
        Direction::Added => (service(&|_| false), service(&is_tried)),
    };
    let ratio = head.0 / base.0;
    let finding = match ratio {
        more if more > 1.01 => Finding::Worse,
        less if less < 0.99 => Finding::Better,
        _ => Finding::NotDetected,
    };
    let answers = match base.1 == head.1 {
        true => Answers::Same,
        false => Answers::Changed(format!("{} → {}", base.1, head.1)),
    };
    Effect {
        cost: Some(MetricChange {
            metric: Metric::CpuPerRequest,
            base: base.0,
            head: head.0,
            ratio,
            interval: (ratio * 0.99, ratio * 1.01),
            p: 0.5,
            p_adjusted: 0.5,
            together: 1,
            finding,
            detectable: None,
            basis: Basis::Rounds(3),
            unjudged: None,
            doubts: Vec::new(),
        }),
        answers,
        launches: 3,
        is_settled: false,
    }
}

/// The names of the stages with their numbers of trials, and what was found.
#[track_caller]
fn run(factors: usize, service: Service) -> (Vec<(String, usize)>, Ablation) {
    let mut course = course(factors);
    let mut stages = Vec::new();
    while let Some(stage) = course.next() {
        assert!(stages.len() < 12, "{stages:?}");
        let trials = stage.trials.iter();
        let effects = trials.map(|of| (of.clone(), said(service, of))).collect();
        stages.push((stage.name.clone(), stage.trials.len()));
        let again = course.learned(&stage, effects, Vec::new(), None);
        assert_eq!(again, None, "all is settled");
    }
    (stages, course.found())
}

fn names(stages: &[(String, usize)]) -> Vec<&str> {
    stages.iter().map(|(name, _)| name.as_str()).collect()
}

/// A stage whose trials say nothing until a look.
fn looked(course: &mut Course, settles: impl Fn(u32, usize) -> bool) -> Vec<(String, u32, usize)> {
    let mut looks = Vec::new();
    while let Some(stage) = course.next() {
        assert!(looks.len() < 12, "{looks:?}");
        let plan = course.plan(&stage);
        looks.push((stage.directory(), plan.rounds, plan.variants.len() / 2));
        let trials = stage.trials.iter().enumerate().map(|(at, trial)| {
            let mut effect = said(|has| (if has(0) { 900.0 } else { 100.0 }, 200), trial);
            let cost = effect.cost.as_mut().unwrap();
            if stage.name != "together" && !settles(stage.look, at) {
                (cost.finding, cost.interval) = (Finding::NotDetected, (0.01, 99.0));
            }
            (trial.clone(), effect)
        });
        let again = course.learned(&stage, trials.collect(), Vec::new(), None);
        course.open = again.map(|stage| (stage, samples::run(samples::phase(|_| ()), None)));
    }
    looks
}

#[test]
fn what_a_look_leaves_open_is_launched_again_up_to_the_most_and_what_it_settles_is_not() {
    let looks = looked(&mut course(2), |look, at| look > 1 || at != 2);
    let of = |name: &str, launches, trials| (name.to_owned(), launches, trials);
    assert_eq!(
        looks,
        [
            of("together", 3, 1),
            of("one-by-one", 3, 4),
            of("one-by-one-look-2", 3, 1)
        ]
    );
    let mut never = course(2);
    let looks = looked(&mut never, |_, at| at != 1);
    assert_eq!(
        looks[2..],
        [of("one-by-one-look-2", 3, 1), of("one-by-one-look-3", 6, 1)]
    );
    let found = never.found();
    let open = found.open().map(|(factor, _)| factor.to_string());
    assert_eq!(open.collect::<Vec<_>>(), ["X-0"]);
    assert_eq!((found.judged.looks, found.judged.most_blocks), (3, 12));
    // Each trial is known once.
    assert_eq!(never.found.len(), 4);
}

#[test]
fn trials_keep_their_names_and_have_a_new_order_at_each_look() {
    let course_of = || {
        let mut course = course(4);
        course.taken = 1;
        course
    };
    let (course, mut later) = (course_of(), course_of());
    later.taken = 2;
    let stage = course.stage("one-by-one", Profiles::Left, course.single());
    let stage = stage.unwrap();
    let again = Stage {
        open: vec![5],
        look: 2,
        ..stage.clone()
    };
    let plan = course.plan(&again);
    let names: Vec<&str> = plan.variants.iter().map(|of| of.name.as_str()).collect();
    assert_eq!(names, ["6-without", "6-with"]);
    let order = |course: &Course| course.plan(&stage).sequence;
    assert_ne!(order(&course), order(&later));
    assert_eq!(order(&course), order(&course_of()));
}

#[test]
fn nothing_follows_where_all_factors_together_cost_nothing() {
    let (stages, found) = run(5, |_| (100.0, 200));
    assert_eq!(names(&stages), ["together"]);
    assert!(found.is_nothing() && found.is_judged());
}

#[test]
fn the_only_factor_needs_no_other_trial() {
    let (stages, found) = run(1, |has| (if has(0) { 200.0 } else { 100.0 }, 200));
    assert_eq!(names(&stages), ["together"]);
    assert_eq!(found.part(&found.rows[0].dropped), Some(1.0));
}

#[test]
fn each_of_a_few_is_tried_both_ways_and_the_costliest_comes_first() {
    let costs: Service = |has| {
        let of = |at, cost| if has(at) { cost } else { 0.0 };
        (100.0 + of(1, 20.0) + of(2, 60.0), 200)
    };
    let (stages, found) = run(3, costs);
    assert_eq!(
        stages,
        [("together".to_owned(), 1), ("one-by-one".to_owned(), 6)]
    );
    let first: Vec<String> = found
        .rows
        .iter()
        .map(|row| row.factor.to_string())
        .collect();
    assert_eq!(first, ["X-2", "X-1", "X-0"]);
    assert_eq!(found.part(&found.rows[0].dropped), Some(0.75));
    assert_eq!(found.explained(), Some(1.0));
    assert!(found.only_together().is_empty());
}

#[test]
fn what_costs_only_together_is_found_as_a_pair() {
    let both: Service = |has| match (has(1), has(3)) {
        (true, true) => (800.0, 200),
        (true, false) => (60.0, 401),
        _ => (100.0, 200),
    };
    let (stages, found) = run(5, both);
    assert_eq!(names(&stages), ["together", "one-by-one", "pairs"]);
    let together = found.only_together();
    let together: Vec<String> = together[0].iter().map(ToString::to_string).collect();
    assert_eq!(together, ["X-1", "X-3"]);
    assert_eq!(found.pairs.len(), 1);
}

#[test]
fn of_two_that_do_the_same_each_costs_when_added_and_both_when_dropped() {
    let either: Service = |has| (if has(0) || has(2) { 300.0 } else { 100.0 }, 200);
    let (stages, found) = run(3, either);
    assert_eq!(names(&stages), ["together", "one-by-one", "pairs"]);
    let (factors, direction, effect) = &found.pairs[0];
    assert_eq!((factors.len(), *direction), (2, Direction::Dropped));
    assert_eq!(found.part(effect), Some(1.0));
}

#[test]
fn many_are_halved_until_few_are_left() {
    let two: Service = |has| {
        let of = |at, cost| if has(at) { cost } else { 0.0 };
        (100.0 + of(3, 50.0) + of(37, 30.0), 200)
    };
    let (stages, found) = run(40, two);
    assert_eq!(
        stages.iter().map(|(_, trials)| *trials).collect::<Vec<_>>(),
        [1, 4, 8, 8, 20]
    );
    assert_eq!(
        names(&stages)[1..],
        ["halves-1", "halves-2", "halves-3", "one-by-one"][..4]
    );
    let tried = found.rows.iter().filter(|row| !row.is_ruled_out);
    assert_eq!(tried.count(), 10);
    let costly: Vec<String> = found.rows[..2]
        .iter()
        .map(|row| row.factor.to_string())
        .collect();
    assert_eq!(costly, ["X-3", "X-37"]);
    assert_eq!(found.explained(), Some(1.0));
}

#[test]
fn many_that_all_cost_are_all_tried() {
    let all: Service = |has| {
        (
            100.0 + 10.0 * (0..17).filter(|at| has(*at)).count() as f64,
            200,
        )
    };
    let (stages, found) = run(17, all);
    assert_eq!(names(&stages).last(), Some(&"halves-5"));
    assert!(
        found
            .rows
            .iter()
            .all(|row| found.part(&row.dropped).is_some())
    );
}
