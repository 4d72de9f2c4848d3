//! What all handlers share, built once from the configuration. It holds no connection and no request.

use std::sync::Arc;

use gateway_config::{Config, Device, Rbac, Settings};
use tokio_util::sync::CancellationToken;

use crate::auth::Authenticator;
use crate::auth::registry::Registry;
use crate::bcrypt_pool::{BcryptPool, Check, PoolSize};
use crate::body::BodyLimits;
use crate::error::Error;
use crate::experiment::Experiment;
use crate::ingest::Ingest;
use crate::metrics::Metrics;
use crate::store::Store;

pub(crate) struct App {
    pub(crate) auth: Arc<Authenticator>,
    pub(crate) rbac: Rbac,
    pub(crate) store: Arc<Store>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) body: BodyLimits,
    pub(crate) ingest: Ingest,
    /// If requests are to cost more than they need.
    pub(crate) experiment: Option<Arc<Experiment>>,
    /// Cancelled when the gateway begins to stop: long captures deliver what they have.
    pub(crate) stopping: CancellationToken,
}

impl App {
    /// Builds the parts, contacts a shared store and the sink, and starts the hashing threads.
    pub(crate) async fn start(
        config: &Config,
        devices: Vec<Device>,
        check: &Arc<Check>,
    ) -> Result<Arc<Self>, Error> {
        config.validate()?;
        let environment = |name: &str| std::env::var(name).ok();
        let settings = Settings::resolve(config, &environment)?;
        let metrics = Metrics::new();
        let registry = Registry::new(devices)?;
        let store = Arc::new(Store::open(config, registry.len(), metrics.store.clone())?);
        store.prepare().await?;
        let ingest = Ingest::start(&settings, Arc::clone(&metrics.ingest), &environment).await?;
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
            body: BodyLimits::new(config.body_limit_kib, config.body_timeout.unsigned_abs()),
            ingest,
            experiment: Experiment::of(config),
            stopping: CancellationToken::new(),
        }))
    }
}
