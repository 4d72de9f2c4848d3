//! Reads the text that `perf script` prints: one paragraph a sample, folded by inferno.
//!
//! Samples count once each: periods, which vary while perf keeps its rate, are taken out, because shares and intervals are of
//! samples. Their times divide them into slices. A sample without a callchain stays one. It must not hand inferno what it panics
//! on: a paragraph without a header, and names beyond ASCII, which it cuts between bytes.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::LazyLock;

use inferno::collapse::Collapse;
use inferno::collapse::perf::{Folder, Options};
use regex::Regex;

use super::folded::read_into;
use super::{Error, Profile};
use crate::units::printable;

/// Slices of equal time that a recording is divided into.
const SLICES: usize = 10;
/// Samples below which it is not divided.
const ENOUGH_TO_SLICE: usize = 200;

/// `comm pid[/tid] [cpu] time: [period] event:`, as perf writes the header of a sample. A tracepoint's name has a colon of its own.
static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?<who>\s*\S.*?\s\d+(?:/\d+)?\s+(?:\[\d+\]\s+)?)(?<time>\d+\.\d+):\s+(?:\d+\s+)?(?<event>[^\s:]\S*?)(?::(?<modifiers>[ukhpPGHSDIWeb]+))?:(?:\s(?<rest>.*))?$")
        .expect("the pattern is valid")
});

/// A frame, `address symbol (object)`, as it may stand behind a header; what a tracepoint says of itself stands there too.
static FRAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s*[0-9a-f]+ .*\(.*\)\s*$").expect("the pattern is valid"));

/// What every sample's event is called in the text that inferno gets, which holds one event.
const EVENT: &str = "event";

/// Whether the text begins like the output of `perf script`.
pub(super) fn looks_like(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let first = lines.find(|line| !line.trim().is_empty());
    first.is_some_and(|line| HEADER.is_match(line))
}

/// Reads the samples of one event: `event` (its modifiers left out), or else that of the first sample.
///
/// # Errors
/// [`Error::Perf`] names the line, [`Error::SampleType`] lists the events that there are; limits as in [`Profile::add`].
pub fn read(text: &str, event: Option<&str>) -> Result<Profile, Error> {
    let samples = samples(text)?;
    let Some(first) = samples.first() else {
        return Err(Error::Empty);
    };
    let event = event.unwrap_or(first.event);
    let chosen: Vec<&Sample<'_>> = samples
        .iter()
        .filter(|sample| sample.event == event)
        .collect();
    if chosen.is_empty() {
        let mut known: Vec<&str> = samples.iter().map(|sample| sample.event).collect();
        known.sort_unstable();
        known.dedup();
        known.truncate(8);
        return Err(Error::SampleType {
            wanted: event.to_owned(),
            known: printable(&known.join(", ")).into_owned(),
        });
    }
    let times = chosen.iter().map(|sample| sample.time);
    let begin = times.clone().fold(f64::INFINITY, f64::min);
    let end = times.fold(0.0, f64::max);
    let slices = if chosen.len() >= ENOUGH_TO_SLICE && end > begin {
        SLICES
    } else {
        1
    };
    let place = |time: f64| {
        let at = (time - begin) / (end - begin).max(f64::MIN_POSITIVE) * slices as f64;
        Some((at as usize).min(slices - 1))
    };
    let duration_ns = ((end - begin) * 1e9) as u64;
    Ok(sliced(&chosen, event, slices, place)?.with_duration_ns(duration_ns))
}

/// Reads the samples of an event that lie within slices, each given by its begin and end in ns on the recording's clock. There
/// may be none.
///
/// # Errors
/// [`Error::Perf`] names the line; limits as in [`Profile::add`].
pub fn read_slices(text: &str, event: &str, slices: &[Range<u64>]) -> Result<Profile, Error> {
    let samples = samples(text)?;
    let chosen: Vec<&Sample<'_>> = samples
        .iter()
        .filter(|sample| sample.event == event)
        .collect();
    let place = |time: f64| {
        let at = (time * 1e9) as u64;
        slices.iter().position(|slice| slice.contains(&at))
    };
    let duration_ns = slices.iter().map(|slice| slice.end - slice.start).sum();
    Ok(sliced(&chosen, event, slices.len(), place)?.with_duration_ns(duration_ns))
}

/// Folds the samples of each slice; those without a place are left out.
fn sliced(
    chosen: &[&Sample<'_>],
    event: &str,
    slices: usize,
    place: impl Fn(f64) -> Option<usize>,
) -> Result<Profile, Error> {
    let mut texts = vec![(String::new(), 0_u64); slices];
    for sample in chosen {
        let Some(at) = place(sample.time) else {
            continue;
        };
        let (text, count) = &mut texts[at];
        *count += 1;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}{}: {EVENT}:", ascii(sample.who), sample.time);
        for line in &sample.stack {
            text.push_str(&ascii(line));
            text.push('\n');
        }
        text.push('\n');
    }
    let mut profile = Profile::new(event, "count", 0);
    let texts = texts.iter().enumerate();
    for (number, (text, count)) in texts.filter(|(_, (_, count))| *count > 0) {
        let mut folded = Vec::new();
        let mut options = Options::default();
        options.nthreads = 1;
        options.event_filter = Some(EVENT.to_owned());
        Folder::from(options).collapse(text.as_bytes(), &mut folded)?;
        let mut slice = Profile::new(event, "count", 0);
        read_into(
            &mut slice,
            beyond_ascii(&String::from_utf8_lossy(&folded)).as_bytes(),
        )?;
        // Inferno leaves out samples without a frame that it can read.
        let without = count.saturating_sub(slice.samples());
        slice.add([], without, without)?;
        profile.merge_slice(&slice, number)?;
    }
    Ok(profile)
}

/// One paragraph.
struct Sample<'a> {
    who: &'a str,
    time: f64,
    event: &'a str,
    stack: Vec<&'a str>,
}

fn samples(text: &str) -> Result<Vec<Sample<'_>>, Error> {
    let mut samples: Vec<Sample<'_>> = Vec::new();
    let mut open = false;
    for (number, line) in (1_u64..).zip(text.lines()) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            open = false;
            continue;
        }
        match samples.last_mut() {
            Some(sample) if open && !begins_sample(line) => sample.stack.push(line),
            _ => {
                let fail = |reason| Error::Perf {
                    line: number,
                    reason,
                };
                let header = HEADER.captures(line).ok_or_else(|| {
                    fail("expected a sample's header such as `nginx 4242 [001] 123.456789: cycles:`; print the recording with `perf script` without -F, or with -F comm,pid,tid,time,event,ip,sym,dso")
                })?;
                let part = |name| header.name(name).map_or("", |found| found.as_str());
                let time: f64 = part("time").parse().unwrap_or(0.0);
                if !(0.0..1e15).contains(&time) {
                    return Err(fail("the time of the sample is out of range"));
                }
                let mut sample = Sample {
                    who: part("who"),
                    time,
                    event: part("event"),
                    stack: Vec::new(),
                };
                // A stack of a single frame may stand on the line of the header.
                let rest = part("rest");
                open = !FRAME.is_match(rest);
                if !open {
                    sample.stack.push(rest.trim_start());
                }
                samples.push(sample);
            }
        }
    }
    Ok(samples)
}

/// Whether a line is a header though no empty line stands before it, as after samples without a callchain.
fn begins_sample(line: &str) -> bool {
    // Most frames have no such colon, and the pattern takes longer.
    (line.contains(": ") || line.trim_end().ends_with(':')) && HEADER.is_match(line)
}

/// Marks around the number of a character beyond ASCII.
const MARKS: (char, char) = ('\u{2}', '\u{3}');

/// The text in ASCII: other characters as their numbers between marks, control characters as blanks.
fn ascii(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c == '\t' || (c.is_ascii() && !c.is_control());
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if plain(c) => out.push(c),
            c if c.is_control() => out.push(' '),
            c => {
                // Writing to a String cannot fail.
                let _ = write!(out, "{}{:x}{}", MARKS.0, u32::from(c), MARKS.1);
            }
        }
    }
    Cow::Owned(out)
}

/// What [`ascii`] made, undone; numbers that were cut are left out.
fn beyond_ascii(text: &str) -> Cow<'_, str> {
    if !text.contains(MARKS.0) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split(MARKS.0);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(MARKS.1) {
            Some((number, rest)) => {
                out.extend(
                    u32::from_str_radix(number, 16)
                        .ok()
                        .and_then(char::from_u32),
                );
                out.push_str(rest);
            }
            None => out.push_str(part),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::super::folded;
    use super::*;

    const TWO: &str = "# a comment

web server  4242/4243 [001] 100.000001:     250000 cpu-clock:ppp:
\t    55d0c0 main::work+0x10 (/usr/bin/web)
\t    55d0c8 main::main (/usr/bin/web)

web server  4242/4243 [001] 100.010001:          7 cpu-clock:ppp:
\t    55d0c0 main::work+0x44 (/usr/bin/web)
\t    55d0c8 main::main (/usr/bin/web)

web server  4242/4243 [000] 100.020001:     250000 page-faults:u:  ffffffff9aa3c8de [unknown] ([unknown])
web server  4242/4243 [000] 100.030001:     250000 cpu-clock:u:  ffffffff9aa3c8de read ([kernel.kallsyms])
";

    #[track_caller]
    fn check(text: &str, event: Option<&str>, expected: Result<&str, &str>) {
        match (read(text, event), expected) {
            (Ok(profile), Ok(expected)) => {
                let mut written = Vec::new();
                folded::write(&profile, &mut written).expect("writes to memory");
                assert_eq!(String::from_utf8_lossy(&written), expected);
            }
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
            }
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn samples_count_once_whatever_their_period() {
        assert!(looks_like(TWO));
        check(
            TWO,
            None,
            Ok("web_server;main::main;main::work 2\nweb_server;read 1\n"),
        );
        check(TWO, Some("page-faults"), Ok("web_server;[unknown] 1\n"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        check(
            TWO,
            Some("cycles"),
            Err("no sample type `cycles`; it has cpu-clock, page-faults"),
        );
        check(
            "\n\nmain;f 3\n",
            None,
            Err("perf script text, line 3: expected a sample's header"),
        );
        check("", None, Err("no samples"));
        assert!(!looks_like("main;f 3\n"));
        assert!(!looks_like("main;12 34.5: x 3\n"));
    }

    #[test]
    fn tracepoints_have_a_colon_in_their_name() {
        let text = "web 33 [000] 100.6: sched:sched_switch: prev_comm=web (x)\n\t55 g (x)\n\n\
                    web 33 [000] 100.7: 1 sched:sched_switch:u: prev_comm=web\n\
                    web 33 [000] 100.8: cycles:\n\t55 h (x)\n";
        assert!(looks_like(text));
        check(text, None, Ok("[no stack] 1\nweb;g 1\n"));
        check(text, Some("cycles"), Ok("web;h 1\n"));
        check(
            text,
            Some("sched"),
            Err("no sample type `sched`; it has cycles, sched:sched_switch"),
        );
    }

    #[test]
    fn samples_without_a_callchain_count() {
        let text = "a 1 1.5: cycles:\n\t1 f (x)\n\na 1 1.6: cycles:\n\na 1 1.7: cycles:u: 2 g\n\n\
                    a 1 1.8: cycles:\n\tno frame\n\na 1 1.9: cycles:  3 h (x)\na 1:2 3 2.0: cycles:\n";
        check(text, None, Ok("[no stack] 4\na;f 1\na;h 1\n"));
        let profile = read(text, None).expect("reads");
        assert_eq!((profile.samples(), profile.slices()), (6, &[6][..]));
    }

    #[test]
    fn a_recording_is_divided_by_time() {
        let mut text = String::new();
        for at in 0..400 {
            let _ = writeln!(text, "a 1 {}.5: cycles:\n\t1 f (x)\n", 100 + at);
        }
        let profile = read(&text, None).expect("reads");
        assert_eq!(profile.slices(), [40; 10]);
    }

    #[test]
    fn samples_outside_of_what_was_asked_for_are_left_out() {
        let text = TWO.replace("page-faults", "cpu-clock");
        let begin = 100_010_000_000;
        let slices = [
            begin..begin + 15_000_000,
            begin + 15_000_000..begin + 18_000_000,
        ];
        let profile = read_slices(&text, "cpu-clock", &slices).expect("reads");
        assert_eq!((profile.samples(), profile.slices()), (2, &[2][..]));
        assert_eq!(profile.duration_ns(), 18_000_000);
        let idle = read_slices("", "cpu-clock", &slices).expect("reads");
        assert!(idle.is_empty());
    }

    #[test]
    fn names_beyond_ascii_stay() {
        let text = "grüße 1 1.5: cycles:\n\t1 größe::<é>+0x1 (x)\n\n";
        check(text, None, Ok("grüße;größe::<é> 1\n"));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_text_is_answered(text in "(a 1 1\\.5: c:(u:  1 f \\(x\\))?|\t1 f[ (<{;>)}+x0-]{0,9} \\(x\\)|[ -~é]{0,30}|\n){0,12}") {
            let _ = read(&text, None);
            let _ = read(&text.replace('|', "\n"), Some("c"));
        }
    }
}
