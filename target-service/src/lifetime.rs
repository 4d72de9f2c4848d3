//! How long an accepted credential is remembered. Pure: the caller brings the time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gateway_config::{Config, Expiry, random_bytes};

/// Hands out one life after the other.
pub(crate) struct Lifetime {
    ttl: Duration,
    expiry: Expiry,
    /// Largest deviation, as a share of the time to live.
    jitter: f64,
    seed: u64,
    handed_out: AtomicU64,
}

impl Lifetime {
    pub(crate) fn new(config: &Config) -> Self {
        // Jitter needs to differ between processes and not to be unpredictable, so a lack of randomness is survived.
        let random = || random_bytes().map_or(0, u64::from_le_bytes);
        Self {
            ttl: config.cache_ttl.unsigned_abs(),
            expiry: config.cache_expiry,
            jitter: f64::from(config.cache_jitter_percent) / 100.0,
            seed: config.cache_seed.unwrap_or_else(random),
            handed_out: AtomicU64::new(0),
        }
    }

    /// The next life: ttl × (1 + jitter × u), with u uniform in [-1, 1), a function of the seed and of how many were
    /// handed out before.
    pub(crate) fn next(&self) -> Duration {
        if self.jitter == 0.0 {
            return self.ttl;
        }
        let n = self.handed_out.fetch_add(1, Ordering::Relaxed);
        let uniform = (mix(self.seed.wrapping_add(n)) >> 11) as f64 / (1_u64 << 53) as f64;
        self.ttl.mul_f64(1.0 + self.jitter * (2.0 * uniform - 1.0))
    }

    /// The life that a use renews, if uses do.
    pub(crate) fn renewal(&self) -> Option<Duration> {
        match self.expiry {
            Expiry::Fixed => None,
            Expiry::Sliding => Some(self.ttl),
        }
    }
}

/// The output function of splitmix64.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lives(percent: u32, seed: u64) -> Vec<Duration> {
        let config = Config {
            cache_jitter_percent: percent,
            cache_seed: Some(seed),
            ..Config::default()
        };
        let lifetime = Lifetime::new(&config);
        (0..1000).map(|_| lifetime.next()).collect()
    }

    #[test]
    fn without_jitter_all_are_equal() {
        assert!(
            lives(0, 1)
                .iter()
                .all(|life| *life == Duration::from_secs(30))
        );
    }

    #[test]
    fn jitter_spreads_within_its_share_and_follows_the_seed() {
        let spread = lives(20, 7);
        assert_eq!(spread, lives(20, 7));
        assert_ne!(spread, lives(20, 8));
        let seconds: Vec<f64> = spread.iter().map(Duration::as_secs_f64).collect();
        assert!(seconds.iter().all(|life| (24.0..36.0).contains(life)));
        let mean = seconds.iter().sum::<f64>() / 1000.0;
        // Uniform over 12 s: the mean of 1,000 has a standard deviation of 0.11 s.
        assert!((29.5..30.5).contains(&mean), "{mean}");
        let early = seconds.iter().filter(|life| **life < 27.0).count();
        assert!(
            (190..310).contains(&early),
            "{early} of 1,000 in a quarter of the range"
        );
    }
}
