//! Mirror → plan: the checks that TOML types cannot make.

mod acknowledged;
mod expect;
mod feed;
mod fleet;
mod hidden;
mod judged;
mod load;
mod needs;
mod profile;
mod reach;
mod request;
mod resolver;
mod service;
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

use super::overrides::Overrides;
use super::plan::{Plan, Target, Variant};
use super::read::error::{Error, Source};
use super::read::file;
use super::read::merge::overlay;
use super::read::names::check_name;
use super::read::refusal::{refused, span_of};
use super::read::values::length;
use crate::traffic::feeds::Feed;
use crate::traffic::redact::has_userinfo;
use crate::traffic::template::Secrets;
use acknowledged::Numbers;
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
    let mut secret_spans = Vec::new();
    let mut shared = None;
    let mut feeds = None;
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
        // Variants cannot override feeds: their files are read once.
        let feeds = match &mut feeds {
            Some(feeds) => feeds,
            none => none.insert(resolver.feeds(&file.feed)?),
        };
        variants.push(resolver.variant(name, &file, feeds, &mut secret_spans)?);
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
    resolver.check_all_sent(&shared.request, &variants)?;
    let mut plan = resolver.shared(&shared, variants)?;
    plan.text = stored_text(source.text, secret_spans, overrides);
    select_variant(source, &mut plan, overrides.variant.as_deref())?;
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
        let interval = length(file.interval.as_ref(), Duration::from_secs(1));
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
        let allow_untrusted = file.allow_untrusted || self.overrides.allow_untrusted;
        Ok(Plan {
            name: file.name.get_ref().clone(),
            description: file.description.clone(),
            sha256: Sha256::digest(self.source.text)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            text: String::new(),
            seed: file.seed,
            rounds,
            interval,
            comparisons: self.comparisons(&file.compare)?,
            thresholds: self.thresholds(&file.threshold, allow_untrusted, &variants)?,
            allow_untrusted,
            cost: self.cost(&file.cost)?,
            secrets: if self.overrides.show_secrets {
                Secrets::Sent
            } else {
                Secrets::Redacted
            },
            variants,
        })
    }

    fn variant(
        &self,
        name: &str,
        file: &file::File,
        feeds: &[Arc<Feed>],
        secrets: &mut Vec<Range<usize>>,
    ) -> Result<Variant, Error> {
        let services = self.services(&file.service)?;
        let target = self.target(&file.target, &services)?;
        let instances = target.instances();
        let fleets = file
            .fleet
            .iter()
            .map(|(name, fleet)| self.fleet(name, fleet, file.seed))
            .collect::<Result<Vec<_>, _>>()?;
        let context = request::Context {
            source: self.source,
            directory: self.directory,
            overrides: self.overrides,
            fleets: &fleets,
            feeds,
            numbers: self.numbers(file),
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
        if let Target::Gateway { config, .. } = &target
            && let gateway_config::StoreKind::Redis(url) = &config.store
            && url.has_credentials()
        {
            secrets.extend(span_of(self.table, &["target", "gateway", "store"]));
        }
        Ok(Variant {
            name: name.to_owned(),
            target,
            services,
            phases: self.phases(name, file, instances)?,
            fleets,
            requests,
            profile,
            sources: self.sources(file.target.get_ref())?,
        })
    }

    /// Whether the run has a single stretch of load, as far as the variant at hand tells.
    fn numbers(&self, file: &file::File) -> Numbers {
        let variants = self
            .overrides
            .variant
            .as_ref()
            .map_or(self.names.len(), |_| 1);
        let rounds = file.rounds.as_ref().map_or(1, |rounds| *rounds.get_ref());
        let is_profiled = file.profile.is_some() || self.overrides.pprof.is_some();
        if variants == 1 && rounds == 1 && file.phase.len() <= 1 && !is_profiled {
            Numbers::Once
        } else {
            Numbers::Again
        }
    }
}
