//! The TOML mirror: what may be typed, nothing more. Nothing behind `resolve` sees these types.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
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
    #[serde(default)]
    pub(super) allow_untrusted: bool,
    pub(super) target: Spanned<Target>,
    #[serde(default)]
    pub(super) service: Vec<Service>,
    #[serde(default)]
    pub(super) fleet: BTreeMap<Text, Fleet>,
    #[serde(default)]
    pub(super) feed: BTreeMap<Text, Feed>,
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
    pub(super) tls: Option<Spanned<Tls>>,
    pub(super) connect_to: Option<Text>,
    pub(super) unix_socket: Option<Text>,
    pub(super) instances: Option<Spanned<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    pub(super) name: Text,
    pub(super) command: Text,
    pub(super) ready: Option<Text>,
    pub(super) ready_within: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) ca: Option<Text>,
    pub(super) cert: Option<Text>,
    pub(super) key: Option<Text>,
    pub(super) server_name: Option<Text>,
    pub(super) insecure: Option<Spanned<bool>>,
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
pub(super) struct Feed {
    pub(super) file: Text,
    pub(super) order: Option<Text>,
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
    pub(super) stages: Option<Spanned<Vec<Stage>>>,
    pub(super) arrivals: Option<Spanned<Arrivals>>,
    pub(super) connections: Spanned<u32>,
    pub(super) duration: Option<Text>,
    pub(super) requests: Option<Spanned<u64>>,
    pub(super) warmup: Option<Text>,
    pub(super) timeout: Option<Text>,
    pub(super) workers: Option<Spanned<u32>>,
    pub(super) keep_alive: Option<bool>,
    #[serde(default)]
    pub(super) weights: InOrder<Spanned<u32>>,
    pub(super) overload: Option<bool>,
}

/// `{ to, over }` or `{ hold }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stage {
    pub(super) to: Option<Text>,
    pub(super) over: Option<Text>,
    pub(super) hold: Option<Text>,
}

/// A word, or `{ burst = 100 }`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Arrivals {
    Named(String),
    Burst(u32),
}

// Written out for the same reason as `Order`.
impl<'de> Deserialize<'de> for Arrivals {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ArrivalsVisitor;
        impl<'de> Visitor<'de> for ArrivalsVisitor {
            type Value = Arrivals;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"constant\", \"poisson\" or { burst = 100 }")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Arrivals, E> {
                Ok(Arrivals::Named(word.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Arrivals, A::Error> {
                let Some((key, size)) = map.next_entry::<String, u32>()? else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                if key != "burst" || map.next_key::<String>()?.is_some() {
                    return Err(de::Error::invalid_value(de::Unexpected::Map, &self));
                }
                Ok(Arrivals::Burst(size))
            }
        }
        deserializer.deserialize_any(ArrivalsVisitor)
    }
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
    pub(super) headers: InOrder<Text>,
    pub(super) body: Option<Text>,
    pub(super) body_file: Option<Text>,
    pub(super) body_raw: Option<Text>,
    #[serde(default)]
    pub(super) expect: Expect,
    #[serde(default)]
    pub(super) extract: InOrder<Text>,
    #[serde(default)]
    pub(super) acknowledged: Vec<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) status: Option<Spanned<Statuses>>,
    #[serde(default)]
    pub(super) headers: InOrder<Spanned<HeaderValue>>,
    pub(super) body: Option<ExpectBody>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectBody {
    pub(super) contains: Option<Text>,
    pub(super) matches: Option<Text>,
    #[serde(default)]
    pub(super) json: InOrder<Spanned<serde_json::Value>>,
}

/// A status, or a list of them.
#[derive(Debug)]
pub(super) struct Statuses(pub(super) Vec<u16>);

/// What a header is expected to be: a text, or `{ matches = "PATTERN" }`.
#[derive(Debug)]
pub(super) enum HeaderValue {
    Is(String),
    Matches(String),
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
    pub(super) allow_untrusted: Option<bool>,
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

// Written out for the same reason.
impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StatusesVisitor;
        impl<'de> Visitor<'de> for StatusesVisitor {
            type Value = Statuses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status such as 200, or a list such as [200, 201]")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Statuses, E> {
                u16::try_from(number)
                    .map(|status| Statuses(vec![status]))
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Statuses, A::Error> {
                let mut statuses = Vec::new();
                while let Some(status) = seq.next_element()? {
                    statuses.push(status);
                }
                Ok(Statuses(statuses))
            }
        }
        deserializer.deserialize_any(StatusesVisitor)
    }
}

impl<'de> Deserialize<'de> for HeaderValue {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;
        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = HeaderValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or { matches = \"PATTERN\" }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<HeaderValue, E> {
                Ok(HeaderValue::Is(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeaderValue, A::Error> {
                match map.next_entry::<String, String>()? {
                    Some((key, pattern))
                        if key == "matches" && map.next_key::<String>()?.is_none() =>
                    {
                        Ok(HeaderValue::Matches(pattern))
                    }
                    _ => Err(de::Error::invalid_value(de::Unexpected::Map, &self)),
                }
            }
        }
        deserializer.deserialize_any(ValueVisitor)
    }
}

/// A table's entries in the order in which they were written.
#[derive(Debug, Clone)]
pub(super) struct InOrder<V>(pub(super) Vec<(Text, V)>);

impl<V> Default for InOrder<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for InOrder<V> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrderVisitor<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for InOrderVisitor<V> {
            type Value = InOrder<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder<V>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(InOrder(entries))
            }
        }
        deserializer.deserialize_map(InOrderVisitor(PhantomData))
    }
}
