//! Decodes a document of payloads, `{"device": "…", "payloads": [{"id": "…", …}, …]}`, and writes its stored lines.
//!
//! A payload is checked in full and stored as it came. Untrusted bytes cost memory in proportion to the document at
//! most: it borrows from the body, nesting is bounded, and payloads beyond the limit are skipped, not kept.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

/// Payloads of one document.
pub(crate) const MAX_PAYLOADS: usize = 1_000;
/// Bytes of a payload's or a device's id.
pub(crate) const MAX_ID: usize = 128;
/// Objects and arrays within each other in a payload, itself included. Many readers stop at 100 or 128.
pub(crate) const MAX_DEPTH: usize = 32;
/// Up to this many ids are compared with each other; more are hashed.
const FEW: usize = 16;

/// Why a document is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error("body is not utf-8: it goes wrong at byte {0}")]
    NotUtf8(usize),
    #[error(
        "body is not a document such as {{\"device\":\"d\",\"payloads\":[{{\"id\":\"p\"}}]}}: {0}"
    )]
    Malformed(String),
    #[error("device {0}")]
    Device(IdError),
    #[error("payloads is empty, send at least one")]
    Empty,
    #[error("more than {MAX_PAYLOADS} payloads, send them in several documents")]
    TooMany,
    #[error("payload {index}: {why}")]
    Payload { index: usize, why: String },
    #[error("payloads {first} and {second} have the same id {id:?}, give each its own")]
    SameId {
        first: usize,
        second: usize,
        id: String,
    },
}

/// Why a text is not an id: one that is listed line by line must stay one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdError {
    #[error("id is empty")]
    Empty,
    #[error("id is longer than {MAX_ID} bytes")]
    TooLong,
    #[error("id has a control character")]
    Control,
}

pub(crate) fn check_id(id: &str) -> Result<(), IdError> {
    if id.is_empty() {
        return Err(IdError::Empty);
    }
    if id.len() > MAX_ID {
        return Err(IdError::TooLong);
    }
    if id.chars().any(char::is_control) {
        return Err(IdError::Control);
    }
    Ok(())
}

/// A payload as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Payload<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) raw: &'a str,
}

/// A document that can be stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Document<'a> {
    pub(crate) device: Option<Cow<'a, str>>,
    pub(crate) payloads: Vec<Payload<'a>>,
}

/// Decodes a body.
pub(crate) fn decode(body: &[u8]) -> Result<Document<'_>, DocumentError> {
    let text =
        std::str::from_utf8(body).map_err(|error| DocumentError::NotUtf8(error.valid_up_to()))?;
    let Whole(Outline { device, payloads }) =
        serde_json::from_str(text).map_err(|error| DocumentError::Malformed(error.to_string()))?;
    if let Some(device) = &device {
        check_id(device).map_err(DocumentError::Device)?;
    }
    if payloads.more {
        return Err(DocumentError::TooMany);
    }
    if payloads.kept.is_empty() {
        return Err(DocumentError::Empty);
    }
    let payloads = payloads.kept.into_iter().enumerate().map(|(index, raw)| {
        let refuse = |why| DocumentError::Payload { index, why };
        let id = payload_id(raw.get()).map_err(|error| refuse(error.to_string()))?;
        check_id(&id).map_err(|error| refuse(error.to_string()))?;
        Ok(Payload { id, raw: raw.get() })
    });
    let payloads: Vec<Payload<'_>> = payloads.collect::<Result<_, _>>()?;
    match repeated(&payloads) {
        Some((first, second)) => {
            let id = payloads[second].id.clone().into_owned();
            Err(DocumentError::SameId { first, second, id })
        }
        None => Ok(Document { device, payloads }),
    }
}

/// The id of a payload, which is checked on the way: an object with one textual `id`, whose numbers a reader can
/// represent, and which is not nested too deeply.
pub(crate) fn payload_id(raw: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    let mut from = serde_json::Deserializer::from_str(raw);
    let id = from.deserialize_map(PayloadVisitor)?;
    from.end()?;
    Ok(id)
}

/// Who vouches for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voucher<'a> {
    /// A device by its secret.
    Secret(&'a str),
    /// A device by the token of its session.
    Token(&'a str),
    /// A user, whose name anybody may give.
    Nobody,
}

impl<'a> Voucher<'a> {
    /// The device that was checked.
    pub(crate) fn device(self) -> Option<&'a str> {
        match self {
            Self::Secret(device) | Self::Token(device) => Some(device),
            Self::Nobody => None,
        }
    }
}

/// Writes stored lines: `{"device":"…","vouched":"…","payload":…}` for a device that was checked, else
/// `{"vouched":"nobody","payload":…}`, and a newline.
pub(crate) struct Lines {
    head: String,
}

impl Lines {
    pub(crate) fn of(voucher: Voucher<'_>) -> Self {
        let (device, by) = match voucher {
            Voucher::Secret(device) => (Some(device), "secret"),
            Voucher::Token(device) => (Some(device), "token"),
            Voucher::Nobody => (None, "nobody"),
        };
        let device = device.map_or_else(String::new, |device| {
            format!("\"device\":{},", serde_json::Value::from(device))
        });
        Self {
            head: format!("{{{device}\"vouched\":\"{by}\",\"payload\":"),
        }
    }

    /// The length of a payload's line in bytes.
    pub(crate) fn length(&self, payload: &Payload<'_>) -> usize {
        self.head.len() + payload.raw.len() + 2
    }

    /// Appends a payload's line. The one change to the payload: line breaks, which JSON has only between tokens,
    /// become spaces.
    pub(crate) fn append(&self, payload: &Payload<'_>, to: &mut Vec<u8>) {
        to.extend_from_slice(self.head.as_bytes());
        let start = to.len();
        to.extend_from_slice(payload.raw.as_bytes());
        for byte in &mut to[start..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        to.extend_from_slice(b"}\n");
    }
}

/// The payload's id in a stored line.
pub(crate) fn id_of_line(line: &[u8]) -> Option<Cow<'_, str>> {
    let Whole::<Line<'_>>(line) = serde_json::from_slice(line).ok()?;
    payload_id(line.payload.get()).ok()
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outline<'a> {
    #[serde(borrow, default)]
    device: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payloads: Outlines<'a>,
}

/// An object; the derived form would also take an array of its values.
struct Whole<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(WholeVisitor(PhantomData))
    }
}

struct WholeVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for WholeVisitor<T> {
    type Value = Whole<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, from: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(from)).map(Whole)
    }
}

/// The payloads as raw text, up to the limit.
#[derive(Default)]
struct Outlines<'a> {
    kept: Vec<&'a RawValue>,
    more: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Outlines<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(OutlinesVisitor)
    }
}

struct OutlinesVisitor;

impl<'de> Visitor<'de> for OutlinesVisitor {
    type Value = Outlines<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of payloads")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut outlines = Outlines::default();
        while outlines.kept.len() < MAX_PAYLOADS {
            match from.next_element()? {
                Some(raw) => outlines.kept.push(raw),
                None => return Ok(outlines),
            }
        }
        while from.next_element::<IgnoredAny>()?.is_some() {
            outlines.more = true;
        }
        Ok(outlines)
    }
}

struct PayloadVisitor;

impl<'de> Visitor<'de> for PayloadVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an \"id\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut id: Option<Text<'de>> = None;
        while let Some(Text(key)) = from.next_key()? {
            if key != "id" {
                from.next_value_seed(Checked {
                    room: MAX_DEPTH - 1,
                })?;
            } else if id.replace(from.next_value()?).is_some() {
                return Err(A::Error::duplicate_field("id"));
            }
        }
        id.map(|id| id.0)
            .ok_or_else(|| A::Error::missing_field("id"))
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Any value, read to its end and kept nowhere.
#[derive(Clone, Copy)]
struct Checked {
    /// Levels that may still open.
    room: usize,
}

impl Checked {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.room.checked_sub(1) {
            Some(room) => Ok(Self { room }),
            None => Err(E::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels"
            ))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while from.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while from.next_key_seed(self)?.is_some() {
            from.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// The first payload whose id an earlier one has, after that one.
fn repeated(payloads: &[Payload<'_>]) -> Option<(usize, usize)> {
    if payloads.len() <= FEW {
        return payloads.iter().enumerate().find_map(|(second, payload)| {
            let first = payloads[..second]
                .iter()
                .position(|earlier| earlier.id == payload.id)?;
            Some((first, second))
        });
    }
    let mut seen = HashMap::with_capacity(payloads.len());
    payloads
        .iter()
        .enumerate()
        .find_map(|(second, payload)| Some((seen.insert(&*payload.id, second)?, second)))
}

#[cfg(test)]
mod tests;
