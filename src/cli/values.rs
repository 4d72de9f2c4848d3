//! Values of flags, from text.

use std::time::Duration;

use crate::scenario::Header;
use crate::units::{Rate, parse_duration};

/// A time-out as it was typed.
#[derive(Debug, Clone)]
pub(super) struct Timeout {
    pub(super) length: Duration,
    /// The number, if it had no unit.
    pub(super) bare: Option<String>,
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    bare(text, Duration::from_secs_f64).map_err(|error| {
        format!("{error}. -d is how long the load lasts; a body is --body, or --data as in curl")
    })
}

pub(super) fn timeout(text: &str) -> Result<Timeout, String> {
    let length = bare(text, |number| Duration::from_secs_f64(number / 1e3));
    let length = length.map_err(|error| match text.contains('/') {
        true => "-T is the time-out; the media type is -H 'Content-Type: TYPE'".to_owned(),
        false => format!("{error}; -T is the time-out"),
    })?;
    Ok(Timeout {
        length,
        bare: is_number(text).then(|| text.to_owned()),
    })
}

/// A whole number.
pub(super) fn count<N: TryFrom<u64>>(text: &str) -> Result<N, String> {
    let meant = || {
        let plain = text.replace(['_', ',', ' '], "").to_ascii_lowercase();
        let factor = |suffix, by| plain.strip_suffix(suffix).map(|number| (number, by));
        let (number, by) = factor('k', 1e3)
            .or_else(|| factor('m', 1e6))
            .unwrap_or((&plain, 1.0));
        let meant = number.parse::<f64>().ok()? * by;
        (meant.fract() == 0.0 && (0.0..1e15).contains(&meant)).then_some(meant as u64)
    };
    let Ok(number) = text.parse::<u64>() else {
        let meant = meant().map_or_else(|| "such as 1000".to_owned(), |of| format!("{of}"));
        let alone = if is_url(text) {
            ", and the URL stands by itself"
        } else {
            ""
        };
        return Err(format!("it is a whole number in digits: {meant}{alone}"));
    };
    N::try_from(number).map_err(|_| format!("{number} is out of range"))
}

/// Requests a second, a rate with its unit, or as vegeta writes it: `50/1m`.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    let rate = match (text.parse::<f64>(), per_duration(text)) {
        (Ok(number), _) | (_, Some(number)) => Rate::new(number),
        _ => Rate::parse(text),
    };
    rate.map_err(|error| error.to_string())
}

/// Requests a second of `NUMBER/DURATION`.
fn per_duration(text: &str) -> Option<f64> {
    let (number, per) = text.split_once('/')?;
    let is_duration = per.starts_with(|c: char| c.is_ascii_digit());
    let seconds = parse_duration(per).ok().filter(|_| is_duration)?;
    Some(number.parse::<f64>().ok()? / seconds.as_secs_f64())
}

/// A method. A URL that stands there was meant to stand by itself.
pub(super) fn method(text: &str) -> Result<String, String> {
    if is_url(text) {
        return Err("-M is the method, and the URL stands by itself".to_owned());
    }
    if text.contains(':') {
        return Err(
            "-M and -X are the method; a proxy, which is -X in ab, is --proxy http://HOST:PORT"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// `Name: value`; as in curl `Name:` takes the header away, and `Name;` sends it empty.
pub(super) fn header(text: &str) -> Result<Header, String> {
    if text.starts_with('@') {
        return Err("headers are not read from files; write each as `Name: value`".to_owned());
    }
    if is_url(text) {
        return Err("-H is a header, and the URL stands by itself".to_owned());
    }
    let header = |name: &str, value: Option<&str>| Header {
        name: name.trim().to_owned(),
        value: value.map(|value| value.trim().to_owned()),
        is_default: false,
    };
    // HTTP/2's own, such as `:authority`, are told apart by whoever sends them.
    let (first, rest) = text.split_at(text.len().min(usize::from(text.starts_with(':'))));
    match (rest.split_once(':'), rest.trim_end().strip_suffix(';')) {
        (Some((name, value)), _) if value.trim().is_empty() => {
            Ok(header(&format!("{first}{name}"), None))
        }
        (Some((name, value)), _) => Ok(header(&format!("{first}{name}"), Some(value))),
        (None, Some(name)) => Ok(header(name, Some(""))),
        (None, None) => Err("a header is written `Name: value`".to_owned()),
    }
}

/// `USER:PASSWORD`.
pub(super) fn user(text: &str) -> Result<(String, String), String> {
    if is_url(text) {
        return Err("credentials are USER:PASSWORD, and the URL stands by itself; a connection for each request, which is -a in bombardier, is --no-keepalive".to_owned());
    }
    let (user, password) = text.split_once(':').ok_or(
        "credentials are USER:PASSWORD; virtual users of k6 and locust are connections here (-c), the number of requests of autocannon is -n, and the file that ab puts is -M PUT --body @FILE",
    )?;
    Ok((user.to_owned(), password.to_owned()))
}

/// What hey, oha and bombardier call `-m`; in curl it is a time.
pub(super) fn method_or_time(text: &str) -> Result<String, String> {
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(format!(
            "-m is the method, as -M; the longest that a request may take is -T {text}s, and a connection carries one request at a time, whatever -m of h2load says"
        ));
    }
    method(text)
}

/// `NAME=VALUE`; curl would read a file of any other name.
pub(super) fn cookie(text: &str) -> Result<String, String> {
    match text.contains('=') {
        true => Ok(text.to_owned()),
        false => Err("a cookie is NAME=VALUE; files of cookies are not read".to_owned()),
    }
}

/// A duration, or a bare number in the flag's own unit.
fn bare(text: &str, unit: fn(f64) -> Duration) -> Result<Duration, String> {
    if !is_number(text) {
        return parse_duration(text).map_err(|error| error.to_string());
    }
    match text.parse::<f64>() {
        Ok(number) if number <= 2_592_000.0 => Ok(unit(number)),
        _ => Err(format!("{text} is out of range")),
    }
}

/// Digits with at most one point; `1e3` is none that people write for a duration.
fn is_number(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.parse::<f64>().is_ok()
}
