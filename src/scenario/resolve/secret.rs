//! Secrets that a scenario names: from the environment, or as a URL encodes them. No message quotes one.

use crate::traffic::template::{Scope, Template};
use crate::units::percent_decoded;

/// What `{{env.NAME}}` stands for. No message quotes the text, for it may be the secret itself.
pub(super) fn from_environment(text: &str) -> Result<Vec<u8>, String> {
    let inner = text
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .filter(|inner| !inner.contains("}}"));
    match inner.and_then(|inner| inner.trim().strip_prefix("env.")) {
        Some(_) => filled(text),
        None => Err("a passphrase is a secret and does not belong in a scenario; write \"{{env.NAME}}\", or name a file with `passphrase_file`".to_owned()),
    }
}

/// A user or a password: what `{{env.NAME}}` holds as it is, anything else as a URL encodes it.
pub(super) fn filled(text: &str) -> Result<Vec<u8>, String> {
    if !text.contains("{{") {
        return Ok(percent_decoded(text));
    }
    let scope = Scope {
        has_fleet: false,
        feeds: &[],
        variables: &[],
    };
    let template = Template::compile(text, 0, &scope).map_err(|error| error.message)?;
    let fixed = template.fixed();
    fixed.ok_or_else(|| "it is made of texts and {{env.NAME}} alone".to_owned())
}
