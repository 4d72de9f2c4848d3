//! Digests of accepted credentials, one slot per registered device. Pure: the caller brings the time.
//!
//! The slots are laid out once from the registry, so that no request, however hostile, makes the cache grow.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use crate::auth::digest::Digest;

struct Entry {
    digest: Digest,
    expires: Instant,
}

/// Remembers the last accepted credential of each device for a fixed time.
pub(crate) struct DigestCache {
    slots: HashMap<Box<[u8]>, Mutex<Option<Entry>>>,
}

impl DigestCache {
    pub(crate) fn new<'a>(ids: impl Iterator<Item = &'a str>) -> Self {
        Self {
            slots: ids
                .map(|id| (id.as_bytes().into(), Mutex::new(None)))
                .collect(),
        }
    }

    /// Whether this very credential was accepted less than a time to live ago.
    pub(crate) fn holds(&self, id: &[u8], digest: &Digest, now: Instant) -> bool {
        let Some(slot) = self.slots.get(id) else {
            return false;
        };
        match &*slot.lock().expect("nothing panics under this lock") {
            Some(entry) => now < entry.expires && bool::from(entry.digest.ct_eq(digest)),
            None => false,
        }
    }

    /// Remembers an accepted credential. Later hits do not prolong its life; unregistered devices are not kept.
    pub(crate) fn insert(&self, id: &[u8], digest: Digest, now: Instant, ttl: Duration) {
        if let Some(slot) = self.slots.get(id) {
            *slot.lock().expect("nothing panics under this lock") = Some(Entry {
                digest,
                expires: now + ttl,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(30);

    #[test]
    fn life_is_fixed_from_insertion() {
        let cache = DigestCache::new(["car"].into_iter());
        let start = Instant::now();
        let check = |after: u64, digest: u8, expected: bool| {
            let found = cache.holds(b"car", &[digest; 32], start + Duration::from_millis(after));
            assert_eq!(found, expected, "digest {digest} after {after} ms");
        };
        check(0, 1, false);
        cache.insert(b"car", [1; 32], start, TTL);
        check(0, 1, true);
        check(0, 2, false);
        check(29_999, 1, true);
        check(30_000, 1, false);
        cache.insert(b"car", [2; 32], start + TTL, TTL);
        check(30_000, 2, true);
        check(30_000, 1, false);
    }

    #[test]
    fn unregistered_devices_take_no_room() {
        let cache = DigestCache::new(["car"].into_iter());
        let now = Instant::now();
        cache.insert(b"stranger", [1; 32], now, TTL);
        assert!(!cache.holds(b"stranger", &[1; 32], now));
        assert_eq!(cache.slots.len(), 1);
    }
}
