//! The configuration of the reference gateway, and what is handed to it at its launch: plain values with their checks.
//!
//! # Layout
//!
//! - [`Config`] with its groups `auth`, `store`, `key`, `ingest`, `sink`, `size`: what may be typed.
//! - `range`, `validate`: whether a gateway could run with it. `settings`: what the ingestion sees of it.
//! - `launch`, `stop`: what a parent process hands over at the start, and how long it waits for the end.
//!
//! Nothing here opens, starts or measures anything, so that whoever writes a configuration needs none of the gateway's
//! libraries.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test that cannot go on fails")
)]

mod auth;
mod config;
mod ingest;
mod key;
mod lasting;
mod launch;
mod range;
mod settings;
mod sink;
mod size;
mod stop;
mod store;
mod validate;

pub use auth::{Auth, DigestKind, Expiry, Rbac};
pub use config::{Config, Log};
pub use ingest::{Ack, IngestMode};
pub use key::{Key, hex, random_bytes};
pub use launch::{Device, Launch};
pub use range::{ConfigError, MAX_COST};
pub use settings::{Batching, Environment, Mode, Settings};
pub use sink::{Bucket, Location, StandIn, check_endpoint};
pub use size::Size;
pub use stop::{LAST_ANSWERS, LEAVE, stop_within};
pub use store::{RedisUrl, StoreKind};
