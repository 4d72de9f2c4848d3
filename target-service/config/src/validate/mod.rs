//! Whether a gateway could run with a configuration. A file for each group of keys.

mod auth;
mod experiment;
mod limits;
mod store;

use crate::config::Config;
use crate::range::{ConfigError, MAX_CPUS, MAX_KIB, in_range};
use crate::settings::Settings;

impl Config {
    /// Checks every value against its range.
    ///
    /// # Errors
    ///
    /// The first value that the gateway could not run with.
    pub fn validate(&self) -> Result<(), ConfigError> {
        auth::bcrypt(self)?;
        in_range("cpus", self.cpus, 1, MAX_CPUS)?;
        store::check(self)?;
        auth::cache(self)?;
        auth::shield(self)?;
        in_range("user_kib", self.user_kib, 1, MAX_KIB)?;
        limits::check(self)?;
        experiment::check(self)?;
        // What the environment adds is judged by the process that it belongs to.
        Settings::resolve(self, &|_| None).map(drop)
    }
}

#[cfg(test)]
mod tests;
