//! Exchanges that one request of a scenario stands for: of one method and route, with the same headers in the same order and the
//! same kind of body. What is rare is put together, so that a scenario stays readable. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::headers;
use super::route;
use crate::import::mark::{self, Piece};
use crate::import::sample::{Body, Exchange, Header};
use crate::import::secret::Secrets;

/// More routes than these are put together.
const ROUTES: usize = 60;
/// More requests than these share the headers of the most frequent one of their route.
const GROUPS: usize = 200;
/// The route of what is rare.
const RARE: &str = "/*";
/// As large as a body in a scenario's file may be.
const LARGEST: usize = 16 << 20;

/// What is sent of an exchange.
pub(super) struct Sent<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) headers: Vec<Header>,
    pub(super) body: Content<'a>,
}

/// A body as it can be sent.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    None,
    Text(&'a str),
    Bytes(&'a [u8]),
    /// Bytes of this number that stand for some which are not sent.
    Filled(usize),
}

/// What becomes one request.
pub(super) struct Group<'a> {
    pub(super) method: &'a str,
    pub(super) route: String,
    pub(super) sent: Vec<Sent<'a>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    method: String,
    route: String,
    /// Keys of the query, unless the route is that of what is rare.
    query: Option<String>,
    names: Vec<String>,
    body: String,
    /// In which texts the environment fills something in: no feed does that.
    filled: Vec<(usize, String)>,
}

/// The groups, the most frequent first.
pub(super) fn groups<'a>(
    exchanges: &'a [Exchange],
    host: Option<&str>,
    keeps_binary: bool,
    secrets: &Secrets,
    notes: &mut Vec<String>,
) -> Vec<Group<'a>> {
    let mut found = BTreeSet::new();
    let mut keyed: Vec<(Key, Sent<'a>)> = (exchanges.iter())
        .map(|exchange| {
            let body = content(exchange, keeps_binary, &mut found);
            let headers = headers::sent(
                exchange,
                host,
                !matches!(body, Content::None),
                secrets,
                &mut found,
            );
            let names = headers.iter().map(|header| header.name.clone()).collect();
            let key = Key {
                method: exchange.method.clone(),
                route: route::route(&exchange.path),
                query: exchange.query.as_deref().map(route::keys),
                names,
                body: kind(body),
                filled: filled(exchange, &headers, body),
            };
            (
                key,
                Sent {
                    exchange,
                    headers,
                    body,
                },
            )
        })
        .collect();
    notes.extend(found);
    join_rare_routes(&mut keyed, notes);
    join_rare_headers(&mut keyed, notes);
    let mut groups: BTreeMap<Key, Vec<Sent<'a>>> = BTreeMap::new();
    for (key, sent) in keyed {
        groups.entry(key).or_default().push(sent);
    }
    let mut groups: Vec<Group<'a>> = (groups.into_iter())
        .map(|(key, sent)| Group {
            method: &sent[0].exchange.method,
            route: key.route,
            sent,
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.sent.len()));
    groups
}

fn join_rare_routes(keyed: &mut [(Key, Sent<'_>)], notes: &mut Vec<String>) {
    let of = |key: &Key| (key.method.clone(), key.route.clone(), key.query.clone());
    let mut counts: BTreeMap<_, u64> = BTreeMap::new();
    for (key, _) in keyed.iter() {
        *counts.entry(of(key)).or_default() += 1;
    }
    if counts.len() <= ROUTES {
        return;
    }
    let rare = counts.len() - ROUTES;
    let mut by_count: Vec<_> = counts.into_iter().collect();
    by_count.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let kept: BTreeSet<_> = by_count
        .into_iter()
        .take(ROUTES)
        .map(|(of, _)| of)
        .collect();
    for (key, _) in keyed.iter_mut() {
        if !kept.contains(&of(key)) {
            key.route = RARE.to_owned();
            key.query = None;
        }
    }
    notes.push(format!(
        "the {rare} rarest of {} routes are requests whose whole paths come from a feed",
        rare + ROUTES
    ));
}

/// Rare sets of headers give way to the most frequent one of the route.
fn join_rare_headers(keyed: &mut [(Key, Sent<'_>)], notes: &mut Vec<String>) {
    let mut counts: BTreeMap<Key, u64> = BTreeMap::new();
    for (key, _) in keyed.iter() {
        *counts.entry(key.clone()).or_default() += 1;
    }
    if counts.len() <= GROUPS {
        return;
    }
    let bare = |key: &Key| Key {
        names: Vec::new(),
        ..key.clone()
    };
    let mut most: BTreeMap<Key, (u64, Key)> = BTreeMap::new();
    for (key, &count) in &counts {
        let entry = most
            .entry(bare(key))
            .or_insert_with(|| (count, key.clone()));
        if count > entry.0 {
            *entry = (count, key.clone());
        }
    }
    let mut by_count: Vec<_> = counts.iter().collect();
    by_count.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let kept: BTreeSet<Key> = by_count
        .into_iter()
        .take(GROUPS)
        .map(|(key, _)| key.clone())
        .collect();
    let headers: BTreeMap<Key, Vec<Header>> = (keyed.iter())
        .map(|(key, sent)| (key.clone(), sent.headers.clone()))
        .collect();
    let mut moved = 0;
    for (key, sent) in keyed.iter_mut().filter(|(key, _)| !kept.contains(key)) {
        let other = &most[&bare(key)].1;
        if other != key {
            moved += 1;
            sent.headers = headers[other].clone();
            *key = other.clone();
        }
    }
    if moved > 0 {
        notes.push(format!("{moved} of {} requests have a rare set of headers, and are sent with the most frequent one of their route", keyed.len()));
    }
}

/// The texts in which the environment fills something in.
fn filled(exchange: &Exchange, headers: &[Header], body: Content<'_>) -> Vec<(usize, String)> {
    let values = headers.iter().map(|header| header.value.as_deref());
    let body = if let Content::Text(text) = body {
        Some(text)
    } else {
        None
    };
    let target = [
        Some(exchange.path.as_str()),
        exchange.query.as_deref(),
        body,
    ];
    let is_filled = |text: &str| {
        mark::is_in(text) && mark::pieces(text).any(|piece| matches!(piece, Piece::Variable(_)))
    };
    let texts = target.into_iter().chain(values).enumerate();
    let texts = texts.filter_map(|(place, text)| Some((place, text?)));
    let texts = texts.filter(|(_, text)| is_filled(text));
    texts
        .map(|(place, text)| (place, text.to_owned()))
        .collect()
}

/// Bodies that are no text, or so large that no feed holds many of them, are requests of their own.
fn kind(body: Content<'_>) -> String {
    match body {
        Content::None => String::new(),
        Content::Text(_) => "text".to_owned(),
        Content::Filled(length) => format!("{length} bytes"),
        Content::Bytes(bytes) => format!(
            "{} {:x}",
            bytes.len(),
            bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            })
        ),
    }
}

fn content<'a>(
    exchange: &'a Exchange,
    keeps_binary: bool,
    notes: &mut BTreeSet<String>,
) -> Content<'a> {
    let filled = |length: usize| {
        if length == 0 {
            Content::None
        } else {
            Content::Filled(length.min(LARGEST))
        }
    };
    match &exchange.body {
        Body::Absent => Content::None,
        Body::Unknown => {
            if matches!(exchange.method.as_str(), "POST" | "PUT" | "PATCH") {
                notes.insert("bodies of some POST, PUT or PATCH requests are not recorded: these are sent without one; add `body` or `body_file`".to_owned());
            }
            Content::None
        }
        Body::Size(length) => {
            notes.insert("of some bodies the length alone is recorded: as many zero bytes are sent; put real ones into the files".to_owned());
            filled(usize::try_from(*length).unwrap_or(LARGEST))
        }
        Body::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if bytes.len() <= LARGEST => {
                if text.is_empty() {
                    Content::None
                } else {
                    Content::Text(text)
                }
            }
            _ if keeps_binary && bytes.len() <= LARGEST => Content::Bytes(bytes),
            _ => {
                notes.insert("bodies that are no text may hold anything: as many zero bytes are sent; --keep-binary sends them as they were recorded".to_owned());
                filled(bytes.len())
            }
        },
    }
}
