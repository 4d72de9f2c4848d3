//! The parts of a template as they are written: literal bytes, and values that differ between requests. It allocates
//! nothing per value.

use std::io::Write;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::values::{Secrets, Stamp, Values};
use crate::traffic::feeds::Feed;
use crate::traffic::fleet::Roster;
use crate::traffic::random;
use crate::traffic::redact::{EXTRACTED, REDACTED};
use crate::traffic::wall_clock;

/// Keeps the values of stretches of load apart that no two requests of a run may share.
const STRETCH_SALT: u64 = 0x0057_2E7C;

#[derive(Clone)]
pub(crate) enum Part {
    Text(Box<[u8]>),
    DeviceId,
    DeviceSecret,
    Seq,
    Stretch,
    Run,
    Int(Drawn),
    Float {
        /// In units of 10^-decimals.
        drawn: Drawn,
        decimals: u32,
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
    Column {
        feed: Arc<Feed>,
        column: usize,
    },
    Variable(usize),
    Base64(Vec<Part>),
    /// As it may stand in a request's target.
    Percent(Vec<Part>),
}

/// A whole number drawn from `low` on; a span of 0 is the whole range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawn {
    pub(super) low: i64,
    pub(super) span: u64,
    pub(super) salt: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NowFormat {
    Rfc3339,
    UnixSeconds,
    UnixMillis,
    UnixNanos,
}

impl Part {
    /// All parts, with those that are encoded in the place of their code.
    pub(crate) fn leaves(parts: &[Self]) -> impl Iterator<Item = &Self> {
        parts.iter().flat_map(|part| match part {
            Self::Base64(inner) | Self::Percent(inner) => inner.as_slice(),
            _ => std::slice::from_ref(part),
        })
    }

    /// Becomes text if it is the same in all requests of a stretch of load; what is never to be sent twice in a run becomes that
    /// stretch's own.
    pub(crate) fn stamp(&mut self, stamp: Stamp) {
        let text = match self {
            Self::Stretch => stamp.stretch.to_string(),
            Self::Run => format!("{:x}", stamp.run),
            Self::Uuid { salt } => {
                *salt = random::draw(*salt, u64::from(stamp.stretch), STRETCH_SALT);
                return;
            }
            Self::Base64(inner) | Self::Percent(inner) => {
                return inner.iter_mut().for_each(|part| part.stamp(stamp));
            }
            _ => return,
        };
        *self = Self::Text(text.into_bytes().into());
    }

    /// Whether it writes what the other one writes, but for what is drawn at random.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let all = |of: &[Self], other: &[Self]| {
            of.len() == other.len() && of.iter().zip(other).all(|(of, other)| of.is_like(other))
        };
        let span = |of: &Drawn| (of.low, of.span);
        match (self, other) {
            (Self::Text(of), Self::Text(other)) | (Self::Env(of), Self::Env(other)) => of == other,
            (Self::Int(of), Self::Int(other)) => span(of) == span(other),
            (
                Self::Float { drawn, decimals },
                Self::Float {
                    drawn: other,
                    decimals: of_other,
                },
            ) => span(drawn) == span(other) && decimals == of_other,
            (Self::Now(of), Self::Now(other)) => of == other,
            (Self::Choice { options, .. }, Self::Choice { options: other, .. }) => options == other,
            (
                Self::Column { feed, column },
                Self::Column {
                    feed: other,
                    column: of_other,
                },
            ) => feed.name() == other.name() && column == of_other,
            (Self::Variable(of), Self::Variable(other)) => of == other,
            (Self::Base64(of), Self::Base64(other)) | (Self::Percent(of), Self::Percent(other)) => {
                all(of, other)
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    pub(super) fn is_secret(&self) -> bool {
        match self {
            Self::DeviceSecret | Self::Env(_) | Self::Column { .. } | Self::Variable(_) => true,
            Self::Base64(inner) | Self::Percent(inner) => inner.iter().any(Self::is_secret),
            _ => false,
        }
    }

    /// What is the same in every request.
    pub(crate) fn literal(&self, secrets: Secrets) -> Option<&[u8]> {
        match self {
            Self::Text(bytes) => Some(bytes),
            Self::Percent(inner) if secrets == Secrets::Redacted => {
                inner.first().and_then(|part| part.literal(secrets))
            }
            Self::Variable(_) if secrets == Secrets::Redacted => Some(EXTRACTED.as_bytes()),
            _ if secrets == Secrets::Redacted && self.is_secret() => Some(REDACTED.as_bytes()),
            Self::Env(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The number of bytes that it has in every request, if that is one.
    pub(crate) fn width(&self, roster: Option<&Roster>) -> Option<usize> {
        match self {
            Self::Text(bytes) | Self::Env(bytes) => Some(bytes.len()),
            Self::DeviceId => roster.map(Roster::id_width),
            Self::DeviceSecret => roster.map(|_| Roster::SECRET_WIDTH),
            Self::Int(drawn) => drawn.width(0),
            Self::Float { drawn, decimals } => drawn.width(*decimals),
            Self::Uuid { .. } => Some(uuid::fmt::Hyphenated::LENGTH),
            Self::Now(format) => {
                // As long as now until the year 2286, when seconds need one more digit.
                let mut text = Vec::new();
                append_now(*format, &mut text);
                Some(text.len())
            }
            Self::Choice { options, .. } => {
                let width = options.first()?.len();
                options
                    .iter()
                    .all(|option| option.len() == width)
                    .then_some(width)
            }
            Self::Base64(inner) => {
                let widths = inner.iter().map(|part| part.width(roster));
                widths.sum::<Option<usize>>().map(encoded_len)
            }
            Self::Seq
            | Self::Stretch
            | Self::Run
            | Self::Column { .. }
            | Self::Variable(_)
            | Self::Percent(_) => None,
        }
    }

    /// Appends its bytes in one request.
    pub(crate) fn append(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Text(bytes) | Self::Env(bytes) => out.extend_from_slice(bytes),
            Self::DeviceId => out.extend_from_slice(values.device.map_or(&[], |device| device.id)),
            Self::DeviceSecret => {
                if let Some(device) = values.device {
                    device.append_secret(values.seq, out);
                }
            }
            Self::Seq => append_integer(values.seq, out),
            // Of a request that belongs to no run.
            Self::Stretch | Self::Run => out.push(b'0'),
            Self::Int(drawn) => append_integer(drawn.value(values), out),
            Self::Float { drawn, decimals } => append_decimal(drawn.value(values), *decimals, out),
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
                let bits = random::draw(values.seed, values.seq, *salt);
                let at = random::below(bits, options.len() as u64);
                out.extend_from_slice(&options[at as usize]);
            }
            Self::Column { feed, column } => {
                out.extend_from_slice(feed.cell(values.seed, values.seq, *column));
            }
            Self::Variable(variable) => {
                let value = values
                    .device
                    .and_then(|device| values.variables.get(*variable, device.index));
                out.extend_from_slice(value.unwrap_or(EXTRACTED.as_bytes()));
            }
            Self::Base64(inner) => append_base64(inner, values, out),
            Self::Percent(inner) => {
                let start = out.len();
                inner.iter().for_each(|part| part.append(values, out));
                percent_encode(out, start);
            }
        }
    }

    /// Becomes what may stand in a request's target.
    pub(super) fn percent_encode(&mut self) {
        let encode = |bytes: &mut Box<[u8]>| {
            let mut encoded = std::mem::take(bytes).into_vec();
            percent_encode(&mut encoded, 0);
            *bytes = encoded.into();
        };
        match self {
            Self::Text(bytes) | Self::Env(bytes) => encode(bytes),
            Self::Choice { options, .. } => options.iter_mut().for_each(encode),
            Self::Column { .. } | Self::Variable(_) => *self = Self::Percent(vec![self.clone()]),
            _ => {}
        }
    }
}

impl Drawn {
    fn value(&self, values: &Values<'_>) -> i64 {
        let bits = random::draw(values.seed, values.seq, self.salt);
        self.low.wrapping_add(random::below(bits, self.span) as i64)
    }

    /// Both ends with as many digits and the same sign have nothing longer or shorter between them.
    fn width(&self, decimals: u32) -> Option<usize> {
        let high = self.low.checked_add_unsigned(self.span.checked_sub(1)?)?;
        let width = |value| {
            let mut text = Vec::new();
            append_decimal(value, decimals, &mut text);
            text.len()
        };
        let is_even = (self.low < 0) == (high < 0) && width(self.low) == width(high);
        is_even.then(|| width(high))
    }
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
    let now = wall_clock::now();
    match format {
        NowFormat::UnixSeconds => append_integer(now.as_second(), out),
        NowFormat::UnixMillis => append_integer(now.as_millisecond(), out),
        NowFormat::UnixNanos => append_integer(now.as_nanosecond(), out),
        NowFormat::Rfc3339 => write!(out, "{now:.3}").expect("writing to a Vec cannot fail"),
    }
}

/// The code of `bytes` bytes, padding included.
fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Writes `%XX` for the bytes from `start` on that would end a request's target or are no part of a URL.
fn percent_encode(out: &mut Vec<u8>, start: usize) {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    let encoded = out[start..].iter().filter(|&&byte| !is_plain(byte)).count();
    let (mut from, mut to) = (out.len(), out.len() + 2 * encoded);
    out.resize(to, 0);
    // From the end on, so that nothing is written over that is still to be read.
    while from < to {
        from -= 1;
        let byte = out[from];
        if is_plain(byte) {
            to -= 1;
            out[to] = byte;
        } else {
            to -= 3;
            let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
            out[to..to + 3].copy_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// What is encoded is written behind the text first, then its code behind that, which then takes its place.
fn append_base64(inner: &[Part], values: &Values<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    inner.iter().for_each(|part| part.append(values, out));
    let plain_end = out.len();
    let code_len = encoded_len(plain_end - start);
    out.resize(plain_end + code_len, 0);
    let (plain, code) = out.split_at_mut(plain_end);
    STANDARD
        .encode_slice(&plain[start..], code)
        .expect("the room is that of the code");
    out.copy_within(plain_end.., start);
    out.truncate(start + code_len);
}

/// Appends a literal text, if there is any.
pub(super) fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.as_bytes().into()));
    }
}
