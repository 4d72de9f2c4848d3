//! What needs programs that not every machine has: Debian's `chromium`, `redis-server`, `linux-perf`, `libxml2-utils`, `prometheus`, `openssh-server`, `parallel` and Slurm,
//! which `scripts/test` installs. `cargo test` leaves it out; `cargo test --test system` runs it.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on fails"
)]

#[path = "../support/bed.rs"]
#[allow(dead_code, reason = "the tests of the command line use the rest")]
mod bed;
mod browser;
mod engines;
mod graph;
mod junit;
mod page;
mod perf;
mod prometheus;
mod redis;
#[path = "../support/scripted.rs"]
pub mod scripted;
mod shards;
mod shared_store;
#[path = "../support/shortened.rs"]
mod shortened;
