//! Texts with placeholders, compiled once to parts and rendered to bytes per request.
//!
//! Rendering is part of the measured path: it appends to a buffer and allocates nothing once that has grown.

use std::io::Write;

use super::fleet::Device;
use super::random;
use super::redact::REDACTED;

/// A compiled text.
#[derive(Clone)]
pub struct Template {
    parts: Vec<Part>,
}

/// What the placeholders of one request are filled with.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    /// Number of the request within its phase, from 0.
    pub seq: u64,
    /// Seed of the requests' random values.
    pub seed: u64,
    /// The device that sends, if the request names a fleet.
    pub device: Option<Device<'a>>,
    /// Whether secrets are written or replaced.
    pub secrets: Secrets,
}

/// Whether rendered text is for the wire or for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Written as they are.
    Sent,
    /// Replaced by [`REDACTED`].
    Redacted,
}

/// A text that is not a template: where (byte offset within the text) and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// Byte offset of the placeholder.
    pub offset: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

#[derive(Clone)]
enum Part {
    Text(Box<[u8]>),
    DeviceId,
    DeviceSecret,
    Seq,
    Int {
        low: i64,
        span: u64,
        salt: u64,
    },
    Float {
        low: i64,
        span: u64,
        decimals: u32,
        salt: u64,
    },
    Uuid {
        salt: u64,
    },
    Now(NowFormat),
    Choice {
        options: Vec<Box<[u8]>>,
        salt: u64,
    },
    Env(Box<[u8]>),
}

#[derive(Debug, Clone, Copy)]
enum NowFormat {
    Rfc3339,
    UnixSeconds,
    UnixMillis,
    UnixNanos,
}

const KNOWN: &str = "device.id, device.secret, seq, int A B, float A B [DECIMALS], uuid, now [rfc3339 | unix | unix_ms | unix_ns], choice A B …, env.NAME";

impl Template {
    /// Compiles `text`; `salt` keeps the random values of several templates of one request apart.
    ///
    /// # Errors
    /// An unknown or malformed placeholder, one that needs a fleet where there is none, an environment variable that is not set.
    pub fn compile(text: &str, salt: u64, has_fleet: bool) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let offset = text.len() - rest.len() + open;
            let error = |message: String| TemplateError { offset, message };
            let Some(close) = rest[open..].find("}}").map(|at| open + at) else {
                return Err(error("`{{` without `}}`".to_owned()));
            };
            push_text(&mut parts, &rest[..open]);
            let salt = salt.wrapping_mul(1_000).wrapping_add(parts.len() as u64);
            let part = placeholder(rest[open + 2..close].trim(), salt).map_err(error)?;
            if matches!(part, Part::DeviceId | Part::DeviceSecret) && !has_fleet {
                return Err(error(
                    "`device` needs a fleet; add `fleet = \"…\"` to the request".to_owned(),
                ));
            }
            parts.push(part);
            rest = &rest[close + 2..];
        }
        push_text(&mut parts, rest);
        Ok(Self { parts })
    }

    /// Appends the text for one request.
    pub fn render(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            part.render(values, out);
        }
    }

    /// Shows every secret that the text holds for one request.
    pub fn each_secret(&self, values: &Values<'_>, show: &mut dyn FnMut(&[u8])) {
        for part in &self.parts {
            if matches!(part, Part::DeviceSecret | Part::Env(_)) {
                let mut secret = Vec::new();
                part.render(values, &mut secret);
                show(&secret);
            }
        }
    }
}

// By hand: a compiled template may hold a credential from the environment.
impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template({} parts)", self.parts.len())
    }
}

impl Part {
    fn render(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        let redacted = values.secrets == Secrets::Redacted;
        match self {
            Self::Text(bytes) => out.extend_from_slice(bytes),
            Self::DeviceId => out.extend_from_slice(values.device.map_or(&[], |device| device.id)),
            Self::DeviceSecret | Self::Env(_) if redacted => {
                out.extend_from_slice(REDACTED.as_bytes())
            }
            Self::DeviceSecret => {
                if let Some(device) = values.device {
                    device.append_secret(values.seq, out);
                }
            }
            Self::Env(bytes) => out.extend_from_slice(bytes),
            Self::Seq => append_integer(values.seq, out),
            Self::Int { low, span, salt } => {
                let value = low
                    .wrapping_add(
                        random::below(random::draw(values.seed, values.seq, *salt), *span) as i64,
                    );
                append_integer(value, out);
            }
            Self::Float {
                low,
                span,
                decimals,
                salt,
            } => {
                let value = low
                    .wrapping_add(
                        random::below(random::draw(values.seed, values.seq, *salt), *span) as i64,
                    );
                append_decimal(value, *decimals, out);
            }
            Self::Uuid { salt } => {
                let high = random::draw(values.seed, values.seq, *salt);
                let low = random::draw(values.seed, values.seq, salt.wrapping_add(1 << 32));
                let bytes = ((u128::from(high) << 64) | u128::from(low)).to_be_bytes();
                let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
                let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
                out.extend_from_slice(id.hyphenated().encode_lower(&mut text).as_bytes());
            }
            Self::Now(format) => append_now(*format, out),
            Self::Choice { options, salt } => {
                let at = random::below(
                    random::draw(values.seed, values.seq, *salt),
                    options.len() as u64,
                );
                out.extend_from_slice(&options[at as usize]);
            }
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.as_bytes().into()));
    }
}

fn placeholder(text: &str, salt: u64) -> Result<Part, String> {
    let mut words = text.split_whitespace();
    let name = words
        .next()
        .ok_or_else(|| format!("an empty placeholder; known are {KNOWN}"))?;
    let arguments: Vec<&str> = words.collect();
    let part = match (name, arguments.as_slice()) {
        ("device.id", []) => Part::DeviceId,
        ("device.secret", []) => Part::DeviceSecret,
        ("seq", []) => Part::Seq,
        ("uuid", []) => Part::Uuid { salt },
        ("int", [low, high]) => {
            let (low, span) = range(low, high, 0).ok_or_else(|| {
                format!(
                    "`int {low} {high}` is not a range of integers; write `int A B` with A <= B"
                )
            })?;
            Part::Int { low, span, salt }
        }
        ("float", [low, high, rest @ ..]) if rest.len() <= 1 => {
            let decimals = rest.first().map_or(Some(3), |text| {
                text.parse().ok().filter(|&decimals: &u32| decimals <= 9)
            });
            let found = decimals.and_then(|decimals| {
                range(low, high, decimals).map(|(low, span)| Part::Float {
                    low,
                    span,
                    decimals,
                    salt,
                })
            });
            found.ok_or_else(|| format!("`{text}` is not a range; write `float A B` with A <= B, and at most 9 decimals behind it"))?
        }
        ("now", [] | ["rfc3339"]) => Part::Now(NowFormat::Rfc3339),
        ("now", ["unix"]) => Part::Now(NowFormat::UnixSeconds),
        ("now", ["unix_ms"]) => Part::Now(NowFormat::UnixMillis),
        ("now", ["unix_ns"]) => Part::Now(NowFormat::UnixNanos),
        ("choice", options) if !options.is_empty() => Part::Choice {
            options: options
                .iter()
                .map(|option| option.as_bytes().into())
                .collect(),
            salt,
        },
        (name, []) if name.starts_with("env.") => {
            let variable = &name["env.".len()..];
            let value = std::env::var(variable).map_err(|_| {
                format!("the environment variable {variable} is not set; export it before the run")
            })?;
            if value.contains(['\r', '\n']) {
                return Err(format!(
                    "the environment variable {variable} holds a line break; it cannot be sent"
                ));
            }
            Part::Env(value.into_bytes().into())
        }
        _ => {
            return Err(format!(
                "unknown placeholder `{{{{{text}}}}}`; known are {KNOWN}"
            ));
        }
    };
    Ok(part)
}

/// First value and number of values of the closed range, in units of 10^-decimals.
fn range(low: &str, high: &str, decimals: u32) -> Option<(i64, u64)> {
    let scale = 10f64.powi(decimals as i32);
    let parse = |text: &str| -> Option<i64> {
        if decimals == 0 && !text.contains('.') {
            return text.parse().ok();
        }
        let scaled = text.parse::<f64>().ok()? * scale;
        (decimals > 0 && scaled.abs() < 9e15).then_some(scaled.round() as i64)
    };
    let (low, high) = (parse(low)?, parse(high)?);
    // A span of 2^64 values is written as 0, which `random::below` takes as the whole range.
    (low <= high).then(|| (low, (high.wrapping_sub(low) as u64).wrapping_add(1)))
}

pub(crate) fn append_integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn append_decimal(value: i64, decimals: u32, out: &mut Vec<u8>) {
    let scale = 10u64.pow(decimals);
    let magnitude = value.unsigned_abs();
    if value < 0 {
        out.push(b'-');
    }
    append_integer(magnitude / scale, out);
    if decimals > 0 {
        out.push(b'.');
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(magnitude % scale);
        out.extend(std::iter::repeat_n(b'0', decimals as usize - digits.len()));
        out.extend_from_slice(digits.as_bytes());
    }
}

fn append_now(format: NowFormat, out: &mut Vec<u8>) {
    let now = jiff::Timestamp::now();
    match format {
        NowFormat::UnixSeconds => append_integer(now.as_second(), out),
        NowFormat::UnixMillis => append_integer(now.as_millisecond(), out),
        NowFormat::UnixNanos => append_integer(now.as_nanosecond(), out),
        NowFormat::Rfc3339 => write!(out, "{now:.3}").expect("writing to a Vec cannot fail"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rendered(text: &str, seq: u64) -> String {
        let template = Template::compile(text, 1, true).unwrap();
        let device = Device::fixed(b"car-0007", b"hunter2");
        let mut out = Vec::new();
        template.render(
            &Values {
                seq,
                seed: 42,
                device: Some(device),
                secrets: Secrets::Sent,
            },
            &mut out,
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn placeholders_become_values() {
        for (text, expected) in [
            ("plain {x} }}", "plain {x} }}"),
            ("{{device.id}}/{{ device.secret }}", "car-0007/hunter2"),
            (r#"{"seq":{{seq}}}"#, r#"{"seq":5}"#),
            ("{{int 7 7}}", "7"),
            ("{{int -3 -3}}", "-3"),
            ("{{float 1.5 1.5}}", "1.500"),
            ("{{float -0.25 -0.25 2}}", "-0.25"),
            ("{{choice only}}", "only"),
        ] {
            assert_eq!(rendered(text, 5), expected, "{text}");
        }
    }

    #[test]
    fn random_values_depend_on_seed_and_number_alone_and_stay_in_range() {
        for n in 0..500 {
            let value: i64 = rendered("{{int 0 180}}", n).parse().unwrap();
            assert!((0..=180).contains(&value));
            let value: f64 = rendered("{{float -1 1}}", n).parse().unwrap();
            assert!((-1.0..=1.0).contains(&value));
        }
        assert_eq!(
            rendered("{{uuid}} {{int 0 1000000}}", 3),
            rendered("{{uuid}} {{int 0 1000000}}", 3)
        );
        assert_ne!(rendered("{{uuid}}", 3), rendered("{{uuid}}", 4));
        assert_ne!(
            rendered("{{int 0 1000000000}}", 3),
            rendered(" {{int 0 1000000000}}", 3).trim()
        );
    }

    #[test]
    fn secrets_are_replaced_where_people_read() {
        let template = Template::compile("a {{device.secret}} b", 0, true).unwrap();
        let mut out = Vec::new();
        let device = Device::fixed(b"d", b"hunter2");
        template.render(
            &Values {
                seq: 0,
                seed: 0,
                device: Some(device),
                secrets: Secrets::Redacted,
            },
            &mut out,
        );
        assert_eq!(out, b"a [redacted] b");
    }

    #[test]
    fn bad_placeholders_are_refused_with_place_and_remedy() {
        for (text, offset, part) in [
            (
                "ab {{nope}}",
                3,
                "unknown placeholder `{{nope}}`; known are device.id",
            ),
            ("{{int 5}}", 0, "unknown placeholder"),
            ("{{int 5 1}}", 0, "A <= B"),
            ("{{int 1.5 2}}", 0, "integers"),
            ("x{{seq", 1, "without `}}`"),
            ("{{}}", 0, "empty placeholder"),
            (
                "{{env.TELEMLOAD_NOT_SET}}",
                0,
                "TELEMLOAD_NOT_SET is not set",
            ),
            ("{{now later}}", 0, "unknown placeholder"),
            ("{{float 0 1 10}}", 0, "at most 9 decimals"),
        ] {
            let error = Template::compile(text, 0, true).unwrap_err();
            assert_eq!(error.offset, offset, "{text}");
            assert!(error.message.contains(part), "{text}: {}", error.message);
        }
        assert!(
            Template::compile("{{device.id}}", 0, false)
                .unwrap_err()
                .message
                .contains("needs a fleet")
        );
    }

    proptest! {
        #[test]
        fn any_text_compiles_or_is_refused(text in "[ -~{}]{0,60}") {
            let _ = Template::compile(&text, 0, true);
        }

        #[test]
        fn text_without_braces_is_sent_as_it_is(text in "[^{}]{0,60}") {
            prop_assert_eq!(rendered(&text, 0), text);
        }
    }
}
