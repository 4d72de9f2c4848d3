//! Thresholds whose truth is at the limit, a little below, or a little above: how often they fail what holds, and pass what does not.

use std::path::Path;

use hdrhistogram::Histogram;
use telemload::gate::{Verdict, judge};
use telemload::metrics::{Batches, ErrorKind, Outcome, Tally, Times};
use telemload::result::{
    ASSUMED_LATENCY_TIME_SPREAD, Estimates, PhaseResult, Round, Tail, Uncertainty, VariantResult,
};
use telemload::scenario::{self, Overrides, Threshold};
use telemload::statistics::{Z95, nested_half};

use crate::chance::{Chance, Machine};
use crate::{Share, count};

/// A threshold of a scenario with a closed loop.
struct Bed {
    thresholds: Vec<Threshold>,
    phase: PhaseResult,
}

impl Bed {
    fn new(expr: &str) -> Self {
        let text = format!(
            "name = \"s\"\n[target]\nurl = \"http://127.0.0.1:1\"\n[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"10s\"\n[[request]]\nname = \"r\"\npath = \"/\"\n[[threshold]]\nexpr = \"{expr}\"\n"
        );
        let mut plan = scenario::parse("s", &text, Path::new("."), &Overrides::default()).unwrap();
        plan.thresholds.truncate(1);
        let load = plan.variants[0].phases[0].load.clone();
        Self {
            thresholds: plan.thresholds,
            phase: PhaseResult::blank("load".to_owned(), load, vec!["r".to_owned()]),
        }
    }

    fn verdict(&mut self, tally: Tally, round: Round) -> Verdict {
        self.phase.tallies = vec![tally];
        self.phase.rounds = vec![round];
        let variant = VariantResult {
            name: "v".to_owned(),
            target: String::new(),
            phases: Vec::new(),
        };
        let total = self.phase.total();
        judge(&self.thresholds, &variant, &self.phase, &total, 2)[0].verdict
    }
}

fn round() -> Round {
    Round {
        ratio_errors: None,
        number: 1,
        seconds: 10.0,
        target_cpu_seconds: None,
        generator_cores: Some(0.1),
        busiest_worker: Some(0.1),
        worker_wait: None,
        stopped_seconds: Some(0.0),
        throttled_seconds: None,
        steal_share: None,
        neighbour_cores: None,
        missed_share: Some(0.0),
        answerings: Default::default(),
        whole: Estimates {
            throughput_rps: None,
            us_per_request: None,
            p50_us: None,
            p99_us: None,
        },
        uncertainty: Uncertainty::default(),
        tails: Vec::new(),
    }
}

/// How often a threshold whose truth is at the limit fails and passes: neither in more than 2.5 % of cases, but that no failure at all
/// passes.
fn check(
    expr: &str,
    name: &str,
    passes_at_most: f64,
    mut verdict: impl FnMut(&mut Bed) -> Verdict,
) {
    let mut bed = Bed::new(expr);
    let (mut fails, mut passes) = (Share::default(), Share::default());
    for _ in 0..count(200) {
        let verdict = verdict(&mut bed);
        fails.add(verdict == Verdict::Fail);
        passes.add(verdict == Verdict::Pass);
    }
    let case = format!("`{expr}`, {name}");
    fails.is_within((0.0, 0.03), &case, "truth at the limit, failed");
    passes.is_within((0.0, passes_at_most), &case, "truth at the limit, passed");
}

#[test]
fn failures_at_the_limit_are_not_judged() {
    // No failure at all passes: of 100 requests at 1 % that is 0.99¹⁰⁰.
    for (requests, passes) in [(100, 0.38), (500, 0.03), (5_000, 0.03)] {
        let mut chance = Chance::new(6);
        check(
            "errors.rate < 1%",
            &format!("{requests} requests"),
            passes,
            |bed| {
                let mut tally = Tally::default();
                let failed = (0..requests).filter(|_| chance.happens(0.01)).count() as u64;
                tally.ok = requests - failed;
                tally.failed = failed;
                tally.errors[ErrorKind::Reset as usize] = failed;
                bed.verdict(tally, round())
            },
        );
    }
}

#[test]
fn cpu_per_request_at_the_limit_is_not_judged() {
    for (name, noise, drift) in [
        ("independent seconds (5 %)", 0.05, (0.0, 1.0)),
        ("drift of 6 % that lasts 10 s", 0.01, (0.06, 10.0)),
    ] {
        let mut chance = Chance::new(7);
        check("cpu_per_request < 100us", name, 0.03, |bed| {
            let mut machine = Machine::new(drift.0, drift.1, &mut chance);
            // 0.9 cores: their requests in each second.
            let spent: Vec<(f64, f64)> = (0..10)
                .map(|_| {
                    let ln = machine.after(1.0, &mut chance) + noise * chance.normal();
                    (0.9, 0.9e6 / (100.0 * ln.exp()))
                })
                .collect();
            let requests: f64 = spent.iter().map(|(_, rate)| rate).sum();
            let tally = Tally {
                completed_ok: requests as u64,
                ..Tally::default()
            };
            let mut round = round();
            round.target_cpu_seconds = Some(9.0);
            round.uncertainty.us_per_request = nested_half(&spent).map(|half| half / Z95);
            bed.verdict(tally, round)
        });
    }
}

#[test]
fn percentiles_at_the_limit_are_not_judged() {
    for (name, drift) in [
        ("independent", (0.0, 1.0)),
        ("drift of 6 % that lasts 10 s", (0.06, 10.0)),
        ("drift of 10 % that lasts 2 s", (0.10, 2.0)),
    ] {
        let mut chance = Chance::new(8);
        // ln of a latency has the standard deviation 0.5 beside the machine's; the 99th percentile is 100 µs.
        let spread: f64 = f64::hypot(0.5, drift.0);
        let scale = 100_000.0 * (-2.326_3 * spread).exp();
        check("latency.p99 < 100us", name, 0.03, |bed| {
            let mut machine = Machine::new(drift.0, drift.1, &mut chance);
            let (mut tally, mut batches) = (Tally::default(), Batches::default());
            for _ in 0..10 {
                let speed = machine.after(1.0, &mut chance);
                let mut interval: Histogram<u64> = Histogram::new(3).unwrap();
                interval.auto(true);
                for _ in 0..500 {
                    let done = (scale * (speed + 0.5 * chance.normal()).exp()) as u64;
                    let times = Times {
                        intended: 0,
                        startable: 0,
                        sent: 0,
                        done,
                    };
                    tally.record(Outcome::Ok { status: 200 }, times, u64::MAX);
                    interval.record(done).unwrap();
                }
                batches.add(&interval);
            }
            let mut round = round();
            let limit_us = 100.0;
            let away = (Z95 * ASSUMED_LATENCY_TIME_SPREAD).exp();
            let limits = [limit_us / away, limit_us, limit_us * away];
            let inflation = limits.into_iter().map(|limit| batches.inflation(limit));
            round.tails = vec![Tail {
                limit_us,
                inflation: inflation.fold(1.0, f64::max),
                bursts: limits
                    .into_iter()
                    .filter_map(|limit| batches.bursts_above(limit))
                    .min(),
            }];
            bed.verdict(tally, round)
        });
    }
}
