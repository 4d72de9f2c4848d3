//! Trust as `result.json` has it.

use serde::Serialize;

use crate::experiment::Trust;

/// Trust in a phase as it is in a result.
#[derive(Debug, Clone, Serialize)]
pub(super) struct TrustJson {
    level: String,
    reasons: Vec<String>,
    /// In the order of `reasons`.
    doubts: Vec<DoubtJson>,
}

#[derive(Debug, Clone, Serialize)]
struct DoubtJson {
    code: String,
    share: Option<f64>,
}

impl TrustJson {
    pub(super) fn of(trust: &Trust) -> Self {
        let doubts = trust.doubts.iter();
        Self {
            level: trust.level().to_string(),
            reasons: doubts.clone().map(|doubt| doubt.words.clone()).collect(),
            doubts: doubts
                .map(|doubt| DoubtJson {
                    code: doubt.cause.code().to_owned(),
                    share: doubt.share,
                })
                .collect(),
        }
    }
}
