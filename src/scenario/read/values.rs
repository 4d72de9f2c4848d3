//! Values with units as they are written in a scenario: durations, rates, shares.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use toml::Spanned;

use crate::units::{UnitError, parse_duration, parse_rate_or_zero, parse_share};

/// A duration.
#[derive(Debug, Clone, Copy)]
pub(in crate::scenario) struct Length(pub(in crate::scenario) Duration);

/// Requests per second, 0 or more.
#[derive(Debug, Clone, Copy)]
pub(in crate::scenario) struct PerSecond(pub(in crate::scenario) f64);

/// A share, 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(in crate::scenario) struct Share(pub(in crate::scenario) f64);

/// A duration as it was written, or the one that holds where nothing was.
pub(in crate::scenario) fn length(given: Option<&Spanned<Length>>, default: Duration) -> Duration {
    given.map_or(default, |given| given.get_ref().0)
}

/// Reads one kind of value from its text.
struct Unit<T> {
    expected: &'static str,
    parse: fn(&str) -> Result<T, UnitError>,
}

impl<T> Visitor<'_> for Unit<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let unit = Unit {
            expected: "a duration; write a number with a unit, such as \"250ms\" or \"30s\"",
            parse: parse_duration,
        };
        deserializer.deserialize_str(unit).map(Self)
    }
}

impl<'de> Deserialize<'de> for PerSecond {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let unit = Unit {
            expected: "a rate; write requests per second, such as \"20000/s\"",
            parse: parse_rate_or_zero,
        };
        deserializer.deserialize_str(unit).map(Self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let unit = Unit {
            expected: "a share; write per cent, such as \"70%\"",
            parse: parse_share,
        };
        deserializer.deserialize_str(unit).map(Self)
    }
}
