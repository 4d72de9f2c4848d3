//! Recorded traffic of others → a [`Sample`], and a sample → a scenario. Bytes in, values and texts out: it opens no file, runs no
//! command and knows no clock. Untrusted bytes neither panic nor exhaust memory, and no message quotes a value.

mod curl;
mod detect;
mod draft;
mod har;
mod lacks;
mod log;
mod mark;
mod multipart;
mod origin;
mod sample;
mod secret;
#[cfg(test)]
mod tests;
mod time;
mod url;

pub use detect::{ReadError, read, text};
pub use draft::{Choice, Draft, Pace, draft, quoted};
pub use lacks::{lacks, remedy};
pub use multipart::last_setting;
pub use origin::{is_of, origin};
pub use sample::{Bodies, Body, Exchange, Headers, Holds, Sample, Skip, Source, Times};
pub use secret::{Replaced, credentials_of_path};

/// Reads a file that a command names, or says why not.
pub type Files<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// How files are read.
#[derive(Default)]
pub struct Options<'a> {
    /// Format of an access log: a name, or a line of nginx, Apache or Envoy.
    pub format: Option<&'a str>,
    /// Fields of a JSON log by JSON pointers.
    pub fields: Option<&'a str>,
    /// Reads what a command of curl names with `@`; without it these bodies are unknown.
    pub files: Option<Files<'a>>,
}
