//! Scenario files: TOML mirror → validated [`Plan`]. Everything that can be wrong with a scenario is found here,
//! before anything is started. It starts nothing and reads no file but the scenario and what it names.

mod acknowledged;
pub mod command;
mod error;
mod expect;
mod file;
pub mod gateway;
mod merge;
mod needs;
mod plan;
pub mod ports;
mod refusal;
mod request;
mod resolve;
pub mod threshold;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::Error;
pub use plan::{
    Arrivals, BaseUrl, ComparisonPlan, CostModel, LAUNCH_DIRECTORY, Load, LoadModel, Need, Pace,
    Phase, Plan, Profile, ProfileSource, Request, Route, Service, Stage, Target, Threshold,
    Variant,
};
pub use resolve::is_name;

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
    /// How the target is spoken to over TLS.
    pub tls: TlsFlags,
    /// Host and port that connections go to.
    pub connect_to: Option<String>,
    /// Unix socket that connections go to.
    pub unix_socket: Option<PathBuf>,
    /// Opens a connection for each request.
    pub no_keep_alive: bool,
    /// Only this variant.
    pub variant: Option<String>,
    /// Secrets are shown in dry runs and in the words of failures.
    pub show_secrets: bool,
}

/// Flags that take the place of keys of `tls`; paths are taken from the working directory.
#[derive(Debug, Clone, Default)]
pub struct TlsFlags {
    /// Certificates of authorities.
    pub ca: Option<PathBuf>,
    /// Certificate of the client.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// Name that the target's certificate is for.
    pub server_name: Option<String>,
    /// Accepts any certificate.
    pub insecure: bool,
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
    let bytes = read_at_most(path, MAX_FILE).map_err(|error| {
        let url = if file.contains(':') {
            "; a URL begins with http://"
        } else {
            ""
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
    resolve::plan(error::Source { file, text }, directory, overrides)
}

/// Reads a file of at most `limit` bytes; one without an end is not read to its end.
///
/// # Errors
/// It cannot be read, or is longer.
pub fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("it has more than {limit} bytes, which is the limit");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Scenarios are written by hand; more is a mistake.
const MAX_FILE: u64 = 1 << 20;

/// Bytes that a body from a file may have: it is held in memory and copied per request.
pub const MAX_BODY_FILE: u64 = 16 << 20;

#[cfg(test)]
mod tests;
