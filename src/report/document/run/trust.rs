//! Trust as `result.json` has it, written and read again.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::result::{Cause, Doubt, Trust, TrustLevel};
use crate::units::printable;

/// Trust in a phase as it is in a result. What comes from outside may have any level, code and number of reasons.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct TrustJson {
    level: String,
    reasons: Vec<String>,
    /// In the order of `reasons`; earlier versions have none.
    #[serde(default)]
    doubts: Vec<DoubtJson>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct DoubtJson {
    code: String,
    share: Option<f64>,
}

impl TrustJson {
    fn of(trust: &Trust) -> Self {
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

    /// What it says as far as this version knows it: the rest may have moved any figure either way.
    fn trust(&self) -> Trust {
        let level = match self.level.as_str() {
            "trusted" => TrustLevel::Trusted,
            "client-limited" => TrustLevel::ClientLimited,
            _ => TrustLevel::Suspect,
        };
        let known = |doubt: &DoubtJson| {
            let mut causes = Cause::ALL.into_iter();
            let cause = causes.find(|cause| cause.code() == doubt.code);
            cause.unwrap_or(Cause::Unstated(level))
        };
        let mut trust = Trust::default();
        if self.doubts.len() == self.reasons.len() {
            let each = self.doubts.iter().zip(&self.reasons);
            let each = each.map(|(doubt, words)| Doubt {
                cause: known(doubt),
                share: doubt.share,
                words: printable(words).into_owned(),
            });
            trust.doubts.extend(each);
        }
        if trust.level() < level {
            trust.doubts.push(Doubt {
                cause: Cause::Unstated(level),
                share: None,
                words: printable(&self.reasons.join("; ")).into_owned(),
            });
        }
        trust
    }
}

/// Writes trust into a document.
pub(super) fn serialize<S: Serializer>(trust: &Trust, document: S) -> Result<S::Ok, S::Error> {
    TrustJson::of(trust).serialize(document)
}

/// Reads the trust of a document.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(document: D) -> Result<Trust, D::Error> {
    Ok(TrustJson::deserialize(document)?.trust())
}
