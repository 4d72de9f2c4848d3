//! Phases and their loads: tables → [`Phase`], [`Load`].

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::request;
use super::resolver::Resolver;
use crate::scenario::plan::{Arrivals, Load, LoadModel, Pace, Phase, Stage};
use crate::scenario::read::error::Error;
use crate::scenario::read::file;
use crate::scenario::read::names::check_name;
use crate::scenario::read::values::length;
use crate::units::Rate;
use crate::units::list;

impl Resolver<'_> {
    pub(super) fn phases(
        &self,
        variant: &str,
        file: &file::File,
        instances: u32,
    ) -> Result<Vec<Phase>, Error> {
        let mut phases: Vec<Phase> = Vec::new();
        if let Some(load) = &file.load {
            if !file.phase.is_empty() {
                return Err(self.error(
                    load.span(),
                    "load",
                    "`load` is short for a single phase; it does not go with [[phase]]",
                ));
            }
            phases.push(Phase {
                name: "load".to_owned(),
                load: self.load(load, "load", file, instances)?,
            });
        }
        let mut names: Vec<&str> = Vec::new();
        for phase in &file.phase {
            let name = phase.name.get_ref();
            check_name(self.source, Some(phase.name.span()), "phase.name", name)?;
            if names.contains(&name.as_str()) {
                return Err(self.error(
                    phase.name.span(),
                    "phase.name",
                    format!("two phases are named `{name}`; give each its own name"),
                ));
            }
            names.push(name);
            for only in phase.variants.iter().flatten() {
                self.variant_index(only, &format!("phase.{name}.variants"))?;
            }
            let key = format!("phase.{name}.load");
            let is_of_variant = phase
                .variants
                .as_ref()
                .is_none_or(|only| only.iter().any(|only| only.get_ref() == variant));
            let instances = if is_of_variant { instances } else { 1 };
            let load = self.load(&phase.load, &key, file, instances)?;
            if is_of_variant {
                phases.push(Phase {
                    name: name.clone(),
                    load,
                });
            }
        }
        if phases.is_empty() {
            return Err(self.error(
                file.target.span(),
                "phase",
                format!("variant `{variant}` has no phase; add [load] or [[phase]]"),
            ));
        }
        Ok(phases)
    }

    fn load(
        &self,
        given: &Spanned<file::Load>,
        key: &str,
        file: &file::File,
        instances: u32,
    ) -> Result<Load, Error> {
        let load = given.get_ref();
        let at = |name: &str| format!("{key}.{name}");
        let connections = self.connections(load, key)?;
        let requests = self.requests(load, key)?;
        let timeout = self.timeout(load, key)?;
        let workers = self.workers(load, key, connections, instances)?;
        if connections < workers * instances {
            return Err(self.error(
                load.connections.span(),
                &at("connections"),
                format!(
                    "each of the {instances} instances needs a connection of each worker; use {} or more",
                    workers * instances
                ),
            ));
        }
        let staged = self.staged(load, key)?;
        let duration = self.window(given, key, requests, staged.as_ref())?;
        let warmup = length(load.warmup.as_ref(), Duration::ZERO);
        let model = self.load_model(load, key, staged)?;
        if let LoadModel::Open {
            pace: Pace::Staged { begin: 0.0, .. },
            ..
        } = model
            && !warmup.is_zero()
        {
            return Err(self.source.error(
                load.warmup.as_ref().map(Spanned::span),
                &at("warmup"),
                "a warm-up holds the rate at which the stages begin, which is 0/s; give a `rate` above it, or remove the warm-up",
            ));
        }
        Ok(Load {
            model,
            connections,
            duration,
            requests,
            warmup,
            timeout,
            workers,
            keep_alive: load.keep_alive.unwrap_or(true),
            weights: self.weights(given, key, &file.request)?,
            overload: load.overload.unwrap_or(false),
            silent_for: self.silent_for(load, key)?,
        })
    }

    fn connections(&self, load: &file::Load, key: &str) -> Result<u32, Error> {
        let connections = *load.connections.get_ref();
        if (1..=100_000).contains(&connections) {
            return Ok(connections);
        }
        Err(self.error(
            load.connections.span(),
            &format!("{key}.connections"),
            "use 1 to 100000 connections",
        ))
    }

    fn requests(&self, load: &file::Load, key: &str) -> Result<Option<u64>, Error> {
        match &load.requests {
            Some(requests) if *requests.get_ref() == 0 => {
                let key = format!("{key}.requests");
                Err(self.error(requests.span(), &key, "use at least 1 request"))
            }
            requests => Ok(requests.as_ref().map(|requests| *requests.get_ref())),
        }
    }

    fn silent_for(&self, load: &file::Load, key: &str) -> Result<Option<Duration>, Error> {
        let Some(given) = &load.stop_when else {
            return Ok(None);
        };
        let length = given.get_ref().silent_for.0;
        if !length.is_zero() {
            return Ok(Some(length));
        }
        let key = format!("{key}.stop_when.silent_for");
        Err(self.error(given.span(), &key, "use a time above 0s"))
    }

    fn timeout(&self, load: &file::Load, key: &str) -> Result<Duration, Error> {
        let timeout = length(load.timeout.as_ref(), Duration::from_secs(10));
        if !timeout.is_zero() {
            return Ok(timeout);
        }
        let place = load.timeout.as_ref().map(Spanned::span);
        let key = format!("{key}.timeout");
        Err(self.source.error(place, &key, "a timeout is above 0s"))
    }

    /// The mix of this load: what it says of some requests, and what the others say of themselves.
    fn weights(
        &self,
        given: &Spanned<file::Load>,
        key: &str,
        requests: &[file::Request],
    ) -> Result<BTreeMap<String, u32>, Error> {
        let mut mix: Vec<u32> = requests.iter().map(request::own_weight).collect();
        let mut weights = BTreeMap::new();
        for (name, weight) in &given.get_ref().weights.0 {
            let key = format!("{key}.weights.{}", name.get_ref());
            let known = |request: &file::Request| request.name.get_ref() == name.get_ref();
            let Some(at) = requests.iter().position(known) else {
                let names: Vec<String> = requests
                    .iter()
                    .map(|request| request.name.get_ref().clone())
                    .collect();
                let message = format!(
                    "there is no request `{}`; there is {}",
                    name.get_ref(),
                    list(&names)
                );
                return Err(self.error(name.span(), &key, message));
            };
            request::check_weight(self.source, Some(weight), &key)?;
            mix[at] = *weight.get_ref();
            weights.insert(name.get_ref().clone(), mix[at]);
        }
        if mix.iter().all(|&weight| weight == 0) {
            return Err(self.error(
                given.span(),
                key,
                "this load sends nothing; give a request a weight of 1 or more, in `weights` or of its own",
            ));
        }
        Ok(weights)
    }

    fn workers(
        &self,
        load: &file::Load,
        key: &str,
        connections: u32,
        instances: u32,
    ) -> Result<u32, Error> {
        let default_workers = std::thread::available_parallelism()
            .map_or(1, |cores| (cores.get() as u32 / 2).max(1))
            .min(connections / instances)
            .max(1);
        let workers = load
            .workers
            .as_ref()
            .map_or(default_workers, |workers| *workers.get_ref());
        if workers == 0 || workers > connections.min(256) {
            return Err(self.source.error(
                load.workers.as_ref().map(Spanned::span),
                &format!("{key}.workers"),
                "use 1 to 256 workers, and no more than connections",
            ));
        }
        Ok(workers)
    }

    /// Length of the measured window.
    fn window(
        &self,
        given: &Spanned<file::Load>,
        key: &str,
        requests: Option<u64>,
        staged: Option<&Staged>,
    ) -> Result<Duration, Error> {
        let load = given.get_ref();
        let at = |name: &str| format!("{key}.{name}");
        let duration = match (staged, requests) {
            (Some(staged), _) => self.length_of_stages(load, key, staged)?,
            (None, None) if load.duration.is_none() => {
                return Err(self.error(
                    given.span(),
                    key,
                    "a load needs a `duration` or a number of `requests`",
                ));
            }
            (None, _) => length(load.duration.as_ref(), LONGEST_OF_REQUESTS),
        };
        if duration < Duration::from_millis(100) {
            let length = load.duration.as_ref().map(Spanned::span);
            return Err(self.source.error(
                length.or(load.stages.as_ref().map(Spanned::span)),
                &at(if staged.is_some() {
                    "stages"
                } else {
                    "duration"
                }),
                "a window shorter than 100ms says nothing; use more",
            ));
        }
        Ok(duration)
    }

    /// How long a load with stages lasts: as they do.
    fn length_of_stages(
        &self,
        load: &file::Load,
        key: &str,
        staged: &Staged,
    ) -> Result<Duration, Error> {
        match &load.duration {
            None => Ok(staged.length),
            Some(duration) => Err(self.error(
                duration.span(),
                &format!("{key}.duration"),
                format!("the stages of `{key}` last as long as they say; remove the `duration` and change their `over` and `hold`, or give -R too for a constant rate"),
            )),
        }
    }

    fn load_model(
        &self,
        load: &file::Load,
        key: &str,
        staged: Option<Staged>,
    ) -> Result<LoadModel, Error> {
        let arrivals = self.arrivals(load, key)?;
        let is_open = match load.model.get_ref().as_str() {
            "closed" => false,
            "open" => true,
            other => {
                return Err(self.error(
                    load.model.span(),
                    &format!("{key}.model"),
                    format!("`{other}` is not a load model; use \"closed\" or \"open\""),
                ));
            }
        };
        let of_schedule = [
            load.rate.as_ref().map(Spanned::span),
            load.stages.as_ref().map(Spanned::span),
            load.arrivals.as_ref().map(Spanned::span),
        ];
        match (is_open, staged, &load.rate) {
            (false, ..) => match of_schedule.into_iter().flatten().next() {
                None => Ok(LoadModel::Closed),
                Some(span) => Err(self.error(
                    span,
                    key,
                    "a closed loop has neither `rate`, `stages` nor `arrivals`; use model = \"open\" for a rate",
                )),
            },
            (true, Some(Staged { begin, stages, .. }), _) => {
                let stages = stages.into();
                let pace = Pace::Staged { begin, stages };
                Ok(LoadModel::Open { pace, arrivals })
            }
            (true, None, Some(rate)) => {
                let rate = Rate::new(rate.get_ref().0).map_err(|error| {
                    self.error(rate.span(), &format!("{key}.rate"), error.to_string())
                })?;
                let pace = Pace::Constant(rate);
                Ok(LoadModel::Open { pace, arrivals })
            }
            (true, None, None) => Err(self.error(
                load.model.span(),
                &format!("{key}.rate"),
                "an open loop needs a `rate`, such as \"20000/s\", or `stages`",
            )),
        }
    }

    fn arrivals(&self, load: &file::Load, key: &str) -> Result<Arrivals, Error> {
        let Some(given) = &load.arrivals else {
            return Ok(Arrivals::Constant);
        };
        let refused = |why: String| Err(self.error(given.span(), &format!("{key}.arrivals"), why));
        match given.get_ref() {
            file::Arrivals::Named(name) if name == "constant" => Ok(Arrivals::Constant),
            file::Arrivals::Named(name) if name == "poisson" => Ok(Arrivals::Poisson),
            file::Arrivals::Named(other) => refused(format!(
                "`{other}` is not a kind of arrivals; use \"constant\", \"poisson\" or {{ burst = 100 }}"
            )),
            file::Arrivals::Burst(size) => match NonZeroU32::new(*size) {
                Some(size) if size.get() <= LARGEST_BURST => Ok(Arrivals::Burst(size)),
                _ => refused(format!("a burst has 1 to {LARGEST_BURST} requests")),
            },
        }
    }

    /// The stages of a load, if it has some.
    fn staged(&self, load: &file::Load, key: &str) -> Result<Option<Staged>, Error> {
        let Some(given) = &load.stages else {
            return Ok(None);
        };
        let refused = |why: &str| Err(self.error(given.span(), &format!("{key}.stages"), why));
        let begin = load.rate.as_ref().map_or(0.0, |rate| rate.get_ref().0);
        let mut stages: Vec<Stage> = Vec::new();
        for stage in given.get_ref() {
            let from = stages.last().map_or(begin, |stage| stage.to);
            stages.push(self.stage(stage, from, given.span(), key)?);
        }
        if stages.is_empty() {
            return refused(
                "there is no stage; add one such as { to = \"100/s\", over = \"30s\" }",
            );
        }
        let length = stages.iter().map(|stage| stage.over).sum();
        if length > LONGEST {
            return refused("stages last at most 30 days in all");
        }
        // A step at the end sends nothing.
        let mut from = begin;
        let mut planned = 0.0;
        for stage in &stages {
            planned += stage.over.as_secs_f64() * (from + stage.to) / 2.0;
            from = stage.to;
        }
        if planned < 1.0 {
            return refused("the stages come to less than one request; raise a rate or a time");
        }
        Ok(Some(Staged {
            begin,
            stages,
            length,
        }))
    }

    fn stage(
        &self,
        stage: &file::Stage,
        from: f64,
        of: Range<usize>,
        key: &str,
    ) -> Result<Stage, Error> {
        let of_times = [&stage.over, &stage.hold].map(|time| time.as_ref().map(Spanned::span));
        let part = stage.to.as_ref().map(Spanned::span);
        let part = part.or_else(|| of_times.into_iter().flatten().next());
        match (&stage.to, &stage.over, &stage.hold) {
            (Some(to), Some(over), None) => Ok(Stage {
                to: to.get_ref().0,
                over: over.get_ref().0,
            }),
            (None, None, Some(hold)) => Ok(Stage {
                to: from,
                over: hold.get_ref().0,
            }),
            _ => Err(self.error(
                part.unwrap_or(of),
                &format!("{key}.stages"),
                "a stage is { to = \"20000/s\", over = \"30s\" } or { hold = \"60s\" }",
            )),
        }
    }
}

/// Stages as written.
struct Staged {
    begin: f64,
    stages: Vec<Stage>,
    length: Duration,
}

/// Window of a load that ends with a number of requests and says no `duration`.
const LONGEST_OF_REQUESTS: Duration = Duration::from_secs(3_600);

/// As for a single duration.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// No more than the most connections: what is beyond them can only wait.
const LARGEST_BURST: u32 = 100_000;
