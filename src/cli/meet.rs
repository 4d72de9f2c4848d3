//! `--meet`: shards agree on their start through a directory or a bucket.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use super::exit::Usage;
use crate::shard::Shard;
use crate::shard::meeting::{GO, Go, Ready, missing, ready_name, word};
use crate::traffic::wall_clock;

/// From the moment at which all are there to the start.
const LEAD: SignedDuration = SignedDuration::from_secs(10);

/// How often a shard looks who is there.
const LOOK: Duration = Duration::from_millis(500);

/// Of one question to a bucket.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How a meeting ended.
pub(super) enum Met {
    /// With a word for all.
    Word(Go),
    /// Another process is this shard.
    Taken,
}

/// A place to meet.
struct Place {
    store: Arc<dyn ObjectStore>,
    root: Path,
}

/// Waits at a place until all shards are there, at most for so long.
pub(super) fn meet(url: &str, shard: Shard, own: &Ready, within: Duration) -> anyhow::Result<Met> {
    let place = Place::open(url)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot set up the runtime")?;
    let met = runtime.block_on(place.meet(shard, own, within));
    runtime.shutdown_background();
    met.with_context(|| "cannot meet the other shards (--meet)")
}

impl Place {
    fn open(url: &str) -> anyhow::Result<Self> {
        let refused = || {
            Usage(
                "--meet: use file:///DIRECTORY that all shards see, or s3://BUCKET/PATH".to_owned(),
            )
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(refused)?;
        let (store, root): (Arc<dyn ObjectStore>, &str) = match scheme {
            "file" if rest.starts_with('/') => {
                std::fs::create_dir_all(rest)
                    .with_context(|| format!("cannot make the directory {rest} (--meet)"))?;
                (Arc::new(LocalFileSystem::new_with_prefix(rest)?), "")
            }
            "s3" => {
                let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(refused().into());
                }
                let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
                let endpoint = endpoint
                    .into_iter()
                    .find_map(|name| std::env::var(name).ok());
                let is_plain = endpoint
                    .as_ref()
                    .is_some_and(|of| of.starts_with("http://"));
                let client = ClientOptions::new()
                    .with_timeout(TIMEOUT)
                    .with_allow_http(is_plain);
                let mut builder = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_client_options(client);
                if let Some(endpoint) = endpoint {
                    builder = builder.with_endpoint(endpoint);
                }
                (Arc::new(builder.build()?), path)
            }
            _ => return Err(refused().into()),
        };
        let root = Path::parse(root.trim_end_matches('/')).map_err(|_| refused())?;
        Ok(Self { store, root })
    }

    async fn meet(&self, shard: Shard, own: &Ready, within: Duration) -> anyhow::Result<Met> {
        let until = Instant::now() + within;
        if !self
            .create(&ready_name(shard), &serde_json::to_vec(own)?)
            .await?
        {
            return Ok(Met::Taken);
        }
        loop {
            if let Some(go) = self.read(GO).await? {
                return Ok(Met::Word(go));
            }
            let absent = missing(
                self.there().await?.iter().map(String::as_str),
                shard.count(),
            );
            let go = if absent.is_empty() {
                let start = wall_clock::now().checked_add(LEAD)?;
                Some(self.agreed(shard, start).await?)
            } else {
                (Instant::now() >= until).then_some(Go::Missing(absent))
            };
            // Whoever comes first says it; the others read it.
            if let Some(go) = go
                && self.create(GO, &serde_json::to_vec(&go)?).await?
            {
                return Ok(Met::Word(go));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The word when all are there.
    async fn agreed(&self, shard: Shard, start: Timestamp) -> anyhow::Result<Go> {
        let mut all = BTreeMap::new();
        for index in 0..shard.count() {
            let name = ready_name(Shard::new(index, shard.count())?);
            all.extend(self.read::<Ready>(&name).await?.map(|ready| (index, ready)));
        }
        Ok(word(&all, start))
    }

    fn at(&self, name: &str) -> Path {
        name.split('/')
            .fold(self.root.clone(), |path, part| path.join(part))
    }

    /// Whether it was created now; an object that exists stays as it is.
    async fn create(&self, name: &str, bytes: &[u8]) -> anyhow::Result<bool> {
        let options = PutOptions::from(PutMode::Create);
        let at = self.at(name);
        let put = self.store.put_opts(&at, bytes.to_vec().into(), options);
        match put.await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let bytes = match self.store.get(&self.at(name)).await {
            Ok(found) => found.bytes().await?,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let read = serde_json::from_slice(&bytes);
        read.map(Some)
            .with_context(|| format!("`{name}` there is not telemload's"))
    }

    /// The last parts of the names of those that are there.
    async fn there(&self) -> anyhow::Result<Vec<String>> {
        let found = self
            .store
            .list_with_delimiter(Some(&self.at("ready")))
            .await?;
        let names = found.objects.iter().filter_map(|of| of.location.filename());
        Ok(names.map(str::to_owned).collect())
    }
}
