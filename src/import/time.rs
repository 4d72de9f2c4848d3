//! Times as sources write them → microseconds since 1970. Pure; it knows no clock.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde_json::Value;

/// RFC 3339 and what is close to it: `2024-05-26T11:42:52.601Z`, with a space, without a zone (UTC then).
pub(super) fn iso(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(found) = text.parse::<Timestamp>() {
        return Some(found.as_microsecond());
    }
    let found = text.replacen(' ', "T", 1);
    let zoned = found
        .parse::<Timestamp>()
        .or_else(|_| format!("{found}Z").parse());
    zoned.ok().map(Timestamp::as_microsecond)
}

/// `22/Jan/2019:03:56:14 +0330`, with or without a fraction and a zone; with a space behind the date, as servers of Python write it.
pub(super) fn common_log(text: &str) -> Option<i64> {
    let text = text.trim().trim_matches(['[', ']']);
    let (date, rest) = text.split_once([':', ' '])?;
    let mut date = date.split('/');
    let day: i8 = date.next()?.parse().ok()?;
    let month = month(date.next()?)?;
    let year: i16 = date.next()?.parse().ok()?;
    let (time, zone) = rest.split_once(' ').unwrap_or((rest, "+0000"));
    let time: Time = time.parse().ok()?;
    let moment = Date::new(year, month, day).ok()?.to_datetime(time);
    let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(moment.as_microsecond() - offset(zone)? * 1_000_000)
}

fn month(name: &str) -> Option<i8> {
    let names = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let name = name.to_ascii_lowercase();
    let at = names.iter().position(|known| *known == name)?;
    Some(at as i8 + 1)
}

/// Seconds east of UTC of `+0330` or `+03:30`.
fn offset(zone: &str) -> Option<i64> {
    let zone = zone.trim().replace(':', "");
    if zone == "Z" || zone.is_empty() {
        return Some(0);
    }
    let (sign, digits) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    let number: i64 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size: they are of 1990 to 2100.
pub(super) fn epoch(number: f64) -> Option<i64> {
    let mut number = number;
    let plausible = 6.3e8..4.2e9;
    for _ in 0..4 {
        if plausible.contains(&number) {
            return Some((number * 1e6).round() as i64);
        }
        number /= 1e3;
    }
    None
}

/// Any of these, as a text or a number of JSON.
pub(super) fn of_json(value: &Value) -> Option<i64> {
    match value {
        // Beyond 2^53 a float would lose microseconds.
        Value::Number(number) => match number.as_u64() {
            Some(ns) if ns > 1_000_000_000_000_000_000 => i64::try_from(ns / 1000).ok(),
            _ => epoch(number.as_f64()?),
        },
        Value::String(text) => any(text),
        _ => None,
    }
}

/// Any of these, as a text.
pub(super) fn any(text: &str) -> Option<i64> {
    let number = text
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite());
    number
        .and_then(epoch)
        .or_else(|| iso(text))
        .or_else(|| common_log(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_is_read_in_every_way_it_is_written() {
        let moment = 1_548_116_774_000_000;
        for text in [
            "22/Jan/2019:03:56:14 +0330",
            "[22/Jan/2019:00:26:14 +0000]",
            "22/Jan/2019:00:26:14",
            "22/Jan/2019 00:26:14",
            "2019-01-22T00:26:14Z",
            "2019-01-22T03:56:14.000+03:30",
            "2019-01-22 00:26:14",
            "1548116774",
            "1548116774.000",
            "1548116774000",
        ] {
            assert_eq!(any(text), Some(moment), "{text}");
        }
        for text in [
            "",
            "-",
            "yesterday",
            "22/Foo/2019:00:00:00 +0000",
            "1e300",
            "32/Jan/2019:00:00:00 +0000",
        ] {
            assert_eq!(any(text), None, "{text}");
        }
    }
}
