//! The line above the stack of a sample: `comm pid/tid [cpu] time: period event:`, in all forms that perf and simpleperf write.
//!
//! The name of a thread may hold blanks, numbers and colons, so what stands behind it decides where it ends. Process, CPU, time, period and
//! event may each be missing (`perf script -F`).

use std::borrow::Cow;

use super::frame::{behind_header, is_bare};

/// What the line says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Header<'a> {
    /// The thread's name; empty if it was not printed.
    pub(super) thread: &'a str,
    /// Its number; `None` if none was printed, or a negative one.
    pub(super) tid: Option<u32>,
    /// Seconds on the recording's clock.
    pub(super) time: Option<f64>,
    /// How much of the event the sample stands for.
    pub(super) period: Option<u64>,
    /// The event as it was printed; empty if it was not.
    pub(super) event: &'a str,
    /// What follows on the line: the stack of one frame, or what a tracepoint says.
    pub(super) rest: &'a str,
}

impl<'a> Header<'a> {
    /// Reads a line; `None` if it is no header.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        Self::with_time(line).or_else(|| Self::without_time(line))
    }

    /// Reads a line that has a time: such a line is no frame.
    pub(super) fn with_time(line: &'a str) -> Option<Self> {
        // A frame has hardly ever both, and tokens take longer.
        if !line.contains('.') || !line.contains(':') {
            return None;
        }
        for (at, token) in tokens(line) {
            let Some(time) = time(token) else { continue };
            let behind = &line[at + token.len()..];
            // Without an event (-F comm,pid,time) nothing may follow but a frame.
            let (period, event, rest) = match event(behind) {
                Some(found) => found,
                None if behind.trim().is_empty() || behind_header(behind) || is_bare(behind) => {
                    (None, "", behind)
                }
                None => continue,
            };
            if let Some((thread, tid)) = thread(&line[..at]) {
                return Some(Self {
                    thread,
                    tid,
                    time: Some(time),
                    period,
                    event,
                    rest,
                });
            }
        }
        None
    }

    /// Reads a line that has no time, which a frame may look like.
    pub(super) fn without_time(line: &'a str) -> Option<Self> {
        for (at, token) in tokens(line).skip(1) {
            if !(is_process(token) || is_cpu(token)) {
                continue;
            }
            let end = at + token.len();
            if let Some((period, event, rest)) = event(&line[end..])
                && (rest.trim().is_empty()
                    || event.contains(':')
                    || behind_header(rest)
                    || is_bare(rest))
                && let Some((thread, tid)) = thread(&line[..end])
            {
                return Some(Self {
                    thread,
                    tid,
                    time: None,
                    period,
                    event,
                    rest,
                });
            }
        }
        None
    }
}

impl Header<'_> {
    /// Whether a stack of a single frame stands on its line.
    pub(super) fn has_frame(&self) -> bool {
        behind_header(self.rest)
    }

    /// The same of a frame without a module: what a tracepoint says is none.
    pub(super) fn has_bare_frame(&self) -> bool {
        !without_modifiers(self.event).contains(':') && is_bare(self.rest)
    }
}

/// Words between a thread's process and the time that are looked at.
const MARKS: usize = 4;

/// Words between blanks with their places.
fn tokens(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let words = line
        .split([' ', '\t', '\r'])
        .filter(|word| !word.is_empty());
    words.map(|word| (word.as_ptr().addr() - line.as_ptr().addr(), word))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn time(token: &str) -> Option<f64> {
    let number = token.strip_suffix(':')?;
    let (whole, part) = number.split_once('.')?;
    (digits(whole) && digits(part))
        .then(|| number.parse().ok())
        .flatten()
}

/// `4242`, `4242/4243`, or -1 for a task that has ended.
fn is_process(token: &str) -> bool {
    let number = |text: &str| digits(text.strip_prefix('-').unwrap_or(text));
    match token.split_once('/') {
        Some((process, thread)) => number(process) && number(thread),
        None => number(token),
    }
}

/// `[001]`
fn is_cpu(token: &str) -> bool {
    token
        .strip_prefix('[')
        .and_then(|token| token.strip_suffix(']'))
        .is_some_and(digits)
}

/// The thread's name and number in what stands before the time: all of it but process, CPU and marks of privilege.
fn thread(before: &str) -> Option<(&str, Option<u32>)> {
    let mut rest = before.trim();
    let mut has_cpu = false;
    for _ in 0..MARKS {
        if rest.is_empty() {
            return Some(("", None));
        }
        let (head, last) = rest.rsplit_once([' ', '\t']).unwrap_or(("", rest));
        if is_process(last) {
            let number = last.rsplit('/').next().and_then(|tid| tid.parse().ok());
            return Some((head.trim_end(), number));
        }
        if is_cpu(last) {
            has_cpu = true;
        } else if !is_mark(last) {
            break;
        }
        rest = head.trim_end();
    }
    // Where no process was printed (-F comm,time,event) a name of several words could be anything.
    let word = !rest.contains([' ', '\t', ';']);
    (has_cpu || word).then_some((rest, None))
}

/// What interrupts, scheduling and modes add (`d..1.`, `U`).
fn is_mark(token: &str) -> bool {
    matches!(token, "U" | "K" | "KU" | "H" | "G")
        || (token.contains('.')
            && token
                .bytes()
                .all(|byte| b".dDnNpPhHsSzZbB0123456789".contains(&byte)))
}

/// The period and the event, and what follows them.
fn event(behind: &str) -> Option<(Option<u64>, &str, &str)> {
    let mut words = tokens(behind);
    let (mut at, mut word) = words.next()?;
    let mut period = None;
    if digits(word) {
        period = word.parse().ok();
        (at, word) = words.next()?;
    }
    let name = word.strip_suffix(':')?;
    let begins =
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || first == '{');
    begins.then(|| (period, name, &behind[at + word.len()..]))
}

/// Events that every kind of core counts: what the processor's own unit calls them is the same on each.
const GENERIC: [&str; 14] = [
    "cycles",
    "cpu-cycles",
    "instructions",
    "branches",
    "branch-instructions",
    "branch-misses",
    "cache-references",
    "cache-misses",
    "bus-cycles",
    "ref-cycles",
    "stalled-cycles-frontend",
    "stalled-cycles-backend",
    "slots",
    "cpu_cycles",
];

/// The event without its modifiers: `cycles` for `cycles:ppp`.
pub(super) fn without_modifiers(event: &str) -> Cow<'_, str> {
    let letters = |text: &str| text.bytes().all(|byte| b"ukhpPGHSDIWeb".contains(&byte));
    if let Some((unit, modifiers)) = event.rsplit_once('/') {
        return if modifiers.is_empty() {
            Cow::Borrowed(event)
        } else if letters(modifiers.trim_start_matches(':')) {
            Cow::Owned(format!("{unit}/"))
        } else {
            Cow::Borrowed(event)
        };
    }
    match event.rsplit_once(':') {
        Some((name, modifiers))
            if !name.is_empty() && !modifiers.is_empty() && letters(modifiers) =>
        {
            Cow::Borrowed(name)
        }
        _ => Cow::Borrowed(event),
    }
}

/// The event of which samples are counted together: `cycles` for `cpu_core/cycles/P` and `cpu_atom/cycles/P`.
pub(super) fn counted_as(event: &str) -> Cow<'_, str> {
    let plain = without_modifiers(event);
    let inner = plain
        .strip_suffix('/')
        .and_then(|plain| plain.split_once('/'));
    match inner {
        Some((_, name)) if GENERIC.contains(&name) => match name {
            "cpu-cycles" | "cpu_cycles" => Cow::Borrowed("cycles"),
            name => Cow::Owned(name.to_owned()),
        },
        _ => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<(&str, Option<f64>, &str, &str)>) {
        let header = Header::parse(line).map(|h| (h.thread, h.time, h.event, h.rest));
        assert_eq!(header, expected, "{line}");
    }

    #[test]
    fn every_form_is_read() {
        check(
            "web 33 100.6: cycles:\r",
            Some(("web", Some(100.6), "cycles", "\r")),
        );
        check(
            "web 33 100.6: cycles:",
            Some(("web", Some(100.6), "cycles", "")),
        );
        check(
            "web 33/34 [000] 100.6:  250000 cpu-clock:ppp: ",
            Some(("web", Some(100.6), "cpu-clock:ppp", " ")),
        );
        check(
            "Gecko\t25122 [007] 115539.5:\t\t1000000 task-clock:u:",
            Some(("Gecko", Some(115539.5), "task-clock:u", "")),
        );
        check(
            ":-1    -1 100.1: 1 cycles: ",
            Some((":-1", Some(100.1), "cycles", " ")),
        );
        check(
            ":4242  4242/4242 100.1: 1 cycles:",
            Some((":4242", Some(100.1), "cycles", "")),
        );
        check(
            "java  3244 cpu-clock: ",
            Some(("java", None, "cpu-clock", " ")),
        );
        check(
            "java  3244 [001] 10 cpu-clock:u:  7f1 f (x)",
            Some(("java", None, "cpu-clock:u", "  7f1 f (x)")),
        );
        check(
            "V8 Worker: 12 7 8 2.5: 1 cpu_core/cycles/P:",
            Some(("V8 Worker: 12 7", Some(2.5), "cpu_core/cycles/P", "")),
        );
        check(
            "a 1 1.5: x 4 2.5: cycles:",
            Some(("a 1 1.5: x", Some(2.5), "cycles", "")),
        );
        check(
            "web 33 [000] 1.5: sched:sched_switch: prev_comm=web",
            Some(("web", Some(1.5), "sched:sched_switch", " prev_comm=web")),
        );
        check(
            "web 33 [000] d..2. 1.5: sched:sched_switch:",
            Some(("web", Some(1.5), "sched:sched_switch", "")),
        );
        check("1.5: cycles:", Some(("", Some(1.5), "cycles", "")));
        check("web 33 1.5: ", Some(("web", Some(1.5), "", " ")));
        check(
            "web 33 1.5:  7f1 f (x)",
            Some(("web", Some(1.5), "", "  7f1 f (x)")),
        );
        check("web 1.5: cycles:", Some(("web", Some(1.5), "cycles", "")));
    }

    /// The name is padded, and a frame stands behind the header, here without its module.
    #[test]
    fn headers_are_read_where_nothing_has_a_callchain() {
        check(
            "              wc 17236 cpu-clock: ",
            Some(("wc", None, "cpu-clock", " ")),
        );
        check(
            "      pool 3 w/1 33/34 cycles:u:             1259 a::b(int, c)",
            Some((
                "pool 3 w/1",
                None,
                "cycles:u",
                "             1259 a::b(int, c)",
            )),
        );
        check(
            "web 33 1.5:             1259 f",
            Some(("web", Some(1.5), "", "             1259 f")),
        );
        check("web 33 cycles: 1259 f", None);
        check("main;12 34.5: x 3", None);
        check("main;f 3", None);
        check("\t55d0c0 std::a::b+0x1 (/usr/lib/libx.so.6)", None);
        check("# mode: wall", None);
        check("", None);
    }

    #[test]
    fn events_of_two_kinds_of_cores_are_one() {
        for (event, plain, counted) in [
            ("cycles:ppp", "cycles", "cycles"),
            ("cpu_core/cycles/P", "cpu_core/cycles/", "cycles"),
            ("cpu_atom/cycles/", "cpu_atom/cycles/", "cycles"),
            ("cpu_atom/cycles/:u", "cpu_atom/cycles/", "cycles"),
            (
                "armv8_cortex_a72/cpu_cycles/",
                "armv8_cortex_a72/cpu_cycles/",
                "cycles",
            ),
            (
                "cpu/event=0x3c,umask=1/",
                "cpu/event=0x3c,umask=1/",
                "cpu/event=0x3c,umask=1/",
            ),
            (
                "sched:sched_switch",
                "sched:sched_switch",
                "sched:sched_switch",
            ),
            (
                "sched:sched_switch:u",
                "sched:sched_switch",
                "sched:sched_switch",
            ),
            ("mem:0x1000:rw", "mem:0x1000:rw", "mem:0x1000:rw"),
        ] {
            assert_eq!(
                (&*without_modifiers(event), &*counted_as(event)),
                (plain, counted)
            );
        }
    }
}
