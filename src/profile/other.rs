//! What bytes are that are no profile which is read, told by their content, and the way from them to one that is.
//!
//! What stands here must be certain: a stack's name may be anything, so of text only headings count that no stack begins with.

use std::borrow::Cow;

use super::magic::{LZ4, MAGIC, MEMRAY, PICTURED, UNPACK};
use super::reports::{
    self, BPFTRACE, GPROF, PRINTED, REPORT, STRACE, WITHOUT_DEBUG, WITHOUT_STACKS,
};
use super::wire::{Field, fields};
use super::{Error, dotnet};

/// Bytes of text that are looked at.
const HEAD: usize = 2048;

/// What is read, for messages.
pub(super) const PROFILES: &str = "give profile.proto (pprof), folded stacks, the text of `perf script`, a profile of samply or the Firefox profiler, a V8 .cpuprofile or .heapprofile, \
     a Chrome trace with samples, a speedscope file or OTLP profiles";
/// Lines with which texts of other tools begin, after empty ones.
const HEADINGS: [(&str, &str, &str); 36] = [
    (
        "# callgrind format",
        "the output of callgrind",
        WITHOUT_STACKS,
    ),
    ("version: 1", "the output of callgrind", WITHOUT_STACKS),
    (
        "events: Ir",
        "the output of callgrind or cachegrind",
        WITHOUT_STACKS,
    ),
    (
        "desc: ",
        "the output of massif or cachegrind",
        "record with heaptrack and give what `heaptrack_print -F OUT FILE` writes",
    ),
    ("Flat profile:", "the report of gprof", GPROF),
    (
        "Analysis of sampling",
        "the output of macOS's sample",
        SAMPLE,
    ),
    ("Sampling process", "the output of macOS's sample", SAMPLE),
    ("Call graph:", "the output of macOS's sample", SAMPLE),
    (
        "# To display the perf.data header",
        "the report of perf",
        REPORT,
    ),
    ("# Total Lost Samples:", "the report of perf", REPORT),
    ("# Samples:", "the report of perf", REPORT),
    (
        "Performance counter stats",
        "what perf stat prints",
        "record with `perf record -g` and give the output of `perf script`",
    ),
    ("Percent |", "what perf annotate prints", REPORT),
    ("Summary of events:", "what perf trace prints", STRACE),
    ("% time ", "the table of strace", STRACE),
    ("execve(\"", "the output of strace", STRACE),
    ("[Thread debugging using", "what gdb prints", STRACE),
    (
        "Statistical profiling result from",
        "the log of V8's profiler as text",
        V8,
    ),
    (
        "num     #instances",
        "a histogram of Java's heap",
        "record with async-profiler's `asprof -e alloc -o collapsed`",
    ),
    (
        "reading file \"",
        "the report of heaptrack",
        "give what `heaptrack_print -F OUT FILE` writes",
    ),
    ("PeriodType:", "what `go tool pprof -raw` prints", PRINTED),
    (
        "Showing nodes accounting for",
        "what `go tool pprof` prints",
        PRINTED,
    ),
    (
        "goroutine profile: total",
        "a list of goroutines",
        WITHOUT_DEBUG,
    ),
    (
        "threadcreate profile: total",
        "a list of threads",
        WITHOUT_DEBUG,
    ),
    (
        "--- contention:",
        "a profile of contention as text",
        WITHOUT_DEBUG,
    ),
    ("--- mutex:", "a profile of mutexes as text", WITHOUT_DEBUG),
    (
        "heap profile: ",
        "a heap profile as text",
        "fetch it without `debug=` in the address, or convert it with `pprof -proto PROGRAM FILE`",
    ),
    ("--- heapz", "a heap profile as text", LEGACY),
    ("--- growthz", "a heap profile as text", LEGACY),
    ("--- contentionz", "a profile of contention as text", LEGACY),
    ("--- threadz", "a list of threads", LEGACY),
    (
        "heap_v2/",
        "a heap profile of jemalloc",
        "convert it with `jeprof --collapsed PROGRAM FILE`, whose numbers are bytes (--value bytes)",
    ),
    (
        "# austin:",
        "a recording of austin",
        "convert it with `austin2speedscope FILE OUT`",
    ),
    (
        "rbspy0",
        "a recording of rbspy",
        "run `rbspy report -f speedscope -i FILE -o OUT`",
    ),
    ("v8-version,", "the log of V8's profiler", V8),
    (
        "Function Stack,",
        "a report of VTune",
        "convert it with `inferno-collapse-vtune`",
    ),
];
const DRAWN: &str = "give the profile that it was drawn of; `py-spy record -f raw` writes one, and of cargo flamegraph's perf.data give the output of `perf script`";
const V8: &str = "record with `node --cpu-prof`, which writes a .cpuprofile";
const JFR: &str = "convert the recording with async-profiler's `jfrconv -o collapsed FILE OUT`";
const ASPROF: &str = "record with async-profiler's `asprof -e cpu -o collapsed`";
const SAMPLE: &str = "convert it with `inferno-collapse-sample FILE`";
const LEGACY: &str = "convert it with `pprof -proto PROGRAM FILE`";

/// Refuses what is certainly something else.
pub(super) fn refuse(raw: &[u8]) -> Option<Error> {
    let text = head(raw);
    let magic = MAGIC.iter().find(|(magic, ..)| raw.starts_with(magic));
    if raw.starts_with(LZ4)
        && raw[..raw.len().min(64)]
            .windows(6)
            .any(|word| word == b"memray")
    {
        return other("a recording of memray", MEMRAY);
    }
    if let (None, Some((_, what, remedy))) = (&text, magic) {
        return other(what, remedy);
    }
    // Its first header ends so; a name stands before it.
    if raw.get(257..262) == Some(&b"ustar"[..]) && raw[..257].contains(&0) {
        return other("a tar archive", UNPACK);
    }
    if raw.starts_with(b"go 1.")
        && raw[..raw.len().min(32)]
            .windows(6)
            .any(|word| word == b" trace")
    {
        return other(
            "a trace of Go's execution",
            "fetch /debug/pprof/profile instead of /debug/pprof/trace",
        );
    }
    if text.is_none() && is_perfetto(raw) {
        return other(
            "a trace of Perfetto",
            "convert its samples with `traceconv profile --perf FILE`, which writes pprof",
        );
    }
    if is_legacy_cpu(raw) {
        return other("a CPU profile in gperftools' old binary format", LEGACY);
    }
    if text.is_none()
        && let Some((what, remedy)) = dotnet::known_binary(raw)
    {
        return other(what, remedy);
    }
    let text = text?;
    if raw.contains(&b'\r') && !raw.contains(&b'\n') {
        return other(
            "text with the line ends of old Macs",
            "convert it with `tr '\\r' '\\n'`",
        );
    }
    refuse_text(text.trim_start())
}

fn other(what: &str, remedy: &'static str) -> Option<Error> {
    Some(Error::Other {
        what: what.to_owned(),
        remedy: Cow::Borrowed(remedy),
    })
}

/// The same of text, without the blanks before it.
fn refuse_text(text: &str) -> Option<Error> {
    let lowered = text.to_ascii_lowercase();
    if lowered.starts_with("<svg") || (lowered.starts_with("<?xml") && lowered.contains("<svg")) {
        return other("an SVG picture", DRAWN);
    }
    if lowered.starts_with("<!doctype html") || lowered.starts_with("<html") {
        return other("an HTML page", PICTURED);
    }
    if let Some((what, remedy)) = dotnet::known_text(text) {
        return other(what, remedy);
    }
    if lowered.starts_with("<?xml") {
        return if lowered.contains("trace-query-result") {
            other(
                "what xctrace exports",
                "convert it with `inferno-collapse-xctrace`",
            )
        } else if lowered.contains("<trace-toc") {
            other(
                "the contents of a trace of xctrace",
                "export its samples with `xctrace export --xpath`, and convert them with `inferno-collapse-xctrace`",
            )
        } else if lowered.contains("<recording") {
            other("what `jfr print --xml` prints", JFR)
        } else {
            other("XML of no known profiler", PROFILES)
        };
    }
    if text.starts_with("@[\n") || (text.starts_with("@[") && text.contains("\n]: ")) {
        return other("the output of bpftrace", BPFTRACE);
    }
    if (text.starts_with("File: ") || text.starts_with("Type: ")) && text.contains("flat%") {
        return other("what `go tool pprof` prints", PRINTED);
    }
    if text.contains("Time and Allocation Profiling Report") {
        return other(
            "a profile of GHC",
            "convert it with `inferno-collapse-ghcprof FILE`",
        );
    }
    if is_heaptrack(text) {
        return other(
            "a recording of heaptrack",
            "give what `heaptrack_print -F OUT FILE` writes",
        );
    }
    if is_dtrace(text) {
        return other(
            "the output of dtrace",
            "convert it with `inferno-collapse-dtrace FILE`",
        );
    }
    // Stacks may begin with `jdk.` too.
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with("jdk.") && first.ends_with(" {") {
        return other("what `jfr print` prints", JFR);
    }
    // jcmd puts the process before what it prints.
    let behind_pid = text
        .split_once(":\n")
        .filter(|(pid, _)| !pid.is_empty() && pid.bytes().all(|digit| digit.is_ascii_digit()));
    let of_jcmd = behind_pid.is_some();
    let text = behind_pid.map_or(text, |(_, behind)| behind.trim_start());
    let is_of_threads = |line: &str| line.starts_with("Full thread dump");
    if text.lines().take(3).any(is_of_threads) || is_list_of_threads(text) {
        return other("a dump of Java's threads", ASPROF);
    }
    let heading = HEADINGS.iter().find(|(begin, ..)| text.starts_with(begin));
    let heading = heading.map(|(_, what, remedy)| (*what, *remedy));
    heading
        .or_else(|| reports::known(text))
        .or_else(|| of_jcmd.then_some(("what jcmd prints", ASPROF)))
        .and_then(|(what, remedy)| other(what, remedy))
}

/// The begin of what is text, without the last character, which may be cut.
fn head(raw: &[u8]) -> Option<Cow<'_, str>> {
    let head = &raw[..raw.len().min(HEAD)];
    // gprof's report has form feeds.
    let readable = |byte: &u8| *byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t' | 0x0c | 0x1b);
    head.iter()
        .all(readable)
        .then(|| String::from_utf8_lossy(head))
}

/// Packets alone, with a time or the number of a sequence, which no message has that begins a profile.
fn is_perfetto(raw: &[u8]) -> bool {
    let packets = || fields(raw).take(3);
    let has_place =
        |packet: &[u8]| fields(packet).any(|field| matches!(field, Ok(Field::Varint(8 | 10, _))));
    packets().count() > 1
        && packets().all(|field| matches!(field, Ok(Field::Bytes(1, packet)) if has_place(packet)))
}

/// Five words, of four or eight bytes in either order: 0, 3 or more, 0, the period, 0.
fn is_legacy_cpu(raw: &[u8]) -> bool {
    let word = |at: usize, size: usize, is_big: bool| -> Option<u64> {
        let bytes = raw.get(at * size..(at + 1) * size)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if is_big {
            bytes.iter().fold(0, add)
        } else {
            bytes.iter().rev().fold(0, add)
        })
    };
    [(4, false), (4, true), (8, false), (8, true)]
        .iter()
        .any(|(size, is_big)| {
            let words: Vec<_> = (0..5).map_while(|at| word(at, *size, *is_big)).collect();
            matches!(words[..], [0, 3..=64, 0, 1..=100_000_000, 0])
        })
}

/// What `jcmd PID Thread.dump_to_file` writes: the process alone in a line, and lines like `#3 "main"`.
fn is_list_of_threads(text: &str) -> bool {
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let is_thread = |line: &str| {
        let number = line
            .strip_prefix('#')
            .and_then(|line| line.split_once(" \""));
        number.is_some_and(|(number, _)| is_number(number))
    };
    text.lines().next().is_some_and(is_number) && text.lines().any(is_thread)
}

/// `v 10400 3`, and the program that was recorded.
fn is_heaptrack(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let version = first
        .strip_prefix("v ")
        .and_then(|rest| rest.split(' ').next());
    version.is_some_and(|version| {
        version.len() >= 5 && version.bytes().all(|byte| byte.is_ascii_hexdigit())
    }) && text
        .lines()
        .skip(1)
        .any(|line| line.starts_with("x ") || line.starts_with("X "))
}

/// Frames with a backquote between module and function, and a count below them.
fn is_dtrace(text: &str) -> bool {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let is_frame = |line: &str| line.starts_with(' ') && line.contains('`');
    let is_count =
        |line: &str| line.starts_with(' ') && line.trim().bytes().all(|byte| byte.is_ascii_digit());
    lines
        .windows(2)
        .any(|pair| is_frame(pair[0]) && is_count(pair[1]))
}

/// What an answer is that should have been a profile; `None` for what is not known.
pub(super) fn something_else(raw: &[u8]) -> Option<Other> {
    if super::plain::is_packed(raw) {
        return None;
    }
    let raw = without_mark(raw);
    let named = |error| match error {
        Error::Other { what, remedy } => Some(Other { what, remedy }),
        _ => None,
    };
    if let Some(error) = refuse(raw) {
        return named(error);
    }
    let text = head(raw)?;
    let plain = |what: &str| {
        Some(Other {
            what: what.to_owned(),
            remedy: Cow::Borrowed(PROFILES),
        })
    };
    match text.trim_start() {
        "" => plain("an empty body"),
        begin if begin.starts_with(['{', '[']) => plain("JSON"),
        _ => plain("plain text"),
    }
}

/// Something that is no profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Other {
    /// What it is, with its article.
    pub(super) what: String,
    /// What to do with it.
    pub(super) remedy: Cow<'static, str>,
}

/// The bytes without the mark of UTF-8 at their begin, if they have one.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}
