//! Scenario files: TOML mirror → validated [`Plan`]. Everything that can be wrong with a scenario is found here,
//! before anything is started. It starts nothing and reads no file but the scenario and what it names.

pub mod plan;
mod read;
mod resolve;
#[cfg(test)]
mod schema;

use std::path::Path;

pub use crate::transport::input::{read_at_most, read_or_wait};
pub use plan::places::LAUNCH_DIRECTORY;
pub use plan::words::describe_weights;
pub use plan::{
    Abort, Also, Arrivals, BaseUrl, Chunks, ComparisonPlan, CostModel, Elsewhere, Host, Judge,
    Judged, Load, LoadModel, Need, Pace, Phase, Plan, Profile, ProfileSource, Request, Route,
    Sequence, Service, Stage, Target, Threshold, Variant, not_in_turns, shared_port,
};
pub use read::bytes::MAX_BODY_FILE;
pub use read::error::Error;
pub use read::flags::{Body, Content, Field, GivenTarget, Header, Overrides, TlsFlags};
pub use read::names::is_name;

use read::bytes::MAX_FILE;
use read::error::Source;

use crate::traffic::redact::without_user;

/// Reads and validates a scenario file.
///
/// # Errors
/// The file cannot be read, or says something that cannot be run; the error names file, line, column and key.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Plan, Error> {
    let file = path.display().to_string();
    let may_be_url = file.contains(':');
    let shown = if may_be_url {
        without_user(&file)
    } else {
        file.clone()
    };
    let unreadable = |message: String| Error {
        file: shown.clone(),
        place: None,
        key: String::new(),
        message,
        line: None,
    };
    let bytes = read_at_most(path, MAX_FILE).map_err(|error| {
        // A host stands by itself, and files have names and places of their own.
        let is_word = !file.ends_with(".toml") && !file.starts_with(['.', '/']);
        let is_missing = error.kind() == std::io::ErrorKind::NotFound;
        let url = match may_be_url || (is_missing && is_word) {
            true => format!("; a URL begins with http://, as in http://{shown}"),
            false => String::new(),
        };
        unreadable(format!("cannot read the scenario: {error}{url}"))
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|error| unreadable(format!("not UTF-8 text: {error}; is it a scenario?")))?;
    parse(
        &file,
        &text,
        path.parent().unwrap_or(Path::new(".")),
        overrides,
    )
}

/// Validates a scenario's text; files that it names are sought in `directory`.
///
/// # Errors
/// As for [`load`].
pub fn parse(
    file: &str,
    text: &str,
    directory: &Path,
    overrides: &Overrides,
) -> Result<Plan, Error> {
    resolve::plan(Source { file, text }, directory, overrides)
}

#[cfg(test)]
mod tests;
