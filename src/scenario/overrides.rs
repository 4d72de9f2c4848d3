//! What the command line says of load and requests.

use std::path::PathBuf;
use std::time::Duration;

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
    /// Forward proxy that connections go through.
    pub proxy: Option<String>,
    /// Addresses that connections come from, several of them divided by commas.
    pub bind: Option<String>,
    /// Opens a connection for each request.
    pub no_keep_alive: bool,
    /// Only this variant.
    pub variant: Option<String>,
    /// Judges what cannot be trusted, whatever the scenario says of that.
    pub allow_untrusted: bool,
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
    /// Shakes hands in full each time.
    pub no_resumption: bool,
}
