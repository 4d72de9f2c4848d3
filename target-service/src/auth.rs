//! The IoT middleware's question: does this secret belong to this device? Knows no HTTP, and never logs a credential.

pub(crate) mod digest;
pub(crate) mod flight;
mod outcome;
pub(crate) mod registry;
pub(crate) mod session;
pub(crate) mod shield;

use std::sync::Arc;
use std::time::Duration;

use gateway_config::{Auth, Config};

use crate::bcrypt_pool::{BcryptPool, Lane, Place, PoolError, Secret};
use crate::cache::Recall;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::store::{Down, Store};
use digest::{Digest, Digester};
use flight::{Flights, Landed};
use outcome::{Answer, Source};
use registry::{Registered, Registry};
use session::{Sessions, TokenError};
use shield::Shield;

pub(crate) use outcome::Outcome;

/// Pause between two looks for limits that nobody needs any more.
const TIDY: Duration = Duration::from_secs(30);

impl Registered {
    /// What the right secret is worth by now: the device may have been revoked while it was checked.
    fn unless_revoked(&self) -> Outcome {
        if self.is_revoked() {
            return Outcome::Refused;
        }
        Outcome::Accepted
    }
}

impl From<PoolError> for Outcome {
    fn from(why: PoolError) -> Self {
        match why {
            PoolError::Full => Self::Overloaded,
            PoolError::Broken => Self::Broken,
        }
    }
}

/// A credential on its way to the check.
struct Claim {
    device: Option<Arc<Registered>>,
    id: Box<[u8]>,
    secret: Secret,
    digest: Digest,
    lane: Lane,
}

/// Checks credentials in the configured way.
pub(crate) struct Authenticator {
    mode: Auth,
    registry: Registry,
    stranger: Arc<str>,
    pool: BcryptPool,
    store: Arc<Store>,
    digester: Digester,
    flights: Flights,
    shield: Option<Shield>,
    sessions: Option<Sessions>,
    metrics: Arc<Metrics>,
}

/// A well-formed hash of the given cost that stands for no known secret.
fn stranger(cost: u32) -> Arc<str> {
    format!("$2b${cost:02}$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDC").into()
}

impl Authenticator {
    pub(crate) fn new(
        config: &Config,
        registry: Registry,
        pool: BcryptPool,
        store: Arc<Store>,
        metrics: Arc<Metrics>,
    ) -> Result<Arc<Self>, Error> {
        let sessions = match config.auth {
            Auth::Token => Some(Sessions::new(config)?),
            _ => None,
        };
        Ok(Arc::new(Self {
            mode: config.auth,
            registry,
            stranger: stranger(config.bcrypt_cost),
            pool,
            store,
            digester: Digester::new(config)?,
            flights: Flights::new(metrics.cancelled.clone()),
            shield: (config.auth == Auth::Shielded).then(|| Shield::new(config)),
            sessions,
            metrics,
        }))
    }

    /// Sessions, where telemetry is checked by them.
    pub(crate) fn sessions(&self) -> Option<&Sessions> {
        self.sessions.as_ref()
    }

    /// Checks one credential. An unknown device costs a bcrypt like a known one, so that time tells nothing.
    pub(crate) async fn check(self: &Arc<Self>, id: &[u8], secret: &[u8]) -> Outcome {
        let outcome = match self.mode {
            Auth::Naive | Auth::Token => match Secret::new(secret) {
                Some(secret) => {
                    let device = self.registry.find(id).cloned();
                    match self.pool.place(Lane::Proven) {
                        Ok(place) => self.verify(device.as_deref(), secret, place).await,
                        Err(why) => why.into(),
                    }
                }
                None => Outcome::Refused,
            },
            Auth::Cached | Auth::Singleflight | Auth::Shielded => {
                self.check_cached(id, secret).await
            }
        };
        match outcome {
            Outcome::Overloaded => drop(self.metrics.rejected.inc()),
            Outcome::Limited => drop(self.metrics.limited.inc()),
            _ => {}
        }
        outcome
    }

    /// The device of a session's token, if that is good, and for the device that the request says it is from.
    pub(crate) fn check_token(
        &self,
        token: &[u8],
        id: Option<&[u8]>,
    ) -> Result<String, TokenError> {
        let sessions = self.sessions.as_ref().ok_or(TokenError::Invalid)?;
        let device = sessions.device(token)?;
        let as_claimed = id.is_none_or(|id| id == device.as_bytes());
        if as_claimed && self.registry.find(device.as_bytes()).is_some() {
            return Ok(device);
        }
        Err(TokenError::Invalid)
    }

    /// Whether a device that was accepted before is accepted still: it may have been revoked while its body came.
    pub(crate) fn still_accepts(&self, id: &str) -> bool {
        self.registry.find(id.as_bytes()).is_some()
    }

    /// Refuses a device from now on, here and on every instance that shares the store. `None` if there is no such
    /// device, `Err` if the others will learn of it only when the store answers again.
    pub(crate) async fn revoke(&self, id: &[u8]) -> Option<Result<(), Down>> {
        self.revoke_here(id)?;
        Some(self.store.announce_revoked(id).await)
    }

    fn revoke_here(&self, id: &[u8]) -> Option<()> {
        // The flag first: a check that is under way may still remember the credential, and the flag outlasts that.
        let device = self.registry.revoke(id)?;
        self.store.evict(device);
        Some(())
    }

    /// What goes on beside the requests, until it is dropped.
    pub(crate) async fn background(&self) {
        let follow = self.store.follow_revocations(|id| {
            let is_known = self.revoke_here(id).is_some();
            if is_known {
                tracing::debug!(device = %String::from_utf8_lossy(id), "revoked");
            }
            is_known
        });
        match &self.shield {
            Some(shield) => drop(tokio::join!(follow, shield.tidy(TIDY))),
            None => follow.await,
        }
    }

    async fn check_cached(self: &Arc<Self>, id: &[u8], secret: &[u8]) -> Outcome {
        let digest = self.digester.digest(id, secret);
        let device = self.registry.find(id);
        // An accepted credential is answered before any limit is asked.
        let recall = device.map_or(Recall::Unknown, |device| self.store.recall(device, &digest));
        if recall == Recall::Fresh {
            self.metrics.cache_hits.inc();
            return Outcome::Accepted;
        }
        let Some(secret) = Secret::new(secret) else {
            return Outcome::Refused;
        };
        if let Some(shield) = &self.shield
            && recall == Recall::Unknown
            && shield.remembers_refusal(&digest).await
        {
            self.metrics.refusal_hits.inc();
            return Outcome::Refused;
        }
        // Another process is asked before any flight: a hit costs no task, and who arrives together asks together. It is asked
        // for unknown devices too: the time that takes tells of a device whether there is one.
        if self.store.is_shared() {
            match self.store.holds(id, device.map(|of| &**of), &digest).await {
                Ok(held) => {
                    if let (true, Some(device)) = (held, device) {
                        self.metrics.cache_hits.inc();
                        return device.unless_revoked();
                    }
                }
                // Without the store every credential costs a bcrypt; the pool bounds how many.
                Err(Down) => drop(self.metrics.store.fallbacks.inc()),
            }
        }
        self.metrics.cache_misses.inc();
        let lane = match (&self.shield, recall) {
            (Some(_), Recall::Unknown) => Lane::Unproven,
            _ => Lane::Proven,
        };
        let claim = Claim {
            device: device.cloned(),
            id: id.into(),
            secret,
            digest,
            lane,
        };
        // Boxed, so that the requests that do not get here carry no room for it.
        Box::pin(self.check_missed(claim)).await
    }

    /// The outcome of a credential that had no live digest.
    async fn check_missed(self: &Arc<Self>, claim: Claim) -> Outcome {
        if self.mode == Auth::Cached {
            return self.check_unknown(claim).await;
        }
        let (device, digest) = (claim.device.clone(), claim.digest);
        let this = Arc::clone(self);
        let work = async move { this.settle(claim).await };
        let Landed { answer, followed } = self.flights.join(digest, work).await;
        // A digest that was not there a moment ago is another request's bcrypt.
        if followed || answer.source == Source::Digest {
            self.metrics.shared.inc();
        }
        match answer.outcome {
            // It may have been revoked since, or even before this request came, which joined the flight of an earlier one.
            Outcome::Accepted => device.map_or(Outcome::Refused, |device| device.unless_revoked()),
            outcome => outcome,
        }
    }

    /// The answer to a credential that had no live digest; in flight once per credential. The digest is looked for once
    /// more, because the flight before this one may have landed since.
    async fn settle(&self, claim: Claim) -> Answer {
        let device = claim.device.as_deref();
        let held = self.store.holds(&claim.id, device, &claim.digest).await;
        if held == Ok(true) && device.is_some() {
            return Answer {
                outcome: Outcome::Accepted,
                source: Source::Digest,
            };
        }
        Answer {
            outcome: self.check_unknown(claim).await,
            source: Source::Check,
        }
    }

    async fn check_unknown(&self, claim: Claim) -> Outcome {
        let Claim {
            device,
            id,
            secret,
            digest,
            lane,
        } = claim;
        let device = device.as_deref();
        // The place first: a check that there is no room for uses up none of the device's.
        let place = match self.pool.place(lane) {
            Ok(place) => place,
            Err(why) => return why.into(),
        };
        if let Some(shield) = &self.shield
            && lane == Lane::Unproven
            && !shield.admits(&id)
        {
            return Outcome::Limited;
        }
        if self.mode != Auth::Cached {
            self.metrics.computed.inc();
        }
        let outcome = self.verify(device, secret, place).await;
        match (outcome, device, &self.shield) {
            (Outcome::Accepted, Some(device), _) => self.store.keep(device, digest).await,
            (Outcome::Refused, _, Some(shield)) => shield.note_refusal(digest).await,
            _ => {}
        }
        outcome
    }

    async fn verify(
        &self,
        device: Option<&Registered>,
        secret: Secret,
        place: Place<'_>,
    ) -> Outcome {
        let hash = Arc::clone(device.map_or(&self.stranger, |device| &device.hash));
        match place.verify(secret, hash, flight::wanted()).await {
            Ok(true) => device.map_or(Outcome::Refused, Registered::unless_revoked),
            Ok(false) => Outcome::Refused,
            Err(why) => why.into(),
        }
    }
}

#[cfg(test)]
mod tests;
