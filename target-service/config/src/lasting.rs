//! Durations as a scenario writes them: `"250ms"`. What is none is refused with how one is written.

use std::fmt;

use jiff::SignedDuration;
use jiff::fmt::serde::duration::friendly::compact;
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

const HOW: &str = "write a number with a unit, such as \"250ms\" or \"30s\"";

pub(crate) fn serialize<S: Serializer>(length: &SignedDuration, to: S) -> Result<S::Ok, S::Error> {
    compact::required(length, to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SignedDuration, D::Error> {
    from.deserialize_str(Length)
}

struct Length;

impl Visitor<'_> for Length {
    type Value = SignedDuration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a duration; {HOW}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SignedDuration, E> {
        let refused = |_| E::custom(format!("{text:?} is not a duration; {HOW}"));
        text.parse().map_err(refused)
    }
}

pub(crate) mod optional {
    use jiff::SignedDuration;
    use jiff::fmt::serde::duration::friendly::compact;
    use serde::Deserialize;
    use serde::de::Deserializer;
    use serde::ser::Serializer;

    #[derive(Deserialize)]
    struct Given(#[serde(with = "super")] SignedDuration);

    pub(crate) fn serialize<S: Serializer>(
        length: &Option<SignedDuration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        compact::optional(length, to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SignedDuration>, D::Error> {
        let given = Option::<Given>::deserialize(from)?;
        Ok(given.map(|Given(length)| length))
    }
}
