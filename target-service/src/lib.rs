//! The reference telemetry gateway: every step of the story is a value of [`gateway_config::Config`].
//!
//! # Layout
//!
//! - `gateway-config`, a crate of its own: what the parent process decides; validated before anything starts.
//! - [`mod@serve`]: a process of its own (runtime, CPUs; `stop-signals` end it); [`server`]: the accept loop behind [`run`].
//! - `connection`, `router`, `admission`, `telemetry`, `reply`, `body`, `access`: HTTP in, HTTP out.
//! - `auth`, `bcrypt_pool`, `cache`, `lifetime`: the IoT middleware. `rbac`: the user path. `store`: where both keep
//!   their data.
//! - [`ingest`]: payloads, queues, batches, sinks, and the proof that nothing was lost.
//! - `experiment`: known slowdowns, on purpose.
//! - `log`, `metrics`, `profile` (in the messages of the crate `pprof-format`): what the gateway tells about itself. [`Observer`]: what it tells
//!   of requests, to whoever embeds it.
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
mod connection;
mod error;
mod experiment;
pub mod ingest;
mod lifetime;
mod log;
mod metrics;
mod observer;
mod profile;
mod rbac;
mod reply;
mod router;
pub mod serve;
pub mod server;
mod store;
mod telemetry;

pub use error::Error;
pub use observer::{Observer, Seen};
pub use serve::serve;
pub use server::run;
