//! How a phase took turns with that of another variant: plain values.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Two variants were up together, and one generator loaded them in turns. Windows, rows and rates of each are by the time of its own
/// turns.
#[derive(Debug, Clone, PartialEq)]
pub struct InTurns {
    /// Name of the other variant.
    pub with: String,
    /// Length of a turn.
    pub slice: Duration,
    /// Time between two, in which what is under way ends.
    pub gap: Duration,
    /// Measured turns of a launch.
    pub count: u32,
}

impl InTurns {
    /// How much longer a window took than the turns of one of the two.
    pub(crate) fn stretch(&self) -> f64 {
        let turn = self.slice.as_secs_f64();
        if turn > 0.0 {
            2.0 * (turn + self.gap.as_secs_f64()) / turn
        } else {
            1.0
        }
    }
}

/// How far the ratio of two variants that took turns may be off within a launch, from what differs between intervals: relative
/// standard errors, `None` where nothing shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct RatioErrors {
    /// Of the throughput.
    #[serde(rename = "throughput_rps")]
    pub throughput: Option<f64>,
    /// Of the CPU per request.
    #[serde(rename = "target_us_per_request")]
    pub us_per_request: Option<f64>,
}
