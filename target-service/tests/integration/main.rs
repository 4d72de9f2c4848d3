//! What a client of the gateway gets, over real connections to a gateway in this process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod credentials;
mod gateway;
mod lifecycle;
mod limits;
mod payloads;
mod profile;
mod redis;
mod replies;
mod sessions;
mod shared_store;
