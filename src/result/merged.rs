//! The shards of a run that was merged from the results of several processes: what is each shard's own, and never summed.

use serde::{Deserialize, Serialize};

use super::TrustLevel;
use crate::process::machine::Fingerprint;
use crate::units::printable;

/// One shard of a merged run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergedShard {
    /// From 0.
    pub index: u32,
    /// The machine it ran on; `None` if it is lost.
    pub machine: Option<Fingerprint>,
    /// How far the machine's clock is off at most, s; `None` if that is not known.
    pub clock_bound_s: Option<f64>,
    /// Whether it was ended before its time.
    #[serde(default)]
    pub interrupted: bool,
    /// What ended it before its time, other than the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// If nothing of it is in any figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// Each window of which it has figures.
    #[serde(default)]
    pub windows: Vec<ShardWindow>,
}

/// A shard that left nothing that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Why.
    pub words: String,
    /// Requests of all windows that were its part by the schedule; `None` where a load has none.
    pub due: Option<u64>,
}

/// A window of a shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardWindow {
    /// Its variant.
    pub variant: String,
    /// Its phase.
    pub phase: String,
    /// Launch, from 1.
    pub round: u32,
    /// For how long the shard was there, s.
    pub window_s: f64,
    /// How much later than planned it began by the machine's clock, s; negative if it began earlier.
    pub begin_error_s: Option<f64>,
    /// Requests that were due.
    pub due: u64,
    /// Of those, answered as expected.
    pub ok: u64,
    /// Of those, failed.
    pub failed: u64,
    /// OK responses a second.
    pub throughput_rps: Option<f64>,
    /// Median latency, µs.
    pub latency_p50_us: Option<f64>,
    /// 99th percentile of latency, µs.
    pub latency_p99_us: Option<f64>,
    /// 95 % interval of the median, µs; no upper end where nothing bounds it.
    pub latency_p50_interval_us: Option<(f64, Option<f64>)>,
    /// The same of the 99th percentile.
    pub latency_p99_interval_us: Option<(f64, Option<f64>)>,
    /// 99th percentile of dispatch lag, µs.
    pub dispatch_lag_p99_us: Option<f64>,
    /// CPU of its generator, cores.
    pub generator_cores: Option<f64>,
    /// Codes of what speaks against its own figures; empty if nothing does.
    pub doubts: Vec<String>,
    /// How far its figures are the target's.
    pub trust: TrustLevel,
    /// Whether its latencies stand apart from those of all others.
    pub apart: bool,
}

impl MergedShard {
    /// Harmless on a terminal, wherever it was read.
    pub(crate) fn printable(self) -> Self {
        let plain = |text: String| printable(&text).into_owned();
        let windows = self.windows.into_iter().map(|of| ShardWindow {
            variant: plain(of.variant),
            phase: plain(of.phase),
            doubts: of.doubts.into_iter().map(plain).collect(),
            ..of
        });
        Self {
            failure: self.failure.map(plain),
            lost: self.lost.map(|lost| Lost {
                words: plain(lost.words),
                ..lost
            }),
            windows: windows.collect(),
            ..self
        }
    }
}

/// Shards by their indices, for sentences.
pub(crate) fn shard_names(indices: &[u32]) -> String {
    let names: Vec<String> = indices.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [one] => format!("shard {one}"),
        [start @ .., last] => format!("shards {} and {last}", start.join(", ")),
        [] => "no shard".to_owned(),
    }
}
