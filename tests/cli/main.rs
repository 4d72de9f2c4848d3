//! What a user gets from the command line: messages, exit codes, files, and nothing left behind.
//!
//! Every test has a directory of its own, loads 127.0.0.1 only, and ends the processes that it started by their id.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on fails"
)]

mod ablated;
mod aborted;
mod action;
mod ad_hoc;
mod alive;
mod answers;
mod audited;
#[path = "../support/bed.rs"]
mod bed;
mod captured_over_tls;
mod captures;
mod ci;
mod coming_from;
mod compared;
mod credentials;
mod docs;
mod failures;
mod formats;
mod gate;
mod gate_base;
mod gate_ended;
mod gated;
mod guarded;
mod hosts;
mod imported;
mod ingest;
mod instances;
mod interruption;
mod leaks;
mod live;
mod merged;
mod newcomer;
mod observed;
mod output;
mod perf;
mod profiled_rounds;
mod profiles;
mod proxies;
mod reach;
mod readings;
mod recorded;
mod rejected;
mod replayed;
mod report;
mod requests;
mod secrets;
mod selftest;
mod services;
mod sharded;
mod shipped;
#[path = "../support/shortened.rs"]
mod shortened;
mod signals;
mod stopped;
mod told;
mod trust;
mod turns;
mod typed;
mod unwritten;
mod written;

#[path = "../support/hostile.rs"]
pub mod hostile;
#[path = "../support/junit.rs"]
mod junit;
#[path = "../support/scripted.rs"]
pub mod scripted;
#[path = "../support/secure.rs"]
pub mod secure;
