//! What is loaded and how it is profiled: target tables → [`Target`], profile table → [`Profile`].

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use super::Resolver;
use crate::scenario::command::Command;
use crate::scenario::error::Error;
use crate::scenario::file;
use crate::scenario::gateway::{LaunchPlaces, Places};
use crate::scenario::merge::list;
use crate::scenario::plan::{LAUNCH_DIRECTORY, Profile, ProfileSource, Service, Target};
use crate::scenario::ports::{Braces, Known};
use crate::scenario::refusal::span_of;

/// pprof endpoints count whole seconds, and many servers write for no longer than some minutes.
const SHORTEST_PROFILE: Duration = Duration::from_secs(1);
const LONGEST_PROFILE: Duration = Duration::from_secs(300);

/// More processes than one machine can give a CPU to are a mistake.
const MOST_INSTANCES: u32 = 64;

impl Resolver<'_> {
    pub(super) fn target(
        &self,
        target: &Spanned<file::Target>,
        services: &[Service],
    ) -> Result<Target, Error> {
        let services: Vec<String> = services.iter().map(|of| of.name.clone()).collect();
        let (span, target) = (target.span(), target.get_ref());
        let ready_within = self.duration(
            target.ready_within.as_ref(),
            "target.ready_within",
            Duration::from_secs(10),
        )?;
        let port = target.port.as_ref().map(|port| *port.get_ref());
        let instances = self.instances(target)?;
        let refuse = |given: Option<Range<usize>>, key: &str, with: &str| match given {
            Some(span) => Err(self.error(span, key, format!("it goes only with {with}"))),
            None => Ok(()),
        };
        let only_url = || {
            if self.overrides.pid.is_some() {
                return Err(self.error(
                    span.clone(),
                    "--pid",
                    "telemload knows the process that it starts; leave the flag out",
                ));
            }
            refuse(
                target.pid.as_ref().map(Spanned::span),
                "target.pid",
                "`url`",
            )?;
            refuse(
                target.metrics.as_ref().map(Spanned::span),
                "target.metrics",
                "`url`",
            )
        };
        match (&target.gateway, &target.command, &target.url) {
            (Some(config), None, None) => {
                if !cfg!(feature = "gateway") {
                    return Err(self.error(
                        config.span(),
                        "target.gateway",
                        "this build of telemload has no gateway; build it with the feature `gateway`, which is on by default, or load a `command` or a `url`",
                    ));
                }
                only_url()?;
                self.refuse_route(target, "`url`")?;
                self.refuse_tls(target, "`url` and `command`")?;
                refuse(
                    target.ready.as_ref().map(Spanned::span),
                    "target.ready",
                    "`command`",
                )?;
                let span = config.span();
                let config = config.get_ref().clone();
                self.sink_directory(&config.sink, span.clone())?;
                let at_key = |key: &str, message: String| {
                    let at = span_of(self.table, &["target", "gateway", key]);
                    let at = at.unwrap_or_else(|| span.clone());
                    self.error(at, &format!("target.gateway.{key}"), message)
                };
                let places = Places::find(&config, &services)
                    .map_err(|(key, error)| at_key(key, error.to_string()))?;
                // Any ports and any directory show whether the texts are what the gateway takes.
                let known = LaunchPlaces {
                    services: &vec![u16::MAX; services.len()],
                    directory: Path::new("/"),
                };
                let filled = places
                    .fill(&config, known)
                    .map_err(|(key, message)| at_key(key, message))?;
                filled
                    .validate()
                    .map_err(|error| at_key(error.key(), error.to_string()))?;
                for (key, given) in [
                    ("digest_key", config.digest_key.is_some()),
                    ("token_key", config.token_key.is_some()),
                ] {
                    if given {
                        return Err(at_key(
                            key,
                            "a key is a secret and does not belong in a scenario; leave it out, a random one is used".to_owned(),
                        ));
                    }
                }
                Ok(Target::Gateway {
                    config: Box::new(config),
                    places,
                    instances,
                    port,
                    ready_within,
                })
            }
            (None, Some(command), None) => {
                only_url()?;
                let line = command;
                let known = Known {
                    started: &services,
                    later: &[],
                    own: None,
                    braces: Braces::Text,
                };
                let command = Command::parse(line.get_ref(), known).map_err(|error| {
                    self.error(line.span(), "target.command", error.to_string())
                })?;
                if port.is_none() && !command.has_port() {
                    return Err(self.error(line.span(), "target.command", "the command has no `{port}`; write it where the port goes, or give a fixed `port`"));
                }
                let ready = target
                    .ready
                    .as_ref()
                    .map_or("/", |ready| ready.get_ref().as_str());
                self.check_ready(ready, target.ready.as_ref(), "target.ready")?;
                self.refuse_route(target, "`url`")?;
                Ok(Target::Command {
                    command,
                    ready: ready.to_owned(),
                    ready_within,
                    instances,
                    port,
                    tls: match &target.tls {
                        Some(tls) => Some(self.tls(tls.get_ref())?),
                        None => {
                            self.refuse_tls(target, "`command` with `tls = { … }`")?;
                            None
                        }
                    },
                })
            }
            (None, None, Some(url)) => {
                refuse(
                    target.port.as_ref().map(Spanned::span),
                    "target.port",
                    "`gateway` or `command`",
                )?;
                refuse(
                    target.ready.as_ref().map(Spanned::span),
                    "target.ready",
                    "`command`",
                )?;
                let (base, route) = (self.base(target, url)?, self.route(target)?);
                let pid = self
                    .overrides
                    .pid
                    .or(target.pid.as_ref().map(|pid| *pid.get_ref()));
                if let Some(metrics) = &target.metrics
                    && !is_http_url(metrics.get_ref())
                {
                    return Err(self.error(
                        metrics.span(),
                        "target.metrics",
                        "it is not an http:// or https:// URL",
                    ));
                }
                Ok(Target::Url {
                    base,
                    route,
                    pid,
                    metrics: target.metrics.as_ref().map(|url| url.get_ref().clone()),
                })
            }
            (gateway, command, url) => {
                let given = [
                    gateway.as_ref().map(|_| "gateway"),
                    command.as_ref().map(|_| "command"),
                    url.as_ref().map(|_| "url"),
                ];
                let given: Vec<String> = given.into_iter().flatten().map(str::to_owned).collect();
                // The one that was written last is more likely the one too many.
                let place = given
                    .iter()
                    .filter_map(|key| span_of(self.table, &["target", key]))
                    .max_by_key(|span| span.start);
                let message = format!(
                    "a target has exactly one of `gateway`, `command` and `url`; there is {}",
                    list(&given)
                );
                Err(self.error(place.unwrap_or(span), "target", message))
            }
        }
    }

    /// How many processes the target is.
    fn instances(&self, target: &file::Target) -> Result<u32, Error> {
        let Some(given) = &target.instances else {
            return Ok(1);
        };
        let refused = |why: &str| Err(self.error(given.span(), "target.instances", why));
        let instances = *given.get_ref();
        if target.url.is_some() {
            return refused(
                "telemload does not start what a `url` names; leave `instances` out, and load the balancer in front of them, or start them as a `command`",
            );
        }
        if !(1..=MOST_INSTANCES).contains(&instances) {
            return refused(&format!("use 1 to {MOST_INSTANCES} instances"));
        }
        if instances > 1 && target.port.is_some() {
            return refused("each instance listens on a port of its own; leave `port` out");
        }
        Ok(instances)
    }

    /// What is asked for until it answers.
    pub(super) fn check_ready(
        &self,
        path: &str,
        given: Option<&Spanned<String>>,
        key: &str,
    ) -> Result<(), Error> {
        if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(());
        }
        Err(self.source.error(
            given.map(Spanned::span),
            key,
            "it is a path, which starts with `/` and has neither spaces nor letters beyond ASCII",
        ))
    }

    /// The launch's directory is an absolute path: a sink begins with it.
    fn sink_directory(&self, sink: &str, config: Range<usize>) -> Result<(), Error> {
        let begins = sink
            .strip_prefix("file://")
            .and_then(|path| path.strip_prefix(LAUNCH_DIRECTORY));
        if !begins.unwrap_or(sink).contains(LAUNCH_DIRECTORY) {
            return Ok(());
        }
        let at = span_of(self.table, &["target", "gateway", "sink"]).unwrap_or(config);
        Err(self.error(
            at,
            "target.gateway.sink",
            "`{dir}` is the whole path of a directory; write it once, as in \"file://{dir}/sink\"",
        ))
    }

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
            (None, Target::Gateway { .. }) => {}
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
            None => self.duration(given, "profile.duration", Duration::from_secs(10))?,
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

fn is_http_url(text: &str) -> bool {
    reqwest::Url::parse(text)
        .is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.host().is_some())
}
