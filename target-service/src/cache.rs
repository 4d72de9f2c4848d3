//! Digests of accepted credentials, one slot per registered device. Pure: the caller brings the time.
//!
//! The slots are laid out once from the registry, so that no request, however hostile, makes the cache grow.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use crate::auth::digest::Digest;

struct Entry {
    digest: Digest,
    expires: Instant,
}

/// On a cache line of its own: devices that are looked up on different CPUs do not slow each other down.
#[repr(align(64))]
#[derive(Default)]
struct Slot(Mutex<Option<Entry>>);

/// What the cache knows of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recall {
    /// Accepted less than a time to live ago.
    Fresh,
    /// The last that was accepted, too long ago. It is not accepted, but it is no stranger's guess either.
    Stale,
    /// Anything else.
    Unknown,
}

/// Remembers the last accepted credential of each device.
pub(crate) struct DigestCache {
    slots: Box<[Slot]>,
}

impl DigestCache {
    pub(crate) fn new(devices: usize) -> Self {
        Self {
            slots: (0..devices).map(|_| Slot::default()).collect(),
        }
    }

    /// Looks a credential up; `renewal` is the life that a use gives, if it gives one.
    pub(crate) fn recall(
        &self,
        device: usize,
        digest: &Digest,
        now: Instant,
        renewal: Option<Duration>,
    ) -> Recall {
        match &mut *self.slot(device) {
            Some(entry) if bool::from(entry.digest.ct_eq(digest)) => {
                if now >= entry.expires {
                    return Recall::Stale;
                }
                if let Some(life) = renewal {
                    entry.expires = entry.expires.max(now + life);
                }
                Recall::Fresh
            }
            _ => Recall::Unknown,
        }
    }

    /// Remembers an accepted credential in place of the device's last one.
    pub(crate) fn insert(&self, device: usize, digest: Digest, expires: Instant) {
        *self.slot(device) = Some(Entry { digest, expires });
    }

    /// Forgets the device's credential.
    pub(crate) fn evict(&self, device: usize) {
        *self.slot(device) = None;
    }

    fn slot(&self, device: usize) -> std::sync::MutexGuard<'_, Option<Entry>> {
        self.slots[device]
            .0
            .lock()
            .expect("nothing panics under this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(30);

    struct Bench {
        cache: DigestCache,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                cache: DigestCache::new(2),
                start: Instant::now(),
            }
        }

        fn check(&self, after: u64, digest: u8, renewal: Option<Duration>, expected: Recall) {
            let now = self.start + Duration::from_millis(after);
            let found = self.cache.recall(0, &[digest; 32], now, renewal);
            assert_eq!(found, expected, "digest {digest} after {after} ms");
        }
    }

    #[test]
    fn a_fixed_life_counts_from_insertion() {
        let bench = Bench::new();
        bench.check(0, 1, None, Recall::Unknown);
        bench.cache.insert(0, [1; 32], bench.start + TTL);
        bench.check(0, 1, None, Recall::Fresh);
        bench.check(0, 2, None, Recall::Unknown);
        bench.check(29_999, 1, None, Recall::Fresh);
        bench.check(30_000, 1, None, Recall::Stale);
        bench.cache.insert(0, [2; 32], bench.start + 2 * TTL);
        bench.check(30_000, 2, None, Recall::Fresh);
        bench.check(30_000, 1, None, Recall::Unknown);
        bench.cache.evict(0);
        bench.check(30_000, 2, None, Recall::Unknown);
    }

    #[test]
    fn a_sliding_life_counts_from_the_last_use_by_the_right_credential() {
        let bench = Bench::new();
        bench.cache.insert(0, [1; 32], bench.start + TTL);
        bench.check(20_000, 2, Some(TTL), Recall::Unknown);
        bench.check(29_999, 1, Some(TTL), Recall::Fresh);
        bench.check(59_998, 1, Some(TTL), Recall::Fresh);
        bench.check(89_998, 1, Some(TTL), Recall::Stale);
        bench.check(89_998, 1, Some(TTL), Recall::Stale);
    }
}
