//! What is loaded: `[target]` → [`Target`].

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use super::resolver::Resolver;
use crate::scenario::plan::command::Command;
use crate::scenario::plan::places::{LAUNCH_DIRECTORY, LaunchPlaces, Places};
use crate::scenario::plan::ports::{Braces, Known};
use crate::scenario::plan::{Service, Target};
use crate::scenario::read::error::Error;
use crate::scenario::read::file::{self, Text};
use crate::scenario::read::refusal::span_of;
use crate::scenario::read::values::length;
use crate::units::list;

/// More processes than one machine can give a CPU to are a mistake.
const MOST_INSTANCES: u32 = 64;

/// What all targets have in common that telemload starts.
#[derive(Clone, Copy)]
struct Started {
    instances: u32,
    port: Option<u16>,
    ready_within: Duration,
}

impl Resolver<'_> {
    pub(super) fn target(
        &self,
        target: &Spanned<file::Target>,
        services: &[Service],
    ) -> Result<Target, Error> {
        let services: Vec<String> = services.iter().map(|of| of.name.clone()).collect();
        let (span, target) = (target.span(), target.get_ref());
        let started = Started {
            instances: self.instances(target)?,
            port: target.port.as_ref().map(|port| *port.get_ref()),
            ready_within: length(target.ready_within.as_ref(), Duration::from_secs(10)),
        };
        match (&target.gateway, &target.command, &target.url) {
            (Some(config), None, None) => {
                self.refuse_what_needs_a_url(target)?;
                self.gateway(target, config, &services, started)
            }
            (None, Some(line), None) => {
                self.refuse_what_needs_a_url(target)?;
                self.command(target, line, &services, started)
            }
            (None, None, Some(url)) => self.url(target, url),
            _ => Err(self.not_one_target(target, span)),
        }
    }

    fn gateway(
        &self,
        target: &file::Target,
        config: &Spanned<gateway_config::Config>,
        services: &[String],
        started: Started,
    ) -> Result<Target, Error> {
        if !cfg!(feature = "gateway") {
            return Err(self.error(
                config.span(),
                "target.gateway",
                "this build of telemload has no gateway; build it with the feature `gateway`, which is on by default, or load a `command` or a `url`",
            ));
        }
        self.refuse_route(target, "`url`")?;
        self.refuse_tls(target, "`url` and `command`")?;
        self.refuse(target.ready.as_ref(), "target.ready", "`command`")?;
        let span = config.span();
        let config = config.get_ref().clone();
        self.sink_directory(&config.sink, span.clone())?;
        let at_key = |key: &str, message: String| {
            let at = span_of(self.table, &["target", "gateway", key]);
            let at = at.unwrap_or_else(|| span.clone());
            self.error(at, &format!("target.gateway.{key}"), message)
        };
        let places = Places::find(&config, services)
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
        Ok(Target::Bundled {
            config: Box::new(config),
            places,
            before: target
                .before_gateway
                .as_ref()
                .and_then(|words| shlex::split(words))
                .unwrap_or_default(),
            instances: started.instances,
            port: started.port,
            ready_within: started.ready_within,
        })
    }

    fn command(
        &self,
        target: &file::Target,
        line: &Text,
        services: &[String],
        started: Started,
    ) -> Result<Target, Error> {
        let known = Known {
            started: services,
            later: &[],
            own: None,
            braces: Braces::Text,
        };
        let refused = |message: String| self.error(line.span(), "target.command", message);
        let command =
            Command::parse(line.get_ref(), known).map_err(|error| refused(error.to_string()))?;
        if started.port.is_none() && !command.has_port() {
            return Err(refused(
                "the command has no `{port}`; write it where the port goes, or give a fixed `port`"
                    .to_owned(),
            ));
        }
        let ready = target
            .ready
            .as_ref()
            .map_or("/", |ready| ready.get_ref().as_str());
        self.check_ready(ready, target.ready.as_ref(), "target.ready")?;
        self.refuse_route(target, "`url`")?;
        let tls = match &target.tls {
            // Flags alone do not say that it serves https.
            Some(tls) if self.source.flag_at(&tls.span()).is_none() => {
                Some(self.tls(tls.get_ref())?)
            }
            _ => {
                self.refuse_tls(target, "`command` with `tls = { … }`")?;
                None
            }
        };
        Ok(Target::Command {
            command,
            ready: ready.to_owned(),
            ready_within: started.ready_within,
            instances: started.instances,
            port: started.port,
            tls,
        })
    }

    fn url(&self, target: &file::Target, url: &Text) -> Result<Target, Error> {
        self.refuse(
            target.port.as_ref(),
            "target.port",
            "`gateway` or `command`",
        )?;
        self.refuse(target.ready.as_ref(), "target.ready", "`command`")?;
        let (base, route) = (self.base(target, url)?, self.route(target)?);
        let given = target.pid.as_ref().map(|pid| *pid.get_ref());
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
            proxy: self.proxy(target, &base, &route)?,
            base,
            route,
            pid: given,
            metrics: target.metrics.as_ref().map(|url| url.get_ref().clone()),
        })
    }

    /// A key that goes only `with` another one.
    pub(super) fn refuse<T>(
        &self,
        given: Option<&Spanned<T>>,
        key: &str,
        with: &str,
    ) -> Result<(), Error> {
        match given {
            Some(given) => Err(self.error(given.span(), key, format!("it goes only with {with}"))),
            None => Ok(()),
        }
    }

    /// What only a target has which runs already.
    fn refuse_what_needs_a_url(&self, target: &file::Target) -> Result<(), Error> {
        if let Some(pid) = &target.pid {
            return Err(self.error(
                pid.span(),
                "target.pid",
                "telemload knows the process that it starts; leave it out, for it goes only with `url`",
            ));
        }
        self.refuse(target.metrics.as_ref(), "target.metrics", "`url`")
    }

    fn not_one_target(&self, target: &file::Target, span: Range<usize>) -> Error {
        let given = [
            target.gateway.as_ref().map(|_| "gateway"),
            target.command.as_ref().map(|_| "command"),
            target.url.as_ref().map(|_| "url"),
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
        self.error(place.unwrap_or(span), "target", message)
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
}

/// Whether a text is the URL of something that can be asked over HTTP.
pub(super) fn is_http_url(text: &str) -> bool {
    reqwest::Url::parse(text)
        .is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.host().is_some())
}
