//! The axes of the gateway as plain values. Nothing here opens, starts or measures anything.

use std::fmt;
use std::thread::available_parallelism;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::ingest::config::{Ack, IngestMode, Settings};
use crate::size::Size;

/// Highest accepted cost: one check takes about 0.9 s of a CPU there, and each step above doubles it.
pub(crate) const MAX_COST: u32 = 14;
const MIN_COST: u32 = 4;
const MAX_CPUS: usize = 1024;
const MAX_KIB: usize = 65_536;
const MAX_TTL: SignedDuration = SignedDuration::from_hours(24);
/// Below it the process could not even start its threads.
const MIN_MEMORY: Size = Size::mib(32);

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
}

/// Where users and digests are kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// Inside the process.
    #[default]
    Memory,
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
    /// Worker threads, bcrypt threads, and CPUs that the process may use.
    pub cpus: usize,
    /// Where users and digests are kept.
    pub store: StoreKind,
    /// Life of a cached digest, counted from its insertion.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    pub cache_ttl: SignedDuration,
    /// Permission check of requests without device headers.
    pub rbac: Rbac,
    /// Size of each stored user object, in KiB.
    pub user_kib: usize,
    /// Largest accepted request body, in KiB.
    pub body_limit_kib: usize,
    /// What happens to the payloads of `/v1/payloads`.
    pub ingest: IngestMode,
    /// When a document of payloads is acknowledged.
    pub ack: Ack,
    /// Uploads at once in `pool`; without it `MAX_WORKERS` of the environment, else 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_workers: Option<usize>,
    /// Payloads that may wait in `queue` and `pool`; without it `MAX_QUEUE` of the environment, else 50,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_queue: Option<usize>,
    /// Bytes that may wait in `pool`.
    pub queue_size: Size,
    /// Payloads that make a batch of `pool` complete.
    pub batch_payloads: usize,
    /// Bytes that make a batch of `pool` complete.
    pub batch_size: Size,
    /// Age of its oldest payload that makes a batch of `pool` complete.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    pub batch_age: SignedDuration,
    /// How long the stop may take to store what is queued, after the last request is answered.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    pub drain: SignedDuration,
    /// Where payloads go: `memory`, `file:///directory` or `s3://bucket/prefix`.
    pub sink: String,
    /// Added to every upload: a stand-in for a remote object store.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    pub sink_latency: SignedDuration,
    /// Uploads at once beyond which the sink answers 503 SlowDown: a stand-in for a remote object store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink_capacity: Option<usize>,
    /// Endpoint of an S3 other than Amazon's; credentials come from the environment alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_endpoint: Option<String>,
    /// Region of the bucket; without it `AWS_REGION` of the environment, else `us-east-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_region: Option<String>,
    /// Private memory that the process may use; what needs more ends it, as an out-of-memory kill would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<Size>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            auth: Auth::default(),
            bcrypt_cost: 10,
            cpus: available_parallelism().map_or(1, usize::from),
            store: StoreKind::default(),
            cache_ttl: SignedDuration::from_secs(30),
            rbac: Rbac::default(),
            user_kib: 64,
            body_limit_kib: 64,
            ingest: IngestMode::default(),
            ack: Ack::default(),
            max_workers: None,
            max_queue: None,
            queue_size: Size::mib(64),
            batch_payloads: 1_000,
            batch_size: Size::mib(1),
            batch_age: SignedDuration::from_millis(100),
            drain: SignedDuration::from_secs(5),
            sink: "memory".to_owned(),
            sink_latency: SignedDuration::ZERO,
            sink_capacity: None,
            s3_endpoint: None,
            s3_region: None,
            memory_limit: None,
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
    /// A time to live that is zero, negative or longer than a day.
    #[error(
        "cache_ttl = {value:#} is out of range, use a duration above 0 and up to 24h such as \"30s\""
    )]
    Ttl {
        /// What it was set to.
        value: SignedDuration,
    },
    /// Any other value that cannot be used.
    #[error("{key}: {why}")]
    Unusable {
        /// The key in the configuration.
        key: &'static str,
        /// What is wrong with its value, and the remedy.
        why: String,
    },
}

impl ConfigError {
    /// The configuration key that is at fault.
    pub fn key(&self) -> &'static str {
        match self {
            Self::OutOfRange { key, .. } | Self::Unusable { key, .. } => key,
            Self::CostTooHigh { .. } => "bcrypt_cost",
            Self::Ttl { .. } => "cache_ttl",
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
        in_range("cpus", self.cpus, 1, MAX_CPUS)?;
        if self.cache_ttl <= SignedDuration::ZERO || self.cache_ttl > MAX_TTL {
            return Err(ConfigError::Ttl {
                value: self.cache_ttl,
            });
        }
        in_range("user_kib", self.user_kib, 1, MAX_KIB)?;
        in_range("body_limit_kib", self.body_limit_kib, 1, MAX_KIB)?;
        if let Some(limit) = self.memory_limit.filter(|limit| *limit < MIN_MEMORY) {
            return Err(ConfigError::Unusable {
                key: "memory_limit",
                why: format!("{limit} is too little to start, use \"{MIN_MEMORY}\" or more"),
            });
        }
        // What the environment adds is judged by the process that it belongs to.
        Settings::resolve(self, &|_| None).map(drop)
    }
}

pub(crate) fn in_range(
    key: &'static str,
    value: usize,
    low: usize,
    high: usize,
) -> Result<(), ConfigError> {
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(json: &str) -> Result<Config, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_object_is_the_default() {
        assert_eq!(parse("{}"), Ok(Config::default()));
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let config = Config {
            cache_ttl: SignedDuration::from_millis(1500),
            ..Config::default()
        };
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(parse(&json), Ok(config));
    }

    #[test]
    fn words_and_units() {
        let config =
            parse(r#"{"auth":"cached","rbac":"bitmask","store":"memory","cache_ttl":"250ms"}"#)
                .unwrap();
        assert_eq!(
            (config.auth, config.rbac, config.store),
            (Auth::Cached, Rbac::Bitmask, StoreKind::Memory)
        );
        assert_eq!(config.cache_ttl, SignedDuration::from_millis(250));
    }

    #[test]
    fn unknown_keys_and_words_are_named() {
        for (json, named) in [
            (r#"{"cash_ttl":"30s"}"#, "cash_ttl"),
            (r#"{"auth":"magic"}"#, "magic"),
            (r#"{"store":"floppy"}"#, "floppy"),
            (r#"{"cache_ttl":30}"#, "30"),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.contains(named), "{json}: {error}");
        }
    }

    #[test]
    fn refusals_name_the_key_and_the_remedy() {
        let check = |json: &str, key: &str, text: &str| {
            let error = parse(json).unwrap().validate().unwrap_err();
            assert_eq!(
                (error.key(), error.to_string().as_str()),
                (key, text),
                "{json}"
            );
        };
        check(
            r#"{"bcrypt_cost":3}"#,
            "bcrypt_cost",
            "bcrypt_cost = 3 is out of range, use 4 to 14",
        );
        check(
            r#"{"bcrypt_cost":32}"#,
            "bcrypt_cost",
            "bcrypt_cost = 32 is out of range, use 4 to 14",
        );
        check(
            r#"{"bcrypt_cost":20}"#,
            "bcrypt_cost",
            "bcrypt_cost = 20 would hold a CPU for seconds at every check (each step doubles it), use 4 to 14",
        );
        check(
            r#"{"cpus":0}"#,
            "cpus",
            "cpus = 0 is out of range, use 1 to 1024",
        );
        check(
            r#"{"cache_ttl":"-1s"}"#,
            "cache_ttl",
            "cache_ttl = 1s ago is out of range, use a duration above 0 and up to 24h such as \"30s\"",
        );
        check(
            r#"{"user_kib":0}"#,
            "user_kib",
            "user_kib = 0 is out of range, use 1 to 65536",
        );
        check(
            r#"{"body_limit_kib":0}"#,
            "body_limit_kib",
            "body_limit_kib = 0 is out of range, use 1 to 65536",
        );
        check(
            r#"{"memory_limit":"1MiB"}"#,
            "memory_limit",
            "memory_limit: 1MiB is too little to start, use \"32MiB\" or more",
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            if let Ok(config) = serde_json::from_str::<Config>(&text) {
                let _ = config.validate();
            }
        }

        #[test]
        fn any_duration_is_read_or_refused(text in "\\PC{0,20}") {
            let json = serde_json::json!({ "cache_ttl": text }).to_string();
            if let Ok(config) = serde_json::from_str::<Config>(&json) {
                let _ = config.validate();
            }
        }
    }
}
