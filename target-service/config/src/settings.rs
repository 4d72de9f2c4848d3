//! What was typed about the ingestion, as the validated `Settings` that the ingestion sees.
//!
//! Nothing here opens a sink. The environment is an argument, so that a setting has one reader and tests have none.

use std::time::Duration;

use jiff::SignedDuration;

use crate::config::Config;
use crate::ingest::{Ack, IngestMode};
use crate::range::{ConfigError, in_range};
use crate::sink::{Location, StandIn};
use crate::size::Size;

const MAX_WORKERS: usize = 1024;
const MAX_QUEUE: usize = 10_000_000;
const DEFAULT_WORKERS: usize = 8;
/// About a second of the load that the pool is made for: 16,667 documents of 3 payloads.
const DEFAULT_QUEUE: usize = 50_000;
const MAX_BATCH: usize = 100_000;
const MAX_CAPACITY: usize = 100_000;

/// What environment variables say; the process's own, or a test's.
pub type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// When a batch is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Payloads that make it complete.
    pub payloads: usize,
    /// Bytes that make it complete.
    pub bytes: usize,
    /// Age of its oldest payload that makes it complete.
    pub age: Duration,
}

/// A mode with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Thrown away.
    Discard,
    /// A task per payload.
    Spawn,
    /// One consumer.
    Queue {
        /// Payloads that may wait.
        payloads: usize,
    },
    /// Workers that store batches.
    Pool {
        /// Uploads at once.
        workers: usize,
        /// Payloads that may wait.
        payloads: usize,
        /// Bytes that may wait.
        bytes: usize,
        /// When a batch is complete.
        batching: Batching,
    },
}

/// The validated ingest configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What happens to payloads.
    pub mode: Mode,
    /// When they are acknowledged.
    pub ack: Ack,
    /// Where they go.
    pub location: Location,
    /// What the sink is made to do as a remote store does.
    pub stand_in: StandIn,
    /// How long the stop may take once the last request is answered.
    pub drain: Duration,
}

impl Settings {
    /// Checks every value; a value in the configuration goes before the environment's.
    ///
    /// # Errors
    ///
    /// The first value that the gateway could not run with.
    pub fn resolve(config: &Config, environment: Environment<'_>) -> Result<Self, ConfigError> {
        let workers = number(
            ("max_workers", config.max_workers),
            ("MAX_WORKERS", environment),
            (DEFAULT_WORKERS, MAX_WORKERS),
        )?;
        let payloads = number(
            ("max_queue", config.max_queue),
            ("MAX_QUEUE", environment),
            (DEFAULT_QUEUE, MAX_QUEUE),
        )?;
        in_range(
            "queue_size",
            config.queue_size,
            Size::kib(64),
            Size::mib(65_536),
        )?;
        in_range("batch_payloads", config.batch_payloads, 1, MAX_BATCH)?;
        in_range("batch_size", config.batch_size, Size::kib(1), Size::mib(64))?;
        let (zero, minute) = (SignedDuration::ZERO, SignedDuration::from_mins(1));
        in_range("batch_age", config.batch_age, zero, minute)?;
        in_range("sink_latency", config.sink_latency, zero, minute)?;
        if let Some(capacity) = config.sink_capacity {
            in_range("sink_capacity", capacity, 1, MAX_CAPACITY)?;
        }
        let location = Location::parse(&config.sink)
            .map_err(|why| ConfigError::Unusable { key: "sink", why })?
            .with_access(config.s3_endpoint.as_deref(), config.s3_region.as_deref())
            .map_err(|why| ConfigError::Unusable {
                key: "s3_endpoint",
                why,
            })?;
        let mode = match config.ingest {
            IngestMode::Discard => Mode::Discard,
            IngestMode::Spawn => Mode::Spawn,
            IngestMode::Queue => Mode::Queue { payloads },
            IngestMode::Pool => Mode::Pool {
                workers,
                payloads,
                bytes: bytes(config.queue_size),
                batching: Batching {
                    payloads: config.batch_payloads,
                    bytes: bytes(config.batch_size),
                    age: config.batch_age.unsigned_abs(),
                },
            },
        };
        Ok(Self {
            mode,
            ack: config.ack,
            location,
            stand_in: StandIn {
                latency: config.sink_latency.unsigned_abs(),
                capacity: config.sink_capacity,
            },
            drain: config.drain_payloads.unsigned_abs(),
        })
    }
}

fn number(
    (key, typed): (&'static str, Option<usize>),
    (variable, environment): (&'static str, Environment<'_>),
    (default, high): (usize, usize),
) -> Result<usize, ConfigError> {
    let value = match (typed, environment(variable)) {
        (Some(value), _) => value,
        (None, None) => default,
        (None, Some(text)) => text
            .trim()
            .parse()
            .ok()
            .filter(|value| (1..=high).contains(value))
            .ok_or_else(|| ConfigError::Unusable {
                key,
                why: format!("{variable} = {text:?} in the environment is not a number from 1 to {high}; correct it, unset it, or set `{key}`"),
            })?,
    };
    in_range(key, value, 1, high)?;
    Ok(value)
}

/// A size that is in its range, for an address space.
fn bytes(size: Size) -> usize {
    usize::try_from(size.bytes()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(json: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
        let config: Config = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let look_up = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        };
        Settings::resolve(&config, &look_up).map_err(|error| {
            let text = error.to_string();
            assert!(text.contains(error.key()), "{text} names {}", error.key());
            text
        })
    }

    fn workers_and_queue(
        json: &str,
        environment: &[(&str, &str)],
    ) -> Result<(usize, usize), String> {
        resolve(json, environment).map(|settings| match settings.mode {
            Mode::Pool {
                workers, payloads, ..
            } => (workers, payloads),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn sizes_come_from_the_configuration_then_the_environment_then_the_default() {
        let both = [("MAX_WORKERS", "3"), ("MAX_QUEUE", " 70 ")];
        for (json, environment, expected) in [
            (
                r#"{"ingest":"pool"}"#,
                &[][..],
                (DEFAULT_WORKERS, DEFAULT_QUEUE),
            ),
            (r#"{"ingest":"pool"}"#, &both[..], (3, 70)),
            (r#"{"ingest":"pool","max_workers":5}"#, &both[..], (5, 70)),
            (
                r#"{"ingest":"pool","max_workers":5,"max_queue":9}"#,
                &both[..],
                (5, 9),
            ),
        ] {
            assert_eq!(
                workers_and_queue(json, environment),
                Ok(expected),
                "{json} {environment:?}"
            );
        }
    }

    #[test]
    fn refusals_name_the_key_and_the_remedy() {
        for (json, environment, expected) in [
            (
                r#"{"max_workers":0}"#,
                &[][..],
                "max_workers = 0 is out of range, use 1 to 1024",
            ),
            (
                r#"{"max_queue":99000000}"#,
                &[],
                "max_queue = 99000000 is out of range, use 1 to 10000000",
            ),
            (
                r#"{"ingest":"pool"}"#,
                &[("MAX_WORKERS", "many")],
                "max_workers: MAX_WORKERS = \"many\" in the environment is not a number from 1 to 1024; correct it, unset it, or set `max_workers`",
            ),
            (
                r#"{"ingest":"pool"}"#,
                &[("MAX_QUEUE", "0")],
                "max_queue: MAX_QUEUE = \"0\" in the environment is not a number from 1 to 10000000; correct it, unset it, or set `max_queue`",
            ),
            (
                r#"{"batch_payloads":0}"#,
                &[],
                "batch_payloads = 0 is out of range, use 1 to 100000",
            ),
            (
                r#"{"batch_size":"1GiB"}"#,
                &[],
                "batch_size = \"1GiB\" is out of range, use \"1KiB\" to \"64MiB\"",
            ),
            (
                r#"{"queue_size":"1B"}"#,
                &[],
                "queue_size = \"1B\" is out of range, use \"64KiB\" to \"64GiB\"",
            ),
            (
                r#"{"batch_age":"2h"}"#,
                &[],
                "batch_age = \"2h\" is out of range, use \"0s\" to \"1m\"",
            ),
            (
                r#"{"sink_latency":"1h"}"#,
                &[],
                "sink_latency = \"1h\" is out of range, use \"0s\" to \"1m\"",
            ),
            (
                r#"{"sink_capacity":0}"#,
                &[],
                "sink_capacity = 0 is out of range, use 1 to 100000",
            ),
            (
                r#"{"sink":"ftp://x"}"#,
                &[],
                "sink: \"ftp://x\" is not a sink; use \"memory\", \"file:///directory\" or \"s3://bucket/prefix\"",
            ),
            (
                r#"{"sink":"s3://b","s3_endpoint":"http://me:secret@host"}"#,
                &[],
                "s3_endpoint: credentials do not belong in a URL; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment",
            ),
        ] {
            assert_eq!(resolve(json, environment).unwrap_err(), expected, "{json}");
        }
    }

    #[test]
    fn words_are_read() {
        let settings = resolve(
            r#"{"ingest":"pool","ack":"stored","sink":"file:///tmp/x","batch_age":"20ms","queue_size":"1MiB"}"#,
            &[],
        )
        .unwrap();
        assert_eq!(settings.ack, Ack::Stored);
        let Mode::Pool {
            bytes, batching, ..
        } = settings.mode
        else {
            panic!("{settings:?}")
        };
        assert_eq!((bytes, batching.age), (1 << 20, Duration::from_millis(20)));
    }
}
