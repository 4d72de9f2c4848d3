//! Scenario files: TOML mirror → validated [`Plan`]. Everything that can be wrong with a scenario is found here,
//! before anything is started. It starts nothing and reads no file but the scenario and what it names.

mod error;
mod file;
pub mod fleet;
mod merge;
mod plan;
pub mod random;
pub mod redact;
mod request;
mod resolve;
pub mod template;
pub mod threshold;

use std::path::Path;
use std::time::Duration;

pub use error::Error;
pub use plan::{
    Arrivals, BaseUrl, ComparisonPlan, CostModel, Load, LoadModel, Phase, Plan, Profile, Request,
    Target, Threshold, Variant,
};

use crate::units::Rate;

/// Flags that take the place of what the scenario says about load and requests; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Connections of every phase.
    pub connections: Option<u32>,
    /// Window of every phase.
    pub duration: Option<Duration>,
    /// Timeout of every phase.
    pub timeout: Option<Duration>,
    /// Makes every phase open loop at this rate.
    pub rate: Option<Rate>,
    /// Requests of every phase.
    pub requests: Option<u64>,
    /// Set on every request, by name without regard to case.
    pub headers: Vec<(String, String)>,
    /// Method of every request.
    pub method: Option<String>,
    /// Body of every request.
    pub body: Option<String>,
    /// Profile through this endpoint.
    pub pprof: Option<String>,
    /// Measures the CPU of this process, for a URL target.
    pub pid: Option<u32>,
    /// Only this variant.
    pub variant: Option<String>,
}

/// Reads and validates a scenario file.
///
/// # Errors
/// The file cannot be read, or says something that cannot be run; the error names file, line, column and key.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Plan, Error> {
    let file = path.display().to_string();
    let unreadable = |message: String| Error {
        file: file.clone(),
        place: None,
        key: String::new(),
        message,
        line: None,
    };
    let bytes = std::fs::read(path)
        .map_err(|error| unreadable(format!("cannot read the scenario: {error}")))?;
    if bytes.len() > MAX_FILE {
        return Err(unreadable(format!(
            "{} bytes are more than a scenario may have ({MAX_FILE})",
            bytes.len()
        )));
    }
    let text =
        String::from_utf8(bytes).map_err(|error| unreadable(format!("not UTF-8 text: {error}")))?;
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
    resolve::plan(error::Source { file, text }, directory, overrides)
}

/// Scenarios are written by hand; more is a mistake.
const MAX_FILE: usize = 1 << 20;

#[cfg(test)]
mod tests;
