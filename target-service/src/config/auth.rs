//! The axes of credentials and permissions: how they are checked, and for how long an answer is believed. Values alone.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::range::{LONGEST_LIFE, SHORTEST_LIFE, in_range};
use super::{Config, ConfigError, MAX_CPUS, MAX_WAITING};

/// Highest accepted cost: one check takes about 0.9 s of a CPU there, and each step above doubles it.
pub(crate) const MAX_COST: u32 = 14;
const MIN_COST: u32 = 4;

/// How the credential of a device is checked.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// One bcrypt per request.
    Naive,
    /// A digest cache with a fixed time to live; every concurrent miss runs its own bcrypt.
    Cached,
    /// The same cache, and at most one bcrypt in flight per device and credential.
    #[default]
    Singleflight,
    /// bcrypt at a handshake, then a short-lived signed token.
    Token,
    /// Singleflight that spends little on credentials which were never right.
    Shielded,
}

/// What of a credential is remembered.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DigestKind {
    /// SHA-256: whoever reads the store can try out weak secrets at full speed.
    #[default]
    Sha256,
    /// HMAC-SHA-256 under a key that is never in the store.
    HmacSha256,
}

/// From when on the life of a remembered credential counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expiry {
    /// From the bcrypt.
    #[default]
    Fixed,
    /// From its last use.
    Sliding,
}

/// How the user path tests a permission.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rbac {
    /// Decodes the whole stored user object, then looks at one entry.
    #[default]
    Json,
    /// Tests one bit of a stored mask.
    Bitmask,
    /// Allows everything.
    Off,
}

impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Naive => "naive",
            Self::Cached => "cached",
            Self::Singleflight => "singleflight",
            Self::Token => "token",
            Self::Shielded => "shielded",
        })
    }
}

impl fmt::Display for Rbac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Bitmask => "bitmask",
            Self::Off => "off",
        })
    }
}

impl Config {
    pub(super) fn validate_bcrypt(&self) -> Result<(), ConfigError> {
        let cost = self.bcrypt_cost;
        if (MAX_COST + 1..=31).contains(&cost) {
            return Err(ConfigError::Unusable {
                key: "bcrypt_cost",
                why: format!(
                    "{cost} would hold a CPU for seconds at every check (each step doubles it), use {MIN_COST} to {MAX_COST}"
                ),
            });
        }
        in_range("bcrypt_cost", cost, MIN_COST, MAX_COST)?;
        in_range("bcrypt_queue", self.bcrypt_queue, 1, MAX_WAITING)
    }

    pub(super) fn validate_cache(&self) -> Result<(), ConfigError> {
        in_range("cache_ttl", self.cache_ttl, SHORTEST_LIFE, LONGEST_LIFE)?;
        in_range("cache_jitter_percent", self.cache_jitter_percent, 0, 50)?;
        in_range("token_ttl", self.token_ttl, SHORTEST_LIFE, LONGEST_LIFE)?;
        if self.token_ttl.subsec_nanos() != 0 {
            return Err(ConfigError::Unusable {
                key: "token_ttl",
                why: "tokens count whole seconds; use one such as \"5m\"".to_owned(),
            });
        }
        Ok(())
    }

    pub(super) fn validate_shield(&self) -> Result<(), ConfigError> {
        in_range("refusal_ttl", self.refusal_ttl, SHORTEST_LIFE, LONGEST_LIFE)?;
        in_range("refusals", self.refusals, 1, 1_000_000)?;
        in_range("device_checks", self.device_checks, 1, 60_000)?;
        in_range("device_burst", self.device_burst, 1, 60_000)?;
        in_range("unproven_threads", self.unproven_threads, 1, MAX_CPUS)?;
        in_range("unproven_queue", self.unproven_queue, 1, MAX_WAITING)
    }
}
