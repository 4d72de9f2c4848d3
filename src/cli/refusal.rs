//! What clap refuses, without values that may be credentials: what stands behind a mistyped flag is often one.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Flags whose values are credentials as numbers too.
const SECRET: [&str; 6] = [
    "--header", "--user", "--cookie", "--body", "--form", "--proxy",
];

/// A number with a unit is no longer, and a unit has no more letters.
const LONGEST_NUMBER: usize = 16;
const LONGEST_UNIT: usize = 4;

/// What is told of an error, if that is not clap's own text.
pub(super) fn words(error: &clap::Error) -> Option<String> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let flag = context(ContextKind::InvalidArg).unwrap_or_default();
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand)?;
            word.contains("://")
                .then(|| told("to load a URL write `telemload run URL`"))
        }
        ErrorKind::UnknownArgument if !flag.starts_with('-') => Some(told(
            "there is a word too many; put a value in quotes if it has spaces",
        )),
        ErrorKind::UnknownArgument => Some(without(error, flag.split_once('=')?.1)),
        _ => {
            let value = context(ContextKind::InvalidValue)?;
            let may_be_shown = is_number(value) && !SECRET.iter().any(|of| flag.starts_with(of));
            // One of a list of words is no credential.
            let is_of_list = error.get(ContextKind::ValidValue).is_some();
            if may_be_shown || is_of_list {
                return None;
            }
            let Some(why) = std::error::Error::source(error) else {
                return Some(without(error, value));
            };
            Some(told(&format!(
                "invalid value for '{flag}': {}",
                hidden(&why.to_string(), value)
            )))
        }
    }
}

fn told(words: &str) -> String {
    format!("error: {words}\n\nFor more information, try '--help'.")
}

/// clap's text without a value.
fn without(error: &clap::Error, value: &str) -> String {
    hidden(&error.to_string(), value).trim_end().to_owned()
}

/// A text without a value, which may be quoted in it.
fn hidden(text: &str, value: &str) -> String {
    let quoted = format!("{value:?}");
    let within = quoted.trim_matches('"');
    if within.is_empty() {
        return text.to_owned();
    }
    text.replace(&quoted, "it")
        .replace(value, "…")
        .replace(within, "…")
}

/// Whether it is a number with a unit, as far as anyone writes one.
fn is_number(value: &str) -> bool {
    let letters = value.chars().filter(char::is_ascii_alphabetic).count();
    value.len() <= LONGEST_NUMBER
        && letters <= LONGEST_UNIT
        && value.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.')
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._,/ -".contains(c))
}
