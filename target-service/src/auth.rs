//! The IoT middleware's question: does this secret belong to this device? Knows no HTTP, and never logs a credential.

pub(crate) mod digest;
pub(crate) mod flight;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::bcrypt_pool::{BcryptPool, PoolError, Secret};
use crate::config::{Auth, Config, MAX_COST};
use crate::error::Error;
use crate::launch::Device;
use crate::metrics::Metrics;
use crate::store::Store;
use digest::{Digest, digest};
use flight::Flights;

/// The answer to a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The secret is the device's.
    Accepted,
    /// Unknown device or wrong secret; callers must not tell which.
    Refused,
    /// Too many checks are waiting.
    Overloaded,
    /// The check itself failed.
    Broken,
}

/// Devices by id, with their hashes.
pub(crate) type Registry = HashMap<Box<[u8]>, Arc<str>>;

/// Builds the registry.
///
/// # Errors
///
/// An id twice, or a hash that is not bcrypt's or costs more than a gateway can afford.
pub(crate) fn registry(devices: Vec<Device>) -> Result<Registry, Error> {
    let mut registry = HashMap::with_capacity(devices.len());
    for Device { id, hash } in devices {
        let refuse = |reason: &str| {
            Err(Error::Device {
                id: id.clone(),
                reason: reason.to_owned(),
            })
        };
        match bcrypt::HashParts::from_str(&hash) {
            Err(_) => {
                return refuse("its hash is not a bcrypt hash, register one such as \"$2b$10$…\"");
            }
            Ok(parts) if parts.get_cost() > MAX_COST => {
                return refuse("its hash costs more than 14, register one of cost 4 to 14");
            }
            Ok(_) => {}
        }
        if registry.contains_key(id.as_bytes()) {
            return refuse("it is registered twice, remove one entry");
        }
        registry.insert(Box::from(id.as_bytes()), Arc::from(hash));
    }
    Ok(registry)
}

/// A well-formed hash of the given cost that stands for no known secret.
fn stranger(cost: u32) -> Arc<str> {
    format!("$2b${cost:02}$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDC").into()
}

/// Checks credentials in the configured way.
pub(crate) struct Authenticator {
    mode: Auth,
    ttl: Duration,
    registry: Registry,
    stranger: Arc<str>,
    pool: BcryptPool,
    store: Arc<Store>,
    flights: Flights,
    metrics: Arc<Metrics>,
}

impl Authenticator {
    pub(crate) fn new(
        config: &Config,
        registry: Registry,
        pool: BcryptPool,
        store: Arc<Store>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Self {
            mode: config.auth,
            ttl: config.cache_ttl.unsigned_abs(),
            registry,
            stranger: stranger(config.bcrypt_cost),
            pool,
            store,
            flights: Flights::new(),
            metrics,
        }
        .into()
    }

    /// Checks one credential. An unknown device costs a bcrypt like a known one, so that time tells nothing.
    pub(crate) async fn check(self: &Arc<Self>, id: &[u8], secret: &[u8]) -> Outcome {
        let outcome = match self.mode {
            Auth::Naive => match Secret::new(secret) {
                Some(secret) => self.verify(id, secret).await,
                None => Outcome::Refused,
            },
            Auth::Cached | Auth::Singleflight => self.check_cached(id, secret).await,
        };
        if outcome == Outcome::Overloaded {
            self.metrics.rejected.inc();
        }
        outcome
    }

    async fn check_cached(self: &Arc<Self>, id: &[u8], secret: &[u8]) -> Outcome {
        let digest = digest(id, secret);
        if self.store.has_digest(id, &digest).await {
            self.metrics.cache_hits.inc();
            return Outcome::Accepted;
        }
        let Some(secret) = Secret::new(secret) else {
            return Outcome::Refused;
        };
        self.metrics.cache_misses.inc();
        if self.mode == Auth::Cached {
            return self.verify_and_keep(id, secret, digest).await;
        }
        let (this, id) = (Arc::clone(self), Box::<[u8]>::from(id));
        let landed = self.flights.join(digest, async move {
            // A flight may have landed between the miss and this one's start.
            if this.store.has_digest(&id, &digest).await {
                this.metrics.shared.inc();
                return Outcome::Accepted;
            }
            this.verify_and_keep(&id, secret, digest).await
        });
        let landed = landed.await;
        if landed.followed {
            self.metrics.shared.inc();
        }
        landed.outcome
    }

    async fn verify_and_keep(&self, id: &[u8], secret: Secret, digest: Digest) -> Outcome {
        let outcome = self.verify(id, secret).await;
        if outcome == Outcome::Accepted {
            self.store.put_digest(id, digest, self.ttl).await;
        }
        outcome
    }

    async fn verify(&self, id: &[u8], secret: Secret) -> Outcome {
        let known = self.registry.get(id);
        let hash = Arc::clone(known.unwrap_or(&self.stranger));
        match self.pool.verify(secret, hash).await {
            Ok(true) if known.is_some() => Outcome::Accepted,
            Ok(_) => Outcome::Refused,
            Err(PoolError::Full) => Outcome::Overloaded,
            Err(PoolError::Broken) => Outcome::Broken,
        }
    }
}

#[cfg(test)]
mod tests;
