//! Writes the ids of what was acknowledged, a line each, while the load goes on. What it is handed is in the file before it waits for
//! more.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use super::WriteError;
use crate::engine::{AcknowledgedIds, Acknowledgement};

/// Where ids go, and what makes them.
pub(super) struct Lines {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) ids: AcknowledgedIds,
}

impl Lines {
    /// Writes what is received until nobody is left who could send; returns how many ids that were.
    pub(super) fn write(
        mut self,
        from: &Receiver<Vec<Acknowledgement>>,
    ) -> Result<u64, WriteError> {
        let (mut count, mut text) = (0, Vec::new());
        for some in from {
            text.clear();
            for one in some {
                count += self.ids.append(one, &mut text);
            }
            self.file.write_all(&text).map_err(|cause| WriteError {
                path: self.path.clone(),
                cause,
            })?;
        }
        Ok(count)
    }
}
