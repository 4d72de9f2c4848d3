//! What all handlers share, built once from the configuration. It holds no connection and no request.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::auth::{Authenticator, registry};
use crate::bcrypt_pool::{BcryptPool, Check};
use crate::config::{Config, Rbac};
use crate::error::Error;
use crate::ingest::Ingest;
use crate::ingest::config::Settings;
use crate::launch::Device;
use crate::metrics::Metrics;
use crate::store::Store;

pub(crate) struct App {
    pub(crate) auth: Arc<Authenticator>,
    pub(crate) rbac: Rbac,
    pub(crate) store: Arc<Store>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) ingest: Ingest,
    /// Largest accepted body, in KiB.
    pub(crate) body_limit_kib: usize,
    /// Cancelled when the gateway begins to stop: long captures deliver what they have.
    pub(crate) stopping: CancellationToken,
}

impl App {
    /// Builds the parts, opens the sink and starts the hashing threads; `queue` is the number of checks that may wait.
    pub(crate) async fn start(
        config: &Config,
        devices: Vec<Device>,
        queue: usize,
        check: &Arc<Check>,
    ) -> Result<Arc<Self>, Error> {
        config.validate()?;
        let environment = |name: &str| std::env::var(name).ok();
        let settings = Settings::resolve(config, &environment)?;
        let metrics = Metrics::new();
        let ingest = Ingest::start(&settings, Arc::clone(&metrics.ingest), &environment).await?;
        let store = Arc::new(Store::open(
            config,
            devices.iter().map(|device| device.id.as_str()),
        ));
        let registry = registry(devices)?;
        let pool = BcryptPool::start(config.cpus, queue, &metrics.bcrypt, check)
            .map_err(Error::start("start the bcrypt threads"))?;
        Ok(Arc::new(Self {
            auth: Authenticator::new(
                config,
                registry,
                pool,
                Arc::clone(&store),
                Arc::clone(&metrics),
            ),
            rbac: config.rbac,
            store,
            metrics,
            ingest,
            body_limit_kib: config.body_limit_kib,
            stopping: CancellationToken::new(),
        }))
    }
}
