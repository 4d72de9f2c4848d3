//! Reads a profile of any known format: what it is shows in its first bytes.
//!
//! It must not guess beyond that: text that is neither `perf script` nor folded stacks is refused by the reader of folded stacks.

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
    let head = &raw[..raw.len().min(HEAD)];
    // The first field of a profile.proto reads as a line break; its length and tags are control characters.
    let is_text = |byte: &u8| *byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t');
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
/// [`Error::NoInput`] without a byte, [`Error::SampleType`] for a type that is not there, and those of the format's reader.
pub fn read(bytes: &[u8], sample_type: Option<&str>) -> Result<Profile, Error> {
    let raw = plain(bytes)?;
    if raw.is_empty() {
        return Err(Error::NoInput);
    }
    match detect(&raw) {
        Format::Pprof => decode_type(&raw, sample_type),
        Format::PerfScript => perf_script::read(&String::from_utf8_lossy(&raw), sample_type),
        Format::Folded => {
            let profile = folded::read(&*raw)?;
            match sample_type {
                Some(wanted) if wanted != profile.sample_type() => Err(Error::SampleType {
                    wanted: wanted.to_owned(),
                    known: "samples alone, as folded stacks do".to_owned(),
                }),
                _ => Ok(profile),
            }
        }
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
            (b"<svg>", None, "folded stacks, line 1"),
            (b"{\"a\": true}\n", None, "folded stacks, line 1"),
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
