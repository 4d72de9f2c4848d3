//! Reads the text that `perf script` prints (simpleperf's too): a paragraph a sample, its header, its stack with the leaf first.
//!
//! Samples weigh as much as their periods, where these are known and differ, as they do while perf keeps its rate: else each counts once. Their
//! times divide them into slices. A sample without a callchain stays one. The root of a stack is the thread's name. What cannot be read of a
//! stack is counted and said.

mod events;
mod frame;
mod header;
mod periods;
mod samples;
mod waits;

use std::collections::HashMap;
use std::ops::Range;

use events::{Events, is_of};
use frame::Line;
use header::{Header, counted_as};
use samples::{Sample, Samples, is_record};
pub use waits::read_waits;

use super::stacks::{MAX_DEPTH, MAX_STACKS, Weight, too_large};
use super::{Error, Profile};
use crate::units::format_count;

/// Slices of equal time that a recording is divided into.
const SLICES: usize = 10;
/// Samples below which it is not divided.
const ENOUGH_TO_SLICE: usize = 200;
/// What is said of times that are those since the sample before.
const DELTAS: &str = "its times go back as often as on, as those of `perf script --deltatime` do: it is not divided into slices; print it without that";
/// Lines by which a text is told that has no headers.
const SOME_LINES: usize = 20;
/// Lines of stacks whose frames are kept for the next time they come.
const KEPT_LINES: usize = 1 << 18;

/// Whether the text begins like the output of `perf script`, be it with a stack whose header is missing.
pub(super) fn looks_like(text: &str) -> bool {
    let is_comment =
        |line: &&str| line.starts_with("# captured on") || line.starts_with("# perf version");
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.find(|line| !line.starts_with('#') || is_comment(line));
    first.is_some_and(|line| {
        is_comment(&line) || is_record(line) || is_line(line) || Header::parse(line).is_some()
    })
}

/// Whether a line is one of a perf text and hardly of any other: the header of a sample with its time, or a frame.
pub(super) fn is_line(line: &str) -> bool {
    // Tables of other tools have columns of small numbers.
    let address = || {
        line.trim_start()
            .bytes()
            .take_while(u8::is_ascii_hexdigit)
            .count()
            >= 4
    };
    Header::with_time(line).is_some()
        || (line.starts_with([' ', '\t']) && address() && frame::behind_header(line))
}

/// Whether every line has the name of a thread and one frame, as in texts of `perf script -F comm,ip,sym` without callchains.
pub(super) fn has_frames_alone(text: &str) -> bool {
    let mut lines = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .peekable();
    lines.peek().is_some() && lines.take(SOME_LINES).all(frame::behind_thread)
}

/// Whether two lines that follow each other are frames without a module, as in texts of `perf script -F comm,ip,sym`.
pub(super) fn has_bare_frames(text: &str) -> bool {
    let mut lines = text.lines().map(frame::without_module);
    let mut before = false;
    lines.any(|is| {
        let both = before && is;
        before = is;
        both
    })
}

/// Reads the samples of one event, named with or without its modifiers; the same event of two kinds of cores is one. Without a name it is
/// the first event of CPU time, else that of the first sample.
///
/// # Errors
/// [`Error::Perf`] names the line, [`Error::SampleType`] lists the events that there are; limits as in [`Profile::add`].
pub fn read(text: &str, event: Option<&str>) -> Result<Profile, Error> {
    let events = Events::of(text)?;
    let event = events.choose(event)?;
    let (samples, mut begin, mut end) = events.extent(&event);
    let are_deltas = events.are_deltas(&event);
    if are_deltas {
        (begin, end) = (f64::INFINITY, 0.0);
    }
    let slices = if samples >= ENOUGH_TO_SLICE as u64 && end > begin {
        SLICES
    } else {
        1
    };
    let place = |time: Option<f64>| {
        let at = (time.unwrap_or(begin) - begin) / (end - begin).max(f64::MIN_POSITIVE);
        Some(((at * slices as f64) as usize).min(slices - 1))
    };
    let periods = events.periods(&event);
    let mut profile = sliced(text, &event, periods.differ(), place)?;
    profile.note_all(without_stacks(&profile));
    if periods.differ() {
        profile.note(periods.note());
    }
    if end > begin {
        profile = profile.with_duration_ns(((end - begin) * 1e9) as u64);
    }
    if events.len() > 1 {
        profile.note(events.note(&event));
    }
    if are_deltas {
        profile.note(DELTAS.to_owned());
    }
    Ok(profile)
}

/// From this part of the samples on it is said that they have no stack.
const WITHOUT_STACKS: f64 = 0.2;

/// What is to be said of samples that have no stack.
fn without_stacks(profile: &Profile) -> Option<String> {
    // Lines that are no frames are said already.
    if !profile.notes().is_empty() {
        return None;
    }
    let is_without = |ids: &[u32]| {
        ids.iter()
            .all(|id| &*profile.names()[*id as usize] == "[no stack]")
    };
    let without = profile.unordered().filter(|counts| is_without(counts.ids));
    let without: u64 = without.map(|counts| counts.weight.samples).sum();
    (without as f64 >= WITHOUT_STACKS * profile.samples() as f64 && without > 0).then(|| {
        format!(
            "{} of its {} samples have no stack; record with `perf record -g`, and print with `perf script`, or with ip and sym among the fields of its -F",
            format_count(without as f64),
            format_count(profile.samples() as f64)
        )
    })
}

/// Reads the samples of an event that lie within slices, each given by its begin and end in ns on the recording's clock. There
/// may be none.
///
/// # Errors
/// [`Error::Perf`] names the line; limits as in [`Profile::add`].
pub fn read_slices(text: &str, event: &str, slices: &[Range<u64>]) -> Result<Profile, Error> {
    let place = |time: Option<f64>| {
        let at = (time? * 1e9) as u64;
        slices.iter().position(|slice| slice.contains(&at))
    };
    let duration_ns = slices.iter().map(|slice| slice.end - slice.start).sum();
    Ok(sliced(text, event, false, place)?.with_duration_ns(duration_ns))
}

/// Adds up the samples of an event by slice; those without a place are left out.
fn sliced(
    text: &str,
    event: &str,
    by_period: bool,
    place: impl Fn(Option<f64>) -> Option<usize>,
) -> Result<Profile, Error> {
    let shown = counted_as(event);
    let unit = match &*shown {
        _ if !by_period => "count",
        "cpu-clock" | "task-clock" => "nanoseconds",
        event => event,
    };
    let profile = Profile::new(&shown, unit, 0);
    let mut stacks = Stacks::of(profile, by_period);
    let mut last = ("", false);
    for sample in Samples::of(text) {
        let sample = sample?;
        if last.0 != sample.header.event || sample.header.event.is_empty() {
            last = (sample.header.event, is_of(sample.header.event, event));
        }
        if !last.1 {
            continue;
        }
        if let Some(slice) = place(sample.header.time) {
            stacks.add(&sample, slice as u8, None)?;
        }
    }
    Ok(stacks.finish())
}

/// The stacks so far, and what of the text is known already: most lines and stacks come again.
struct Stacks<'a> {
    profile: Profile,
    /// Where the frames of a line are in `frames`, the innermost first.
    lines: HashMap<&'a str, Range<usize>>,
    frames: Vec<u32>,
    /// Where a stack is by thread, innermost frame and text.
    places: HashMap<(u32, Option<u32>, &'a str), u32>,
    threads: HashMap<&'a str, u32>,
    unread: u64,
    first_unread: u64,
    /// Whether a sample weighs as much as its period.
    by_period: bool,
}

impl<'a> Stacks<'a> {
    fn of(profile: Profile, by_period: bool) -> Self {
        Self {
            profile,
            lines: HashMap::new(),
            frames: Vec::new(),
            places: HashMap::new(),
            threads: HashMap::new(),
            unread: 0,
            first_unread: 0,
            by_period,
        }
    }

    /// The profile, with what was not read of the text.
    fn finish(self) -> Profile {
        // Where names of threads were not printed (-F without comm) stacks begin at functions.
        let is_named = self.threads.keys().any(|name| !name.is_empty());
        let mut profile = match is_named {
            true => self.profile.beginning_at_threads(),
            false => self.profile,
        };
        match self.unread {
            0 => {}
            1 => profile.note(format!(
                "line {} is no frame of a stack and was left out",
                self.first_unread
            )),
            unread => profile.note(format!(
                "{unread} lines of stacks are no frames and were left out, the first of them line {}",
                self.first_unread
            )),
        }
        profile
    }

    /// Adds a sample, with a frame below those of its text.
    fn add(&mut self, sample: &Sample<'a>, slice: u8, innermost: Option<u32>) -> Result<(), Error> {
        let period = sample.header.period.filter(|_| self.by_period);
        let weight = Weight::of(1, period.unwrap_or(1));
        let slice = Some(slice);
        let name = sample.header.thread;
        let thread = match self.threads.get(name) {
            Some(thread) => *thread,
            None => {
                let thread = self.profile.intern(&thread_frame(name))?;
                self.threads.insert(name, thread);
                thread
            }
        };
        if let Some(place) = self.places.get(&(thread, innermost, sample.stack)) {
            return self.profile.add_at(*place, weight, slice);
        }
        let unread = self.unread;
        let mut ids: Vec<u32> = innermost.into_iter().collect();
        for (number, line) in (sample.line..).zip(sample.stack.lines()) {
            self.frames_of(line, number, &mut ids)?;
            if ids.len() > MAX_DEPTH {
                return Err(too_large("frames in one stack", MAX_DEPTH));
            }
        }
        if !ids.is_empty() && !name.is_empty() {
            ids.push(thread);
        }
        ids.reverse();
        let place = self.profile.add_ids(ids, weight, slice)?;
        if let Some(place) = place
            && self.places.len() < MAX_STACKS
            && unread == self.unread
        {
            self.places.insert((thread, innermost, sample.stack), place);
        }
        Ok(())
    }

    /// Appends the frames of a line, the innermost first.
    fn frames_of(&mut self, line: &'a str, number: u64, ids: &mut Vec<u32>) -> Result<(), Error> {
        if let Some(known) = self.lines.get(line) {
            ids.extend_from_slice(&self.frames[known.clone()]);
            return Ok(());
        }
        let first = ids.len();
        match frame::parse(line) {
            Line::Frame { symbol, module } => {
                let mut result = Ok(());
                frame::names(symbol, module, |name| match self.profile.intern(name) {
                    Ok(id) => ids.push(id),
                    Err(error) => result = Err(error),
                });
                result?;
            }
            Line::Unread if !line.starts_with('#') && !line.trim().is_empty() => {
                if self.unread == 0 {
                    self.first_unread = number;
                }
                self.unread += 1;
                return Ok(());
            }
            Line::Source | Line::Unread => {}
        }
        if self.lines.len() < KEPT_LINES {
            let begin = self.frames.len();
            self.frames.extend_from_slice(&ids[first..]);
            self.lines.insert(line, begin..self.frames.len());
        }
        Ok(())
    }
}

/// A thread's name as the root of its stacks: blanks become underlines, and numbers that tell threads of one pool apart become N.
fn thread_frame(name: &str) -> String {
    let mut frame = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let separates = frame.is_empty() || frame.ends_with(['-', '_', '#', '/', ':']);
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let ends = !rest[digits..].starts_with(|next: char| next.is_alphanumeric());
        if separates && digits > 0 && ends && !frame.is_empty() {
            frame.push('N');
            rest = &rest[digits..];
            continue;
        }
        frame.push(if first.is_whitespace() { '_' } else { first });
        rest = &rest[first.len_utf8()..];
    }
    frame
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
