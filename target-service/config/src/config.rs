//! Everything that may be said about a gateway, and what holds of what is left out. Values alone.

use std::thread::available_parallelism;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::auth::{Auth, DigestKind, Expiry, Rbac};
use crate::ingest::{Ack, IngestMode};
use crate::key::Key;
use crate::size::Size;
use crate::store::StoreKind;

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
    #[serde(with = "crate::lasting")]
    pub store_timeout: SignedDuration,
    /// Life of a digest in the process, in front of a shared store; every request asks the store if not given.
    #[serde(with = "crate::lasting::optional")]
    pub local_ttl: Option<SignedDuration>,
    /// Life of a cached digest.
    #[serde(with = "crate::lasting")]
    pub cache_ttl: SignedDuration,
    /// From when on that life counts.
    pub cache_expiry: Expiry,
    /// Each life is longer or shorter by up to this share of it, so that what began together does not end together.
    pub cache_jitter_percent: u32,
    /// Seed of the jitter. A random one if not given.
    pub cache_seed: Option<u64>,
    /// What of a credential is remembered; without it `hmac-sha256` in a shared store and `sha256` in the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestKind>,
    /// Key of `hmac-sha256`; the same for all instances that share a store. A random one if not given.
    pub digest_key: Option<Key>,
    /// Life of a session's token, in whole seconds.
    #[serde(with = "crate::lasting")]
    pub token_ttl: SignedDuration,
    /// Key that signs tokens; the same for all instances that clients may reach. A random one if not given.
    pub token_key: Option<Key>,
    /// `shielded`: how long a refused credential is refused without another bcrypt.
    #[serde(with = "crate::lasting")]
    pub refusal_ttl: SignedDuration,
    /// `shielded`: how many refused credentials are remembered.
    pub refusals: usize,
    /// `shielded`: bcrypt checks a minute and device of credentials that were never right.
    pub device_checks: u32,
    /// `shielded`: how many of these may come at once.
    pub device_burst: u32,
    /// `shielded`: threads that check credentials which were never right, beside the bcrypt threads and behind everything.
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
    #[serde(with = "crate::lasting")]
    pub body_timeout: SignedDuration,
    /// Largest accepted request head, in KiB.
    pub header_limit_kib: usize,
    /// How long a request's head may take, from its first byte; the first one from the connection's start.
    #[serde(with = "crate::lasting")]
    pub header_timeout: SignedDuration,
    /// How long a connection may be kept open between requests.
    #[serde(with = "crate::lasting")]
    pub idle_timeout: SignedDuration,
    /// How long requests in flight may go on after the stop began.
    #[serde(with = "crate::lasting")]
    pub drain_requests: SignedDuration,
    /// How long the stop may take to store what is queued, after the last request is answered.
    #[serde(with = "crate::lasting")]
    pub drain_payloads: SignedDuration,
    /// Open connections; more wait in the kernel's backlog.
    pub max_connections: usize,
    /// Private memory that the process may use; what needs more ends it, as an out-of-memory kill would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<Size>,
    /// Form of the log.
    pub log: Log,
    /// Whether what requests are like is recorded, without their values.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sample: bool,
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
    #[serde(with = "crate::lasting")]
    pub batch_age: SignedDuration,
    /// Where payloads go: `memory`, `file:///directory` or `s3://bucket/prefix`.
    pub sink: String,
    /// Added to every upload: a stand-in for a remote object store.
    #[serde(with = "crate::lasting")]
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
    /// Rounds of arithmetic that each request under `/v1` costs on top, for experiments: some 2 ns each.
    #[serde(skip_serializing_if = "is_zero")]
    pub extra_work: u32,
    /// One in so many requests under `/v1` is answered later, for experiments; none if it is 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub slow_one_in: u32,
    /// How much later.
    #[serde(
        with = "crate::lasting",
        skip_serializing_if = "SignedDuration::is_zero"
    )]
    pub slow_by: SignedDuration,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Config {
    /// What of a credential is remembered. In a store that others can read and write it is keyed: a digest that anybody can compute
    /// is as good as the credential for whoever writes it there.
    #[must_use]
    pub fn digest(&self) -> DigestKind {
        self.digest.unwrap_or(match self.store {
            StoreKind::Memory => DigestKind::Sha256,
            StoreKind::Redis(_) => DigestKind::HmacSha256,
        })
    }
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
            digest: None,
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
            user_kib: 2,
            body_limit_kib: 64,
            body_timeout: SignedDuration::from_secs(10),
            header_limit_kib: 32,
            header_timeout: SignedDuration::from_secs(10),
            idle_timeout: SignedDuration::from_secs(60),
            drain_requests: SignedDuration::from_secs(5),
            drain_payloads: SignedDuration::from_secs(5),
            max_connections: 4096,
            memory_limit: None,
            log: Log::default(),
            sample: false,
            ingest: IngestMode::default(),
            ack: Ack::default(),
            max_workers: None,
            max_queue: None,
            queue_size: Size::mib(64),
            batch_payloads: 1_000,
            batch_size: Size::mib(1),
            batch_age: SignedDuration::from_millis(100),
            sink: "memory".to_owned(),
            sink_latency: SignedDuration::ZERO,
            sink_capacity: None,
            s3_endpoint: None,
            s3_region: None,
            extra_work: 0,
            slow_one_in: 0,
            slow_by: SignedDuration::ZERO,
        }
    }
}
