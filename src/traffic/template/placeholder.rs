//! What stands between `{{` and `}}` → a part. Pure but for the environment.

use std::sync::Arc;

use super::part::{Drawn, NowFormat, Part, push_text};
use super::values::Scope;

const KNOWN: &str = "device.id, device.secret, seq, stretch, run, int A B, float A B [DECIMALS], uuid, now [rfc3339 | unix | unix_ms | unix_ns], choice A B …, base64 A \"TEXT\" …, \"TEXT\", env.NAME, FEED.COLUMN, and what requests extract";

/// Names that placeholders begin with; neither a feed nor a variable may take one.
const BUILT_IN: [&str; 11] = [
    "device", "env", "seq", "stretch", "run", "int", "float", "uuid", "now", "choice", "base64",
];

/// Whether a placeholder of this name has a meaning of its own.
pub(crate) fn is_built_in(name: &str) -> bool {
    BUILT_IN.contains(&name)
}

/// A text from the command line as a template: `{{` stands for itself unless a placeholder that is known begins there. `names`
/// are those of feeds and of what requests extract. The first that looks like a placeholder and is none is told in `notes`.
pub(crate) fn literal_unless_known(
    text: &str,
    names: &[String],
    notes: &mut Vec<String>,
) -> String {
    let mut template = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        template.push_str(&rest[..open]);
        rest = &rest[open..];
        let end = rest.find("}}").map(|close| close + 2);
        if let Some(end) = end.filter(|end| is_known(rest[2..end - 2].trim(), names)) {
            template.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let word = end.map(|end| &rest[..end]);
        if let Some(word) = word.filter(|word| notes.is_empty() && word.len() <= 40) {
            notes.push(format!("`{word}` is no placeholder, and is sent as it is"));
        }
        template.push_str(r#"{{"{{"}}"#);
        rest = &rest[2..];
    }
    template + rest
}

fn is_known(inner: &str, names: &[String]) -> bool {
    let name = inner.split_whitespace().next().unwrap_or_default();
    let first = name.split('.').next().unwrap_or_default();
    let has_part = name.len() > first.len();
    match first {
        "device" | "env" => has_part,
        _ if has_part => names.iter().any(|known| known == first),
        _ => {
            is_built_in(name) || names.iter().any(|known| known == name) || quoted(inner).is_some()
        }
    }
}

/// The text of a placeholder that is a text in quotes, such as `"{{"`.
fn quoted(inner: &str) -> Option<&str> {
    let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let text = inner.strip_prefix(quote)?.strip_suffix(quote)?;
    (!text.contains(quote)).then_some(text)
}

/// Compiles a placeholder's trimmed text.
pub(super) fn compile(text: &str, salt: u64, scope: &Scope<'_>) -> Result<Part, String> {
    let mut words = text.split_whitespace();
    let name = words
        .next()
        .ok_or_else(|| format!("an empty placeholder; known are {KNOWN}"))?;
    if let Some(text) = quoted(text) {
        return Ok(Part::Text(text.as_bytes().into()));
    }
    if name == "base64" {
        return base64(text, text["base64".len()..].trim(), salt, scope);
    }
    let arguments: Vec<&str> = words.collect();
    let part = match (name, arguments.as_slice()) {
        ("int", [low, high]) => {
            let (low, span) = range(low, high, 0).ok_or_else(|| {
                format!(
                    "`int {low} {high}` is not a range of integers; write `int A B` with A <= B"
                )
            })?;
            Part::Int(Drawn { low, span, salt })
        }
        ("float", [low, high, rest @ ..]) if rest.len() <= 1 => {
            let decimals = rest.first().map_or(Some(3), |text| {
                text.parse().ok().filter(|&decimals: &u32| decimals <= 9)
            });
            let found = decimals.and_then(|decimals| {
                range(low, high, decimals).map(|(low, span)| Part::Float {
                    drawn: Drawn { low, span, salt },
                    decimals,
                })
            });
            found.ok_or_else(|| format!("`{text}` is not a range; write `float A B` with A <= B, and at most 9 decimals behind it"))?
        }
        ("now", ["rfc3339"]) => Part::Now(NowFormat::Rfc3339),
        ("now", ["unix"]) => Part::Now(NowFormat::UnixSeconds),
        ("now", ["unix_ms"]) => Part::Now(NowFormat::UnixMillis),
        ("now", ["unix_ns"]) => Part::Now(NowFormat::UnixNanos),
        ("choice", options) if !options.is_empty() => Part::Choice {
            options: options
                .iter()
                .map(|option| option.as_bytes().into())
                .collect(),
            salt,
        },
        (name, []) => simple(name, salt, scope)?,
        _ => return Err(unknown(text, scope)),
    };
    Ok(part)
}

/// A placeholder without arguments.
fn simple(name: &str, salt: u64, scope: &Scope<'_>) -> Result<Part, String> {
    let part = match name {
        "device.id" => Part::DeviceId,
        "device.secret" => Part::DeviceSecret,
        "seq" => Part::Seq,
        "stretch" => Part::Stretch,
        "run" => Part::Run,
        "uuid" => Part::Uuid { salt },
        "now" => Part::Now(NowFormat::Rfc3339),
        _ => {
            if let Some(variable) = name.strip_prefix("env.") {
                return env(variable);
            }
            if let Some(variable) = scope.variables.iter().position(|known| known == name) {
                Part::Variable(variable)
            } else {
                return column(name, scope);
            }
        }
    };
    let owner = match part {
        Part::DeviceId | Part::DeviceSecret => "device",
        Part::Variable(_) => name,
        _ => return Ok(part),
    };
    if scope.has_fleet {
        Ok(part)
    } else {
        Err(format!(
            "`{owner}` needs a fleet; add `fleet = \"…\"` to the request"
        ))
    }
}

fn env(variable: &str) -> Result<Part, String> {
    let value = std::env::var(variable).map_err(|_| {
        format!("the environment variable {variable} is not set; export it before the run")
    })?;
    if value.contains(['\r', '\n']) {
        return Err(format!(
            "the environment variable {variable} holds a line break; it cannot be sent"
        ));
    }
    Ok(Part::Env(value.into_bytes().into()))
}

fn column(name: &str, scope: &Scope<'_>) -> Result<Part, String> {
    let found = name.split_once('.').and_then(|(feed, column)| {
        let feed = scope.feeds.iter().find(|known| known.name() == feed)?;
        Some((feed, column))
    });
    let Some((feed, column)) = found else {
        return Err(unknown(name, scope));
    };
    let at = feed.columns().iter().position(|known| known == column);
    at.map(|column| Part::Column {
        feed: Arc::clone(feed),
        column,
    })
    .ok_or_else(|| {
        format!(
            "the feed `{}` has no column `{column}`; it has {}",
            feed.name(),
            feed.columns().join(", ")
        )
    })
}

fn unknown(text: &str, scope: &Scope<'_>) -> String {
    let mut message = format!("unknown placeholder `{{{{{text}}}}}`; known are {KNOWN}");
    if !scope.variables.is_empty() {
        message += &format!(" ({})", scope.variables.join(", "));
    }
    message
}

/// `base64 device.id ":" device.secret`: what is encoded is a sequence of placeholders without arguments and texts in quotes.
fn base64(text: &str, arguments: &str, salt: u64, scope: &Scope<'_>) -> Result<Part, String> {
    let malformed = || {
        format!(
            "`{text}` cannot be encoded; write `base64` and then placeholders without arguments, or texts in quotes, with spaces between them"
        )
    };
    let mut inner = Vec::new();
    let mut rest = arguments;
    while let Some(first) = rest.chars().next() {
        let end = if matches!(first, '"' | '\'') {
            let close = rest[1..].find(first).ok_or_else(malformed)?;
            push_text(&mut inner, &rest[1..=close]);
            close + 2
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let salt = salt.wrapping_mul(1_000).wrapping_add(inner.len() as u64);
            inner.push(simple(&rest[..end], salt, scope)?);
            end
        };
        rest = &rest[end..];
        if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
            return Err(malformed());
        }
        rest = rest.trim_start();
    }
    if arguments.is_empty() {
        return Err(malformed());
    }
    Ok(Part::Base64(inner))
}

/// First value and number of values of the closed range, in units of 10^-decimals.
fn range(low: &str, high: &str, decimals: u32) -> Option<(i64, u64)> {
    let scale = 10f64.powi(decimals as i32);
    let parse = |text: &str| -> Option<i64> {
        if decimals == 0 && !text.contains('.') {
            return text.parse().ok();
        }
        let scaled = text.parse::<f64>().ok()? * scale;
        (decimals > 0 && scaled.abs() < 9e15).then_some(scaled.round() as i64)
    };
    let (low, high) = (parse(low)?, parse(high)?);
    // A span of 2^64 values is written as 0, which `random::below` takes as the whole range.
    (low <= high).then(|| (low, (high.wrapping_sub(low) as u64).wrapping_add(1)))
}
