//! What is promised of intervals, findings and verdicts, held against simulations of which the truth is known: equal things that are
//! called different, intervals that miss the truth, effects that should have been found.
//!
//! Seeded, so that a run is the same everywhere. `SIMULATIONS` says how many there are of each case; `scripts/simulate` prints many.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    clippy::print_stdout,
    reason = "the table is what scripts/simulate is for"
)]

mod ablations;
mod chance;
mod gate;
mod latencies;
mod launches;
mod profiled_launches;
mod profiles;
mod sides;
mod thresholds;

use telemload::statistics::clopper_pearson;

/// Simulations of each case.
fn count(usually: u64) -> u64 {
    let asked = std::env::var("SIMULATIONS").ok();
    asked.map_or(usually, |asked| asked.parse().unwrap())
}

/// How often something happened.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    hits: u64,
    trials: u64,
}

impl Share {
    fn add(&mut self, hit: bool) {
        self.hits += u64::from(hit);
        self.trials += 1;
    }

    fn value(self) -> f64 {
        self.hits as f64 / self.trials as f64
    }

    /// A row of the table in docs/why/statistics.md.
    fn print(self, case: &str, what: &str) {
        let (low, high) = clopper_pearson(self.hits, self.trials);
        let percent = |share: f64| share * 100.0;
        println!(
            "| {case} | {what} | {:.1} % | {:.1} to {:.1} % | {} |",
            percent(self.value()),
            percent(low),
            percent(high),
            self.trials
        );
    }

    /// Fails if it is outside of `from` to `to` by more than chance explains.
    #[track_caller]
    fn is_within(self, (from, to): (f64, f64), case: &str, what: &str) {
        self.print(case, what);
        let (low, high) = clopper_pearson(self.hits, self.trials);
        assert!(
            low <= to && high >= from,
            "{case}: {what}: {self:?} is not {from} to {to}"
        );
    }
}
