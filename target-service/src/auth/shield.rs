//! What `shielded` spends on credentials that were never right: no bcrypt for one that was refused just now, and few
//! for each device. Credentials that were accepted before are never asked about here.
//!
//! Its memory is bounded whatever is sent: unknown devices share a fixed number of places.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;

use gateway_config::Config;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::future::Cache;

use super::digest::Digest;
use super::registry::Registered;

/// Places that unknown devices share, chosen by a keyed hash of the id.
const UNKNOWN: u64 = 1 << 12;

/// The guard in front of bcrypt.
pub(crate) struct Shield {
    refused: Cache<Digest, ()>,
    limiter: DefaultKeyedRateLimiter<u64>,
    hasher: RandomState,
}

impl Shield {
    pub(crate) fn new(config: &Config) -> Self {
        let positive = |number: u32| NonZeroU32::new(number).expect("validation refuses 0");
        let quota = Quota::per_minute(positive(config.device_checks))
            .allow_burst(positive(config.device_burst));
        Self {
            refused: Cache::builder()
                .max_capacity(config.refusals as u64)
                .time_to_live(config.refusal_ttl.unsigned_abs())
                .build(),
            limiter: RateLimiter::keyed(quota),
            hasher: RandomState::new(),
        }
    }

    /// Whether this very credential was refused just now.
    pub(crate) async fn remembers_refusal(&self, digest: &Digest) -> bool {
        self.refused.get(digest).await.is_some()
    }

    pub(crate) async fn note_refusal(&self, digest: Digest) {
        self.refused.insert(digest, ()).await;
    }

    /// Whether the device may have one more check now. The rule is the same for unknown ones, so that it tells nothing.
    pub(crate) fn admits(&self, device: Option<&Registered>, id: &[u8]) -> bool {
        let place = match device {
            Some(device) => UNKNOWN + device.index as u64,
            None => self.hasher.hash_one(id) % UNKNOWN,
        };
        self.limiter.check_key(&place).is_ok()
    }

    /// Forgets at intervals which devices are within their limits again.
    pub(crate) async fn tidy(&self, every: Duration) {
        let mut tick = tokio::time::interval(every);
        loop {
            tick.tick().await;
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
    }
}
