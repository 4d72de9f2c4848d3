//! The TOML mirror: what may be typed, nothing more. Nothing behind `resolve` sees these types.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor};
use toml::Spanned;

/// A text with its place.
pub(super) type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: Text,
    #[serde(default)]
    pub(super) description: String,
    pub(super) rounds: Option<Spanned<u32>>,
    pub(super) interval: Option<Text>,
    pub(super) target: Spanned<Target>,
    #[serde(default)]
    pub(super) fleet: BTreeMap<Text, Fleet>,
    pub(super) load: Option<Spanned<Load>>,
    #[serde(default)]
    pub(super) phase: Vec<Phase>,
    #[serde(default)]
    pub(super) request: Vec<Request>,
    pub(super) profile: Option<Profile>,
    #[serde(default)]
    pub(super) compare: Vec<Compare>,
    #[serde(default)]
    pub(super) threshold: Vec<Threshold>,
    #[serde(default)]
    pub(super) cost: Cost,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub(super) gateway: Option<Spanned<target_service::Config>>,
    pub(super) command: Option<Text>,
    pub(super) url: Option<Text>,
    pub(super) ready: Option<Text>,
    pub(super) ready_within: Option<Text>,
    pub(super) port: Option<Spanned<u16>>,
    pub(super) pid: Option<Spanned<u32>>,
    pub(super) metrics: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fleet {
    pub(super) devices: Spanned<u32>,
    pub(super) secrets: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) order: Order,
    #[serde(default)]
    pub(super) seed: u64,
    pub(super) valid: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phase {
    pub(super) name: Text,
    pub(super) load: Spanned<Load>,
    pub(super) variants: Option<Vec<Text>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Load {
    pub(super) model: Text,
    pub(super) rate: Option<Text>,
    pub(super) arrivals: Option<Text>,
    pub(super) connections: Spanned<u32>,
    pub(super) duration: Option<Text>,
    pub(super) requests: Option<Spanned<u64>>,
    pub(super) warmup: Option<Text>,
    pub(super) timeout: Option<Text>,
    pub(super) workers: Option<Spanned<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) name: Text,
    pub(super) fleet: Option<Text>,
    pub(super) weight: Option<Spanned<u32>>,
    pub(super) method: Option<Text>,
    pub(super) path: Text,
    #[serde(default)]
    pub(super) headers: Headers,
    pub(super) body: Option<Text>,
    pub(super) body_file: Option<Text>,
    pub(super) expect: Option<Expect>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) status: Spanned<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    pub(super) cpu: Text,
    pub(super) url: Option<Text>,
    pub(super) hz: Option<Spanned<u32>>,
    pub(super) duration: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Compare {
    pub(super) base: Text,
    pub(super) head: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Threshold {
    pub(super) expr: Text,
    pub(super) variant: Option<Text>,
    pub(super) phase: Option<Text>,
    pub(super) request: Option<Text>,
    pub(super) allow_absent: Option<Spanned<bool>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cost {
    pub(super) instance: Option<String>,
    pub(super) vcpus: Option<Spanned<u32>>,
    pub(super) hourly: Option<Spanned<f64>>,
    pub(super) target_rate: Option<Text>,
    pub(super) utilisation: Option<Text>,
}

/// Order in which the devices of a fleet send: a word, or `{ zipf = 1.1 }`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Order {
    #[default]
    RoundRobin,
    Uniform,
    Zipf(f64),
}

// Written out because an untagged enum would lose the place and the list of what is allowed.
impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OrderVisitor;
        impl<'de> Visitor<'de> for OrderVisitor {
            type Value = Order;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"round-robin\", \"uniform\" or { zipf = 1.1 }")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Order, E> {
                match word {
                    "round-robin" => Ok(Order::RoundRobin),
                    "uniform" => Ok(Order::Uniform),
                    _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Order, A::Error> {
                let Some((key, exponent)) = map.next_entry::<String, f64>()? else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                if key != "zipf" || map.next_key::<String>()?.is_some() {
                    return Err(de::Error::invalid_value(de::Unexpected::Map, &self));
                }
                if !(exponent.is_finite() && exponent > 0.0 && exponent <= 10.0) {
                    return Err(de::Error::custom(format!(
                        "a zipf exponent of {exponent} is out of range; use more than 0 and at most 10"
                    )));
                }
                Ok(Order::Zipf(exponent))
            }
        }
        deserializer.deserialize_any(OrderVisitor)
    }
}

/// Headers in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Headers(pub(super) Vec<(Text, Text)>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeadersVisitor;
        impl<'de> Visitor<'de> for HeadersVisitor {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of header names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut headers = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    headers.push(entry);
                }
                Ok(Headers(headers))
            }
        }
        deserializer.deserialize_map(HeadersVisitor)
    }
}
