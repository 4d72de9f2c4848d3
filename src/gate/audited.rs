//! The verdict of an audit.

use super::verdict::Outcome;
use crate::parity::Audit;

/// A header that production carries and the scenario lacks fails. A source that does not tell which headers there are proves nothing.
pub fn audited(audit: &Audit) -> Outcome {
    if audit.missing().next().is_some() {
        Outcome::Fail
    } else if audit.tells_headers {
        Outcome::Pass
    } else {
        Outcome::Inconclusive
    }
}
