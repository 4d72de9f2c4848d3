//! What `shielded` spends on credentials that were never right: no bcrypt for one that was refused just now, and few
//! for each device. Credentials that were accepted before are never asked about here.
//!
//! Its memory is bounded whatever is sent: devices share a fixed number of places.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;

use gateway_config::Config;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::future::Cache;

use super::digest::Digest;

/// Places that all devices share, known or not, chosen by a keyed hash of the id. Only a check that has a place in the queue
/// counts, so a flood takes from a stranger's place no more than the few checks a second that guesses get, spread over all.
const PLACES: u64 = 1 << 20;

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

    /// Whether the device may have one more check now. It is not asked whether there is such a device, so that it tells nothing.
    pub(crate) fn admits(&self, id: &[u8]) -> bool {
        let place = self.hasher.hash_one(id) % PLACES;
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
