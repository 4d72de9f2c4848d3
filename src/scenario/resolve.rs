//! Mirror → plan: the checks that TOML types cannot make.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Error, Source};
use super::file::{self, Text};
use super::fleet::{Credentials, Fleet, Order};
use super::merge::{list, overlay};
use super::plan::{
    Arrivals, BaseUrl, ComparisonPlan, CostModel, Load, LoadModel, Phase, Plan, Profile, Target,
    Threshold, Variant,
};
use super::redact::{REDACTED, has_userinfo, is_sensitive_header};
use super::refusal::{refused, span_of};
use super::threshold::{Expression, Metric};
use super::{Overrides, request};
use crate::units::{self, Rate, format_duration};

/// pprof endpoints count whole seconds, and many servers write for no longer than some minutes.
const SHORTEST_PROFILE: Duration = Duration::from_secs(1);
const LONGEST_PROFILE: Duration = Duration::from_secs(300);

pub(super) fn plan(
    source: Source<'_>,
    directory: &Path,
    overrides: &Overrides,
) -> Result<Plan, Error> {
    let root = DeTable::parse(source.text).map_err(|error| refused(source, None, &error))?;
    let span = root.span();
    let mut root = root.into_inner();
    let names_and_tables = take_variants(source, &mut root)?;
    let mut variants = Vec::new();
    let mut secret_spans = Vec::new();
    let mut shared = None;
    for (name, table) in &names_and_tables {
        let merged = overlay(source, &root, table, name)?;
        let reader = toml::de::Deserializer::from(Spanned::new(span.clone(), merged.clone()));
        let file = file::File::deserialize(reader)
            .map_err(|error| refused(source, Some(&merged), &error))?;
        let resolver = Resolver {
            source,
            directory,
            overrides,
            names: &names_and_tables,
            table: &merged,
        };
        variants.push(resolver.variant(name, &file, &mut secret_spans)?);
        shared = shared.or(Some(file));
    }
    let shared = shared.expect("there is at least one variant");
    let resolver = Resolver {
        source,
        directory,
        overrides,
        names: &names_and_tables,
        table: &root,
    };
    let mut plan = resolver.shared(&shared, variants)?;
    plan.text = stored_text(source.text, secret_spans, overrides);
    select_variant(source, &mut plan, overrides.variant.as_deref())?;
    Ok(plan)
}

type NamedTable<'i> = (String, DeTable<'i>);

/// Takes `[[variant]]` out of the root; without any there is one that overrides nothing.
fn take_variants<'i>(
    source: Source<'_>,
    root: &mut DeTable<'i>,
) -> Result<Vec<NamedTable<'i>>, Error> {
    let Some(value) = root.remove("variant") else {
        return Ok(vec![("default".to_owned(), DeTable::new())]);
    };
    let span = value.span();
    let DeValue::Array(items) = value.into_inner() else {
        return Err(source.error(
            Some(span),
            "variant",
            "variants are an array of tables; write [[variant]]",
        ));
    };
    let mut variants: Vec<NamedTable<'i>> = Vec::new();
    for item in items {
        let span = item.span();
        let DeValue::Table(table) = item.into_inner() else {
            return Err(source.error(
                Some(span),
                "variant",
                "variants are tables; write [[variant]]",
            ));
        };
        let Some(name) = table
            .get("name")
            .and_then(|name| name.get_ref().as_str())
            .map(str::to_owned)
        else {
            return Err(source.error(Some(span), "variant", "a variant needs a `name`"));
        };
        let span = table.get("name").map(Spanned::span);
        check_name(source, span.clone(), "variant.name", &name)?;
        if variants.iter().any(|(other, _)| *other == name) {
            return Err(source.error(
                span,
                "variant.name",
                format!("two variants are named `{name}`; give each its own name"),
            ));
        }
        variants.push((name, table));
    }
    Ok(variants)
}

/// Names become directory names and are addressed in overrides.
pub(super) fn check_name(
    source: Source<'_>,
    span: Option<Range<usize>>,
    key: &str,
    name: &str,
) -> Result<(), Error> {
    let fits = !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if fits {
        Ok(())
    } else {
        Err(source.error(
            span,
            key,
            format!("`{name}` is not a name; use 1 to 64 letters, digits, `-` and `_`"),
        ))
    }
}

fn select_variant(source: Source<'_>, plan: &mut Plan, wanted: Option<&str>) -> Result<(), Error> {
    let Some(wanted) = wanted else { return Ok(()) };
    let names: Vec<String> = plan
        .variants
        .iter()
        .map(|variant| variant.name.clone())
        .collect();
    plan.variants.retain(|variant| variant.name == wanted);
    if plan.variants.is_empty() {
        return Err(source.error(
            None,
            "--variant",
            format!("there is no variant `{wanted}`; there is {}", list(&names)),
        ));
    }
    plan.comparisons.clear();
    plan.thresholds.retain(|threshold| {
        threshold
            .variant
            .as_deref()
            .is_none_or(|name| name == wanted)
    });
    Ok(())
}

/// The text as it is stored: literal credentials redacted, flags noted.
fn stored_text(text: &str, mut secrets: Vec<Range<usize>>, overrides: &Overrides) -> String {
    secrets.sort_by_key(|span| std::cmp::Reverse(span.start));
    secrets.dedup();
    let mut stored = text.to_owned();
    for span in secrets {
        stored.replace_range(span, &format!("\"{REDACTED}\""));
    }
    let mut notes = String::new();
    let mut note = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            notes.push_str(&format!(
                "# overridden by {flag}: {}\n",
                value.escape_debug()
            ));
        }
    };
    note("-c", overrides.connections.map(|n| n.to_string()));
    note("-d", overrides.duration.map(format_duration));
    note("-T", overrides.timeout.map(format_duration));
    note("-R", overrides.rate.map(|rate| rate.to_string()));
    note("-n", overrides.requests.map(|n| n.to_string()));
    note("-M", overrides.method.clone());
    note("--variant", overrides.variant.clone());
    note(
        "--body",
        overrides
            .body
            .as_ref()
            .map(|body| format!("{} bytes", body.len())),
    );
    for (name, value) in &overrides.headers {
        note(
            "-H",
            Some(format!(
                "{name}: {}",
                if is_sensitive_header(name) {
                    REDACTED
                } else {
                    value
                }
            )),
        );
    }
    notes + &stored
}

struct Resolver<'a> {
    source: Source<'a>,
    directory: &'a Path,
    overrides: &'a Overrides,
    names: &'a [NamedTable<'a>],
    /// What the file was read from.
    table: &'a DeTable<'a>,
}

impl Resolver<'_> {
    fn error(&self, span: Range<usize>, key: &str, message: impl Into<String>) -> Error {
        self.source.error(Some(span), key, message)
    }

    fn duration(
        &self,
        text: Option<&Text>,
        key: &str,
        default: Duration,
    ) -> Result<Duration, Error> {
        text.map_or(Ok(default), |text| {
            units::parse_duration(text.get_ref())
                .map_err(|error| self.error(text.span(), key, error.to_string()))
        })
    }

    /// What belongs to the scenario as a whole and cannot differ between variants.
    fn shared(&self, file: &file::File, variants: Vec<Variant>) -> Result<Plan, Error> {
        check_name(
            self.source,
            Some(file.name.span()),
            "name",
            file.name.get_ref(),
        )?;
        let interval = self.duration(file.interval.as_ref(), "interval", Duration::from_secs(1))?;
        if !(Duration::from_millis(50)..=Duration::from_secs(60)).contains(&interval) {
            let span = file.interval.as_ref().map(Spanned::span);
            return Err(self
                .source
                .error(span, "interval", "an interval is between 50ms and 60s"));
        }
        let rounds = file.rounds.as_ref().map_or(1, |rounds| *rounds.get_ref());
        if !(1..=100).contains(&rounds) {
            return Err(self.source.error(
                file.rounds.as_ref().map(Spanned::span),
                "rounds",
                "rounds are between 1 and 100",
            ));
        }
        Ok(Plan {
            name: file.name.get_ref().clone(),
            description: file.description.clone(),
            sha256: Sha256::digest(self.source.text)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            text: String::new(),
            rounds,
            interval,
            comparisons: self.comparisons(&file.compare)?,
            thresholds: self.thresholds(&file.threshold, &variants)?,
            cost: self.cost(&file.cost)?,
            variants,
        })
    }

    fn variant_index(&self, name: &Text, key: &str) -> Result<usize, Error> {
        self.names
            .iter()
            .position(|(other, _)| other == name.get_ref())
            .ok_or_else(|| {
                let names: Vec<String> = self.names.iter().map(|(name, _)| name.clone()).collect();
                self.error(
                    name.span(),
                    key,
                    format!(
                        "there is no variant `{}`; there is {}",
                        name.get_ref(),
                        list(&names)
                    ),
                )
            })
    }

    fn comparisons(&self, pairs: &[file::Compare]) -> Result<Vec<ComparisonPlan>, Error> {
        if pairs.is_empty() {
            return Ok((1..self.names.len())
                .map(|head| ComparisonPlan { base: 0, head })
                .collect());
        }
        pairs
            .iter()
            .map(|pair| {
                let (base, head) = (
                    self.variant_index(&pair.base, "compare.base")?,
                    self.variant_index(&pair.head, "compare.head")?,
                );
                if base == head {
                    return Err(self.error(
                        pair.head.span(),
                        "compare.head",
                        "a variant is compared with itself; name another one",
                    ));
                }
                Ok(ComparisonPlan { base, head })
            })
            .collect()
    }

    fn thresholds(
        &self,
        given: &[file::Threshold],
        variants: &[Variant],
    ) -> Result<Vec<Threshold>, Error> {
        let mut thresholds = Vec::new();
        for threshold in given {
            let expr = Expression::parse(threshold.expr.get_ref())
                .map_err(|message| self.error(threshold.expr.span(), "threshold.expr", message))?;
            if let Some(name) = &threshold.variant {
                self.variant_index(name, "threshold.variant")?;
            }
            let exists = |name: &Option<Text>,
                          key: &str,
                          known: &dyn Fn(&Variant) -> Vec<String>|
             -> Result<(), Error> {
                let Some(name) = name else { return Ok(()) };
                let mut names: Vec<String> = variants
                    .iter()
                    .filter(|variant| {
                        threshold
                            .variant
                            .as_ref()
                            .is_none_or(|wanted| *wanted.get_ref() == variant.name)
                    })
                    .flat_map(known)
                    .collect();
                names.sort();
                names.dedup();
                if names.contains(name.get_ref()) {
                    Ok(())
                } else {
                    let message = format!(
                        "there is no `{}` that this threshold could look at; there is {}",
                        name.get_ref(),
                        list(&names)
                    );
                    Err(self.error(name.span(), key, message))
                }
            };
            exists(&threshold.phase, "threshold.phase", &|variant| {
                let phases = variant.phases.iter();
                phases.map(|phase| phase.name.clone()).collect()
            })?;
            exists(&threshold.request, "threshold.request", &|variant| {
                let requests = variant.requests.iter();
                requests.map(|request| request.name.clone()).collect()
            })?;
            // CPU and profile are those of the target as a whole.
            if let Some(request) = &threshold.request
                && !matches!(
                    expr.metric,
                    Metric::Latency(_) | Metric::ErrorRate | Metric::Throughput
                )
            {
                return Err(self.error(
                    request.span(),
                    "threshold.request",
                    "the target's CPU is not known by request; leave `request` out",
                ));
            }
            let name = |text: &Option<Text>| text.as_ref().map(|text| text.get_ref().clone());
            thresholds.push(Threshold {
                expr,
                variant: name(&threshold.variant),
                phase: name(&threshold.phase),
                request: name(&threshold.request),
            });
        }
        if !thresholds
            .iter()
            .any(|threshold| matches!(threshold.expr.metric, Metric::ErrorRate))
        {
            let expr =
                Expression::parse("errors.rate < 1%").expect("the built-in threshold parses");
            thresholds.push(Threshold {
                expr,
                variant: None,
                phase: None,
                request: None,
            });
        }
        Ok(thresholds)
    }

    fn cost(&self, cost: &file::Cost) -> Result<CostModel, Error> {
        let positive = |value: Option<&Spanned<f64>>, key: &str, default: f64| match value {
            Some(value) if !(value.get_ref().is_finite() && *value.get_ref() > 0.0) => {
                Err(self.error(value.span(), key, "it must be above 0"))
            }
            Some(value) => Ok(*value.get_ref()),
            None => Ok(default),
        };
        let vcpus = match &cost.vcpus {
            Some(vcpus) if *vcpus.get_ref() == 0 => {
                return Err(self.error(vcpus.span(), "cost.vcpus", "it must be above 0"));
            }
            Some(vcpus) => *vcpus.get_ref(),
            None => 64,
        };
        let target_rate = match &cost.target_rate {
            Some(text) => Rate::parse(text.get_ref())
                .map_err(|error| self.error(text.span(), "cost.target_rate", error.to_string()))?
                .per_second(),
            None => 20_000.0,
        };
        let utilisation = match &cost.utilisation {
            Some(text) => match units::parse_share(text.get_ref()) {
                Ok(share) if share > 0.0 => share,
                Ok(_) => {
                    return Err(self.error(text.span(), "cost.utilisation", "it must be above 0%"));
                }
                Err(error) => {
                    return Err(self.error(text.span(), "cost.utilisation", error.to_string()));
                }
            },
            None => 0.7,
        };
        Ok(CostModel {
            instance: cost
                .instance
                .clone()
                .unwrap_or_else(|| "c6g.16xlarge".to_owned()),
            vcpus,
            hourly: positive(cost.hourly.as_ref(), "cost.hourly", 2.176)?,
            target_rate,
            utilisation,
            assumed: cost.instance.is_none()
                && cost.vcpus.is_none()
                && cost.hourly.is_none()
                && cost.target_rate.is_none()
                && cost.utilisation.is_none(),
        })
    }

    fn variant(
        &self,
        name: &str,
        file: &file::File,
        secrets: &mut Vec<Range<usize>>,
    ) -> Result<Variant, Error> {
        let target = self.target(&file.target)?;
        let fleets = file
            .fleet
            .iter()
            .map(|(name, fleet)| self.fleet(name, fleet))
            .collect::<Result<Vec<_>, _>>()?;
        let context = request::Context {
            source: self.source,
            directory: self.directory,
            overrides: self.overrides,
            fleets: &fleets,
        };
        let requests = request::requests(&context, &file.request, file.target.span(), secrets)?;
        let profile = self.profile(file.profile.as_ref(), &target)?;
        let urls = [
            file.target.get_ref().metrics.as_ref(),
            file.profile
                .as_ref()
                .and_then(|profile| profile.url.as_ref()),
        ];
        secrets.extend(
            urls.into_iter()
                .flatten()
                .filter(|url| has_userinfo(url.get_ref()))
                .map(Spanned::span),
        );
        Ok(Variant {
            name: name.to_owned(),
            target,
            phases: self.phases(name, file)?,
            fleets,
            requests,
            profile,
        })
    }

    fn target(&self, target: &Spanned<file::Target>) -> Result<Target, Error> {
        let (span, target) = (target.span(), target.get_ref());
        let ready_within = self.duration(
            target.ready_within.as_ref(),
            "target.ready_within",
            Duration::from_secs(10),
        )?;
        let port = target.port.as_ref().map(|port| *port.get_ref());
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
                only_url()?;
                refuse(
                    target.ready.as_ref().map(Spanned::span),
                    "target.ready",
                    "`command`",
                )?;
                let span = config.span();
                let config = config.get_ref().clone();
                config.validate().map_err(|error| {
                    let key = error.key();
                    let at = span_of(self.table, &["target", "gateway", key]).unwrap_or(span);
                    self.error(at, &format!("target.gateway.{key}"), error.to_string())
                })?;
                Ok(Target::Gateway {
                    config: Box::new(config),
                    port,
                    ready_within,
                })
            }
            (None, Some(command), None) => {
                only_url()?;
                if port.is_none() && !command.get_ref().contains("{port}") {
                    return Err(self.error(command.span(), "target.command", "the command has no `{port}`; write it where the port goes, or give a fixed `port`"));
                }
                let ready = target
                    .ready
                    .as_ref()
                    .map_or("/", |ready| ready.get_ref().as_str());
                if !ready.starts_with('/') {
                    return Err(self.source.error(
                        target.ready.as_ref().map(Spanned::span),
                        "target.ready",
                        "it is a path and starts with `/`",
                    ));
                }
                Ok(Target::Command {
                    command: command.get_ref().clone(),
                    ready: ready.to_owned(),
                    ready_within,
                    port,
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
                let base = base_url(url.get_ref())
                    .map_err(|message| self.error(url.span(), "target.url", message))?;
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
                        "it is not an http:// URL",
                    ));
                }
                Ok(Target::Url {
                    base,
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

    fn fleet(&self, name: &Text, fleet: &file::Fleet) -> Result<Fleet, Error> {
        let key = format!("fleet.{}", name.get_ref());
        check_name(self.source, Some(name.span()), &key, name.get_ref())?;
        let devices = *fleet.devices.get_ref();
        if !(1..=1_000_000).contains(&devices) {
            return Err(self.error(
                fleet.devices.span(),
                &format!("{key}.devices"),
                "a fleet has 1 to 1000000 devices",
            ));
        }
        let secrets = fleet
            .secrets
            .as_ref()
            .map_or(devices, |secrets| *secrets.get_ref());
        if secrets == 0 || secrets > devices {
            let span = fleet.secrets.as_ref().map(Spanned::span);
            return Err(self.source.error(
                span,
                &format!("{key}.secrets"),
                format!("use 1 to {devices} distinct secrets, no more than there are devices"),
            ));
        }
        let order = match fleet.order {
            file::Order::RoundRobin => Order::RoundRobin,
            file::Order::Uniform => Order::Uniform,
            file::Order::Zipf(exponent) => Order::Zipf(exponent),
        };
        let credentials = if fleet.valid.unwrap_or(true) {
            Credentials::Valid
        } else {
            Credentials::Invalid
        };
        Ok(Fleet {
            name: name.get_ref().clone(),
            devices,
            secrets,
            order,
            seed: fleet.seed,
            credentials,
        })
    }

    fn phases(&self, variant: &str, file: &file::File) -> Result<Vec<Phase>, Error> {
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

    fn profile(
        &self,
        profile: Option<&file::Profile>,
        target: &Target,
    ) -> Result<Option<Profile>, Error> {
        let default_duration = Duration::from_secs(10);
        // The flag is for the load, which may be shorter or longer than any profile.
        let from_flag = self
            .overrides
            .duration
            .map(|duration| duration.clamp(SHORTEST_PROFILE, LONGEST_PROFILE));
        let (url, hz, duration) = match (profile, &self.overrides.pprof) {
            (None, None) => return Ok(None),
            (None, Some(url)) => (Some(url.clone()), 99, from_flag.unwrap_or(default_duration)),
            (Some(profile), given) => {
                if profile.cpu.get_ref() != "pprof" {
                    return Err(self.error(
                        profile.cpu.span(),
                        "profile.cpu",
                        format!(
                            "`{}` is not a way to profile; use \"pprof\"",
                            profile.cpu.get_ref()
                        ),
                    ));
                }
                let hz = profile.hz.as_ref().map_or(99, |hz| *hz.get_ref());
                if !(1..=1_000).contains(&hz) {
                    return Err(self.source.error(
                        profile.hz.as_ref().map(Spanned::span),
                        "profile.hz",
                        "use 1 to 1000 samples a second",
                    ));
                }
                let url = given
                    .clone()
                    .or(profile.url.as_ref().map(|url| url.get_ref().clone()));
                (
                    url,
                    hz,
                    from_flag.map_or_else(
                        || {
                            self.duration(
                                profile.duration.as_ref(),
                                "profile.duration",
                                default_duration,
                            )
                        },
                        Ok,
                    )?,
                )
            }
        };
        let key = "profile.url";
        let place = || {
            profile
                .and_then(|profile| profile.url.as_ref())
                .map(Spanned::span)
        };
        match (&url, target) {
            (None, Target::Gateway { .. }) => {}
            (None, _) => return Err(self.source.error(profile.map(|profile| profile.cpu.span()), key, "only the bundled gateway has a known endpoint; give the target's, such as \"http://127.0.0.1:{port}/debug/pprof/profile\"")),
            (Some(url), _) => {
                if !is_http_url(&url.replace("{port}", "1")) {
                    return Err(self.source.error(place(), key, "it is not an http:// URL"));
                }
            }
        }
        if !(SHORTEST_PROFILE..=LONGEST_PROFILE).contains(&duration) {
            let span = profile
                .and_then(|profile| profile.duration.as_ref())
                .map(Spanned::span);
            return Err(self.source.error(
                span,
                "profile.duration",
                "a profile takes 1s to 300s; pprof endpoints count whole seconds",
            ));
        }
        // pprof endpoints take whole seconds; a fraction would silently become their default.
        Ok(Some(Profile {
            url,
            hz,
            duration: Duration::from_secs(duration.as_secs()),
        }))
    }
}

fn is_http_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| url.scheme() == "http" && url.host().is_some())
}

/// Reads the origin of a target.
pub(super) fn base_url(text: &str) -> Result<BaseUrl, String> {
    let url = reqwest::Url::parse(text).map_err(|error| {
        format!("it is not a URL: {error}; write one such as \"http://127.0.0.1:8080\"")
    })?;
    if url.scheme() != "http" {
        return Err(format!(
            "the scheme `{}` cannot be loaded; use http://",
            url.scheme()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "credentials do not belong in a URL; send them in a header, from {{env.NAME}}"
                .to_owned(),
        );
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("a target is an origin such as \"http://127.0.0.1:8080\"; the path belongs to the request".to_owned());
    }
    let host = url.host_str().ok_or("the URL has no host")?;
    let port = url.port_or_known_default().unwrap_or(80);
    let authority = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    Ok(BaseUrl {
        host: host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
        port,
        authority,
    })
}
