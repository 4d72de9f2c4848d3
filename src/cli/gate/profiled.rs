//! How an arm is profiled: as the scenario says, or as the bundled gateway can be.

use std::time::Duration;

use crate::scenario::plan::{Profile, ProfileSource};
use crate::scenario::{Target, Variant};

/// How long each launch is profiled.
const PROFILED: Duration = Duration::from_secs(3);
/// Samples a second where the scenario says nothing of it.
const HZ: u32 = 199;

/// How an arm is profiled; words if nothing says how.
pub(super) fn profile(variant: &Variant) -> Result<Profile, String> {
    let bundled = || {
        let is_bundled = matches!(variant.target, Target::Bundled { .. });
        is_bundled.then_some(Profile {
            source: ProfileSource::Pprof { url: None },
            hz: HZ,
            duration: PROFILED,
            samples: None,
            also: Vec::new(),
            request_label: None,
        })
    };
    let given = variant.profile.clone().or_else(bundled);
    let profile =
        given.ok_or("the scenario has no [profile]: give it one, and functions are known")?;
    Ok(Profile {
        duration: PROFILED,
        samples: None,
        also: Vec::new(),
        ..profile
    })
}
