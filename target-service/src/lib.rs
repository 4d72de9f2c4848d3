//! The reference telemetry gateway: every step of the story is a value of [`Config`].
//!
//! # Layout
//!
//! - [`config`], [`launch`]: what the parent process decides; validated before anything starts.
//! - [`mod@serve`]: a process of its own (runtime, CPUs); [`signals`] that end it; [`server`]: the accept loop behind [`run`].
//! - `connection`, `router`, `admission`, `telemetry`, `reply`, `body`, `access`: HTTP in, HTTP out.
//! - `auth`, `bcrypt_pool`, `cache`, `lifetime`: the IoT middleware. `rbac`: the user path. `store`: where both keep
//!   their data.
//! - [`ingest`]: payloads, queues, batches, sinks, and the proof that nothing was lost.
//! - `log`, `metrics`, `profile`, [`profile_proto`]: what the gateway tells about itself.
//!
//! The crate owns no command line and reads no file; it never sees a device's secret outside the request that carries it.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test that cannot go on fails")
)]

mod access;
mod admission;
mod app;
mod auth;
mod bcrypt_pool;
mod body;
mod cache;
pub mod config;
mod connection;
mod error;
pub mod ingest;
pub mod launch;
mod lifetime;
mod log;
mod metrics;
mod profile;
pub mod profile_proto;
mod rbac;
mod reply;
mod router;
pub mod serve;
pub mod server;
pub mod signals;
pub mod size;
mod store;
mod telemetry;

pub use config::{
    Ack, Auth, Config, ConfigError, DigestKind, Expiry, IngestMode, Key, Log, Rbac, RedisUrl,
    StoreKind,
};
pub use error::Error;
pub use launch::{Device, Launch};
pub use serve::serve;
pub use server::run;
pub use size::Size;
