//! How the target is profiled.

use std::time::Duration;

/// How the target is profiled.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Who takes the samples.
    pub source: ProfileSource,
    /// Samples per second and busy core.
    pub hz: u32,
    /// Whole seconds.
    pub duration: Duration,
}

/// Who takes the samples of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileSource {
    /// The target, which is asked for them.
    Pprof {
        /// Its endpoint, with `{port}` in the place of the target's port; the gateway's own if none.
        url: Option<String>,
    },
    /// The system's perf; the processes of the target are known.
    Perf,
}
