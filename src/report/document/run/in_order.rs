//! A map whose entries keep their order, as those of requests do: that of the scenario.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes entries as a map.
pub(super) fn serialize<T: Serialize, S: Serializer>(
    entries: &[(String, T)],
    document: S,
) -> Result<S::Ok, S::Error> {
    document.collect_map(entries.iter().map(|(name, of)| (name, of)))
}

/// Reads a map as entries.
pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    document: D,
) -> Result<Vec<(String, T)>, D::Error> {
    document.deserialize_map(Entries(PhantomData))
}

struct Entries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = Vec<(String, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}
