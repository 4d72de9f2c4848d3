//! Profiles that are written as JSON, told apart by the keys of their outermost object.
//!
//! Only what a reader asks for is taken apart, a column at a time; the rest stays text. Every list is bounded, so memory follows what is
//! read and not what the text claims.

pub(super) mod cpuprofile;
pub(super) mod firefox;
pub(super) mod heapprofile;
pub(super) mod speedscope;
pub(super) mod trace;
pub(super) mod unknown;

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Error;
use super::stacks::too_large;

/// Keys of one object that is taken apart; profilers write some dozens.
const MAX_KEYS: usize = 256;
/// Entries of one list.
pub(super) const MAX_ENTRIES: usize = 1 << 22;

/// An object whose values are text still.
#[derive(Debug, Default)]
pub(super) struct Object<'a> {
    fields: Vec<(String, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// The outermost object of a text; `None` if it is none, or damaged.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The value of a key, unless it is null.
    pub(super) fn get(&self, key: &str) -> Option<&'a RawValue> {
        let found = self.fields.iter().find(|(known, _)| known == key);
        found
            .map(|(_, value)| *value)
            .filter(|value| value.get() != "null")
    }

    /// The object below a key, if it is one.
    pub(super) fn held(&self, key: &str) -> Option<Object<'a>> {
        Self::of(self.get(key)?.get())
    }

    /// Whether all of the keys are there.
    pub(super) fn has(&self, keys: &[&str]) -> bool {
        keys.iter()
            .all(|key| self.fields.iter().any(|(known, _)| known == key))
    }

    /// The keys, in their order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(key, _)| key.as_str())
    }

    /// An object below a key, or one without keys.
    fn object(&self, key: &str, format: &'static str) -> Result<Object<'a>, Error> {
        match self.get(key) {
            Some(value) => parse(value, key, format),
            None => Ok(Object::default()),
        }
    }

    /// A list below a key, or one without entries.
    fn list<T: Deserialize<'a>>(&self, key: &str, format: &'static str) -> Result<Vec<T>, Error> {
        match self.get(key) {
            Some(value) => list(value, key, format, MAX_ENTRIES),
            None => Ok(Vec::new()),
        }
    }

    /// A value of another kind below a key.
    fn value<T: Deserialize<'a>>(
        &self,
        key: &str,
        format: &'static str,
    ) -> Result<Option<T>, Error> {
        self.get(key)
            .map(|value| parse(value, key, format))
            .transpose()
    }
}

fn parse<'a, T: Deserialize<'a>>(
    value: &'a RawValue,
    key: &str,
    format: &'static str,
) -> Result<T, Error> {
    serde_json::from_str(value.get())
        .map_err(|error| damaged(format, format!("`{key}` cannot be read ({error})")))
}

fn list<'a, T: Deserialize<'a>>(
    value: &'a RawValue,
    key: &str,
    format: &'static str,
    limit: usize,
) -> Result<Vec<T>, Error> {
    let mut reader = serde_json::Deserializer::from_str(value.get());
    let read = reader.deserialize_seq(Bounded {
        limit,
        of: PhantomData,
    });
    match read {
        Ok(Some(entries)) => Ok(entries),
        Ok(None) => Err(too_large("entries in one list", limit)),
        Err(error) => Err(damaged(format, format!("`{key}` cannot be read ({error})"))),
    }
}

/// What is said of a file that is known, and does not hold what it should.
fn damaged(format: &'static str, reason: String) -> Error {
    Error::Damaged { format, reason }
}

struct Bounded<T> {
    limit: usize,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            if list.len() == self.limit {
                while entries.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            list.push(entry);
        }
        Ok(Some(list))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_map(Keys(PhantomData))
    }
}

struct Keys<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for Keys<'a> {
    type Value = Object<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, value)) = entries.next_entry::<String, &'a RawValue>()? {
            if fields.len() == MAX_KEYS {
                return Err(serde::de::Error::custom("an object has more than 256 keys"));
            }
            fields.push((key, value));
        }
        Ok(Object { fields })
    }
}

/// A list of numbers of which some are null or below zero, which stand for nothing.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(transparent)]
struct Index(Option<f64>);

impl Index {
    fn get(self) -> Option<usize> {
        let index = self
            .0
            .filter(|index| index.fract() == 0.0 && (0.0..4_294_967_296.0).contains(index));
        index.map(|index| index as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_bounded_and_named() {
        let object =
            Object::of(r#"{"a": [1, 2, null, -1], "b": null, "c": {"d": 1}, "e": [1, 2, 3]}"#)
                .expect("an object");
        let indices: Vec<Index> = object.list("a", "a test").expect("a list");
        let indices: Vec<Option<usize>> = indices.into_iter().map(Index::get).collect();
        assert_eq!(indices, [Some(1), Some(2), None, None]);
        assert!(object.has(&["a", "b"]) && object.get("b").is_none());
        let error =
            list::<u64>(object.get("e").expect("there"), "e", "a test", 2).expect_err("too long");
        assert!(error.to_string().contains("more than 2 entries"), "{error}");
        let error = object
            .list::<u64>("c", "a test")
            .expect_err("no list")
            .to_string();
        assert!(error.contains("a test, but `c` cannot be read"), "{error}");
        let many: String = (0..300).map(|at| format!("\"k{at}\":1,")).collect();
        assert!(Object::of(&format!("{{{many}\"z\":1}}")).is_none());
        assert!(Object::of("[1]").is_none());
    }

    /// One file of each format, small.
    const FILES: [&str; 6] = [
        r#"{"nodes":[{"id":1,"callFrame":{"functionName":"f","url":""},"hitCount":1,"children":[2]},{"id":2,"callFrame":{"functionName":"g","url":""}}],"startTime":0,"endTime":9,"samples":[2,1]}"#,
        r#"{"shared":{"frames":[{"name":"a"},{"name":"b"}]},"profiles":[{"type":"sampled","name":"x","unit":"seconds","samples":[[0,1],[0]],"weights":[2,1]}]}"#,
        r#"{"shared":{"frames":[{"name":"a"}]},"profiles":[{"type":"evented","name":"x","unit":"none","startValue":0,"events":[{"type":"O","frame":0,"at":1},{"type":"C","frame":0,"at":3}]}]}"#,
        r#"{"head":{"callFrame":{"functionName":"f"},"selfSize":3,"id":1,"children":[{"callFrame":{"functionName":"g"},"selfSize":4,"id":2,"children":[]}]},"samples":[{"size":3,"nodeId":1}]}"#,
        r#"[{"name":"Profile","id":"0x2","pid":7,"tid":1,"args":{"data":{"startTime":1}}},{"name":"ProfileChunk","id":"0x2","pid":7,"tid":9,"args":{"data":{"cpuProfile":{"nodes":[{"id":1,"callFrame":{"functionName":"f"}},{"id":2,"parent":1,"callFrame":{"functionName":"g"}}],"samples":[2,1]},"timeDeltas":[3,4]}}}]"#,
        r#"{"meta":{"preprocessedProfileVersion":49,"sampleUnits":{"threadCPUDelta":"ns"}},"libs":[{"name":"l"}],"threads":[{"name":"m","samples":{"stack":[1,0],"threadCPUDelta":[3,4]},"stackTable":{"prefix":[null,0],"frame":[0,1]},"frameTable":{"func":[0,1]},"funcTable":{"name":[0,1],"resource":[0,-1]},"resourceTable":{"lib":[0]},"stringArray":["0x1","g"]}]}"#,
    ];

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_number_in_any_place_is_answered(
            file in 0_usize..6,
            at: proptest::sample::Index,
            value in proptest::sample::select(&["-1", "null", "1e300", "99999999999", "0.5", "\"x\"", "[]", "{}", "", "7"][..]),
        ) {
            let text = FILES[file];
            let numbers: Vec<usize> = (0..text.len()).filter(|at| text.as_bytes()[*at].is_ascii_digit()).collect();
            let at = numbers[at.index(numbers.len())];
            let changed = format!("{}{value}{}", &text[..at], &text[at + 1..]);
            for text in [changed.as_str(), &text[..at]] {
                if let Ok(profile) = crate::profile::read(text.as_bytes(), crate::profile::Choice::default()) {
                    let leaves: u64 = crate::profile::FunctionTable::of(&profile).functions.iter().map(|row| row.self_samples).sum();
                    proptest::prop_assert_eq!(leaves, profile.samples());
                }
            }
        }
    }
}
