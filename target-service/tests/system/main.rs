//! What needs a Redis server, which `scripts/test` installs. `cargo test` leaves it out; `cargo test --test system` runs it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod connection;
#[path = "../support/gateway.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod gateway;
mod redis;
mod relay;
mod shared_store;
