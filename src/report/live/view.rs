//! Three lines for a terminal: what runs and how long it still takes, how fast it is, and what it uses and what fails.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::second::Second;
use super::standing::{Standing, Stretch};
use crate::metrics::ErrorKind;
use crate::units::{format_count, format_us};

/// Cells of the bar.
const BAR: usize = 20;
/// Heights of the trend.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// What is not known.
pub(super) const UNKNOWN: &str = "–";

/// The three lines, none wider than `width` characters; all are empty if no load is under way.
pub fn view(standing: &Standing, now: Instant, width: usize) -> [String; 3] {
    let Some(stretch) = &standing.stretch else {
        return Default::default();
    };
    [
        fitting(head(standing, stretch, now), width),
        fitting(figures(stretch, now), width),
        fitting(machine(stretch), width),
    ]
}

fn head(standing: &Standing, stretch: &Stretch, now: Instant) -> Vec<String> {
    let elapsed = stretch.elapsed(now);
    let mut parts = vec![stretch.named(&stretch.place.variant)];
    parts.push(match stretch.length {
        Some(length) => format!("{} {}", bar(elapsed, length), of_seconds(elapsed, length)),
        None => format!("{} s", elapsed.as_secs()),
    });
    if let Some((number, all)) = standing.number().filter(|(_, all)| *all > 1) {
        parts.push(format!("phase {number} of {all}"));
        parts.extend(
            standing
                .left(now)
                .map(|left| format!("{} left", clock(left))),
        );
    }
    let (round, rounds) = stretch.round;
    if rounds > 1 {
        parts.push(format!("round {round} of {rounds}"));
    }
    parts
}

fn figures(stretch: &Stretch, now: Instant) -> Vec<String> {
    let known = stretch.sides();
    let known = known.filter_map(|(place, side)| Some((place, side, side.second.as_ref()?)));
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        let left = stretch.warmup.saturating_sub(stretch.elapsed(now));
        let words = match left {
            Duration::ZERO => "waiting for the first figures".to_owned(),
            left => format!("warm-up, figures in {} s", left.as_secs() + 1),
        };
        return vec![words];
    }
    let parts = known.into_iter().flat_map(|(place, side, second)| {
        let mut parts = of_one(second, &side.trend);
        if stretch.with.is_some() {
            parts[0] = format!("{} {}", place.variant, parts[0]);
        }
        parts
    });
    parts.collect()
}

/// The figures of a variant.
fn of_one(second: &Second, trend_of: &VecDeque<f64>) -> [String; 3] {
    let achieved = format!("{}/s", format_count(second.achieved));
    let planned = second.planned.map(format_count);
    [
        planned.map_or(achieved.clone(), |planned| {
            format!("{achieved} of {planned}")
        }),
        format!("p50 {}", latency(second.p50_us)),
        format!("p99 {} {}", latency(second.p99_us), trend(trend_of)),
    ]
}

fn machine(stretch: &Stretch) -> Vec<String> {
    let targets = stretch.sides().map(|(place, side)| {
        let second = side.second.as_ref();
        let target = cores(second.and_then(|second| second.target_cores));
        match stretch.with {
            Some(_) => format!("{} {target}", place.variant),
            None => target,
        }
    });
    let targets: Vec<String> = targets.collect();
    let second = stretch.own.second.as_ref();
    let generator = second.and_then(|second| second.generator_cores);
    let mut errors = stretch.own.errors;
    let others = errors.iter_mut().zip(stretch.other.errors);
    others.for_each(|(count, more)| *count += more);
    vec![
        format!(
            "target {} of {} cores",
            targets.join(", "),
            format_count(stretch.target_cpus)
        ),
        format!("generator {}", cores(generator)),
        failed(&errors),
    ]
}

/// How many failed, by kind.
pub(super) fn failed(errors: &[u64]) -> String {
    let all: u64 = errors.iter().sum();
    if all == 0 {
        return "0 failed".to_owned();
    }
    let kinds = ErrorKind::ALL.iter().zip(errors);
    let kinds = kinds.filter(|(_, count)| **count > 0);
    let kinds = kinds.map(|(kind, count)| format!("{kind} {}", format_count(*count as f64)));
    let kinds: Vec<String> = kinds.collect();
    format!("{} failed: {}", format_count(all as f64), kinds.join(", "))
}

pub(super) fn latency(us: Option<f64>) -> String {
    us.map_or_else(|| UNKNOWN.to_owned(), format_us)
}

pub(super) fn cores(cores: Option<f64>) -> String {
    cores.map_or_else(|| UNKNOWN.to_owned(), |cores| format!("{cores:.2}"))
}

pub(super) fn of_seconds(elapsed: Duration, length: Duration) -> String {
    format!("{} of {} s", elapsed.as_secs(), length.as_secs_f64().ceil())
}

/// A length of time as a clock has it.
pub(super) fn clock(of: Duration) -> String {
    let seconds = of.as_secs_f64().ceil() as u64;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        hours => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

fn bar(elapsed: Duration, length: Duration) -> String {
    let share = elapsed.as_secs_f64() / length.as_secs_f64().max(f64::MIN_POSITIVE);
    let filled = ((share * BAR as f64) as usize).min(BAR);
    let head = usize::from(filled < BAR);
    "━".repeat(filled) + &"╸".repeat(head) + &"─".repeat(BAR - filled - head)
}

/// A line of blocks: the largest value reaches the top, unless all are alike, which stand at half the height.
fn trend<'a>(values: impl IntoIterator<Item = &'a f64> + Clone) -> String {
    let mut sorted: Vec<f64> = values.clone().into_iter().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(most), Some(median)) = (sorted.last(), sorted.get(sorted.len() / 2)) else {
        return String::new();
    };
    let top = most.max(2.0 * median).max(f64::MIN_POSITIVE);
    let height = |value: &f64| ((value / top * 8.0).ceil() as usize).clamp(1, 8) - 1;
    values
        .into_iter()
        .map(|value| HEIGHTS[height(value)])
        .collect()
}

/// As many parts as fit into the width, the first in any case.
fn fitting(parts: Vec<String>, width: usize) -> String {
    let mut line = String::new();
    for part in parts {
        let between = if line.is_empty() { "" } else { " · " };
        let wide = line.chars().count() + between.len() + part.chars().count();
        if wide > width && !line.is_empty() {
            break;
        }
        line += between;
        line += &part;
    }
    if line.chars().count() > width {
        line = line.chars().take(width.saturating_sub(1)).collect();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::PhaseStart;
    use crate::report::live::samples::{live, planned, start};

    fn standing(seconds: u64) -> (Standing, Instant) {
        let now = Instant::now();
        let mut standing = Standing::of("t");
        standing.plan(&[
            planned("a", Some(10)),
            planned("b", Some(30)),
            planned("c", Some(100)),
        ]);
        standing.begin(&start("b", Some(30)), now);
        for at in 0..seconds {
            live(|of| standing.add("new", of), at);
        }
        (standing, now)
    }

    #[test]
    fn three_lines_say_what_runs_how_fast_and_at_what_cost() {
        let (standing, now) = standing(3);
        assert_eq!(
            view(&standing, now + Duration::from_secs(12), 90),
            [
                "new · b · ━━━━━━━━╸─────────── 12 of 30 s · phase 2 of 3 · 1:58 left",
                "100/s of 100 · p50 1.05 ms · p99 1.1 ms ▄▄▄",
                "target 1.07 of 2 cores · generator – · 9 failed: status 3, timeout 6",
            ]
        );
        assert_eq!(view(&Standing::of("t"), now, 90), [""; 3]);
    }

    #[test]
    fn two_that_take_turns_are_both_shown() {
        let now = Instant::now();
        let mut standing = Standing::of("t");
        let in_turns = PhaseStart {
            with: Some("old"),
            ..start("b", Some(30))
        };
        standing.begin(&in_turns, now);
        live(|of| standing.add("new", of), 0);
        live(|of| standing.add("old", of), 0);
        let [head, figures, machine] = view(&standing, now, 120);
        assert!(head.starts_with("new · b, in turns with old · "), "{head}");
        let one = "100/s of 100 · p50 1.05 ms · p99 1.1 ms ▄";
        assert_eq!(figures, format!("new {one} · old {one}"));
        assert_eq!(
            machine,
            "target new 1.07, old 1.07 of 2 cores · generator – · 6 failed: status 2, timeout 4"
        );
    }

    #[test]
    fn a_warm_up_has_no_figures_and_says_so() {
        let (standing, now) = standing(0);
        let [_, figures, machine] = view(&standing, now, 90);
        assert_eq!(figures, "warm-up, figures in 3 s");
        assert_eq!(machine, "target – of 2 cores · generator – · 0 failed");
        let [_, figures, _] = view(&standing, now + Duration::from_secs(2), 90);
        assert_eq!(figures, "waiting for the first figures");
    }

    #[test]
    fn lines_fit_into_narrow_terminals() {
        let (standing, now) = standing(1);
        for width in [1, 2, 9, 20, 40, 60, 79] {
            for line in view(&standing, now, width) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
        let [head, _, machine] = view(&standing, now, 40);
        assert_eq!(
            (head.as_str(), machine.as_str()),
            ("new · b", "target 1.07 of 2 cores · generator –")
        );
    }

    #[test]
    fn a_spike_stands_out_and_what_is_steady_lies_in_the_middle() {
        assert_eq!(trend(&[5.0, 5.1, 4.9]), "▄▅▄");
        assert_eq!(trend(&[1.0, 1.0, 20.0, 1.0]), "▁▁█▁");
        assert_eq!(trend(&[0.0, 0.0]), "▁▁");
        assert_eq!(trend(&[]), "");
    }

    #[test]
    fn time_is_told_as_by_a_clock() {
        for (seconds, shown) in [
            (0.0, "0:00"),
            (59.2, "1:00"),
            (61.0, "1:01"),
            (3_661.0, "1:01:01"),
        ] {
            assert_eq!(clock(Duration::from_secs_f64(seconds)), shown);
        }
    }
}
