//! Values of what makes the gateway slower on purpose.

use jiff::SignedDuration;

use crate::config::Config;
use crate::range::{ConfigError, in_range};

/// Some 50 ms of a CPU in each request.
const MOST_WORK: u32 = 10_000_000;

const LONGEST: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    in_range("extra_work", config.extra_work, 0, MOST_WORK)?;
    in_range("slow_by", config.slow_by, SignedDuration::ZERO, LONGEST)?;
    for (key, is_alone) in [
        (
            "slow_by",
            config.slow_one_in > 0 && config.slow_by.is_zero(),
        ),
        (
            "slow_one_in",
            config.slow_one_in == 0 && !config.slow_by.is_zero(),
        ),
    ] {
        if is_alone {
            return Err(ConfigError::Unusable {
                key,
                why: "`slow_one_in` says which requests are slow, and `slow_by` how slow; give both or neither".to_owned(),
            });
        }
    }
    Ok(())
}
