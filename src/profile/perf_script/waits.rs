//! Time in which threads are on no CPU: samples of where each leaves its CPU, and the switches that bring it back.
//!
//! A wait that began before the recording has no stack, and one that lasts beyond it ends with it.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use super::Stacks;
use super::events::is_of;
use super::frame::{self, Line};
use super::samples::{Sample, Samples};
use crate::profile::{Error, Profile};
use crate::units::{format_count, format_duration};

/// What is sampled where a thread leaves its CPU.
const EVENT: &str = "context-switches";
/// What the values are, and what samples are counts of.
const KIND: (&str, &str, &str) = ("off-cpu", "nanoseconds", "waits");
/// The innermost frame of a thread that could go on and has lost its CPU to another.
const PREEMPTED: &str = "(preempted)";
/// What is left out is said from a hundredth of the waits on.
const NOTEWORTHY: u64 = 100;
/// The innermost frames of whoever leaves a CPU, which tell nothing.
const LEAVING: [&str; 2] = ["schedule", "__schedule"];

/// Reads the waits that begin within slices, each given by its begin and end in ns on the recording's clock, from a text with switches
/// (`perf record -e context-switches -c 1 --switch-events`, `perf script --show-switch-events`). There may be none.
///
/// # Errors
/// [`Error::Perf`] names the line; limits as in [`Profile::add`].
pub fn read_waits(text: &str, slices: &[Range<u64>]) -> Result<Profile, Error> {
    let mut switches = Switches::of(text)?;
    let Some(end) = slices.last().map(|slice| slice.end) else {
        return Ok(empty(0));
    };
    let duration_ns = slices.iter().map(|slice| slice.end - slice.start).sum();
    let mut stacks = Stacks::of(empty(duration_ns), true);
    let preempted = stacks.profile.intern(PREEMPTED)?;
    let mut unended = 0_u64;
    for sample in Samples::of(text) {
        let mut sample = sample?;
        let header = &mut sample.header;
        if !is_of(header.event, EVENT) {
            continue;
        }
        let (Some(thread), Some(begin)) = (header.tid, header.time.map(nanoseconds)) else {
            continue;
        };
        let Some(slice) = slices.iter().position(|slice| slice.contains(&begin)) else {
            continue;
        };
        let wait = switches.after(thread, begin);
        unended += u64::from(wait.end == End::Lost);
        let lasts_until = match wait.end {
            End::At(time) => time.min(end),
            End::Beyond => end,
            End::Lost => begin,
        };
        header.period = Some(lasts_until.saturating_sub(begin));
        without_leaving(&mut sample);
        let innermost = wait.is_preempted.then_some(preempted);
        stacks.add(&sample, slice as u8, innermost)?;
    }
    let mut profile = stacks.finish();
    if unended > 0 {
        profile.note(format!(
            "{} waits are without their length: perf lost when they ended, as it does where threads switch more often than it can write; use it under less load",
            format_count(unended as f64)
        ));
    }
    let before = slices
        .first()
        .map(|first| switches.before(first.start..end));
    if let Some(ns) = before.filter(|ns| ns.saturating_mul(NOTEWORTHY) > profile.value()) {
        profile.note(format!(
            "{} of waits are left out: they began before the recording and have no stacks",
            format_duration(Duration::from_nanos(ns))
        ));
    }
    Ok(profile)
}

/// Drops the frames that all stacks have in common.
fn without_leaving(sample: &mut Sample<'_>) {
    while let Some((line, rest)) = sample.stack.split_once('\n')
        && let Line::Frame { symbol, .. } = frame::parse(line)
        && LEAVING
            .iter()
            .any(|of| symbol.split('+').next() == Some(of))
        && !rest.trim().is_empty()
    {
        sample.stack = rest;
        sample.line += 1;
    }
}

fn empty(duration_ns: u64) -> Profile {
    let (sample_type, unit, counts) = KIND;
    let profile = Profile::new(sample_type, unit, 0).counting(counts);
    profile.beginning_at_threads().with_duration_ns(duration_ns)
}

fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

/// What a switch does to its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Switch {
    /// A sample of where it is about to leave.
    Leaves,
    In,
    Out,
    Preempted,
}

/// A wait of a thread.
struct Wait {
    end: End,
    is_preempted: bool,
}

/// When a wait ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    At(u64),
    /// Not while it was recorded.
    Beyond,
    /// Before the thread left its CPU again; when is not in the text.
    Lost,
}

/// Switches of each thread in the order of the text, which is that of time.
struct Switches {
    by_thread: HashMap<u32, (Vec<(u64, Switch)>, usize)>,
}

impl Switches {
    fn of(text: &str) -> Result<Self, Error> {
        let mut by_thread: HashMap<u32, (Vec<(u64, Switch)>, usize)> = HashMap::new();
        for (thread, time, switch) in text.lines().filter_map(switch) {
            by_thread.entry(thread).or_default().0.push((time, switch));
        }
        for sample in Samples::of(text) {
            let header = sample?.header;
            if is_of(header.event, EVENT)
                && let (Some(thread), Some(time)) = (header.tid, header.time.map(nanoseconds))
            {
                let known = by_thread.entry(thread).or_default();
                known.0.push((time, Switch::Leaves));
            }
        }
        for (switches, _) in by_thread.values_mut() {
            switches.sort_by_key(|(time, _)| *time);
        }
        Ok(Self { by_thread })
    }

    /// How long threads waited, in ns, that did so already when the recording began, and came back.
    fn before(&self, recorded: Range<u64>) -> u64 {
        let returns = self.by_thread.values().filter_map(|(switches, _)| {
            let mut seen = switches.iter().filter(|(time, _)| recorded.contains(time));
            let (time, first) = seen.next()?;
            (*first == Switch::In).then(|| time - recorded.start)
        });
        returns.sum()
    }

    /// The wait of a thread that leaves its CPU at a time. It is asked in the order of time.
    fn after(&mut self, thread: u32, time: u64) -> Wait {
        let mut wait = Wait {
            end: End::Beyond,
            is_preempted: false,
        };
        let Some((switches, at)) = self.by_thread.get_mut(&thread) else {
            return wait;
        };
        while switches.get(*at).is_some_and(|(when, _)| *when < time) {
            *at += 1;
        }
        for (when, switch) in &switches[*at..] {
            match switch {
                Switch::In => {
                    wait.end = End::At(*when);
                    return wait;
                }
                Switch::Leaves if *when > time => {
                    wait.end = End::Lost;
                    return wait;
                }
                Switch::Preempted => wait.is_preempted = true,
                Switch::Out | Switch::Leaves => {}
            }
        }
        wait
    }
}

/// `comm 4242/4243 123.456789: PERF_RECORD_SWITCH OUT preempt`: thread, time in ns and what it does.
fn switch(line: &str) -> Option<(u32, u64, Switch)> {
    let (head, what) = line.split_once(": PERF_RECORD_SWITCH ")?;
    let (head, time) = head.trim_end().rsplit_once(char::is_whitespace)?;
    let time: f64 = time.parse().ok()?;
    let process = head.trim_end().rsplit(char::is_whitespace).next()?;
    let thread = process.rsplit('/').next()?.parse().ok()?;
    let switch = match what.split_whitespace().collect::<Vec<_>>()[..] {
        ["IN", ..] => Switch::In,
        ["OUT", "preempt", ..] => Switch::Preempted,
        ["OUT", ..] => Switch::Out,
        _ => return None,
    };
    (0.0..1e9)
        .contains(&time)
        .then(|| (thread, nanoseconds(time), switch))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that sleeps for 40 ms, loses its CPU for 1 ms, and sleeps until the end; and one that never comes back.
    const TEXT: &str = "\
a b 7/8 10.000000: PERF_RECORD_SWITCH IN
a b 7/8 10.010000: context-switches:
\tffffffff81 schedule ([kernel.kallsyms])
\t10 sleeps (/bin/x)
\t20 main (/bin/x)

a b 7/8 10.010005: PERF_RECORD_SWITCH OUT
other 9/9 10.020000: context-switches:
\t30 waits (/bin/x)

a b 7/8 10.050000: PERF_RECORD_SWITCH IN
a b 7/8 10.060000: context-switches:
\t40 works (/bin/x)
\t20 main (/bin/x)

a b 7/8 10.060005: PERF_RECORD_SWITCH OUT preempt
a b 7/8 10.061000: PERF_RECORD_SWITCH IN
a b 7/8 10.970000: context-switches:
\tffffffff81 schedule ([kernel.kallsyms])
\t10 sleeps (/bin/x)
\t20 main (/bin/x)

a b 7/8 10.970005: PERF_RECORD_SWITCH OUT
a b 7/8 11.300000: PERF_RECORD_SWITCH IN
";

    fn check(text: &str, slices: &[Range<u64>], expected: &[(&str, u64, u64)]) {
        let profile = read_waits(text, slices).expect("a text of perf");
        let found: Vec<_> = profile
            .stacks()
            .map(|of| (of.frames.join(";"), of.samples, of.value))
            .collect();
        let found: Vec<_> = found.iter().map(|of| (&*of.0, of.1, of.2)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_wait_lasts_from_where_a_thread_leaves_its_cpu_until_it_is_back() {
        let second = Range {
            start: 10_000_000_000,
            end: 11_000_000_000,
        };
        check(
            TEXT,
            std::slice::from_ref(&second),
            &[
                ("a_b;main;sleeps", 2, 70_000_000),
                ("a_b;main;works;(preempted)", 1, 1_000_000),
                ("other;waits", 1, 980_000_000),
            ],
        );
        let late = Range {
            start: 10_055_000_000,
            ..second
        };
        check(
            TEXT,
            &[late],
            &[
                ("a_b;main;sleeps", 1, 30_000_000),
                ("a_b;main;works;(preempted)", 1, 1_000_000),
            ],
        );
        check(TEXT, &[], &[]);
        let notes = read_waits(
            TEXT,
            std::slice::from_ref(&(10_040_000_000..11_000_000_000)),
        )
        .expect("a text")
        .notes()
        .to_vec();
        assert_eq!(
            notes,
            ["10ms of waits are left out: they began before the recording and have no stacks"]
        );
    }

    #[test]
    fn a_wait_whose_end_perf_lost_has_no_length() {
        let text = TEXT.replace("a b 7/8 10.050000: PERF_RECORD_SWITCH IN\n", "");
        let second = 10_000_000_000..11_000_000_000;
        check(
            &text,
            std::slice::from_ref(&second),
            &[
                ("a_b;main;sleeps", 2, 30_000_000),
                ("a_b;main;works;(preempted)", 1, 1_000_000),
                ("other;waits", 1, 980_000_000),
            ],
        );
        let profile = read_waits(&text, std::slice::from_ref(&second)).expect("a text");
        let note = &profile.notes()[0];
        assert!(
            note.starts_with("1 waits are without their length"),
            "{note}"
        );
    }

    #[test]
    fn switches_that_are_none_are_left_out() {
        for line in [
            "",
            ": PERF_RECORD_SWITCH IN",
            "a x/y 1.0: PERF_RECORD_SWITCH IN",
            "a 1/1 -1.0: PERF_RECORD_SWITCH IN",
            "a 1/1 nan: PERF_RECORD_SWITCH IN",
            "a 1/1 1.0: PERF_RECORD_SWITCH ",
        ] {
            assert_eq!(switch(line), None, "{line}");
        }
        let found = switch("a [0] 1/2 1.5: PERF_RECORD_SWITCH OUT");
        assert_eq!(found, Some((2, 1_500_000_000, Switch::Out)));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// No order of samples and switches gives a thread more time than there was, or loses a sample.
        #[test]
        fn waits_are_within_the_recording(events in proptest::collection::vec((0_u32..3, 0_u64..2_000, 0_usize..4), 0..30)) {
            let mut text = String::new();
            for (thread, ms, what) in &events {
                let head = format!("t 1/{thread} {}.{:03}", 10 + ms / 1_000, ms % 1_000);
                text += &match what {
                    0 => format!("{head}: context-switches:\n\t10 f (x)\n\n"),
                    1 => format!("{head}: PERF_RECORD_SWITCH IN\n"),
                    2 => format!("{head}: PERF_RECORD_SWITCH OUT\n"),
                    _ => format!("{head}: PERF_RECORD_SWITCH OUT preempt\n"),
                };
            }
            let recorded = 10_500_000_000..11_500_000_000_u64;
            let profile = read_waits(&text, std::slice::from_ref(&recorded)).expect("a text of perf");
            let within = events.iter().filter(|(_, ms, what)| *what == 0 && (500..1_500).contains(ms));
            let samples = within.count() as u64;
            proptest::prop_assert_eq!(profile.samples(), samples);
            proptest::prop_assert!(profile.value() <= samples * 1_000_000_000);
        }
    }
}
