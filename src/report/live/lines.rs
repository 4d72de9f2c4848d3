//! Lines for a log: where there is no terminal. Their fields are always the same, so that people and programs find them.

use std::time::{Duration, Instant};

use super::standing::Standing;
use super::view::{UNKNOWN, clock, cores, failed, latency, of_seconds};
use crate::experiment::PhaseStart;
use crate::metrics::{ErrorKind, latency_quantiles, value_at};
use crate::result::PhaseResult;
use crate::scenario::{LoadModel, Pace};
use crate::units::format_count;

/// The figures of a line.
struct Figures<'a> {
    achieved: f64,
    planned: Option<f64>,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    errors: &'a [u64],
    target_cores: Option<f64>,
    generator_cores: Option<f64>,
}

/// The line that opens a stretch; empty without one.
pub fn begun(standing: &Standing, phase: &PhaseStart<'_>, now: Instant) -> String {
    let Some(stretch) = &standing.stretch else {
        return String::new();
    };
    let stages = match &phase.load.model {
        LoadModel::Open {
            pace: pace @ Pace::Staged { .. },
            ..
        } => format!(" ({pace})"),
        _ => String::new(),
    };
    let (round, rounds) = stretch.round;
    let round = (rounds > 1).then(|| format!(" · round {round} of {rounds}"));
    let length = match (phase.forecast, stretch.length) {
        (Some(forecast), _) => format!(": {forecast}"),
        (None, Some(length)) => format!(": {} s", length.as_secs_f64().ceil()),
        (None, None) => String::new(),
    };
    let number = standing.number().filter(|(_, all)| *all > 1);
    let number = number.map(|(number, all)| {
        let left = standing.left(now).map(clock);
        let left = left.map_or_else(String::new, |left| format!(", {left} left"));
        format!(" (phase {number} of {all}{left})")
    });
    format!(
        "{}{stages}{}{length}{}",
        stretch.named(&stretch.place.variant),
        round.unwrap_or_default(),
        number.unwrap_or_default()
    )
}

/// The line of a moment of a stretch, with a variant's figures of the last second; `None` if there are none.
pub fn passed(standing: &Standing, variant: &str, now: Instant) -> Option<String> {
    let stretch = standing.stretch.as_ref()?;
    let side = stretch.side(variant);
    let second = side.second.as_ref()?;
    let figures = Figures {
        achieved: second.achieved,
        planned: second.planned,
        p50_us: second.p50_us,
        p99_us: second.p99_us,
        errors: &side.errors,
        target_cores: second.target_cores,
        generator_cores: second.generator_cores,
    };
    let at = match stretch.with {
        // Its window is of its own turns, its length of both variants'.
        Some(_) => stretch.elapsed(now),
        None => stretch.warmup + side.passed,
    };
    let when = match stretch.length {
        Some(length) => of_seconds(at, length),
        None => format!("{} s", at.as_secs()),
    };
    Some(line(
        standing,
        &stretch.named(variant),
        &when,
        &figures,
        now,
    ))
}

/// The line that closes a stretch for a variant, with the figures of its window as the result has them; empty without a stretch.
pub fn over(standing: &Standing, variant: &str, found: &PhaseResult, now: Instant) -> String {
    let Some(stretch) = &standing.stretch else {
        return String::new();
    };
    let total = found.total();
    let (latencies, _) = latency_quantiles([&total]);
    // What gave up knows lower bounds alone.
    let is_known = total.ok > 0 && !latencies.is_empty();
    let at = |quantile| is_known.then(|| value_at(&latencies, quantile));
    let mut errors = [0; ErrorKind::ALL.len()];
    total
        .error_counts()
        .for_each(|(kind, count)| errors[kind as usize] = count);
    let seconds = found.seconds();
    let window = Duration::from_secs_f64(seconds);
    let figures = Figures {
        achieved: found.throughput_rps(&total).unwrap_or(0.0),
        planned: stretch.planned_rate(window),
        p50_us: at(0.5),
        p99_us: at(0.99),
        errors: &errors,
        target_cores: found.target_cores(),
        generator_cores: found.generator_cores(),
    };
    let when = format!("over, window of {seconds:.1} s");
    let place = stretch.place.of(variant).to_string();
    line(standing, &place, &when, &figures, now)
}

fn line(standing: &Standing, place: &str, when: &str, of: &Figures<'_>, now: Instant) -> String {
    let rate = |rate: f64| format!("{}/s", format_count(rate));
    let unknown = || UNKNOWN.to_owned();
    format!(
        "{place}: {when} · achieved {} · planned {} · p50 {} · p99 {} · target {} cores · generator {} cores · left {} · {}",
        rate(of.achieved),
        of.planned.map_or_else(unknown, rate),
        latency(of.p50_us),
        latency(of.p99_us),
        cores(of.target_cores),
        cores(of.generator_cores),
        standing.left(now).map_or_else(unknown, clock),
        failed(of.errors),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::live::samples::{live, planned, start};
    use crate::result::samples::phase;

    fn standing() -> (Standing, Instant) {
        let now = Instant::now();
        let mut standing = Standing::of("t");
        standing.plan(&[planned("a", Some(30)), planned("b", Some(70))]);
        standing.begin(&start("a", Some(30)), now);
        (standing, now)
    }

    #[test]
    fn a_log_has_the_same_fields_in_each_line() {
        let (mut standing, now) = standing();
        let begun = begun(&standing, &start("a", Some(30)), now);
        assert_eq!(begun, "new · a: 30 s (phase 1 of 2, 1:40 left)");
        assert_eq!(passed(&standing, "new", now), None);
        live(|of| standing.add("new", of), 9);
        assert_eq!(
            passed(&standing, "new", now + Duration::from_secs(12)).unwrap(),
            "new · a: 12 of 30 s · achieved 100/s · planned 100/s · p50 1.05 ms · p99 1.1 ms · target 1.07 cores · generator – cores · left 1:28 · 3 failed: status 1, timeout 2"
        );
        let in_turns = PhaseStart {
            with: Some("other"),
            ..start("a", Some(30))
        };
        let (mut both, began) = self::standing();
        both.begin(&in_turns, began);
        live(|of| both.add("new", of), 9);
        let line = passed(&both, "new", began + Duration::from_secs(22)).unwrap();
        let says = "new · a, in turns with other: 22 of 30 s · ";
        assert!(line.starts_with(says), "{line}");
        let mut found = phase(|tally| {
            for _ in 0..200 {
                tally.latency.record(3_000_000).unwrap();
                tally.ok += 1;
                tally.completed_ok += 1;
            }
            tally.errors[ErrorKind::Reset as usize] = 4;
            tally.failed = 4;
        });
        found.rounds[0].seconds = 2.0;
        found.rounds[0].target_cpu_seconds = None;
        found.rounds[0].generator_cores = Some(0.25);
        assert_eq!(
            over(&standing, "new", &found, now + Duration::from_secs(30)),
            "new · a: over, window of 2.0 s · achieved 100/s · planned 100/s · p50 3 ms · p99 3 ms · target – cores · generator 0.25 cores · left 1:10 · 4 failed: reset 4"
        );
        // Without an OK response there is no latency, whatever is known of those that gave up.
        let gave_up = phase(|tally| {
            tally.censored.record(1_000_000_000).unwrap();
            tally.failed = 1;
        });
        let line = over(&standing, "new", &gave_up, now + Duration::from_secs(30));
        assert!(line.contains(" · p50 – · p99 – · "), "{line}");
    }
}
