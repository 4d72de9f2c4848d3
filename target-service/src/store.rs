//! Where users and digests are kept. Callers await every access, so that a store may be remote.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::body::Bytes;

use crate::auth::digest::Digest;
use crate::cache::DigestCache;
use crate::config::{Config, StoreKind};
use crate::rbac::user;

struct Stored {
    object: Bytes,
    mask: u64,
}

/// Everything inside the process.
pub(crate) struct Memory {
    digests: DigestCache,
    users: HashMap<&'static [u8], Stored>,
}

/// The configured store.
pub(crate) enum Store {
    Memory(Memory),
}

impl Store {
    /// Opens the store and provisions the demonstration users.
    pub(crate) fn open<'a>(config: &Config, device_ids: impl Iterator<Item = &'a str>) -> Self {
        match config.store {
            StoreKind::Memory => {
                let users = user::SEEDS.iter().map(|seed| {
                    let object = user::object(seed, config.user_kib * 1024).into();
                    (
                        seed.id.as_bytes(),
                        Stored {
                            object,
                            mask: seed.mask(),
                        },
                    )
                });
                Self::Memory(Memory {
                    digests: DigestCache::new(device_ids),
                    users: users.collect(),
                })
            }
        }
    }

    pub(crate) async fn has_digest(&self, id: &[u8], digest: &Digest) -> bool {
        match self {
            Self::Memory(memory) => memory.digests.holds(id, digest, Instant::now()),
        }
    }

    pub(crate) async fn put_digest(&self, id: &[u8], digest: Digest, ttl: Duration) {
        match self {
            Self::Memory(memory) => memory.digests.insert(id, digest, Instant::now(), ttl),
        }
    }

    /// The user's whole object as stored JSON.
    pub(crate) async fn user_object(&self, id: &[u8]) -> Option<Bytes> {
        match self {
            Self::Memory(memory) => Some(memory.users.get(id)?.object.clone()),
        }
    }

    /// The user's permissions as bits.
    pub(crate) async fn user_mask(&self, id: &[u8]) -> Option<u64> {
        match self {
            Self::Memory(memory) => Some(memory.users.get(id)?.mask),
        }
    }
}
