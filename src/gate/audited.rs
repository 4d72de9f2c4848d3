//! The verdict of an audit.

use super::verdict::Outcome;
use crate::parity::Audit;

/// A header that production carries and the scenario lacks fails. A sample that does not tell which headers there are proves nothing.
pub fn audited(audit: &Audit) -> Outcome {
    if audit.missing().next().is_some() {
        Outcome::Fail
    } else if audit.doubt.is_none() {
        Outcome::Pass
    } else {
        Outcome::Inconclusive
    }
}
