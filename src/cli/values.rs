//! Values of flags, from text.

use std::time::Duration;

use crate::units::{Rate, parse_duration};

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    bare(text, Duration::from_secs_f64)
}

pub(super) fn milliseconds(text: &str) -> Result<Duration, String> {
    bare(text, |number| Duration::from_secs_f64(number / 1e3))
}

pub(super) fn rate(text: &str) -> Result<Rate, String> {
    let rate = text
        .parse::<f64>()
        .map_or_else(|_| Rate::parse(text), Rate::new);
    rate.map_err(|error| error.to_string())
}

pub(super) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| "a header is written `Name: value`".to_owned())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// A duration, or a bare number in the flag's own unit.
fn bare(text: &str, unit: fn(f64) -> Duration) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.0..=2_592_000.0).contains(&number) => Ok(unit(number)),
        Ok(_) => Err(format!("{text} is out of range")),
        Err(_) => parse_duration(text).map_err(|error| error.to_string()),
    }
}
