//! Reads a profile of any known format: what it is shows in its content.
//!
//! It must not guess beyond that: what is known to be something else is refused by its name, and text that nothing is known of by the reader of
//! folded stacks.

use std::borrow::Cow;
use std::collections::HashMap;

use super::choice::Choice;
use super::json::{Object, cpuprofile, firefox, heapprofile, speedscope, trace, unknown};
use super::labels::{self, Labelled};
use super::other::{self, without_mark};
use super::plain::plain;
use super::pprof::decode_choice;
use super::symbols::THREAD_LABEL;
use super::{Error, Profile, folded, otlp, perf_script};

/// How the profile is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `profile.proto`.
    Pprof,
    /// OpenTelemetry's protobuf.
    Otlp,
    /// Folded stacks, a line a stack.
    Folded,
    /// The text of `perf script`.
    PerfScript,
    /// JSON of samply, the Firefox profiler, V8, Chrome, speedscope, or of something that is no profile.
    Json,
}

/// Bytes that are looked at: the tables of a profile.proto begin within them.
const HEAD: usize = 4096;
/// Lines of text among which one of a perf text makes it one, whatever stands above.
const LINES: usize = 200;
/// Fields that the bytes of anything else hardly ever begin with.
const SOME_FIELDS: usize = 3;
/// Threads that a message lists.
const SHOWN_THREADS: usize = 8;

/// What the bytes, without gzip, look like.
fn detect(raw: &[u8]) -> Format {
    let raw = without_mark(raw);
    let head = &raw[..raw.len().min(HEAD)];
    // The first field of a profile.proto reads as a line break; its length and tags are control characters, and others than the one
    // that stray colours put into text.
    let is_text = |byte: &u8| *byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t' | 0x1b);
    if !head.iter().all(is_text) {
        return if otlp::looks_like(raw) {
            Format::Otlp
        } else {
            Format::Pprof
        };
    }
    let mut begin = raw.trim_ascii_start().iter().copied();
    let first = begin.next();
    let second = begin.find(|byte| !byte.is_ascii_whitespace());
    // A stack may begin with a bracket: `[kernel];{impl#1}::f 3`.
    if matches!(
        (first, second),
        (Some(b'{'), Some(b'"' | b'}') | None) | (Some(b'['), Some(b'{'))
    ) {
        return Format::Json;
    }
    if perf_script::looks_like(&String::from_utf8_lossy(raw)) {
        Format::PerfScript
    } else {
        Format::Folded
    }
}

/// Reads a profile, gzipped or not. Of what a file has of several it reads what is chosen, else what its format prefers, and notes the others.
///
/// # Errors
/// [`Error::NoInput`] without a byte, [`Error::SampleType`] and [`Error::NoProfile`] for what is not there, [`Error::Other`] for what is known to
/// be something else, and those of the format's reader.
pub fn read(bytes: &[u8], choice: Choice<'_>) -> Result<Profile, Error> {
    let raw = plain(bytes)?;
    let raw = without_mark(&raw);
    if raw.is_empty() {
        return Err(Error::NoInput);
    }
    if let Some(error) = other::refuse(raw) {
        return Err(error);
    }
    let format = detect(raw);
    if choice.profile.is_some() && format != Format::Json {
        return Err(Error::OneProfile);
    }
    if choice.label.is_some() && !matches!(format, Format::Pprof | Format::PerfScript) {
        return Err(Error::WithoutLabels);
    }
    if choice.value.is_some() && !matches!(format, Format::Pprof | Format::Folded) {
        return Err(Error::ValuesAreKnown);
    }
    let profile = match format {
        Format::Pprof => decode_choice(raw, choice).map_err(|error| unknown_binary(raw, error)),
        Format::Otlp => otlp::read(raw, choice.sample_type),
        Format::PerfScript => {
            let text = String::from_utf8_lossy(raw);
            let profile = perf_script::read(&text, choice.sample_type)?;
            match choice.label {
                Some(label) => of_thread(&profile, label),
                None => Ok(profile),
            }
        }
        Format::Folded => folded_stacks(raw, choice),
        Format::Json => json(&String::from_utf8_lossy(raw), choice),
    }?;
    Ok(match choice.selects() {
        Some(what) => profile.selecting(&what),
        None => profile,
    })
}

/// The error of bytes that no reader takes: of those that do not even begin like a profile it says nothing of a field.
fn unknown_binary(raw: &[u8], error: Error) -> Error {
    let fields = super::wire::fields(raw).take_while(Result::is_ok).count();
    match error {
        Error::Malformed(_) if fields < SOME_FIELDS => Error::Other {
            what: "binary data of no known profiler, or cut off at its begin".to_owned(),
            remedy: Cow::Borrowed(other::PROFILES),
        },
        error => error,
    }
}

/// The labels of a profile's samples with what has them: those of a profile.proto, the threads of a perf text.
///
/// # Errors
/// [`Error::WithoutLabels`] for other formats, and those of reading it.
pub fn labelled(bytes: &[u8], choice: Choice<'_>) -> Result<Vec<Labelled>, Error> {
    let raw = plain(bytes)?;
    let raw = without_mark(&raw);
    if let Some(error) = other::refuse(raw) {
        return Err(error);
    }
    match detect(raw) {
        Format::PerfScript => {
            let text = String::from_utf8_lossy(raw);
            Ok(threads(&perf_script::read(&text, choice.sample_type)?))
        }
        _ => labels::labelled(raw, choice, None),
    }
}

/// The threads that stacks begin at, with most samples first.
fn threads(profile: &Profile) -> Vec<Labelled> {
    if !profile.begins_at_threads() {
        return Vec::new();
    }
    let mut all: HashMap<&str, (u64, u64)> = HashMap::new();
    for counts in profile.unordered() {
        let root = &*profile.names()[counts.ids[0] as usize];
        let sum = all.entry(root).or_default();
        sum.0 += counts.weight.samples;
        sum.1 += counts.weight.value;
    }
    let threads = all.into_iter().map(|(name, (samples, amount))| Labelled {
        key: THREAD_LABEL.to_owned(),
        value: name.to_owned(),
        samples,
        amount,
    });
    let mut threads: Vec<_> = threads.collect();
    threads.sort_by(|a, b| {
        let by_samples = b.samples.cmp(&a.samples);
        by_samples.then_with(|| a.value.cmp(&b.value))
    });
    threads
}

fn of_thread(profile: &Profile, (key, value): (&str, &str)) -> Result<Profile, Error> {
    let known = threads(profile);
    if key == THREAD_LABEL && known.iter().any(|of| of.value == value) {
        return profile.beginning_with(value);
    }
    if known.is_empty() {
        return Err(Error::NoLabel {
            wanted: format!("{key}={value}"),
            known: "none".to_owned(),
        });
    }
    let shown = known.iter().take(SHOWN_THREADS).map(|of| &*of.value);
    let shown: Vec<&str> = shown.collect();
    let more = if known.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    Err(Error::NoLabel {
        wanted: format!("{key}={value}"),
        known: format!("{THREAD_LABEL} ({}{more})", shown.join(", ")),
    })
}

fn json(text: &str, choice: Choice<'_>) -> Result<Profile, Error> {
    let root = Object::of(text);
    let events = match &root {
        Some(root) => root.get("traceEvents").map(|events| events.get()),
        None => Some(text),
    };
    let of_trace = events.map(|events| trace::read(events, choice));
    if let Some(profile) = of_trace.transpose()?.flatten() {
        return of_type(profile, choice.sample_type, "that alone");
    }
    let Some(known) = &root else {
        return Err(unknown::refusal(text, None));
    };
    if firefox::is(known) {
        return firefox::read(known, choice);
    }
    // The answers of V8's `Profiler.stop` and `HeapProfiler.getSamplingProfile` hold their profiles.
    let held = known.held("result").or_else(|| known.held("profile"));
    let inner = held.as_ref().and_then(|inner| inner.held("profile"));
    let is = |held: &Object<'_>| cpuprofile::is(held) || heapprofile::is(held);
    let held = inner.or(held).filter(is);
    let known = held.as_ref().unwrap_or(known);
    let (of_cpu, of_heap) = (cpuprofile::is(known), heapprofile::is(known));
    if (of_cpu || of_heap) && choice.profile.is_some() {
        return Err(Error::OneProfile);
    }
    let read = if of_cpu {
        cpuprofile::read(known)?
    } else if of_heap {
        heapprofile::read(known)?
    } else if speedscope::is(known) {
        speedscope::read(known, choice.profile)?
    } else {
        return Err(unknown::refusal(text, root.as_ref()));
    };
    of_type(read, choice.sample_type, "that alone")
}

/// A profile of a format that has one type of values.
fn of_type(profile: Profile, wanted: Option<&str>, why: &str) -> Result<Profile, Error> {
    match wanted {
        Some(wanted) if wanted != profile.sample_type() => Err(Error::SampleType {
            wanted: wanted.to_owned(),
            known: format!("{}, {why}", profile.sample_type()),
        }),
        _ => Ok(profile),
    }
}

fn folded_stacks(raw: &[u8], choice: Choice<'_>) -> Result<Profile, Error> {
    let sample_type = choice.sample_type;
    if folded::is_differential(raw) {
        return Err(Error::Other {
            what: "a differential of folded stacks, two numbers a line".to_owned(),
            remedy: Cow::Borrowed(
                "give the two profiles that it was made of to `telemload flame diff`",
            ),
        });
    }
    match folded::read_as(raw, choice.value) {
        Ok(profile) => of_type(profile, sample_type, "as folded stacks do"),
        Err(error @ Error::Folded { .. }) => {
            let text = String::from_utf8_lossy(raw);
            let mut head = text.lines().take(LINES);
            if head.any(perf_script::is_line)
                || perf_script::has_bare_frames(&text)
                || perf_script::has_frames_alone(&text)
            {
                // The reader names the line that is none of a sample.
                return perf_script::read(&text, sample_type);
            }
            if !folded::looks_like(raw) {
                return Err(Error::Other {
                    what: "text of no known profiler".to_owned(),
                    remedy: Cow::Borrowed(other::PROFILES),
                });
            }
            Err(error)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{encode, gzip, small_profile};
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        let pprof = encode(&small_profile());
        for (bytes, samples) in [
            (pprof.clone(), 4),
            (gzip(&pprof), 4),
            (gzip(&gzip(&pprof)), 4),
            (b"main;f 3\nmain 2\n".to_vec(), 5),
            (gzip("fr\u{fc}h;f 3\n".as_bytes()), 3),
            (b"a 1 1.5: cycles:\n\t1 f (x)\n\n".to_vec(), 1),
            (b"\xef\xbb\xbfmain;f 3\n".to_vec(), 3),
            (b"\xef\xbb\xbfa 1 1.5: cycles:\n\t1 f (x)\n\n".to_vec(), 1),
            (b"main;\x1b[31mf\x1b[0m 3\n".to_vec(), 3),
            (b"[kernel];{impl#1}::f 3\n".to_vec(), 3),
            (b"main;operator 12 7\nmain 2\n".to_vec(), 9),
            (b"main;operator 12 7\nmain 1.x 2\n".to_vec(), 9),
        ] {
            assert_eq!(
                read(&bytes, Choice::default()).expect("reads").samples(),
                samples
            );
        }
        let of_samples = Choice {
            sample_type: Some("samples"),
            ..Choice::default()
        };
        let pprof = read(&pprof, of_samples).expect("reads");
        assert_eq!((pprof.sample_type(), pprof.value()), ("samples", 4));
    }

    #[test]
    fn threads_of_a_perf_text_are_labels() {
        let text = "api 1 1.5: cycles:\n\t1 f (x)\n\npool-7 2 1.6: cycles:\n\t1 g (x)\n\npool-8 3 1.7: cycles:\n\t1 g (x)\n\n";
        let all = labelled(text.as_bytes(), Choice::default()).expect("reads");
        let all: Vec<_> = all.iter().map(|of| (&*of.value, of.samples)).collect();
        assert_eq!(all, [("pool-N", 2), ("api", 1)]);
        let select = |label| Choice {
            label: Some(label),
            ..Choice::default()
        };
        let of = |label| read(text.as_bytes(), select(label));
        let pool = of(("thread", "pool-N")).expect("there");
        assert_eq!((pool.samples(), pool.slices()), (2, &[2][..]));
        let stored = super::super::encode::encode(&pool).expect("writes");
        let stored = read(&stored, Choice::default()).expect("reads");
        let selected = "thread=pool-N";
        assert_eq!((pool.selected(), stored.selected()), (selected, selected));
        for label in [("thread", "x"), ("endpoint", "pool-N")] {
            let error = of(label).expect_err("not there").to_string();
            assert!(
                error.ends_with("its samples have thread (pool-N, api)"),
                "{error}"
            );
        }
        // What is stored of it has them too.
        let stored =
            super::super::encode::encode(&read(text.as_bytes(), Choice::default()).expect("reads"));
        let stored = stored.expect("writes");
        let pool = read(&stored, select(("thread", "pool-N"))).expect("there");
        assert_eq!(pool.samples(), 2);
        let all = labelled(&stored, Choice::default()).expect("reads");
        let all: Vec<_> = all.iter().map(|of| (&*of.value, of.samples)).collect();
        assert_eq!(all, [("pool-N", 2), ("api", 1)]);
    }

    #[test]
    fn what_is_no_profile_is_refused_with_its_place() {
        for (bytes, sample_type, expected) in [
            (&b""[..], None, "the input is empty"),
            (b"\xef\xbb\xbf", None, "the input is empty"),
            (
                b"some words\n",
                None,
                "not a profile but text of no known profiler; give profile.proto (pprof), folded stacks",
            ),
            (
                b"1 of 3\nmain;f 3\nmain;g\n",
                None,
                "folded stacks, line 3: found no number",
            ),
            (b"main;f\n", None, "folded stacks, line 1: found no number"),
            (
                b"jdk.ExecutionSample {\n  startTime = 04:07\n",
                None,
                "what `jfr print` prints",
            ),
            (b"jdk.f;g\n", None, "folded stacks, line 1"),
            (
                b"\x04\x22\x4d\x18\x40\x40\xc0D\0\0\0\xf9\x05memray",
                None,
                "memray; convert it with `memray transform speedscope FILE`",
            ),
            (b"\xfb)\x03\xfa\x07work.py", None, "Python's cProfile"),
            (b"42:\n num     #instances\n", None, "Java's heap"),
            (b" Percent |\tSource code\n", None, "perf annotate"),
            (
                b"<svg>",
                None,
                "not a profile but an SVG picture; give the profile",
            ),
            (b"\xef\xbb\xbf<!DOCTYPE html>\n", None, "but an HTML page;"),
            (
                b"{\"a\": true}\n",
                None,
                "not a profile but JSON of no known profiler (its keys: a); give profile.proto",
            ),
            (
                b"PERFILE2\x68\0\0\0",
                None,
                "perf (perf.data); run `perf script -i FILE`",
            ),
            (
                b"\xff\xfem\0a\0 \x001\0",
                None,
                "UTF-16; convert it to UTF-8",
            ),
            (
                b"m;a 1 2\n\nm 2 0\r\n",
                None,
                "but a differential of folded stacks",
            ),
            (
                b"\x7fELF\x02\x01\x01",
                None,
                "not a profile but a program or library (ELF)",
            ),
            (
                b"a;b 1",
                Some("cpu"),
                "no sample type `cpu`; it has samples, as folded stacks do",
            ),
            (&[0x1f, 0x8b, 8, 0], None, "the gzip stream is damaged"),
        ] {
            let choice = Choice {
                sample_type,
                ..Choice::default()
            };
            let error = read(bytes, choice).expect_err("refuses").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn perf_texts_whose_header_lacks_the_event_are_refused_with_their_place() {
        for bytes in [
            &b"python3 \n\t  1013aa eval\n\t  7f6ffb53 [unknown]\n\n"[..],
            &b"              wc             1259 heavy\n      pool 3 w/1           5c48e f\n"[..],
            &b"              wc 17236             1259 a::b(c, d) (/usr/bin/wc)\n"[..],
        ] {
            let error = read(bytes, Choice::default()).expect_err("refuses");
            let expected = "perf script text, line 1: expected a sample's header";
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_hardly_a_profile_is_told_what_it_looks_like() {
        let cases: [(&[u8], &str); 6] = [
            (
                b"bash  5296 \n\tffffffff815d2e66\n\tffffffff8160d229\n\n",
                "perf script text, line 1: expected a sample's header",
            ),
            (
                b"m\0a\0;\0f\0 \x003\0\n\0",
                "binary data of no known profiler",
            ),
            (b"\x80\x04\x95\xf7y", "what Python has pickled"),
            (
                b"main;f 3\rmain;g 4\r",
                "line ends of old Macs; convert it with `tr '\\r' '\\n'`",
            ),
            (b"{\"a\": 1}\n{\"a\": 2}\n", "several values of JSON"),
            (
                b"{\"a\": [1, NaN]}",
                "damaged JSON (expected value at line 1 column 11)",
            ),
        ];
        for (bytes, expected) in cases {
            let error = read(bytes, Choice::default()).expect_err("refuses");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
