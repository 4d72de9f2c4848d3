//! How the target is profiled: `[profile]` → [`Profile`].

use std::time::Duration;

use toml::Spanned;

use super::resolver::Resolver;
use super::target::is_http_url;
use crate::scenario::plan::{Also, Profile, ProfileSource, Target};
use crate::scenario::read::error::Error;
use crate::scenario::read::file;
use crate::scenario::read::flagged::PROFILE_LENGTHS;
use crate::scenario::read::values::length;

const ALSO: &str = "profile.also";

/// How long a capture waits for its samples if nothing else is said.
pub(super) const LONGEST_FOR_SAMPLES: Duration = Duration::from_secs(120);

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
            samples: self.profile_samples(profile)?,
            also: self.also(profile, target)?,
            request_label: self.request_label(profile)?,
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

    /// What is captured beside the CPU.
    fn also(&self, profile: &file::Profile, target: &Target) -> Result<Vec<Also>, Error> {
        let mut all = Vec::new();
        for name in &profile.also {
            let known = Also::ALL.map(Also::name).join(", ");
            let kind = Also::named(name.get_ref()).ok_or_else(|| {
                let why = format!("`{}` is none of {known}", name.get_ref());
                self.error(name.span(), ALSO, why)
            })?;
            let is_remote = matches!(target, Target::Url { pid: None, .. });
            if kind == Also::OffCpu && is_remote {
                let why = "perf tells where threads of local processes wait; name the target's with `pid` beside its `url`, or with --pid, or leave it out";
                return Err(self.error(name.span(), ALSO, why));
            }
            if kind.is_served() {
                self.served(profile, name)?;
            }
            if !all.contains(&kind) {
                all.push(kind);
            }
        }
        Ok(all)
    }

    /// Refuses a profile that no endpoint gives: those of Go stand beside that of the CPU.
    fn served(&self, profile: &file::Profile, name: &file::Text) -> Result<(), Error> {
        let path = profile.url.as_ref().map(|url| {
            let url = url.get_ref();
            url.split(['?', '#']).next().unwrap_or_default()
        });
        let why = match path {
            _ if profile.cpu.get_ref() != "pprof" => {
                "it is read from pprof endpoints; use `cpu = \"pprof\"` with a `url`"
            }
            None => {
                "the bundled gateway serves a profile of the CPU alone; leave it out, or use \"off-cpu\""
            }
            Some(path) if path.ends_with("/profile") => return Ok(()),
            Some(_) => {
                "these stand beside a `url` whose path ends in /profile, as Go's net/http/pprof serves them"
            }
        };
        Err(self.error(name.span(), ALSO, why))
    }

    /// The label that tells requests apart.
    fn request_label(&self, profile: &file::Profile) -> Result<Option<String>, Error> {
        let Some(label) = &profile.request_label else {
            return Ok(None);
        };
        let why = if profile.cpu.get_ref() != "pprof" {
            "perf's samples have no labels of requests; use `cpu = \"pprof\"` with a target that sets them, as Go's `pprof.Do` does"
        } else if label.get_ref().is_empty() {
            "name the label, such as \"endpoint\""
        } else {
            return Ok(Some(label.get_ref().clone()));
        };
        Err(self.error(label.span(), "profile.request_label", why))
    }

    fn profile_samples(&self, profile: &file::Profile) -> Result<Option<u64>, Error> {
        let Some(given) = &profile.samples else {
            return Ok(None);
        };
        let samples = *given.get_ref();
        if !(1..=1_000_000).contains(&samples) {
            let why = "a profile ends after 1 to 1000000 samples";
            return Err(self.error(given.span(), "profile.samples", why));
        }
        Ok(Some(samples))
    }

    fn profile_duration(&self, profile: &file::Profile) -> Result<Duration, Error> {
        let given = profile.duration.as_ref();
        let until_samples = profile.samples.is_some();
        let (default, why) = if until_samples {
            let why = "a profile of a number of samples takes 1s to 3600s";
            (LONGEST_FOR_SAMPLES, why)
        } else {
            let why = "a profile takes 1s to 300s; pprof endpoints count whole seconds";
            (Duration::from_secs(10), why)
        };
        let duration = length(given, default);
        let (shortest, mut longest) = PROFILE_LENGTHS;
        if until_samples {
            longest = Duration::from_secs(3_600);
        }
        if !(shortest..=longest).contains(&duration) {
            return Err(self
                .source
                .error(given.map(Spanned::span), "profile.duration", why));
        }
        // pprof endpoints take whole seconds; a fraction would silently become their default.
        Ok(Duration::from_secs(duration.as_secs()))
    }
}
