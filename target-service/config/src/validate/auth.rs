//! Values of how credentials are checked and for how long an answer is believed.

use crate::config::Config;
use crate::range::{
    ConfigError, LONGEST_LIFE, MAX_COST, MAX_CPUS, MAX_WAITING, SHORTEST_LIFE, in_range,
};

const MIN_COST: u32 = 4;

pub(super) fn bcrypt(config: &Config) -> Result<(), ConfigError> {
    let cost = config.bcrypt_cost;
    if (MAX_COST + 1..=31).contains(&cost) {
        return Err(ConfigError::Unusable {
            key: "bcrypt_cost",
            why: format!(
                "{cost} would hold a CPU for seconds at every check (each step doubles it), use {MIN_COST} to {MAX_COST}"
            ),
        });
    }
    in_range("bcrypt_cost", cost, MIN_COST, MAX_COST)?;
    in_range("bcrypt_queue", config.bcrypt_queue, 1, MAX_WAITING)
}

pub(super) fn cache(config: &Config) -> Result<(), ConfigError> {
    in_range("cache_ttl", config.cache_ttl, SHORTEST_LIFE, LONGEST_LIFE)?;
    in_range("cache_jitter_percent", config.cache_jitter_percent, 0, 50)?;
    in_range("token_ttl", config.token_ttl, SHORTEST_LIFE, LONGEST_LIFE)?;
    if config.token_ttl.subsec_nanos() != 0 {
        return Err(ConfigError::Unusable {
            key: "token_ttl",
            why: "tokens count whole seconds; use one such as \"5m\"".to_owned(),
        });
    }
    Ok(())
}

pub(super) fn shield(config: &Config) -> Result<(), ConfigError> {
    in_range(
        "refusal_ttl",
        config.refusal_ttl,
        SHORTEST_LIFE,
        LONGEST_LIFE,
    )?;
    in_range("refusals", config.refusals, 1, 1_000_000)?;
    in_range("device_checks", config.device_checks, 1, 60_000)?;
    in_range("device_burst", config.device_burst, 1, 60_000)?;
    in_range("unproven_threads", config.unproven_threads, 1, MAX_CPUS)?;
    in_range("unproven_queue", config.unproven_queue, 1, MAX_WAITING)
}
