//! A scenario → trials: pairs of variants that differ in one factor or in all of them.

use std::time::Duration;

use crate::scenario::{ComparisonPlan, LoadModel, Phase, Plan, Variant};

/// The most factors that are tried one by one.
const MOST: usize = 16;
/// The phase of a trial.
pub(super) const PHASE: &str = "ablate";
/// Before its window.
const WARMUP: Duration = Duration::from_secs(1);

/// Headers that carry the message and are no factor.
const FRAMING: [&str; 5] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
];

/// What the user chose.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The variant with production's requests, by name [default: the head of the first comparison, or the last variant].
    pub production: Option<String>,
    /// The variant that is to be explained [default: the base of that comparison, or production without its factors].
    pub local: Option<String>,
    /// Headers to try [default: those that `local` lacks; without it all of production's].
    pub factors: Vec<String>,
    /// Window of a trial, for each side.
    pub window: Duration,
}

/// One thing that requests have or lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// The header's name, as production writes it.
    pub header: String,
}

impl Factor {
    fn is(&self, header: &str) -> bool {
        self.header.eq_ignore_ascii_case(header)
    }
}

/// How a factor is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Production's requests with it against those without it.
    Dropped,
    /// Requests without any factor against those with this one.
    Added,
}

/// What is run: first all factors together, then one by one.
#[derive(Debug)]
pub struct Trials {
    /// The factors, in the order of production's requests.
    pub factors: Vec<Factor>,
    /// Name of the variant with production's requests.
    pub production: String,
    /// What stands for the requests without the factors.
    pub local: String,
    /// One pair, profiled where the scenario asks for profiles.
    pub whole: Plan,
    /// Two pairs for each factor, dropped and added; `None` if there is one factor, whose trial `whole` is.
    pub single: Option<Plan>,
}

/// Why a scenario has no trials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTrials {
    /// A name that no variant has.
    #[error("there is no variant `{0}`; the scenario has {1}")]
    NoVariant(String, String),
    /// A header that production does not send.
    #[error("`{0}` is no header of variant `{1}`; it has {2}")]
    NoHeader(String, String, String),
    /// There is nothing to try.
    #[error("variant `{0}` has no header to try{1}")]
    NoFactors(String, &'static str),
    /// Too many.
    #[error("there are {0} headers to try, and {MOST} are tried at most; choose with --factor")]
    TooMany(usize),
    /// Both sides of a trial cannot be up at once.
    #[error("two launches of the target cannot be up at once: {0}")]
    Apart(String),
}

/// The trials of a scenario.
///
/// # Errors
/// Why there are none.
pub fn trials(plan: &Plan, choice: &Choice) -> Result<Trials, NoTrials> {
    let named = |name: &str| -> Result<usize, NoTrials> {
        let mut variants = plan.variants.iter();
        variants
            .position(|variant| variant.name == name)
            .ok_or_else(|| {
                let names = plan
                    .variants
                    .iter()
                    .map(|variant| format!("`{}`", variant.name));
                NoTrials::NoVariant(name.to_owned(), names.collect::<Vec<_>>().join(", "))
            })
    };
    let first = plan.comparisons.first();
    let production = match &choice.production {
        Some(name) => named(name)?,
        None => first.map_or(plan.variants.len() - 1, |pair| pair.head),
    };
    let local = match &choice.local {
        Some(name) => Some(named(name)?),
        None => first
            .map(|pair| pair.base)
            .filter(|base| *base != production && choice.production.is_none()),
    };
    let production = &plan.variants[production];
    let local = local.map(|at| &plan.variants[at]);
    let factors = factors(production, local, &choice.factors)?;
    let without_all = without(production, factors.iter());
    let local_name = local.map_or_else(
        || format!("{} without these headers", production.name),
        |local| local.name.clone(),
    );
    let local = local.cloned().unwrap_or_else(|| without_all.clone());
    let whole = planned(plan, vec![(local, production.clone())], choice.window, true);
    if let Some(why) = whole.apart(whole.turns[0]) {
        return Err(NoTrials::Apart(why));
    }
    let single = (factors.len() > 1).then(|| {
        let pairs = factors.iter().flat_map(|factor| {
            let others = factors.iter().filter(|other| *other != factor);
            [
                (
                    without(production, std::iter::once(factor)),
                    production.clone(),
                ),
                (without_all.clone(), without(production, others)),
            ]
        });
        planned(plan, pairs.collect(), choice.window, false)
    });
    Ok(Trials {
        production: production.name.clone(),
        local: local_name,
        factors,
        whole,
        single,
    })
}

/// Names of the headers that a variant sends to its target.
fn headers(variant: &Variant) -> impl Iterator<Item = &str> {
    let requests = variant.requests.iter();
    let requests = requests.filter(|request| request.elsewhere.is_none());
    let headers = requests.flat_map(|request| &request.headers);
    headers.map(|(name, _)| name.as_str())
}

fn factors(
    production: &Variant,
    local: Option<&Variant>,
    chosen: &[String],
) -> Result<Vec<Factor>, NoTrials> {
    let mut all: Vec<Factor> = Vec::new();
    for name in headers(production) {
        let is_framing = FRAMING.iter().any(|of| of.eq_ignore_ascii_case(name));
        if !is_framing && !all.iter().any(|of| of.is(name)) {
            all.push(Factor {
                header: name.to_owned(),
            });
        }
    }
    if let Some(unknown) = chosen.iter().find(|name| !all.iter().any(|of| of.is(name))) {
        let names: Vec<&str> = all.iter().map(|of| of.header.as_str()).collect();
        return Err(NoTrials::NoHeader(
            unknown.clone(),
            production.name.clone(),
            names.join(", "),
        ));
    }
    if !chosen.is_empty() {
        all.retain(|of| chosen.iter().any(|name| of.is(name)));
    } else if let Some(local) = local {
        all.retain(|of| !headers(local).any(|name| of.is(name)));
    }
    match all.len() {
        0 => {
            let why = match local {
                Some(_) => " that the other one lacks",
                None => "",
            };
            Err(NoTrials::NoFactors(production.name.clone(), why))
        }
        1..=MOST => Ok(all),
        more => Err(NoTrials::TooMany(more)),
    }
}

/// A variant whose requests to its target lack some headers.
fn without<'a>(variant: &Variant, factors: impl Iterator<Item = &'a Factor>) -> Variant {
    let mut variant = variant.clone();
    for factor in factors {
        let requests = variant.requests.iter_mut();
        let requests = requests.filter(|request| request.elsewhere.is_none());
        requests.for_each(|request| request.drop_header(&factor.header));
    }
    variant
}

/// Names of the sides of a pair, by its number.
pub(super) fn names(pair: usize) -> (String, String) {
    (
        format!("{}-without", pair + 1),
        format!("{}-with", pair + 1),
    )
}

/// The plan that loads pairs, base without and head with, in turns and as fast as they answer.
fn planned(plan: &Plan, pairs: Vec<(Variant, Variant)>, window: Duration, profiled: bool) -> Plan {
    let mut planned = plan.clone();
    planned.rounds = 1;
    planned.thresholds.clear();
    planned.notes.clear();
    planned.variants.clear();
    planned.comparisons.clear();
    for (at, (base, head)) in pairs.into_iter().enumerate() {
        let (base_name, head_name) = names(at);
        let load = base.phases[0].load.clone();
        for (name, mut variant) in [(base_name, base), (head_name, head)] {
            let mut load = load.clone();
            load.model = LoadModel::Closed;
            load.duration = window;
            load.warmup = WARMUP;
            load.requests = None;
            load.overload = false;
            load.silent_for = None;
            variant.name = name;
            variant.phases = vec![Phase {
                name: PHASE.to_owned(),
                load,
            }];
            if !profiled {
                variant.profile = None;
            }
            planned.variants.push(variant);
        }
        planned.comparisons.push(ComparisonPlan {
            base: 2 * at,
            head: 2 * at + 1,
        });
    }
    planned.turns = planned.comparisons.clone();
    planned
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::{Overrides, parse};

    fn plan(more: &str) -> Plan {
        let text = format!(
            "name = \"t\"\ntarget.command = \"./service --port {{port}}\"\n[fleet.cars]\ndevices = 3\n[load]\nmodel = \"open\"\nrate = \"100/s\"\nconnections = 4\nduration = \"9s\"\n[[request]]\nname = \"r\"\nfleet = \"cars\"\npath = \"/\"\n{more}"
        );
        parse("t.toml", &text, Path::new("."), &Overrides::default()).unwrap()
    }

    const TWO: &str = r#"headers = { Accept = "a" }
[[variant]]
name = "local"
[[variant]]
name = "production"
request.r.headers = { X-Id = "{{device.id}}", X-Token = "{{device.secret}}" }
[[compare]]
base = "local"
head = "production"
"#;

    fn choice() -> Choice {
        Choice {
            window: Duration::from_secs(3),
            ..Choice::default()
        }
    }

    /// Names of the headers of each variant's only request.
    fn headers(plan: &Plan) -> Vec<(String, Vec<String>)> {
        let variants = plan.variants.iter().map(|variant| {
            let request = &variant.requests[0];
            assert_eq!(request.headers.len(), request.sensitive.len());
            let headers = request.headers.iter().map(|(name, _)| name.clone());
            (variant.name.clone(), headers.collect())
        });
        variants.collect()
    }

    #[test]
    fn what_local_lacks_is_tried_both_ways() {
        let trials = trials(&plan(TWO), &choice()).unwrap();
        assert_eq!(
            (&*trials.local, &*trials.production),
            ("local", "production")
        );
        let of = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let all = |rows: &[(&str, &[&str])]| -> Vec<(String, Vec<String>)> {
            rows.iter()
                .map(|(name, headers)| ((*name).to_owned(), of(headers)))
                .collect()
        };
        assert_eq!(
            headers(&trials.whole),
            all(&[
                ("1-without", &["Accept"]),
                ("1-with", &["Accept", "X-Id", "X-Token"])
            ])
        );
        let single = trials.single.unwrap();
        assert_eq!(
            headers(&single),
            all(&[
                ("1-without", &["Accept", "X-Token"]),
                ("1-with", &["Accept", "X-Id", "X-Token"]),
                ("2-without", &["Accept"]),
                ("2-with", &["Accept", "X-Id"]),
                ("3-without", &["Accept", "X-Id"]),
                ("3-with", &["Accept", "X-Id", "X-Token"]),
                ("4-without", &["Accept"]),
                ("4-with", &["Accept", "X-Token"]),
            ])
        );
        let load = &single.variants[0].phases[0].load;
        assert_eq!(
            (&load.model, load.duration),
            (&LoadModel::Closed, Duration::from_secs(3))
        );
        assert_eq!(single.turns.len(), 4);
    }

    #[test]
    fn one_variant_is_explained_by_all_of_its_headers() {
        let one = plan("headers = { X-A = \"1\", Content-Type = \"a/b\", x-b = \"2\" }\n");
        let found = trials(&one, &choice()).unwrap();
        let names: Vec<&str> = found.factors.iter().map(|of| of.header.as_str()).collect();
        assert_eq!(names, ["X-A", "x-b"]);
        let chosen = Choice {
            factors: vec!["X-B".to_owned()],
            ..choice()
        };
        let found = trials(&one, &chosen).unwrap();
        assert_eq!(found.factors.len(), 1);
        assert!(found.single.is_none());
    }

    #[test]
    fn requests_to_other_hosts_keep_their_headers() {
        let more = "[[request]]\nname = \"login\"\nurl = \"http://127.0.0.1:9/login\"\nheaders = { X-Key = \"1\", X-A = \"1\" }\n";
        let plan = plan(&format!("headers = {{ X-A = \"1\" }}\n{more}"));
        let found = trials(&plan, &choice()).unwrap();
        let names: Vec<&str> = found.factors.iter().map(|of| of.header.as_str()).collect();
        assert_eq!(names, ["X-A"]);
        let login = &found.whole.variants[0].requests[1];
        assert_eq!((login.name.as_str(), login.headers.len()), ("login", 2));
    }

    #[test]
    fn what_cannot_be_tried_is_said() {
        let refused = |plan: &Plan, choice: Choice| trials(plan, &choice).unwrap_err().to_string();
        let two = plan(TWO);
        let of = |production: &str, local: &str, factor: &str| Choice {
            production: Some(production.to_owned()).filter(|name| !name.is_empty()),
            local: Some(local.to_owned()).filter(|name| !name.is_empty()),
            factors: Some(factor.to_owned())
                .filter(|name| !name.is_empty())
                .into_iter()
                .collect(),
            ..choice()
        };
        assert_eq!(
            refused(&two, of("night", "", "")),
            "there is no variant `night`; the scenario has `local`, `production`"
        );
        assert_eq!(
            refused(&two, of("", "", "X-No")),
            "`X-No` is no header of variant `production`; it has Accept, X-Id, X-Token"
        );
        assert_eq!(
            refused(&two, of("local", "production", "")),
            "variant `local` has no header to try that the other one lacks"
        );
        assert_eq!(
            refused(&plan(""), choice()),
            "variant `default` has no header to try"
        );
        let many: Vec<String> = (0..17).map(|n| format!("X-{n} = \"1\"")).collect();
        let many = plan(&format!("headers = {{ {} }}\n", many.join(", ")));
        assert!(refused(&many, choice()).starts_with("there are 17 headers to try"));
    }
}
