//! A directory. Objects appear in it whole or not at all; with `ack = "stored"` they are on the disk, not in a cache.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use gateway_config::Ack;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use super::error::SinkError;

pub(super) struct Directory {
    path: PathBuf,
    store: Arc<LocalFileSystem>,
    ack: Ack,
}

impl Directory {
    /// Creates the directory unless it is there.
    pub(super) fn create(path: &std::path::Path, ack: Ack) -> Result<Self, SinkError> {
        let refuse =
            |error: &dyn std::fmt::Display| SinkError(format!("{}: {error}", path.display()));
        fs::create_dir_all(path).map_err(|error| refuse(&error))?;
        if ack == Ack::Stored
            && let Some(parent) = path.parent()
        {
            synchronise(parent).map_err(|error| refuse(&error))?;
        }
        let store = LocalFileSystem::new_with_prefix(path).map_err(|error| refuse(&error))?;
        Ok(Self {
            path: path.to_owned(),
            store: Arc::new(store.with_fsync(ack == Ack::Stored)),
            ack,
        })
    }

    pub(super) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::<LocalFileSystem>::clone(&self.store)
    }

    /// Brings an object that an earlier attempt created to the disk: that attempt may have failed just there.
    pub(super) async fn synchronise(&self, name: &Path) -> Result<(), SinkError> {
        if self.ack != Ack::Stored {
            return Ok(());
        }
        let mut path = self.path.join(name.as_ref());
        let done = tokio::task::spawn_blocking(move || {
            synchronise(&path)?;
            path.pop();
            synchronise(&path)
        });
        match done.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(SinkError(format!("{name}: {error}"))),
            Err(error) => Err(SinkError(format!("{name}: {error}"))),
        }
    }
}

fn synchronise(path: &std::path::Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
