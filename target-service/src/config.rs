//! The axes of the gateway as plain values. Nothing here opens, starts or measures anything.

mod store;

use std::fmt;
use std::thread::available_parallelism;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

pub use store::{Key, RedisUrl, StoreKind};
pub(crate) use store::{hex, random_bytes};

/// Highest accepted cost: one check takes about 0.9 s of a CPU there, and each step above doubles it.
pub(crate) const MAX_COST: u32 = 14;
const MIN_COST: u32 = 4;
const MAX_CPUS: usize = 1024;
const MAX_KIB: usize = 65_536;
const MAX_WAITING: usize = 65_536;
/// Below it the server's read buffer could not hold a usual head.
const MIN_HEAD_KIB: usize = 8;
const MAX_TTL: SignedDuration = SignedDuration::from_hours(24);

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

/// Form of the log on stderr.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Log {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
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

/// Everything that a scenario may say about the bundled gateway.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Credential check of requests with device headers.
    pub auth: Auth,
    /// Cost of the bcrypt that an unknown device is charged; the registry's hashes carry their own.
    pub bcrypt_cost: u32,
    /// bcrypt checks that may wait; beyond them the reply is 503.
    pub bcrypt_queue: usize,
    /// Worker threads, bcrypt threads, and CPUs that the process may use.
    pub cpus: usize,
    /// Where users and digests are kept.
    pub store: StoreKind,
    /// Begins every key in a shared store; instances with the same one share. A random one if not given.
    pub store_prefix: Option<String>,
    /// How long the store may take to answer before the gateway goes on without it.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    pub store_timeout: SignedDuration,
    /// Life of a digest in the process, in front of a shared store; every request asks the store if not given.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::optional")]
    pub local_ttl: Option<SignedDuration>,
    /// Life of a cached digest.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    pub cache_ttl: SignedDuration,
    /// From when on that life counts.
    pub cache_expiry: Expiry,
    /// Each life is longer or shorter by up to this share of it, so that what began together does not end together.
    pub cache_jitter_percent: u32,
    /// Seed of the jitter. A random one if not given.
    pub cache_seed: Option<u64>,
    /// What of a credential is remembered.
    pub digest: DigestKind,
    /// Key of `hmac-sha256`; the same for all instances that share a store. A random one if not given.
    pub digest_key: Option<Key>,
    /// Life of a session's token, in whole seconds.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    pub token_ttl: SignedDuration,
    /// Key that signs tokens; the same for all instances that clients may reach. A random one if not given.
    pub token_key: Option<Key>,
    /// `shielded`: how long a refused credential is refused without another bcrypt.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    pub refusal_ttl: SignedDuration,
    /// `shielded`: how many refused credentials are remembered.
    pub refusals: usize,
    /// `shielded`: bcrypt checks a minute and device of credentials that were never right.
    pub device_checks: u32,
    /// `shielded`: how many of these may come at once.
    pub device_burst: u32,
    /// `shielded`: threads that may check credentials which were never right.
    pub unproven_threads: usize,
    /// `shielded`: how many of these checks may wait.
    pub unproven_queue: usize,
    /// Permission check of requests without device headers.
    pub rbac: Rbac,
    /// Size of each stored user object, in KiB.
    pub user_kib: usize,
    /// Largest accepted request body, in KiB.
    pub body_limit_kib: usize,
    /// How long a body may take.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    pub body_timeout: SignedDuration,
    /// Largest accepted request head, in KiB.
    pub header_limit_kib: usize,
    /// How long a request's head may take, from its first byte; the first one from the connection's start.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    pub header_timeout: SignedDuration,
    /// How long a connection may be kept open between requests.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    pub idle_timeout: SignedDuration,
    /// How long requests in flight may go on after the stop.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    pub drain_timeout: SignedDuration,
    /// Open connections; more wait in the kernel's backlog.
    pub max_connections: usize,
    /// Form of the log.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            auth: Auth::default(),
            bcrypt_cost: 10,
            bcrypt_queue: 1024,
            cpus: available_parallelism().map_or(1, usize::from),
            store: StoreKind::default(),
            store_prefix: None,
            store_timeout: SignedDuration::from_millis(250),
            local_ttl: None,
            cache_ttl: SignedDuration::from_secs(30),
            cache_expiry: Expiry::default(),
            cache_jitter_percent: 0,
            cache_seed: None,
            digest: DigestKind::default(),
            digest_key: None,
            token_ttl: SignedDuration::from_mins(5),
            token_key: None,
            refusal_ttl: SignedDuration::from_secs(10),
            refusals: 10_000,
            device_checks: 30,
            device_burst: 5,
            unproven_threads: 1,
            unproven_queue: 32,
            rbac: Rbac::default(),
            user_kib: 64,
            body_limit_kib: 64,
            body_timeout: SignedDuration::from_secs(10),
            header_limit_kib: 32,
            header_timeout: SignedDuration::from_secs(10),
            idle_timeout: SignedDuration::from_secs(60),
            drain_timeout: SignedDuration::from_secs(5),
            max_connections: 4096,
            log: Log::default(),
        }
    }
}

/// A value that the gateway refuses to start with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A number outside its range.
    #[error("{key} = {value} is out of range, use {low} to {high}")]
    OutOfRange {
        /// The key in the configuration.
        key: &'static str,
        /// What it was set to.
        value: usize,
        /// Smallest accepted value.
        low: usize,
        /// Largest accepted value.
        high: usize,
    },
    /// A cost that bcrypt knows but a gateway cannot afford.
    #[error(
        "bcrypt_cost = {cost} would hold a CPU for seconds at every check (each step doubles it), use {MIN_COST} to {MAX_COST}"
    )]
    CostTooHigh {
        /// What it was set to.
        cost: u32,
    },
    /// A duration that is zero, negative or longer than a day.
    #[error(
        "{key} = {value:#} is out of range, use a duration above 0 and up to 24h such as \"30s\""
    )]
    Duration {
        /// The key in the configuration.
        key: &'static str,
        /// What it was set to.
        value: SignedDuration,
    },
    /// A value that is fine by itself and not as it is used.
    #[error("{key}: {reason}")]
    Unfit {
        /// The key in the configuration.
        key: &'static str,
        /// What is wrong, and the remedy.
        reason: &'static str,
    },
}

impl ConfigError {
    /// The configuration key that is at fault.
    pub fn key(&self) -> &'static str {
        match self {
            Self::OutOfRange { key, .. } | Self::Duration { key, .. } | Self::Unfit { key, .. } => {
                key
            }
            Self::CostTooHigh { .. } => "bcrypt_cost",
        }
    }
}

impl Config {
    /// Checks every value against its range.
    ///
    /// # Errors
    ///
    /// The first value, in the order of the fields, that the gateway could not run with.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if (MAX_COST + 1..=31).contains(&self.bcrypt_cost) {
            return Err(ConfigError::CostTooHigh {
                cost: self.bcrypt_cost,
            });
        }
        in_range(
            "bcrypt_cost",
            self.bcrypt_cost as usize,
            MIN_COST as usize,
            MAX_COST as usize,
        )?;
        in_range("bcrypt_queue", self.bcrypt_queue, 1, MAX_WAITING)?;
        in_range("cpus", self.cpus, 1, MAX_CPUS)?;
        self.validate_store()?;
        self.validate_cache()?;
        self.validate_shield()?;
        in_range("user_kib", self.user_kib, 1, MAX_KIB)?;
        in_range("body_limit_kib", self.body_limit_kib, 1, MAX_KIB)?;
        up_to_a_day("body_timeout", self.body_timeout)?;
        in_range(
            "header_limit_kib",
            self.header_limit_kib,
            MIN_HEAD_KIB,
            1024,
        )?;
        up_to_a_day("header_timeout", self.header_timeout)?;
        up_to_a_day("idle_timeout", self.idle_timeout)?;
        up_to_a_day("drain_timeout", self.drain_timeout)?;
        in_range("max_connections", self.max_connections, 1, 1_000_000)
    }

    fn validate_store(&self) -> Result<(), ConfigError> {
        let shared = matches!(self.store, StoreKind::Redis(_));
        if let Some(prefix) = &self.store_prefix {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:.".contains(&byte);
            if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(plain) {
                return unfit(
                    "store_prefix",
                    "use 1 to 64 letters, digits, `-`, `_`, `.` and `:`",
                );
            }
            if shared && self.digest == DigestKind::HmacSha256 && self.digest_key.is_none() {
                return unfit(
                    "digest_key",
                    "instances that share a store_prefix need one key, or they evict each other's digests; give all the same, or leave store_prefix out",
                );
            }
        }
        up_to_a_day("store_timeout", self.store_timeout)?;
        if let Some(ttl) = self.local_ttl {
            if !shared {
                return unfit(
                    "local_ttl",
                    "the memory store is local already; leave it out, or use a redis store",
                );
            }
            up_to_a_day("local_ttl", ttl)?;
        }
        Ok(())
    }

    fn validate_cache(&self) -> Result<(), ConfigError> {
        up_to_a_day("cache_ttl", self.cache_ttl)?;
        in_range(
            "cache_jitter_percent",
            self.cache_jitter_percent as usize,
            0,
            50,
        )?;
        up_to_a_day("token_ttl", self.token_ttl)?;
        if self.token_ttl.subsec_nanos() != 0 {
            return unfit(
                "token_ttl",
                "tokens count whole seconds; use one such as \"5m\"",
            );
        }
        Ok(())
    }

    fn validate_shield(&self) -> Result<(), ConfigError> {
        up_to_a_day("refusal_ttl", self.refusal_ttl)?;
        in_range("refusals", self.refusals, 1, 1_000_000)?;
        in_range("device_checks", self.device_checks as usize, 1, 60_000)?;
        in_range("device_burst", self.device_burst as usize, 1, 60_000)?;
        in_range("unproven_threads", self.unproven_threads, 1, MAX_CPUS)?;
        in_range("unproven_queue", self.unproven_queue, 1, MAX_WAITING)
    }
}

fn unfit(key: &'static str, reason: &'static str) -> Result<(), ConfigError> {
    Err(ConfigError::Unfit { key, reason })
}

fn up_to_a_day(key: &'static str, value: SignedDuration) -> Result<(), ConfigError> {
    if value <= SignedDuration::ZERO || value > MAX_TTL {
        return Err(ConfigError::Duration { key, value });
    }
    Ok(())
}

fn in_range(key: &'static str, value: usize, low: usize, high: usize) -> Result<(), ConfigError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::OutOfRange {
        key,
        value,
        low,
        high,
    })
}

#[cfg(test)]
mod tests;
