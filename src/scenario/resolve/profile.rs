//! How the target is profiled: `[profile]` → [`Profile`].

use std::time::Duration;

use toml::Spanned;

use super::resolver::Resolver;
use super::target::is_http_url;
use crate::scenario::plan::{Profile, ProfileSource, Target};
use crate::scenario::read::error::Error;
use crate::scenario::read::file;
use crate::scenario::read::values::length;

/// pprof endpoints count whole seconds, and many servers write for no longer than some minutes.
const SHORTEST_PROFILE: Duration = Duration::from_secs(1);
const LONGEST_PROFILE: Duration = Duration::from_secs(300);

impl Resolver<'_> {
    pub(super) fn profile(
        &self,
        profile: Option<&file::Profile>,
        target: &Target,
    ) -> Result<Option<Profile>, Error> {
        let source = match (profile, &self.overrides.pprof) {
            (None, None) => return Ok(None),
            (_, Some(url)) => self.pprof(None, Some(url), target)?,
            (Some(profile), None) => match profile.cpu.get_ref().as_str() {
                "pprof" => {
                    let url = profile.url.as_ref().map(Spanned::get_ref);
                    self.pprof(Some(profile), url, target)?
                }
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
            },
        };
        let hz = profile.and_then(|profile| profile.hz.as_ref());
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

    /// The target's endpoint at `url`, as a flag or `profile` says.
    fn pprof(
        &self,
        profile: Option<&file::Profile>,
        url: Option<&String>,
        target: &Target,
    ) -> Result<ProfileSource, Error> {
        let (key, cpu) = ("profile.url", profile.map(|profile| profile.cpu.span()));
        let place = profile.and_then(|profile| profile.url.as_ref());
        match (url, target) {
            (None, Target::Bundled { .. }) => {}
            (None, _) => return Err(self.source.error(cpu, key, "only the bundled gateway has a known endpoint; give the target's, such as \"http://127.0.0.1:{port}/debug/pprof/profile\", or sample its processes with `cpu = \"perf\"`")),
            (Some(url), _) => {
                if !is_http_url(&url.replace("{port}", "1")) {
                    let place = place.map(Spanned::span);
                    return Err(self.source.error(place, key, "it is not an http:// or https:// URL"));
                }
            }
        }
        Ok(ProfileSource::Pprof { url: url.cloned() })
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

    fn profile_duration(&self, profile: Option<&file::Profile>) -> Result<Duration, Error> {
        let given = profile.and_then(|profile| profile.duration.as_ref());
        let duration = match self.overrides.duration {
            // The flag is for the load, which may be shorter or longer than any profile.
            Some(duration) => duration.clamp(SHORTEST_PROFILE, LONGEST_PROFILE),
            None => length(given, Duration::from_secs(10)),
        };
        if !(SHORTEST_PROFILE..=LONGEST_PROFILE).contains(&duration) {
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
