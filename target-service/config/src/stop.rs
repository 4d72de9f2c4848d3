//! How long an orderly stop of the gateway may take.

use std::time::Duration;

use crate::config::Config;

/// How long the answers to requests that waited for the sink may take to go out, once it is known what became of them.
pub const LAST_ANSWERS: Duration = Duration::from_millis(250);

/// How long abandoned blocking work may hold up the exit.
pub const LEAVE: Duration = Duration::from_secs(1);

/// The longest time that an orderly stop takes: requests in flight, then payloads that wait and the answers about them, then
/// the runtime's own end.
#[must_use]
pub fn stop_within(config: &Config) -> Duration {
    let drains = config.drain_requests.unsigned_abs() + config.drain_payloads.unsigned_abs();
    drains + LAST_ANSWERS + LEAVE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_takes_the_sum_of_its_parts() {
        let config = Config {
            drain_requests: "3s".parse().unwrap(),
            drain_payloads: "1m".parse().unwrap(),
            ..Config::default()
        };
        assert_eq!(
            stop_within(&config),
            Duration::from_secs(63) + LAST_ANSWERS + LEAVE
        );
    }
}
