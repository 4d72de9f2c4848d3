//! A variant with one factor less: it has what the other variant has in its place, or nothing.

use super::factor::{Factor, Kind, cookies, members, of_target, state};
use super::pieces::Pieces;
use crate::scenario::{Request, Variant};
use crate::traffic::template::Template;

/// Takes a factor from a variant.
pub(super) fn lower(variant: &mut Variant, factor: &Factor, local: Option<&Variant>) {
    let local = local.filter(|_| factor.is_exchanged);
    if let (Kind::Setting(setting), Some(local)) = (factor.kind, local) {
        setting.take(variant, local);
        return;
    }
    for request in &mut variant.requests {
        if request.elsewhere.is_some() {
            continue;
        }
        let others = match local {
            None => Others::default(),
            Some(local) => match of_target(local).find(|of| of.name == request.name) {
                Some(other) => Others::of(other, factor),
                None => continue,
            },
        };
        exchange(request, factor, others);
    }
}

/// What takes the place of a factor in a request.
#[derive(Default)]
struct Others {
    texts: Vec<Template>,
    /// Whether their values must not be shown.
    are_sensitive: bool,
}

impl Others {
    fn of(request: &Request, factor: &Factor) -> Self {
        let name = match factor.kind {
            Kind::Cookie => "cookie",
            _ => factor.name.as_str(),
        };
        let mut headers = request.headers.iter().zip(&request.sensitive);
        Self {
            texts: state(request, factor),
            are_sensitive: headers.any(|((of, _), is)| *is && of.eq_ignore_ascii_case(name)),
        }
    }
}

fn exchange(request: &mut Request, factor: &Factor, others: Others) {
    let name = factor.name.as_str();
    match factor.kind {
        Kind::Header => headers(request, name, others),
        Kind::Cookie => cookie(request, name, others),
        Kind::Query => {
            let mut pieces = Pieces::query(&request.path);
            pieces.exchange(name, others.texts);
            if let Some(path) = pieces.whole() {
                request.path = path;
            }
        }
        Kind::Field => {
            if let Some(mut pieces) = members(request) {
                pieces.exchange(name, others.texts);
                request.body = pieces.whole();
            }
        }
        Kind::Setting(_) => {}
    }
}

/// Headers with those of a name exchanged, in the place of the first of them.
fn headers(request: &mut Request, name: &str, others: Others) {
    let mut others = Some(others);
    let all = std::mem::take(&mut request.headers).into_iter();
    let all = all.zip(std::mem::take(&mut request.sensitive));
    for ((header, value), is_sensitive) in all {
        if !header.eq_ignore_ascii_case(name) || cookies(&header, &value).is_some() {
            request.headers.push((header, value));
            request.sensitive.push(is_sensitive);
        } else if let Some(others) = others.take() {
            add(request, &header, others);
        }
    }
    if let Some(others) = others {
        add(request, name, others);
    }
}

fn cookie(request: &mut Request, name: &str, others: Others) {
    let mut others = Some(others);
    let all = std::mem::take(&mut request.headers).into_iter();
    let all = all.zip(std::mem::take(&mut request.sensitive));
    for ((header, value), is_sensitive) in all {
        let value = match cookies(&header, &value) {
            None => Some(value),
            Some(mut pieces) => {
                let texts = others.take().map(|of| of.texts);
                pieces.exchange(name, texts.unwrap_or_default());
                pieces.whole()
            }
        };
        if let Some(value) = value {
            request.headers.push((header, value));
            request.sensitive.push(is_sensitive);
        }
    }
    if let Some(others) = others.filter(|of| !of.texts.is_empty()) {
        add(request, "Cookie", others);
    }
}

fn add(request: &mut Request, name: &str, others: Others) {
    for text in others.texts {
        request.headers.push((name.to_owned(), text));
        request.sensitive.push(others.are_sensitive);
    }
}
