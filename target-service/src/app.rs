//! What all handlers share, built once from the configuration. It holds no connection and no request.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::auth::Authenticator;
use crate::auth::registry::Registry;
use crate::bcrypt_pool::{BcryptPool, Check, PoolSize};
use crate::body::BodyLimits;
use crate::config::{Config, Rbac};
use crate::error::Error;
use crate::launch::Device;
use crate::metrics::Metrics;
use crate::store::Store;

pub(crate) struct App {
    pub(crate) auth: Arc<Authenticator>,
    pub(crate) rbac: Rbac,
    pub(crate) store: Arc<Store>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) body: BodyLimits,
    /// Cancelled when the gateway begins to stop: long captures deliver what they have.
    pub(crate) stopping: CancellationToken,
}

impl App {
    /// Builds the parts and starts the hashing threads. A shared store is not contacted yet.
    pub(crate) fn start(
        config: &Config,
        devices: Vec<Device>,
        check: &Arc<Check>,
    ) -> Result<Arc<Self>, Error> {
        config.validate()?;
        let metrics = Metrics::new();
        let registry = Registry::new(devices)?;
        let store = Arc::new(Store::open(config, registry.len(), metrics.store.clone())?);
        let pool = BcryptPool::start(PoolSize::of(config), &metrics.pool, check)
            .map_err(Error::start("start the bcrypt threads"))?;
        let auth = Authenticator::new(
            config,
            registry,
            pool,
            Arc::clone(&store),
            Arc::clone(&metrics),
        )?;
        Ok(Arc::new(Self {
            auth,
            rbac: config.rbac,
            store,
            metrics,
            body: BodyLimits {
                kib: config.body_limit_kib,
                deadline: config.body_timeout.unsigned_abs(),
            },
            stopping: CancellationToken::new(),
        }))
    }
}
