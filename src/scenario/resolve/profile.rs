//! How the target is profiled: `[profile]` → [`Profile`].

use std::time::Duration;

use toml::Spanned;

use super::resolver::Resolver;
use super::target::is_http_url;
use crate::scenario::plan::{Profile, ProfileSource, Target};
use crate::scenario::read::error::Error;
use crate::scenario::read::file;
use crate::scenario::read::flagged::PROFILE_LENGTHS;
use crate::scenario::read::values::length;

impl Resolver<'_> {
    pub(super) fn profile(
        &self,
        profile: Option<&file::Profile>,
        target: &Target,
    ) -> Result<Option<Profile>, Error> {
        let Some(profile) = profile else {
            return Ok(None);
        };
        let source = match profile.cpu.get_ref().as_str() {
            "pprof" => self.pprof(profile, target)?,
            "perf" => self.perf(profile, target)?,
            other => {
                return Err(self.error(
                    profile.cpu.span(),
                    "profile.cpu",
                    format!(
                        "`{other}` is not a way to profile; use \"pprof\", or \"perf\" for a local process without an endpoint"
                    ),
                ));
            }
        };
        let hz = profile.hz.as_ref();
        let samples = hz.map_or(99, |hz| *hz.get_ref());
        if !(1..=1_000).contains(&samples) {
            return Err(self.source.error(
                hz.map(Spanned::span),
                "profile.hz",
                "use 1 to 1000 samples a second",
            ));
        }
        Ok(Some(Profile {
            source,
            hz: samples,
            duration: self.profile_duration(profile)?,
        }))
    }

    /// The target's endpoint.
    fn pprof(&self, profile: &file::Profile, target: &Target) -> Result<ProfileSource, Error> {
        let key = "profile.url";
        match (&profile.url, target) {
            (None, Target::Bundled { .. }) => {}
            (None, _) => return Err(self.error(profile.cpu.span(), key, "only the bundled gateway has a known endpoint; give the target's, such as \"http://127.0.0.1:{port}/debug/pprof/profile\", or sample its processes with `cpu = \"perf\"`")),
            (Some(url), _) => {
                if !is_http_url(&url.get_ref().replace("{port}", "1")) {
                    return Err(self.error(url.span(), key, "it is not an http:// or https:// URL"));
                }
            }
        }
        let url = profile.url.as_ref().map(|url| url.get_ref().clone());
        Ok(ProfileSource::Pprof { url })
    }

    /// perf, which needs to know the target's processes.
    fn perf(&self, profile: &file::Profile, target: &Target) -> Result<ProfileSource, Error> {
        if let Some(url) = &profile.url {
            return Err(self.error(
                url.span(),
                "profile.url",
                "perf needs no endpoint; leave `url` out, or use `cpu = \"pprof\"`",
            ));
        }
        if let Target::Url { pid: None, .. } = target {
            return Err(self.error(
                profile.cpu.span(),
                "target.pid",
                "perf samples local processes; name the target's with `pid` beside its `url`, or with --pid, or use `cpu = \"pprof\"`",
            ));
        }
        Ok(ProfileSource::Perf)
    }

    fn profile_duration(&self, profile: &file::Profile) -> Result<Duration, Error> {
        let given = profile.duration.as_ref();
        let duration = length(given, Duration::from_secs(10));
        let (shortest, longest) = PROFILE_LENGTHS;
        if !(shortest..=longest).contains(&duration) {
            return Err(self.source.error(
                given.map(Spanned::span),
                "profile.duration",
                "a profile takes 1s to 300s; pprof endpoints count whole seconds",
            ));
        }
        // pprof endpoints take whole seconds; a fraction would silently become their default.
        Ok(Duration::from_secs(duration.as_secs()))
    }
}
