//! Where payloads are kept: one uploading attempt, and reading it all back. Retries are the uploader's.
//!
//! An object is created and never replaced. Its name is chosen before the first attempt, so that an attempt whose answer
//! was lost is recognised by the next one instead of storing its payloads twice.

mod error;
mod file;
mod memory;
mod s3;
mod stand_in;

use std::sync::Arc;

use gateway_config::{Ack, Environment, Location, StandIn};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use memory::Memory;
use stand_in::Gate;

pub(crate) use error::SinkError;

enum Kind {
    Memory(Memory),
    Directory(file::Directory),
    Remote,
}

/// An opened sink.
pub(crate) struct Sink {
    store: Arc<dyn ObjectStore>,
    kind: Kind,
    gate: Gate,
    /// Of every object, within the bucket.
    prefix: Path,
    secrets: Vec<String>,
}

impl Sink {
    /// Opens a sink and sees that it answers. A directory is created; with [`Ack::Stored`] its objects are synchronised
    /// to the disk.
    pub(crate) async fn open(
        location: &Location,
        ack: Ack,
        stand_in: StandIn,
        environment: Environment<'_>,
    ) -> Result<Self, SinkError> {
        let gate = Gate::new(stand_in);
        match location {
            Location::Memory => {
                let memory = Memory::default();
                let store = memory.store();
                Ok(Self {
                    store,
                    kind: Kind::Memory(memory),
                    gate,
                    prefix: Path::default(),
                    secrets: Vec::new(),
                })
            }
            Location::File(path) => {
                let directory = file::Directory::create(path, ack)?;
                let store = directory.store();
                let kind = Kind::Directory(directory);
                Ok(Self {
                    store,
                    kind,
                    gate,
                    prefix: Path::default(),
                    secrets: Vec::new(),
                })
            }
            Location::S3(bucket) => {
                let (store, secrets) = s3::open(bucket, environment)?;
                let prefix = Path::parse(&bucket.prefix)
                    .map_err(|error| SinkError::from_words(&error.to_string(), &secrets))?;
                let sink = Self {
                    store,
                    kind: Kind::Remote,
                    gate,
                    prefix,
                    secrets,
                };
                sink.probe().await?;
                Ok(sink)
            }
        }
    }

    /// Opens what is there, to be read.
    pub(crate) async fn open_existing(
        location: &Location,
        environment: Environment<'_>,
    ) -> Result<Self, SinkError> {
        if let Location::File(path) = location
            && !path.is_dir()
        {
            return Err(SinkError(format!("{} is not a directory", path.display())));
        }
        Self::open(location, Ack::Queued, StandIn::default(), environment).await
    }

    /// A wrong bucket or credential is better known at the start than by a queue that runs full.
    async fn probe(&self) -> Result<(), SinkError> {
        let missing = self.prefix.clone().join("probe").join("none");
        match self.store.list_with_delimiter(Some(&missing)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// One attempt to create the object durably. An object of this name and size that is there already is the work of an
    /// earlier attempt, and counts as this one's.
    pub(crate) async fn put(&self, name: &Path, payload: PutPayload) -> Result<(), SinkError> {
        let _place = self.gate.enter().await?;
        let name = self.locate(name);
        let size = payload.content_length();
        let options = PutOptions::from(PutMode::Create);
        match self.store.put_opts(&name, payload, options).await {
            Ok(_) => {}
            // S3 also says 409 for a conflict with an upload that is still under way, so that only a look can tell.
            Err(object_store::Error::AlreadyExists { .. }) => self.confirm(&name, size).await?,
            Err(error) => return Err(self.explain(&error)),
        }
        if let Kind::Memory(memory) = &self.kind {
            memory.keep_to_limit(name, size).await;
        }
        Ok(())
    }

    async fn confirm(&self, name: &Path, size: usize) -> Result<(), SinkError> {
        let found = self
            .store
            .head(name)
            .await
            .map_err(|error| self.explain(&error))?;
        if found.size != size as u64 {
            return Err(SinkError(format!(
                "{name} is there with {} bytes instead of {size}",
                found.size
            )));
        }
        match &self.kind {
            Kind::Directory(directory) => directory.synchronise(name).await,
            Kind::Memory(_) | Kind::Remote => Ok(()),
        }
    }

    /// Directories and objects below a directory of the sink; its own if `None`.
    pub(crate) async fn list(
        &self,
        below: Option<&Path>,
    ) -> Result<(Vec<Path>, Vec<(Path, u64)>), SinkError> {
        let below = below.or((!self.prefix.as_ref().is_empty()).then_some(&self.prefix));
        let found = self
            .store
            .list_with_delimiter(below)
            .await
            .map_err(|error| self.explain(&error))?;
        let objects = found
            .objects
            .into_iter()
            .map(|object| (object.location, object.size));
        Ok((found.common_prefixes, objects.collect()))
    }

    /// Part of a listed object.
    pub(crate) async fn read(
        &self,
        name: &Path,
        range: std::ops::Range<u64>,
    ) -> Result<axum::body::Bytes, SinkError> {
        self.store
            .get_range(name, range)
            .await
            .map_err(|error| self.explain(&error))
    }

    fn locate(&self, name: &Path) -> Path {
        self.prefix.parts().chain(name.parts()).collect()
    }

    fn explain(&self, error: &object_store::Error) -> SinkError {
        SinkError(bucket_client::words(error, &self.secrets))
    }
}

#[cfg(test)]
mod tests;
