//! What may be typed about the ingestion of payloads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What happens to the payloads of `/v1/payloads`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IngestMode {
    /// Decoded, checked and thrown away.
    #[default]
    Discard,
    /// A task and an object per payload, as many at once as arrive.
    Spawn,
    /// A bounded queue and one consumer, an object per payload; requests wait when the queue is full.
    Queue,
    /// A bounded queue and a pool of workers, batched objects; requests are refused when the queue is full.
    Pool,
}

impl fmt::Display for IngestMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discard => "discard",
            Self::Spawn => "spawn",
            Self::Queue => "queue",
            Self::Pool => "pool",
        })
    }
}

/// When a document is acknowledged.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ack {
    /// As soon as it is in memory: what is acknowledged survives an orderly stop, not a crash.
    #[default]
    Queued,
    /// Once the sink has it durably: what is acknowledged survives a crash.
    Stored,
}
