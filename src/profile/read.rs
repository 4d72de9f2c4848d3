//! Reads a profile of any known format: what it is shows in its first bytes.
//!
//! It must not guess beyond that: text that is neither `perf script` nor folded stacks is refused by the reader of folded stacks.

use super::other::{something_else, without_mark};
use super::pprof::{decode_type, plain};
use super::{Error, Profile, folded, perf_script};

/// How the profile is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `profile.proto`.
    Pprof,
    /// Folded stacks, a line a stack.
    Folded,
    /// The text of `perf script`.
    PerfScript,
}

/// Bytes that are looked at: the tables of a profile.proto begin within them.
const HEAD: usize = 4096;

/// What the bytes, without gzip, look like.
pub fn detect(raw: &[u8]) -> Format {
    let raw = without_mark(raw);
    let head = &raw[..raw.len().min(HEAD)];
    // The first field of a profile.proto reads as a line break; its length and tags are control characters, and others than the one
    // that stray colours put into text.
    let is_text = |byte: &u8| *byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t' | 0x1b);
    if !head.iter().all(is_text) {
        return Format::Pprof;
    }
    if perf_script::looks_like(&String::from_utf8_lossy(raw)) {
        Format::PerfScript
    } else {
        Format::Folded
    }
}

/// Reads a profile, gzipped or not: `profile.proto`, folded stacks or the text of `perf script`. `sample_type` names the values
/// to read, or the event of a perf text; folded stacks have only one kind.
///
/// # Errors
/// [`Error::NoInput`] without a byte, [`Error::SampleType`] for a type that is not there, [`Error::Other`] for what is known to be
/// something else, and those of the format's reader.
pub fn read(bytes: &[u8], sample_type: Option<&str>) -> Result<Profile, Error> {
    let raw = plain(bytes)?;
    let text = without_mark(&raw);
    if text.is_empty() {
        return Err(Error::NoInput);
    }
    let read = match detect(&raw) {
        Format::Pprof => decode_type(&raw, sample_type),
        Format::PerfScript => perf_script::read(&String::from_utf8_lossy(text), sample_type),
        Format::Folded => folded_stacks(text, sample_type),
    };
    match (read, something_else(&raw)) {
        (Err(Error::Malformed(_) | Error::Folded { .. }), Some(other)) if !other.is_text() => {
            Err(Error::Other {
                what: other.name,
                remedy: other.remedy,
            })
        }
        (read, _) => read,
    }
}

fn folded_stacks(text: &[u8], sample_type: Option<&str>) -> Result<Profile, Error> {
    let profile = folded::read(text)?;
    if folded::is_differential(text) {
        return Err(Error::Other {
            what: "a differential of folded stacks, two numbers a line",
            remedy: "give the two profiles that it was made of to `telemload flame diff`",
        });
    }
    match sample_type {
        Some(wanted) if wanted != profile.sample_type() => Err(Error::SampleType {
            wanted: wanted.to_owned(),
            known: "samples alone, as folded stacks do".to_owned(),
        }),
        _ => Ok(profile),
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
            assert_eq!(read(&bytes, None).expect("reads").samples(), samples);
        }
        let pprof = read(&pprof, Some("samples")).expect("reads");
        assert_eq!((pprof.sample_type(), pprof.value()), ("samples", 4));
    }

    #[test]
    fn what_is_no_profile_is_refused_with_its_place() {
        for (bytes, sample_type, expected) in [
            (&b""[..], None, "the input is empty"),
            (b"\xef\xbb\xbf", None, "the input is empty"),
            (b"some words\n", None, "folded stacks, line 1"),
            (
                b"<svg>",
                None,
                "not a profile but an SVG picture; give the profile",
            ),
            (b"\xef\xbb\xbf<!DOCTYPE html>\n", None, "but an HTML page;"),
            (
                b"{\"a\": true}\n",
                None,
                "but JSON; a profile is profile.proto,",
            ),
            (
                b"PERFILE2\x68\0\0\0",
                None,
                "perf; run `perf script -i FILE`",
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
            (b"\x7fELF\x02\x01\x01", None, "not a profile"),
            (
                b"a;b 1",
                Some("cpu"),
                "no sample type `cpu`; it has samples alone",
            ),
            (&[0x1f, 0x8b, 8, 0], None, "the gzip stream is damaged"),
        ] {
            let error = read(bytes, sample_type).expect_err("refuses").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
