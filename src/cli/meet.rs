//! `--meet`: shards agree on their start through a directory or a bucket.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bucket_client::{Guard, Way};
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

/// Of a connection to it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much longer than `--meet-within` a place may take, for the last questions.
const GRACE: Duration = Duration::from_secs(15);

/// Bytes of an object at a place. The longest names all shards that are missing, of which there are 10,000 at most.
const MAX_OBJECT: u64 = 1 << 20;

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
    /// Of a place that is a directory.
    directory: Option<PathBuf>,
}

/// Waits at a place until all shards are there, at most for so long.
pub(super) fn meet(url: &str, shard: Shard, own: &Ready, within: Duration) -> anyhow::Result<Met> {
    let place = Place::open(url)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot set up the runtime")?;
    let meeting = place.meet(shard, own, within);
    let met = runtime.block_on(async { tokio::time::timeout(within + GRACE, meeting).await });
    // What the place keeps waiting is left behind.
    runtime.shutdown_background();
    met.unwrap_or_else(|_| {
        bail!("the place does not say in time who is there; meet at another one")
    })
    .with_context(|| "cannot meet the other shards (--meet)")
}

impl Place {
    fn open(url: &str) -> anyhow::Result<Self> {
        let refused = || {
            Usage(
                "--meet: use file:///DIRECTORY that all shards see, or s3://BUCKET/PATH".to_owned(),
            )
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(refused)?;
        let mut directory = None;
        let (store, root): (Arc<dyn ObjectStore>, &str) = match scheme {
            "file" if rest.starts_with('/') => {
                fs::create_dir_all(rest)
                    .with_context(|| format!("cannot make the directory {rest} (--meet)"))?;
                directory = Some(rest.into());
                (Arc::new(LocalFileSystem::new_with_prefix(rest)?), "")
            }
            "s3" => {
                let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
                // A user, a password or a signature in it would be no part of a name.
                let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
                if bucket.is_empty() || !bucket.chars().all(known) || path.contains(['?', '#']) {
                    return Err(refused().into());
                }
                let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
                let endpoint = endpoint
                    .into_iter()
                    .find_map(|name| std::env::var(name).ok());
                let is_plain = endpoint
                    .as_ref()
                    .is_some_and(|of| of.starts_with("http://"));
                let guard = Guard {
                    timeout: TIMEOUT,
                    connect_timeout: CONNECT_TIMEOUT,
                    way: endpoint.as_deref().map_or(Way::Usual, Way::to),
                };
                let mut builder = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_client_options(ClientOptions::new().with_allow_http(is_plain))
                    .with_http_connector(guard);
                if let Some(endpoint) = endpoint {
                    builder = builder.with_endpoint(endpoint);
                }
                (Arc::new(builder.build()?), path)
            }
            _ => return Err(refused().into()),
        };
        let root = Path::parse(root.trim_end_matches('/')).map_err(|_| refused())?;
        Ok(Self {
            store,
            root,
            directory,
        })
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
        self.check_directory(name)?;
        let options = PutOptions::from(PutMode::Create);
        let at = self.at(name);
        let put = self.store.put_opts(&at, bytes.to_vec().into(), options);
        match put.await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(told(&error)),
        }
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        self.check_directory(name)?;
        let bytes = match self.store.get(&self.at(name)).await {
            Ok(found) if found.meta.size > MAX_OBJECT => {
                bail!("`{name}` there is not telemload's: it is too large")
            }
            Ok(found) => found.bytes().await.map_err(|error| told(&error))?,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(told(&error)),
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
            .await
            .map_err(|error| told(&error))?;
        let names = found.objects.iter().filter_map(|of| of.location.filename());
        Ok(names.map(str::to_owned).collect())
    }

    /// Whether what stands in a directory is what shards make there: others may write to it, and to open a FIFO waits without an end.
    fn check_directory(&self, name: &str) -> anyhow::Result<()> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let path = directory.join(name);
        let is = |path: &std::path::Path, expected: fn(&fs::Metadata) -> bool| {
            fs::symlink_metadata(path).map_or(true, |found| expected(&found))
        };
        let above = path.parent().unwrap_or(directory);
        if is(&path, fs::Metadata::is_file)
            && (above == directory || is(above, fs::Metadata::is_dir))
        {
            return Ok(());
        }
        bail!("`{name}` there is not telemload's: it is no file in a directory; meet at a new one")
    }
}

/// An error of the store, without what its causes say twice.
fn told(error: &Error) -> anyhow::Error {
    const SECRETS: [&str; 3] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ];
    let secrets: Vec<String> = SECRETS
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .collect();
    anyhow::Error::msg(bucket_client::words(error, &secrets))
}
