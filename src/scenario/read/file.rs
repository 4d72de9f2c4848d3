//! The TOML mirror: what may be typed, nothing more. Nothing behind `resolve` sees these types.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use super::gate;
pub(in crate::scenario) use super::texts::Text;
use super::texts::{Fields, Texts};
use super::values::{Length, PerSecond, Share};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct File {
    pub(in crate::scenario) name: Text,
    #[serde(default)]
    pub(in crate::scenario) description: String,
    pub(in crate::scenario) seed: Option<u64>,
    #[serde(default)]
    pub(in crate::scenario) allow_untrusted: bool,
    pub(in crate::scenario) judge: Option<Text>,
    pub(in crate::scenario) rounds: Option<Spanned<u32>>,
    pub(in crate::scenario) order: Option<Text>,
    pub(in crate::scenario) interval: Option<Spanned<Length>>,
    pub(in crate::scenario) target: Spanned<Target>,
    #[serde(default)]
    pub(in crate::scenario) service: Vec<Service>,
    #[serde(default)]
    pub(in crate::scenario) host: Vec<Host>,
    #[serde(default)]
    pub(in crate::scenario) fleet: BTreeMap<Text, Fleet>,
    #[serde(default)]
    pub(in crate::scenario) feed: BTreeMap<Text, Feed>,
    pub(in crate::scenario) load: Option<Spanned<Load>>,
    #[serde(default)]
    pub(in crate::scenario) phase: Vec<Phase>,
    #[serde(default)]
    pub(in crate::scenario) request: Vec<Request>,
    pub(in crate::scenario) profile: Option<Profile>,
    #[serde(default)]
    pub(in crate::scenario) compare: Vec<Compare>,
    #[serde(default)]
    pub(in crate::scenario) threshold: Vec<Threshold>,
    #[serde(default)]
    pub(in crate::scenario) cost: Cost,
    #[serde(default)]
    pub(in crate::scenario) gate: gate::Gate,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Target {
    pub(in crate::scenario) gateway: Option<Spanned<gateway_config::Config>>,
    pub(in crate::scenario) command: Option<Text>,
    pub(in crate::scenario) url: Option<Text>,
    pub(in crate::scenario) ready: Option<Text>,
    pub(in crate::scenario) ready_within: Option<Spanned<Length>>,
    pub(in crate::scenario) port: Option<Spanned<u16>>,
    pub(in crate::scenario) pid: Option<Spanned<u32>>,
    pub(in crate::scenario) metrics: Option<Text>,
    pub(in crate::scenario) tls: Option<Spanned<Tls>>,
    pub(in crate::scenario) connect_to: Option<Text>,
    pub(in crate::scenario) unix_socket: Option<Text>,
    pub(in crate::scenario) proxy: Option<Text>,
    pub(in crate::scenario) bind: Option<Text>,
    pub(in crate::scenario) instances: Option<Spanned<u32>>,
    /// What only a flag can give: words before the command line of the gateway.
    #[serde(skip)]
    pub(in crate::scenario) before_gateway: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Service {
    pub(in crate::scenario) name: Text,
    pub(in crate::scenario) command: Text,
    pub(in crate::scenario) ready: Option<Text>,
    pub(in crate::scenario) ready_within: Option<Spanned<Length>>,
}

/// How another host than the target's is reached.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Host {
    pub(in crate::scenario) url: Text,
    pub(in crate::scenario) tls: Option<Spanned<Tls>>,
    pub(in crate::scenario) connect_to: Option<Text>,
    pub(in crate::scenario) unix_socket: Option<Text>,
    pub(in crate::scenario) proxy: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Tls {
    pub(in crate::scenario) ca: Option<Text>,
    pub(in crate::scenario) cert: Option<Text>,
    pub(in crate::scenario) key: Option<Text>,
    pub(in crate::scenario) passphrase: Option<Text>,
    pub(in crate::scenario) passphrase_file: Option<Text>,
    pub(in crate::scenario) server_name: Option<Text>,
    pub(in crate::scenario) insecure: Option<Spanned<bool>>,
    pub(in crate::scenario) resumption: Option<Spanned<Resumption>>,
}

/// All or no connections, or a share of them such as "30%".
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "use true, false or a share such as \"30%\"")]
pub(in crate::scenario) enum Resumption {
    All(bool),
    Share(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Fleet {
    pub(in crate::scenario) devices: Spanned<u32>,
    pub(in crate::scenario) secrets: Option<Spanned<u32>>,
    #[serde(default)]
    pub(in crate::scenario) order: Order,
    pub(in crate::scenario) seed: Option<u64>,
    pub(in crate::scenario) valid: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Feed {
    pub(in crate::scenario) file: Text,
    pub(in crate::scenario) order: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Phase {
    pub(in crate::scenario) name: Text,
    pub(in crate::scenario) load: Spanned<Load>,
    pub(in crate::scenario) variants: Option<Vec<Text>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Load {
    pub(in crate::scenario) model: Text,
    pub(in crate::scenario) rate: Option<Spanned<PerSecond>>,
    pub(in crate::scenario) stages: Option<Spanned<Vec<Stage>>>,
    pub(in crate::scenario) arrivals: Option<Spanned<Arrivals>>,
    pub(in crate::scenario) connections: Spanned<u32>,
    pub(in crate::scenario) duration: Option<Spanned<Length>>,
    pub(in crate::scenario) requests: Option<Spanned<u64>>,
    pub(in crate::scenario) warmup: Option<Spanned<Length>>,
    pub(in crate::scenario) timeout: Option<Spanned<Length>>,
    pub(in crate::scenario) workers: Option<Spanned<u32>>,
    pub(in crate::scenario) keep_alive: Option<bool>,
    #[serde(default)]
    pub(in crate::scenario) weights: InOrder<Spanned<u32>>,
    pub(in crate::scenario) overload: Option<bool>,
    pub(in crate::scenario) stop_when: Option<Spanned<StopWhen>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct StopWhen {
    pub(in crate::scenario) silent_for: Length,
}

/// `{ to, over }` or `{ hold }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Stage {
    pub(in crate::scenario) to: Option<Spanned<PerSecond>>,
    pub(in crate::scenario) over: Option<Spanned<Length>>,
    pub(in crate::scenario) hold: Option<Spanned<Length>>,
}

/// A word, or `{ burst = 100 }`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::scenario) enum Arrivals {
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
pub(in crate::scenario) struct Request {
    pub(in crate::scenario) name: Text,
    pub(in crate::scenario) fleet: Option<Text>,
    pub(in crate::scenario) weight: Option<Spanned<u32>>,
    pub(in crate::scenario) method: Option<Text>,
    pub(in crate::scenario) path: Option<Text>,
    pub(in crate::scenario) url: Option<Text>,
    #[serde(default)]
    pub(in crate::scenario) headers: InOrder<Spanned<Texts>>,
    pub(in crate::scenario) body: Option<Text>,
    pub(in crate::scenario) body_file: Option<Text>,
    pub(in crate::scenario) body_raw: Option<Text>,
    /// What only a flag can give.
    #[serde(skip)]
    pub(in crate::scenario) body_bytes: Option<Spanned<Vec<u8>>>,
    pub(in crate::scenario) form: Option<Spanned<InOrder<Spanned<Fields>>>>,
    pub(in crate::scenario) body_chunks: Option<Spanned<Chunks>>,
    #[serde(default)]
    pub(in crate::scenario) expect: Expect,
    #[serde(default)]
    pub(in crate::scenario) extract: InOrder<Text>,
    #[serde(default)]
    pub(in crate::scenario) acknowledged: Vec<Text>,
}

impl Request {
    /// Takes every body away.
    pub(in crate::scenario) fn drop_bodies(&mut self) {
        (self.body, self.body_file, self.body_raw) = (None, None, None);
        (self.body_bytes, self.form) = (None, None);
    }

    /// The places of its bodies, of which there is one at most.
    pub(in crate::scenario) fn bodies(&self) -> impl Iterator<Item = Range<usize>> {
        let texts = [&self.body, &self.body_file, &self.body_raw];
        let texts = texts.map(|text| text.as_ref().map(Spanned::span));
        let others = [
            self.body_bytes.as_ref().map(Spanned::span),
            self.form.as_ref().map(Spanned::span),
        ];
        texts.into_iter().chain(others).flatten()
    }
}

/// How a body is sent in chunks.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Chunks {
    pub(in crate::scenario) size: Option<Spanned<gateway_config::Size>>,
    pub(in crate::scenario) pause: Option<Spanned<Length>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Expect {
    pub(in crate::scenario) status: Option<Spanned<Statuses>>,
    #[serde(default)]
    pub(in crate::scenario) headers: InOrder<Spanned<HeaderValue>>,
    pub(in crate::scenario) body: Option<ExpectBody>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ExpectBody {
    pub(in crate::scenario) contains: Option<Text>,
    pub(in crate::scenario) matches: Option<Text>,
    #[serde(default)]
    pub(in crate::scenario) json: InOrder<Spanned<serde_json::Value>>,
}

/// A status, or a list of them.
#[derive(Debug)]
pub(in crate::scenario) struct Statuses(pub(in crate::scenario) Vec<u16>);

/// What a header is expected to be: a text, or `{ matches = "PATTERN" }`.
#[derive(Debug)]
pub(in crate::scenario) enum HeaderValue {
    Is(String),
    Matches(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Profile {
    pub(in crate::scenario) cpu: Text,
    pub(in crate::scenario) url: Option<Text>,
    pub(in crate::scenario) hz: Option<Spanned<u32>>,
    pub(in crate::scenario) duration: Option<Spanned<Length>>,
    pub(in crate::scenario) samples: Option<Spanned<u64>>,
    #[serde(default)]
    pub(in crate::scenario) also: Vec<Text>,
    pub(in crate::scenario) request_label: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Compare {
    pub(in crate::scenario) base: Text,
    pub(in crate::scenario) head: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Threshold {
    pub(in crate::scenario) expr: Text,
    pub(in crate::scenario) variant: Option<Text>,
    pub(in crate::scenario) phase: Option<Text>,
    pub(in crate::scenario) request: Option<Text>,
    pub(in crate::scenario) allow_absent: Option<Spanned<bool>>,
    pub(in crate::scenario) allow_worse: Option<Spanned<bool>>,
    pub(in crate::scenario) allow_untrusted: Option<bool>,
    pub(in crate::scenario) judge: Option<Text>,
    pub(in crate::scenario) abort_on_fail: Option<Spanned<AbortOnFail>>,
    pub(in crate::scenario) delay: Option<Spanned<Length>>,
    #[serde(rename = "for")]
    pub(in crate::scenario) held: Option<Spanned<Length>>,
}

/// Whether a threshold ends the run while it goes on, or `{ after = "10s" }`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "use true, false or { after = \"10s\" }")]
pub(in crate::scenario) enum AbortOnFail {
    Is(bool),
    After { after: Length },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Cost {
    pub(in crate::scenario) instance: Option<String>,
    pub(in crate::scenario) vcpus: Option<Spanned<u32>>,
    pub(in crate::scenario) hourly: Option<Spanned<f64>>,
    pub(in crate::scenario) target_rate: Option<Spanned<PerSecond>>,
    pub(in crate::scenario) utilisation: Option<Spanned<Share>>,
}

/// Order in which the devices of a fleet send: a word, or `{ zipf = 1.1 }`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::scenario) enum Order {
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
pub(in crate::scenario) struct InOrder<V>(pub(in crate::scenario) Vec<(Text, V)>);

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
