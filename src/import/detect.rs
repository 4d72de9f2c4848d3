//! What a file is, by its content: gzip is undone, and text is told apart from other text. Pure and bounded.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::sample::Sample;
use super::{Options, curl, har, log};

/// What a file may inflate to.
const LARGEST: u64 = 512 << 20;

/// Why a file is not read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ReadError(pub String);

/// The text of a file: unpacked, in one encoding, and without a mark of it.
///
/// # Errors
/// It is packed and broken or too large, or no text.
pub fn text(bytes: &[u8]) -> Result<Cow<'_, str>, ReadError> {
    let text = if bytes.starts_with(&[0x1f, 0x8b]) {
        let inflated = inflate(bytes)?;
        decoded(&inflated).map(|text| Cow::Owned(text.into_owned()))
    } else {
        decoded(bytes)
    };
    let text = text.ok_or_else(|| ReadError(foreign(bytes).to_owned()))?;
    Ok(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Cow::Owned(text) => match text.strip_prefix('\u{feff}') {
            Some(rest) => Cow::Owned(rest.to_owned()),
            None => Cow::Owned(text),
        },
    })
}

/// Reads a file, whatever it is.
///
/// # Errors
/// Why it is none of the formats, or is broken. No value is quoted.
pub fn read(name: &str, bytes: &[u8], options: &Options<'_>) -> Result<Sample, ReadError> {
    let refused = |why: String| Err(ReadError(why));
    let text = text(bytes)?;
    let contained = contained(&text);
    let text = contained.as_deref().unwrap_or(&text);
    let start = text.trim_start();
    if start.is_empty() {
        return refused("it is empty".to_owned());
    }
    if start
        .lines()
        .next()
        .is_some_and(|line| line.contains("\"telemload.sample/"))
    {
        let words = "it is a sample of `telemload tap`, which holds no value that could be sent; `telemload audit SCENARIO` compares a scenario with it";
        return refused(words.to_owned());
    }
    let none = |why: String| ReadError(of_another_tool(start).map_or(why, str::to_owned));
    if options.format.is_none() && options.fields.is_none() && is_json(start) {
        return json(name, text).map_err(none);
    }
    if let Some(fields) = options.fields {
        return log::by_pointers(name, text, fields).map_err(ReadError);
    }
    if options.format.is_none() && curl::is_one(text) {
        return curl::read(name, text, options).map_err(ReadError);
    }
    log::read(name, text, options.format).map_err(none)
}

/// What a text is that telemload does not read, though it holds requests, and what to do instead.
fn of_another_tool(start: &str) -> Option<&'static str> {
    const POWERSHELL: &str = "it is PowerShell of another shape than browsers copy; copy the request as a command of curl";
    const OTHER: &str = "it is a command of another tool than curl; write it as one of curl";
    let begin = &start[..start.floor_char_boundary(4096)];
    let has = |word: &str| begin.contains(word);
    let first = begin.split_whitespace().next().unwrap_or_default();
    let second = begin.split_whitespace().nth(1).unwrap_or_default();
    Some(match first {
        _ if has("Invoke-RestMethod") || has("Invoke-WebRequest") => POWERSHELL,
        "wget" | "http" | "https" | "xh" | "httpie" => OTHER,
        _ if begin.starts_with("fetch(") || begin.starts_with("await fetch(") => {
            "it is a call of fetch; copy the request as a command of curl"
        }
        "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" if second.contains("://") => {
            "it is a list of requests of another tool; write them as commands of curl, or as `[[request]]` of a scenario"
        }
        _ if has("<jmeterTestPlan") => {
            "it is a plan of JMeter; record what it sends, as a HAR or with `telemload tap`"
        }
        _ if has("from 'k6") || has("from \"k6") => {
            "it is a script of k6; record what it sends with `telemload tap`"
        }
        _ if has("schema.getpostman.com") => {
            "it is a collection of Postman; copy its requests as commands of curl, or record what they send as a HAR"
        }
        _ if has("\"openapi\"") || has("\"swagger\"") => {
            "it says what may be sent to an API, and not what is; record what is sent, as a HAR or with `telemload tap`"
        }
        _ => return None,
    })
}

/// A line of Docker's driver `json-file`.
#[derive(Deserialize)]
struct Contained<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(rename = "stream")]
    _stream: IgnoredAny,
}

/// What a container wrote, where each line of it is kept in JSON; `None` of any other text. A line that is cut off is left out.
fn contained(text: &str) -> Option<String> {
    let line = |line| serde_json::from_str::<Contained<'_>>(line).ok();
    line(text.lines().next()?)?;
    let lines = text.lines().filter_map(line);
    Some(lines.map(|line| line.log).collect())
}

/// Whether a text begins as JSON does. Lines of a log begin with a bracket too: that of a time, or of an address.
fn is_json(start: &str) -> bool {
    let Some(within) = start.strip_prefix('[') else {
        return start.starts_with('{');
    };
    let within = within.trim_start();
    within.is_empty()
        || within.starts_with(['{', '[', ']', '"'])
        || serde_json::from_str::<IgnoredAny>(start).is_ok()
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    let mut inflated = Vec::new();
    let read = MultiGzDecoder::new(bytes)
        .take(LARGEST + 1)
        .read_to_end(&mut inflated);
    match read {
        Err(error) => Err(ReadError(format!("its gzip is broken: {error}"))),
        Ok(_) if inflated.len() as u64 > LARGEST => Err(ReadError(format!(
            "it inflates to more than {} MiB; divide it",
            LARGEST >> 20
        ))),
        Ok(_) => Ok(inflated),
    }
}

/// UTF-8, or UTF-16 as Windows writes it; logs may hold bytes that are neither.
fn decoded(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let wide = |big: bool| -> Cow<'_, str> {
        let units = bytes[2..].chunks_exact(2).map(|pair| {
            if big {
                u16::from_be_bytes([pair[0], pair[1]])
            } else {
                u16::from_le_bytes([pair[0], pair[1]])
            }
        });
        char::decode_utf16(units)
            .map(|c| c.unwrap_or('\u{fffd}'))
            .collect::<String>()
            .into()
    };
    match bytes {
        [0xff, 0xfe, ..] => Some(wide(false)),
        [0xfe, 0xff, ..] => Some(wide(true)),
        // Packed, which may have no NUL in its head.
        [b'P', b'K', 3, 4, ..] => None,
        _ if is_packed(bytes) => None,
        _ if bytes.iter().take(4096).any(|byte| *byte == 0) => None,
        _ => Some(String::from_utf8_lossy(bytes)),
    }
}

/// By zstd, bzip2 or xz, as logs that were rotated are.
fn is_packed(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0x28, 0xb5, 0x2f, 0xfd, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..]
            | [0xfd, b'7', b'z', b'X', b'Z', ..]
    )
}

/// What binary bytes are.
fn foreign(bytes: &[u8]) -> &'static str {
    match bytes {
        _ if is_packed(bytes) => {
            "it is packed with zstd, bzip2 or xz; unpack it, or pack it with gzip"
        }
        [b'P', b'K', 3, 4, ..] => "it is a zip archive; unpack it and name the .har in it",
        [0xd4, 0xc3, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0xc3, 0xd4, ..]
        | [0x0a, 0x0d, 0x0d, 0x0a, ..] => {
            "it is a packet capture; read it with Zeek and import its http.log"
        }
        _ => "it is no text: neither a HAR, nor curl commands, nor an access log",
    }
}

/// An archive, or an access log of a JSON object a line.
fn json(name: &str, text: &str) -> Result<Sample, String> {
    let is_lines = text
        .lines()
        .next()
        .is_some_and(|line| serde_json::from_str::<IgnoredAny>(line).is_ok());
    let is_archive = !is_lines
        || text
            .lines()
            .next()
            .is_some_and(|line| line.contains("\"log\""));
    if is_archive {
        match har::read(name, text) {
            Ok(Some(sample)) => return Ok(sample),
            Ok(None) if !is_lines => {}
            Err(error) if !is_lines && !text.trim_start().starts_with('[') => {
                return Err(format!("its JSON is broken: {error}"));
            }
            _ => {}
        }
    }
    log::json(name, text)
}
