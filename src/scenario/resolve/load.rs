//! Phases and their loads: tables and flags → [`Phase`], [`Load`].

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::{Resolver, check_name};
use crate::scenario::error::Error;
use crate::scenario::file;
use crate::scenario::plan::{Arrivals, Load, LoadModel, Phase};
use crate::units::Rate;

impl Resolver<'_> {
    pub(super) fn phases(&self, variant: &str, file: &file::File) -> Result<Vec<Phase>, Error> {
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
                load: self.load(load, "load")?,
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
            let load = self.load(&phase.load, &format!("phase.{name}.load"))?;
            if phase
                .variants
                .as_ref()
                .is_none_or(|only| only.iter().any(|only| only.get_ref() == variant))
            {
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

    fn load(&self, load: &Spanned<file::Load>, key: &str) -> Result<Load, Error> {
        let (span, load) = (load.span(), load.get_ref());
        let at = |name: &str| format!("{key}.{name}");
        // What a flag took the place of is not at fault.
        let refused = |flag: Option<&str>, span: Option<Range<usize>>, name: &str, why: &str| {
            flag.map_or_else(
                || self.source.error(span, &at(name), why),
                |flag| self.source.error(None, flag, why),
            )
        };
        let connections = self
            .overrides
            .connections
            .unwrap_or(*load.connections.get_ref());
        if !(1..=100_000).contains(&connections) {
            return Err(refused(
                self.overrides.connections.map(|_| "-c"),
                Some(load.connections.span()),
                "connections",
                "use 1 to 100000 connections",
            ));
        }
        let requests = self
            .overrides
            .requests
            .or(load.requests.as_ref().map(|requests| *requests.get_ref()));
        if requests == Some(0) {
            return Err(refused(
                self.overrides.requests.map(|_| "-n"),
                load.requests.as_ref().map(Spanned::span),
                "requests",
                "use at least 1 request",
            ));
        }
        let duration = match (self.overrides.duration, &load.duration, requests) {
            (Some(duration), _, _) => duration,
            (None, None, None) => {
                return Err(self.error(
                    span,
                    key,
                    "a load needs a `duration` or a number of `requests`",
                ));
            }
            (None, text, _) => {
                self.duration(text.as_ref(), &at("duration"), Duration::from_secs(3_600))?
            }
        };
        if duration < Duration::from_millis(100) {
            return Err(refused(
                self.overrides.duration.map(|_| "-d"),
                load.duration.as_ref().map(Spanned::span),
                "duration",
                "a window shorter than 100ms says nothing; use more",
            ));
        }
        let timeout = match self.overrides.timeout {
            Some(timeout) => timeout,
            None => self.duration(
                load.timeout.as_ref(),
                &at("timeout"),
                Duration::from_secs(10),
            )?,
        };
        if timeout.is_zero() {
            return Err(refused(
                self.overrides.timeout.map(|_| "-T"),
                load.timeout.as_ref().map(Spanned::span),
                "timeout",
                "a timeout is above 0s",
            ));
        }
        let default_workers = std::thread::available_parallelism()
            .map_or(1, |cores| (cores.get() as u32 / 2).max(1))
            .min(connections);
        let workers = load
            .workers
            .as_ref()
            .map_or(default_workers, |workers| *workers.get_ref());
        if workers == 0 || workers > connections.min(256) {
            return Err(self.source.error(
                load.workers.as_ref().map(Spanned::span),
                &at("workers"),
                "use 1 to 256 workers, and no more than connections",
            ));
        }
        Ok(Load {
            model: self.load_model(load, key)?,
            connections,
            duration,
            requests,
            warmup: self.duration(load.warmup.as_ref(), &at("warmup"), Duration::ZERO)?,
            timeout,
            workers,
            keep_alive: !self.overrides.no_keep_alive && load.keep_alive.unwrap_or(true),
        })
    }

    fn load_model(&self, load: &file::Load, key: &str) -> Result<LoadModel, Error> {
        let arrivals = match load
            .arrivals
            .as_ref()
            .map(|text| (text, text.get_ref().as_str()))
        {
            None | Some((_, "constant")) => Arrivals::Constant,
            Some((_, "poisson")) => Arrivals::Poisson,
            Some((text, other)) => {
                return Err(self.error(
                    text.span(),
                    &format!("{key}.arrivals"),
                    format!("`{other}` is not a kind of arrivals; use \"constant\" or \"poisson\""),
                ));
            }
        };
        if let Some(rate) = self.overrides.rate {
            return Ok(LoadModel::Open { rate, arrivals });
        }
        match (load.model.get_ref().as_str(), &load.rate) {
            ("closed", None) if load.arrivals.is_none() => Ok(LoadModel::Closed),
            ("closed", _) => {
                let span = load
                    .rate
                    .as_ref()
                    .or(load.arrivals.as_ref())
                    .map(Spanned::span);
                Err(self.source.error(span, key, "a closed loop has neither `rate` nor `arrivals`; use model = \"open\" for a rate"))
            }
            ("open", Some(rate)) => {
                let rate = Rate::parse(rate.get_ref()).map_err(|error| {
                    self.error(rate.span(), &format!("{key}.rate"), error.to_string())
                })?;
                Ok(LoadModel::Open { rate, arrivals })
            }
            ("open", None) => Err(self.error(
                load.model.span(),
                &format!("{key}.rate"),
                "an open loop needs a `rate`, such as \"20000/s\"",
            )),
            (other, _) => Err(self.error(
                load.model.span(),
                &format!("{key}.model"),
                format!("`{other}` is not a load model; use \"closed\" or \"open\""),
            )),
        }
    }
}
