//! Where the threads of a target wait while it is profiled: a recording of perf beside the samples of the CPU, over the same slices.
//!
//! What fails here is no failure of the profile: it is told in words, and the CPU's is kept.

use std::ops::Range;

use crate::process::ProcessTree;
use crate::process::perf::{CallGraph, PerfError, Recording, Request, Subject};
use crate::profile::capture::Captured;
use crate::profile::{Profile, encode, perf_script};

/// A recording of waits, under way or ended; or why there is none.
pub(super) struct Waits(Result<Recording, String>);

impl Waits {
    /// Begins to record the waits of processes.
    pub(super) async fn start(trees: &[ProcessTree]) -> Self {
        let request = Request {
            trees: trees.to_vec(),
            subject: Subject::Waits,
            // Each switch is a sample.
            hz: 1,
            call_graph: CallGraph::default(),
        };
        let started = Recording::start(&request).await;
        Self(started.map_err(|error| error.to_string()))
    }

    /// There is none, and why.
    pub(super) fn missing(why: &str) -> Self {
        Self(Err(format!("the target's processes are not known: {why}")))
    }

    /// Records no more.
    pub(super) fn stop(&mut self) {
        if let Ok(recording) = &mut self.0 {
            recording.stop();
        }
    }

    /// The waits that begin within slices, given by their begins and ends on the engine's clock, ns. Names take some time.
    ///
    /// # Errors
    /// Why there are none, in words.
    pub(super) async fn finish(self, slices: &[Range<u64>]) -> Result<Captured, String> {
        let recording = self.0?;
        let unseen = recording.unseen().to_vec();
        let failed = |error: PerfError| error.to_string();
        let text = recording.finish().await.map_err(failed)?;
        let unusable = |error| format!("the samples of perf cannot be used: {error}");
        let text = String::from_utf8_lossy(&text);
        let mut profile: Profile = perf_script::read_waits(&text, slices).map_err(unusable)?;
        profile.note_all(unseen);
        Ok(Captured {
            bytes: encode::encode(&profile).map_err(unusable)?,
            slices: slices.len(),
            profile,
        })
    }
}
