//! Mirror → plan: the checks that TOML types cannot make.

mod acknowledged;
mod body;
mod context;
mod expect;
mod feed;
mod fleet;
mod gate;
mod headers;
mod hidden;
mod hosts;
mod judged;
mod load;
mod needs;
mod order;
mod profile;
mod reach;
mod request;
mod resolver;
mod secret;
mod service;
mod split;
mod stored;
mod target;
mod variants;
mod way;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::DeTable;

use super::plan::{Phase, Plan, Request, Sequence, Target, Variant};
use super::read::error::{Error, Source};
use super::read::file;
use super::read::flagged::lay_flags;
use super::read::flags::Overrides;
use super::read::merge::overlay;
use super::read::names::check_name;
use super::read::refusal::{refused, span_of};
use super::read::values::length;
use crate::traffic::feeds::Feed;
use crate::traffic::redact::shows_user;
use crate::traffic::template::Secrets;
use acknowledged::Numbers;
use context::{Context, Found};
use resolver::Resolver;
use stored::stored_text;
use variants::{select_variant, take_variants};

/// Validates a scenario's text.
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
    let mut found = Found::default();
    let wanted = overrides.variant.as_deref();
    let mut shared = None;
    let mut feeds = None;
    for (name, table) in &names_and_tables {
        let merged = overlay(source, &root, table, name)?;
        let reader = toml::de::Deserializer::from(Spanned::new(span.clone(), merged.clone()));
        let mut file = file::File::deserialize(reader)
            .map_err(|error| refused(source, Some(&merged), &error))?;
        let notes = lay_flags(source, &mut file, overrides);
        notes.into_iter().for_each(|note| found.note(note));
        let resolver = Resolver {
            source,
            directory,
            wanted,
            names: &names_and_tables,
            table: &merged,
        };
        // Variants cannot override feeds: their files are read once.
        let feeds = match &mut feeds {
            Some(feeds) => feeds,
            none => none.insert(resolver.feeds(&file.feed)?),
        };
        let variant = resolver.variant(name, &file, feeds, &mut found)?;
        if let Some(shards) = overrides.shards
            && wanted.is_none_or(|wanted| wanted == name)
        {
            resolver.check_split(shards, &file)?;
        }
        variants.push(variant);
        shared = shared.or(Some(file));
    }
    let shared = shared.expect("there is at least one variant");
    let resolver = Resolver {
        source,
        directory,
        wanted,
        names: &names_and_tables,
        table: &root,
    };
    resolver.check_all_sent(&shared.request, &variants)?;
    resolver.check_ways(&shared.host, &found.ways)?;
    let mut plan = resolver.shared(&shared, variants)?;
    plan.seed = overrides
        .seed
        .or(shared.seed)
        .unwrap_or(overrides.fresh_seed);
    if overrides.show_secrets {
        plan.secrets = Secrets::Sent;
    }
    plan.text = stored_text(source.text, found.secrets, overrides);
    plan.notes = found.notes;
    select_variant(source, &mut plan, wanted)?;
    // Each shard would find a length of turns of its own.
    if overrides.shards.is_none() {
        plan.turns = resolver.pairs(shared.order.as_ref(), &plan)?;
    }
    Ok(plan)
}

impl Resolver<'_> {
    /// A request that no variant sends is a mistake: variants have the same requests in the same order.
    fn check_all_sent(&self, given: &[file::Request], variants: &[Variant]) -> Result<(), Error> {
        for (at, request) in given.iter().enumerate() {
            let name = &request.name;
            if let Some(weight) = &request.weight
                && *weight.get_ref() == 0
                && !variants.iter().any(|variant| variant.sends(at))
            {
                return Err(self.error(
                    weight.span(),
                    &format!("request.{}.weight", name.get_ref()),
                    "a request of weight 0 is sent only by loads that give it one in their `weights`, or when another one uses what it extracts, and none does; use a weight of 1 or more, or remove it",
                ));
            }
        }
        Ok(())
    }

    /// What belongs to the scenario as a whole and cannot differ between variants.
    fn shared(&self, file: &file::File, variants: Vec<Variant>) -> Result<Plan, Error> {
        check_name(
            self.source,
            Some(file.name.span()),
            "name",
            file.name.get_ref(),
        )?;
        let interval = length(file.interval.as_ref(), usual_interval(&variants));
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
        let allow_untrusted = file.allow_untrusted;
        let defaults = judged::Defaults {
            allow_untrusted,
            judge: self
                .judge(file.judge.as_ref(), "judge")?
                .unwrap_or_default(),
        };
        Ok(Plan {
            name: file.name.get_ref().clone(),
            description: file.description.clone(),
            sha256: Sha256::digest(self.source.text)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            text: String::new(),
            seed: 0,
            notes: Vec::new(),
            rounds,
            sequence: Sequence::ThereAndBack,
            interval,
            comparisons: self.comparisons(&file.compare)?,
            turns: Vec::new(),
            thresholds: self.thresholds(&file.threshold, defaults, &variants)?,
            allow_untrusted,
            cost: self.cost(&file.cost)?,
            gate: self.gate(&file.gate, &variants)?,
            gate_lines: self.gate_lines(&file.gate),
            part: None,
            secrets: Secrets::Redacted,
            variants,
        })
    }

    fn variant(
        &self,
        name: &str,
        file: &file::File,
        feeds: &[Arc<Feed>],
        found: &mut Found,
    ) -> Result<Variant, Error> {
        let services = self.services(&file.service)?;
        let target = self.target(&file.target, &services)?;
        let instances = target.instances();
        let fleets = file
            .fleet
            .iter()
            .map(|(name, fleet)| self.fleet(name, fleet, file.seed.unwrap_or(0)))
            .collect::<Result<Vec<_>, _>>()?;
        let hosts = self.hosts(file)?;
        found.ways.extend(&hosts.ways);
        let context = Context {
            source: self.source,
            directory: self.directory,
            hosts: &hosts,
            fleets: &fleets,
            feeds,
            numbers: self.numbers(file),
        };
        found.closing.clear();
        let requests = request::requests(&context, &file.request, file.target.span(), found)?;
        let mut phases = self.phases(name, file, instances)?;
        self.close_connections(&mut phases, &requests, &found.closing)?;
        let profile = self.profile(file.profile.as_ref(), &target)?;
        found.secrets.extend(urls_with_users(file));
        if let Target::Bundled { config, .. } = &target
            && let gateway_config::StoreKind::Redis(url) = &config.store
            && url.has_credentials()
        {
            found
                .secrets
                .extend(span_of(self.table, &["target", "gateway", "store"]));
        }
        Ok(Variant {
            name: name.to_owned(),
            target,
            services,
            hosts: hosts.list,
            phases,
            fleets,
            requests,
            profile,
            sources: self.sources(file.target.get_ref())?,
        })
    }

    /// A load in which every request says `Connection: close` has a connection for each of them.
    fn close_connections(
        &self,
        phases: &mut [Phase],
        requests: &[Request],
        closing: &[(Range<usize>, String)],
    ) -> Result<(), Error> {
        let Some((place, key)) = closing.first() else {
            return Ok(());
        };
        if closing.len() < requests.len() {
            return Err(self.error(place.clone(), key, "`Connection: close` holds for all requests of a load or for none; leave it out, and give the load `keep_alive = false`"));
        }
        for phase in phases {
            phase.load.keep_alive = false;
        }
        Ok(())
    }

    /// Whether the run has a single stretch of load, as far as the variant at hand tells.
    fn numbers(&self, file: &file::File) -> Numbers {
        let variants = self.wanted.map_or(self.names.len(), |_| 1);
        let rounds = file.rounds.as_ref().map_or(1, |rounds| *rounds.get_ref());
        let is_profiled = file.profile.is_some();
        if variants == 1 && rounds == 1 && file.phase.len() <= 1 && !is_profiled {
            Numbers::Once
        } else {
            Numbers::Again
        }
    }
}

/// The places of URLs that are hidden as a whole, for the credentials that they have or may have.
fn urls_with_users(file: &file::File) -> impl Iterator<Item = Range<usize>> {
    let target = file.target.get_ref();
    let profile = file.profile.as_ref();
    let asked = [
        target.metrics.as_ref(),
        profile.and_then(|profile| profile.url.as_ref()),
    ];
    let asked = asked.into_iter().flatten();
    let asked = asked.filter(|url| url.get_ref().contains('@'));
    let reached = [target.url.as_ref(), target.proxy.as_ref()];
    let others = file.request.iter().map(|request| request.url.as_ref());
    let proxies = file.host.iter().map(|host| host.proxy.as_ref());
    let reached = reached.into_iter().chain(others).chain(proxies).flatten();
    let reached = reached.filter(|url| shows_user(url.get_ref()));
    asked.chain(reached).map(Spanned::span)
}

/// A tenth of the shortest window, in whole tenths of a second, up to a second: fewer intervals would not show how far its figures may
/// be off.
fn usual_interval(variants: &[Variant]) -> Duration {
    let phases = variants.iter().flat_map(|variant| &variant.phases);
    let shortest = phases.map(|phase| phase.load.duration).min();
    let tenths = shortest.unwrap_or_default().as_millis() / 1_000;
    Duration::from_millis(100 * tenths.clamp(1, 10) as u64)
}
