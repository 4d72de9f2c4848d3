//! What a client of the gateway gets, over real connections to a gateway in this process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admission;
mod credentials;
#[path = "../support/gateway.rs"]
mod gateway;
mod lifecycle;
mod limits;
mod local;
mod payloads;
mod profile;
mod replies;
mod sessions;
