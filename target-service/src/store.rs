//! Where users and digests are kept. Callers await what may be remote, and learn when a store is down: it then says
//! neither yes nor no, and nobody is admitted on its word.

mod down;
mod redis;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use gateway_config::{Auth, Config, StoreKind};

use crate::auth::digest::Digest;
use crate::auth::registry::Registered;
use crate::cache::{DigestCache, Recall};
use crate::error::Error;
use crate::lifetime::Lifetime;
use crate::metrics::StoreMetrics;
use crate::rbac::user::{self, Seed};
use redis::Redis;

pub(crate) use down::Down;

/// The configured store.
pub(crate) struct Store {
    place: Place,
    lifetime: Lifetime,
}

enum Place {
    /// Everything inside the process.
    Memory {
        digests: DigestCache,
        users: HashMap<&'static [u8], Stored>,
    },
    /// A server that other instances use too.
    Shared {
        redis: Box<Redis>,
        /// Digests in front of it; `None` where nothing local is wanted.
        local: Option<DigestCache>,
        /// Life of these; 0 where they only tell proven credentials from guesses.
        local_ttl: Duration,
    },
}

struct Stored {
    object: Bytes,
    mask: u64,
}

impl Store {
    /// Lays the store out; a shared one is not contacted before [`Store::prepare`].
    ///
    /// # Errors
    ///
    /// An address that the client of the shared store does not understand.
    pub(crate) fn open(
        config: &Config,
        devices: usize,
        metrics: StoreMetrics,
    ) -> Result<Self, Error> {
        let lifetime = Lifetime::new(config);
        let objects = user::SEEDS
            .iter()
            .map(|seed| (seed, user::object(seed, config.user_kib * 1024)));
        let place = match &config.store {
            StoreKind::Memory => Place::Memory {
                digests: DigestCache::new(devices),
                users: objects.map(stored).collect(),
            },
            StoreKind::Redis(url) => {
                let wanted = config.local_ttl.is_some() || config.auth == Auth::Shielded;
                Place::Shared {
                    redis: Redis::open(url, config, objects.collect(), metrics)?.into(),
                    local: wanted.then(|| DigestCache::new(devices)),
                    local_ttl: config
                        .local_ttl
                        .map_or(Duration::ZERO, |ttl| ttl.unsigned_abs()),
                }
            }
        };
        Ok(Self { place, lifetime })
    }

    /// Makes a shared store ready: contacts it, provisions the demonstration users, listens to revocations.
    ///
    /// # Errors
    ///
    /// It cannot be reached.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        match &self.place {
            Place::Memory { .. } => Ok(()),
            Place::Shared { redis, .. } => redis.prepare().await,
        }
    }

    /// Whether [`Store::holds`] asks another process.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.place, Place::Shared { .. })
    }

    /// What is known of a credential without asking anyone.
    pub(crate) fn recall(&self, device: &Registered, digest: &Digest) -> Recall {
        let now = Instant::now();
        match &self.place {
            Place::Memory { digests, .. } => {
                digests.recall(device.index, digest, now, self.lifetime.renewal())
            }
            // A local life never slides: it bounds how long this instance trusts itself alone.
            Place::Shared {
                local: Some(local), ..
            } => local.recall(device.index, digest, now, None),
            Place::Shared { local: None, .. } => Recall::Unknown,
        }
    }

    /// Whether this very credential was accepted less than a time to live ago, by any instance. A shared store is asked about
    /// devices that are not known too.
    pub(crate) async fn holds(
        &self,
        id: &[u8],
        device: Option<&Registered>,
        digest: &Digest,
    ) -> Result<bool, Down> {
        match &self.place {
            Place::Memory { .. } => {
                Ok(device.is_some_and(|device| self.recall(device, digest) == Recall::Fresh))
            }
            Place::Shared {
                redis,
                local,
                local_ttl,
            } => {
                let held = redis.holds(id, digest, self.lifetime.renewal()).await?;
                if let (true, Some(local), Some(device)) = (held, local, device) {
                    local.insert(device.index, *digest, Instant::now() + *local_ttl);
                }
                Ok(held)
            }
        }
    }

    /// Remembers an accepted credential. A shared store that is down forgets it: the next check is a bcrypt again.
    pub(crate) async fn keep(&self, device: &Registered, digest: Digest) {
        let life = self.lifetime.next();
        match &self.place {
            Place::Memory { digests, .. } => {
                digests.insert(device.index, digest, Instant::now() + life)
            }
            Place::Shared {
                redis,
                local,
                local_ttl,
            } => {
                if let Some(local) = local {
                    local.insert(
                        device.index,
                        digest,
                        Instant::now() + (*local_ttl).min(life),
                    );
                }
                let _ = redis.keep(&device.id, &digest, life).await;
            }
        }
    }

    /// Forgets the device's credential in this process.
    pub(crate) fn evict(&self, device: &Registered) {
        match &self.place {
            Place::Memory { digests, .. } => digests.evict(device.index),
            Place::Shared { local, .. } => {
                if let Some(local) = local {
                    local.evict(device.index);
                }
            }
        }
    }

    /// Tells a revocation to all instances. `Err` means later: it is told once the store answers again.
    pub(crate) async fn announce_revoked(&self, id: &[u8]) -> Result<(), Down> {
        match &self.place {
            Place::Memory { .. } => Ok(()),
            Place::Shared { redis, .. } => redis.announce_revoked(id).await,
        }
    }

    /// Calls `revoke` for every device that any instance revokes, and those revoked before; it tells whether there is such a
    /// device here. Never returns for a shared store.
    pub(crate) async fn follow_revocations(&self, revoke: impl Fn(&[u8]) -> bool) {
        if let Place::Shared { redis, .. } = &self.place {
            redis.follow_revocations(revoke).await;
        }
    }

    /// The user's whole object as stored JSON.
    pub(crate) async fn user_object(&self, id: &[u8]) -> Result<Option<Bytes>, Down> {
        match &self.place {
            Place::Memory { users, .. } => Ok(users.get(id).map(|user| user.object.clone())),
            Place::Shared { redis, .. } => redis.user_object(id).await,
        }
    }

    /// The user's permissions as bits.
    pub(crate) async fn user_mask(&self, id: &[u8]) -> Result<Option<u64>, Down> {
        match &self.place {
            Place::Memory { users, .. } => Ok(users.get(id).map(|user| user.mask)),
            Place::Shared { redis, .. } => redis.user_mask(id).await,
        }
    }
}

fn stored((seed, object): (&Seed, Vec<u8>)) -> (&'static [u8], Stored) {
    let stored = Stored {
        object: object.into(),
        mask: seed.mask(),
    };
    (seed.id.as_bytes(), stored)
}
