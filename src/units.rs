//! Durations, rates and shares as people type and read them, and foreign text as people may see it. One grammar for scenario
//! files and flags.
//!
//! Pure: no clock, no I/O.

mod printable;

use std::fmt;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;

pub(crate) use printable::{is_hidden, printable, printable_json, printable_lines};

/// What was typed is not a value of this unit; the text says what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(String);

/// Parses a duration with a unit: "250ms", "1.5s", "2m30s", "50us".
///
/// # Errors
/// Bare numbers, negative values and anything longer than 30 days.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let hint = || {
        UnitError(format!(
            "{text:?} is not a duration; write a number with a unit, such as \"250ms\", \"10s\" or \"2m\""
        ))
    };
    let text_trimmed = text.trim();
    if !text_trimmed.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(hint());
    }
    static PARSER: SpanParser = SpanParser::new();
    let signed = PARSER.parse_duration(text_trimmed).map_err(|_| hint())?;
    let duration = Duration::try_from(signed).map_err(|_| hint())?;
    if duration > Duration::from_secs(30 * 86_400) {
        return Err(UnitError(format!("{text:?} is longer than 30 days")));
    }
    Ok(duration)
}

/// Writes a duration as the shortest text that [`parse_duration`] reads back: "1.5s", "250ms", "2m 30s".
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    match nanos {
        0 => "0s".to_owned(),
        n if n < 1_000 => format!("{n}ns"),
        n if n < 1_000_000 => format!("{}us", trim(n as f64 / 1e3)),
        n if n < 1_000_000_000 => format!("{}ms", trim(n as f64 / 1e6)),
        n if n < 120_000_000_000 => format!("{}s", trim(n as f64 / 1e9)),
        n => {
            let (minutes, rest) = (n / 60_000_000_000, (n % 60_000_000_000) as f64 / 1e9);
            if rest == 0.0 {
                format!("{minutes}m")
            } else {
                format!("{minutes}m {}s", trim(rest))
            }
        }
    }
}

/// Writes a time in microseconds with three significant digits and the unit that suits it.
pub fn format_us(us: f64) -> String {
    if us >= 1e6 {
        format!("{} s", significant(us / 1e6))
    } else if us >= 1e3 {
        format!("{} ms", significant(us / 1e3))
    } else {
        format!("{} µs", significant(us))
    }
}

/// A number of things with its noun: `1 launch`, `12 launches`.
pub fn format_things(count: usize, one: &str, many: &str) -> String {
    let noun = if count == 1 { one } else { many };
    format!("{} {noun}", format_count(count as f64))
}

/// Writes a number with three significant digits below 1,000 and with thousands separators above.
pub fn format_count(value: f64) -> String {
    if value.abs() < 1_000.0 {
        return significant(value);
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if value < 0.0 {
        text.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a share (0..=1) in per cent.
pub fn format_share(share: f64) -> String {
    format!("{} %", significant(share * 100.0))
}

/// Three significant digits, trailing zeros kept out.
fn significant(value: f64) -> String {
    let magnitude = value.abs();
    let decimals = if magnitude >= 99.95 || magnitude == 0.0 {
        0
    } else if magnitude >= 9.995 {
        1
    } else if magnitude >= 0.0995 {
        2
    } else {
        4
    };
    trim_text(format!("{value:.decimals$}"))
}

fn trim(value: f64) -> String {
    trim_text(format!("{value:.3}"))
}

fn trim_text(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Requests per second, above zero and finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// A rate of `per_second` requests a second.
    ///
    /// # Errors
    /// Zero, negative, not finite, or above 10 million a second.
    pub fn new(per_second: f64) -> Result<Self, UnitError> {
        if per_second.is_finite() && per_second > 0.0 && per_second <= 1e7 {
            Ok(Self(per_second))
        } else {
            Err(UnitError(format!(
                "a rate of {per_second}/s is out of range; use more than 0/s and at most 10000000/s"
            )))
        }
    }

    /// Parses "20000/s", "1000000/min" or "60/h".
    ///
    /// # Errors
    /// A missing or unknown unit, or a rate out of range.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        Self::new(parse_per_second(text)?)
    }

    /// Requests per second.
    pub fn per_second(self) -> f64 {
        self.0
    }
}

/// Parses a rate that may be none: requests per second, 0 or more.
///
/// # Errors
/// As for [`Rate::parse`], but for zero.
pub fn parse_rate_or_zero(text: &str) -> Result<f64, UnitError> {
    match parse_per_second(text)? {
        0.0 => Ok(0.0),
        above => Rate::new(above).map(Rate::per_second),
    }
}

fn parse_per_second(text: &str) -> Result<f64, UnitError> {
    let hint = || {
        UnitError(format!(
            "{text:?} is not a rate; write requests per second, minute or hour, such as \"20000/s\" or \"1000000/min\""
        ))
    };
    let (number, unit) = text.trim().split_once('/').ok_or_else(hint)?;
    let number: f64 = number.trim().replace('_', "").parse().map_err(|_| hint())?;
    let seconds = match unit.trim() {
        "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(hint()),
    };
    Ok(number / seconds)
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", trim(self.0))
    }
}

/// Parses a share: "5%", "0.5 %" or a bare fraction such as "0.05".
///
/// # Errors
/// Anything that is not between 0 and 100 %.
pub fn parse_share(text: &str) -> Result<f64, UnitError> {
    let hint = || {
        UnitError(format!(
            "{text:?} is not a share; write per cent, such as \"1%\", or a fraction, such as \"0.01\""
        ))
    };
    let trimmed = text.trim();
    let share = match trimmed.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map_err(|_| hint())? / 100.0,
        None => trimmed.parse::<f64>().map_err(|_| hint())?,
    };
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(hint())
    }
}

/// What a part of a URL stands for; a `%` without a code stays.
pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let code = rest
            .get(1..3)
            .filter(|_| byte == b'%')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        decoded.push(code.unwrap_or(byte));
        rest = if code.is_some() { &rest[3..] } else { behind };
    }
    decoded
}

/// "a, b and c" for messages.
pub fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        [one] => format!("`{one}`"),
        [start @ .., last] => format!(
            "{} and `{last}`",
            start
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_need_a_unit_and_are_read_as_written() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("2m30s", 150_000_000_000),
            ("2m 30s", 150_000_000_000),
            ("50us", 50_000),
            ("50µs", 50_000),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text).map(|d| d.as_nanos()),
                Ok(nanos),
                "{text}"
            );
        }
        for text in [
            "30",
            "-1s",
            "PT5S",
            "5M",
            "",
            "s",
            "1e9h",
            "99999999999999999999s",
            "60d",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn rates_are_per_second_whatever_the_unit() {
        assert_eq!(Rate::parse("20000/s").map(Rate::per_second), Ok(20_000.0));
        assert_eq!(
            Rate::parse("20_000 / s").map(Rate::per_second),
            Ok(20_000.0)
        );
        assert_eq!(Rate::parse("60/min").map(Rate::per_second), Ok(1.0));
        for text in [
            "20000", "0/s", "-5/s", "5/d", "nan/s", "inf/s", "1e9/s", "/s",
        ] {
            assert!(Rate::parse(text).is_err(), "{text:?} was accepted");
        }
        for (text, rate) in [("0/s", 0.0), ("-0/h", 0.0), ("60/min", 1.0)] {
            assert_eq!(parse_rate_or_zero(text), Ok(rate));
        }
        for text in ["0", "-1/s", "nan/s", "1e9/s"] {
            assert!(parse_rate_or_zero(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn shares_are_fractions() {
        assert_eq!(parse_share("5%"), Ok(0.05));
        assert_eq!(parse_share("0.5"), Ok(0.5));
        for text in ["101%", "-1%", "x", "2"] {
            assert!(parse_share(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn numbers_are_written_with_three_digits_or_separators() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (12.345, "12.3"),
            (99.96, "100"),
            (0.12345, "0.12"),
            (0.01234, "0.0123"),
            (1_234_567.0, "1,234,567"),
            (-1_000.0, "-1,000"),
        ] {
            assert_eq!(format_count(value), text);
        }
        assert_eq!(format_us(1_234.0), "1.23 ms");
        assert_eq!(format_us(53.21), "53.2 µs");
    }

    proptest! {
        #[test]
        fn written_durations_are_read_back(micros in 0u64..86_400_000_000) {
            let duration = Duration::from_micros(micros);
            let back = parse_duration(&format_duration(duration)).unwrap();
            // Three decimals of the unit that was chosen.
            let tolerance = if micros < 1_000_000 { Duration::from_micros(1) } else { Duration::from_millis(1) };
            prop_assert!(back.abs_diff(duration) <= tolerance);
        }

        #[test]
        fn any_text_is_answered(text in ".{0,40}") {
            let _ = (parse_duration(&text), Rate::parse(&text), parse_share(&text));
        }
    }
}
