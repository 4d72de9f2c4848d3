//! Objects inside the process, the newest of them: enough to look at, never enough to look like a leak.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

/// Bytes that are kept; older objects are dropped. At the story's 10 MB/s the last six seconds.
const LIMIT: usize = 64 << 20;

#[derive(Default)]
struct Kept {
    objects: VecDeque<(Path, usize)>,
    bytes: usize,
}

#[derive(Default)]
pub(super) struct Memory {
    store: Arc<InMemory>,
    kept: Mutex<Kept>,
}

impl Memory {
    pub(super) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::<InMemory>::clone(&self.store)
    }

    /// Takes note of a new object, and drops the oldest ones beyond the limit.
    pub(super) async fn keep_to_limit(&self, name: Path, size: usize) {
        for old in self.note(name, size) {
            // What cannot be deleted is not there.
            let _ = self.store.delete(&old).await;
        }
    }

    fn note(&self, name: Path, size: usize) -> Vec<Path> {
        let mut kept = self
            .kept
            .lock()
            .expect("nothing panics while it holds the list");
        kept.objects.push_back((name, size));
        kept.bytes += size;
        let mut old = Vec::new();
        while kept.bytes > LIMIT
            && let Some((name, size)) = kept.objects.pop_front()
        {
            kept.bytes -= size;
            old.push(name);
        }
        old
    }
}
