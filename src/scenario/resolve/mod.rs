//! Mirror → plan: the checks that TOML types cannot make.

mod feed;
mod judged;
mod load;
mod reach;
mod service;
mod target;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::acknowledged::Numbers;
use super::error::{Error, Source};
use super::file::{self, Text};
use super::merge::{list, overlay};
use super::plan::{ComparisonPlan, Plan, Target, Variant};
use super::refusal::{refused, span_of};
use super::{Overrides, request};
use crate::traffic::feeds::Feed;
use crate::traffic::fleet::{Credentials, Fleet, Order};
use crate::traffic::redact::{REDACTED, has_userinfo, is_sensitive_header};
use crate::traffic::template::Secrets;
use crate::units::{self, format_duration};

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

/// Whether a text can be the name of a variant, a phase or the like: it is a part of a path in a run directory.
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// Names become directory names and are addressed in overrides.
pub(super) fn check_name(
    source: Source<'_>,
    span: Option<Range<usize>>,
    key: &str,
    name: &str,
) -> Result<(), Error> {
    if is_name(name) {
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
    let tls = &overrides.tls;
    let shown =
        |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    note("--cacert", shown(&tls.ca));
    note("--cert", shown(&tls.cert));
    note("--key", shown(&tls.key));
    note("--server-name", tls.server_name.clone());
    note(
        "--insecure",
        tls.insecure.then(|| "any certificate".to_owned()),
    );
    note("--connect-to", overrides.connect_to.clone());
    note("--unix-socket", shown(&overrides.unix_socket));
    note(
        "--no-keepalive",
        overrides
            .no_keep_alive
            .then(|| "a connection for each request".to_owned()),
    );
    note(
        "--allow-untrusted",
        overrides
            .allow_untrusted
            .then(|| "what is not trusted is judged".to_owned()),
    );
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
        let allow_untrusted = file.allow_untrusted || self.overrides.allow_untrusted;
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
            .map(|(name, fleet)| self.fleet(name, fleet))
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
            && let target_service::StoreKind::Redis(url) = &config.store
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
}
