//! Values of connections, requests and the process: what is too large, what is too slow, how long a stop takes.

use jiff::SignedDuration;

use crate::config::Config;
use crate::range::{ConfigError, LONGEST_LIFE, MAX_KIB, SHORTEST_LIFE, in_range};
use crate::size::Size;

/// Below it the server's read buffer could not hold a usual head.
const MIN_HEAD_KIB: usize = 8;
/// Below it the process could not even start its threads.
const MIN_MEMORY: Size = Size::mib(32);
/// Each part of the stop; whoever started the process waits as long before it kills.
const MAX_DRAIN: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    in_range("body_limit_kib", config.body_limit_kib, 1, MAX_KIB)?;
    in_range(
        "header_limit_kib",
        config.header_limit_kib,
        MIN_HEAD_KIB,
        1024,
    )?;
    for (key, deadline) in [
        ("body_timeout", config.body_timeout),
        ("header_timeout", config.header_timeout),
        ("idle_timeout", config.idle_timeout),
    ] {
        in_range(key, deadline, SHORTEST_LIFE, LONGEST_LIFE)?;
    }
    for (key, part) in [
        ("drain_requests", config.drain_requests),
        ("drain_payloads", config.drain_payloads),
    ] {
        in_range(key, part, SignedDuration::ZERO, MAX_DRAIN)?;
    }
    in_range("max_connections", config.max_connections, 1, 1_000_000)?;
    if let Some(limit) = config.memory_limit.filter(|limit| *limit < MIN_MEMORY) {
        return Err(ConfigError::Unusable {
            key: "memory_limit",
            why: format!("{limit} is too little to start, use \"{MIN_MEMORY}\" or more"),
        });
    }
    Ok(())
}
