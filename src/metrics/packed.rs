//! Histograms in files of telemload's own: the V2 payload that interval logs have, as one string. What is read may come from anybody.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::Serializer;

use super::Durations;
use super::histogram_log::{decode, encode};

/// Writes a histogram; an empty one is an empty string.
pub(super) fn serialize<S: Serializer>(of: &Histogram<u64>, to: S) -> Result<S::Ok, S::Error> {
    if of.is_empty() {
        return to.serialize_str("");
    }
    to.serialize_str(&encode(&mut V2DeflateSerializer::new(), of))
}

/// Reads a histogram within the bounds of those that telemload writes.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Histogram<u64>, D::Error> {
    let payload = <std::borrow::Cow<'de, str>>::deserialize(from)?;
    if payload.is_empty() {
        return Ok(Durations::default().histogram().clone());
    }
    decode(&payload).map_err(D::Error::custom)
}
