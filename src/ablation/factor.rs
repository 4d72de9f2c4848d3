//! What two variants differ in: factors that can be exchanged one by one, and what cannot.

use std::fmt;

use super::pieces::Pieces;
use super::setting::{Setting, is_close};
use crate::scenario::{Request, Variant};
use crate::traffic::template::Template;

/// Headers that carry the message and are no factor.
const FRAMING: [&str; 5] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
];

/// What kind of thing a factor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A header.
    Header,
    /// A cookie of the Cookie header.
    Cookie,
    /// A parameter of the query.
    Query,
    /// A member of a body that is a JSON object.
    Field,
    /// Something of the load or of the target.
    Setting(Setting),
}

/// One thing that production has, lacks or does otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// What it is.
    pub kind: Kind,
    /// Its name, as production writes it.
    pub name: String,
    /// Whether production without it has what the other variant has in its place, and not nothing.
    pub is_exchanged: bool,
}

impl Kind {
    /// Its name in results.
    pub fn code(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Cookie => "cookie",
            Self::Query => "query",
            Self::Field => "field",
            Self::Setting(_) => "setting",
        }
    }
}

// As `--factor` takes it.
impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Header | Kind::Setting(_) => f.write_str(&self.name),
            kind => write!(f, "{}:{}", kind.code(), self.name),
        }
    }
}

impl Factor {
    /// Whether a user means it.
    pub(super) fn is(&self, chosen: &str) -> bool {
        let shown = self.to_string();
        match self.kind {
            Kind::Header | Kind::Setting(_) => shown.eq_ignore_ascii_case(chosen),
            // All of a header's cookies are meant by its name.
            Kind::Cookie => shown == chosen || chosen.eq_ignore_ascii_case("cookie"),
            Kind::Query | Kind::Field => shown == chosen,
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        let same_name = match self.kind {
            Kind::Header => self.name.eq_ignore_ascii_case(&other.name),
            _ => self.name == other.name,
        };
        self.kind == other.kind && same_name
    }
}

/// What differs.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub(super) factors: Vec<Factor>,
    /// In words: what differs and is no factor.
    pub(super) aside: Vec<String>,
}

/// All that production sends and could leave out.
pub(super) fn all(production: &Variant) -> Vec<Factor> {
    let mut found = Vec::new();
    for request in of_target(production) {
        named(request, &mut found);
    }
    found
}

/// What two variants differ in.
pub(super) fn differences(production: &Variant, local: &Variant) -> Differences {
    let mut found = Differences::default();
    for request in of_target(production) {
        let Some(other) = of_target(local).find(|of| of.name == request.name) else {
            let words = format!("request `{}` is in {} alone", request.name, production.name);
            found.aside.push(words);
            continue;
        };
        let mut candidates = Vec::new();
        named(request, &mut candidates);
        named(other, &mut candidates);
        for factor in candidates {
            let is_known = found.factors.iter().any(|of| of.is_like(&factor));
            let (there, here) = (state(request, &factor), state(other, &factor));
            if is_known || alike(&there, &here) {
                continue;
            }
            if here.iter().all(|text| can_send(request, text)) {
                found.factors.push(Factor {
                    is_exchanged: true,
                    ..factor
                });
            } else {
                found.aside.push(format!(
                    "{factor} of `{}` holds what only the requests of {} were given",
                    request.name, local.name
                ));
            }
        }
        found.aside.extend(aside(request, other));
    }
    for request in of_target(local) {
        if !of_target(production).any(|of| of.name == request.name) {
            let words = format!("request `{}` is in {} alone", request.name, local.name);
            found.aside.push(words);
        }
    }
    for setting in Setting::ALL {
        if setting.differs(production, local) {
            found.factors.push(Factor {
                kind: Kind::Setting(setting),
                name: setting.name(production, local).to_owned(),
                is_exchanged: true,
            });
        }
    }
    found.aside.extend(is_close(production, local));
    found
}

/// What two requests differ in that is no factor, in words.
fn aside(request: &Request, other: &Request) -> Vec<String> {
    let mut found = Vec::new();
    let mut differs = |what: String, is_so: bool| {
        if is_so {
            found.push(format!("{what} of `{}` differs", request.name));
        }
    };
    differs("the method".to_owned(), request.method != other.method);
    let path = |of: &Request| of.path.split(|byte| byte == b'?').swap_remove(0);
    differs("the path".to_owned(), !path(request).is_like(&path(other)));
    differs("the fleet".to_owned(), request.fleet != other.fleet);
    let framing = |of: &Request| (of.chunks, of.expects_continue);
    differs(
        "how the body is sent".to_owned(),
        framing(request) != framing(other),
    );
    for name in FRAMING {
        let of = |request: &Request| values(request, name);
        differs(format!("header {name}"), !alike(&of(request), &of(other)));
    }
    let members = members(request).is_some() && members(other).is_some();
    let bodies = [&request.body, &other.body].map(|body| body.iter().cloned().collect::<Vec<_>>());
    differs(
        "the body".to_owned(),
        !members && !alike(&bodies[0], &bodies[1]),
    );
    found
}

/// Requests to the target: those to other hosts stay as they are.
pub(super) fn of_target(variant: &Variant) -> impl Iterator<Item = &Request> {
    let requests = variant.requests.iter();
    requests.filter(|request| request.elsewhere.is_none())
}

/// Adds what a request has that is not yet there.
fn named(request: &Request, found: &mut Vec<Factor>) {
    let mut add = |kind: Kind, name: &str| {
        let factor = Factor {
            kind,
            name: name.to_owned(),
            is_exchanged: false,
        };
        if !found.iter().any(|of| of.is_like(&factor)) {
            found.push(factor);
        }
    };
    for (name, value) in &request.headers {
        if FRAMING.iter().any(|of| of.eq_ignore_ascii_case(name)) {
            continue;
        }
        match cookies(name, value) {
            Some(pieces) => (pieces.all.iter().filter_map(|of| of.name.as_deref()))
                .for_each(|name| add(Kind::Cookie, name)),
            None => add(Kind::Header, name),
        }
    }
    let mut pieces = |kind: Kind, pieces: Pieces| {
        let names = pieces.all.iter().filter_map(|of| of.name.as_deref());
        names.for_each(|name| add(kind, name));
    };
    pieces(Kind::Query, Pieces::query(&request.path));
    if let Some(members) = members(request) {
        pieces(Kind::Field, members);
    }
}

/// The cookies of a header; `None` if it is another one, or has a cookie whose name is not the same in every request.
pub(super) fn cookies(name: &str, value: &Template) -> Option<Pieces> {
    let pieces = (name.eq_ignore_ascii_case("cookie")).then(|| Pieces::cookies(value))?;
    let are_named = !pieces.all.is_empty() && pieces.all.iter().all(|of| of.name.is_some());
    are_named.then_some(pieces)
}

pub(super) fn members(request: &Request) -> Option<Pieces> {
    Pieces::members(request.body.as_ref()?)
}

fn values(request: &Request, name: &str) -> Vec<Template> {
    let headers = request.headers.iter();
    let named =
        headers.filter(|(of, value)| of.eq_ignore_ascii_case(name) && cookies(of, value).is_none());
    named.map(|(_, value)| value.clone()).collect()
}

/// What a request has of a factor.
pub(super) fn state(request: &Request, factor: &Factor) -> Vec<Template> {
    let name = factor.name.as_str();
    match factor.kind {
        Kind::Header => values(request, name),
        Kind::Cookie => (request.headers.iter())
            .filter_map(|(of, value)| cookies(of, value))
            .flat_map(|pieces| pieces.named(name))
            .collect(),
        Kind::Query => Pieces::query(&request.path).named(name),
        Kind::Field => members(request).map_or_else(Vec::new, |of| of.named(name)),
        Kind::Setting(_) => Vec::new(),
    }
}

/// Whether a request has what a text takes from answers.
fn can_send(request: &Request, text: &Template) -> bool {
    let mut variables = text.variables();
    variables.all(|variable| request.needs.iter().any(|need| need.variable == variable))
}

fn alike(of: &[Template], other: &[Template]) -> bool {
    of.len() == other.len() && of.iter().zip(other).all(|(of, other)| of.is_like(other))
}
