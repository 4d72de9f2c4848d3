//! Which requests give what others need: variables by name, who extracts them, and that nobody waits for himself. Pure.

use std::collections::BTreeSet;

use super::expect;
use crate::scenario::plan::{Need, Request};
use crate::scenario::read::error::{Error, Source};
use crate::scenario::read::file;
use crate::scenario::read::names::check_name;
use crate::traffic::expect::Extract;
use crate::traffic::template::{Template, is_built_in};

/// Requests that may have to be sent before one, one after the other.
const LONGEST_CHAIN: usize = 16;

/// What requests extract, in their order.
#[derive(Debug, Default)]
pub(super) struct Extracted {
    /// Names of the variables.
    pub(super) names: Vec<String>,
    /// Index of the request that extracts the variable at the same index.
    requests: Vec<usize>,
}

impl Extracted {
    /// Reads the names alone: templates are compiled with them.
    pub(super) fn of(source: Source<'_>, given: &[file::Request]) -> Result<Self, Error> {
        let mut extracted = Self::default();
        for (at, request) in given.iter().enumerate() {
            for (name, _) in &request.extract.0 {
                let (span, name) = (name.span(), name.get_ref());
                let key = format!("request.{}.extract.{name}", request.name.get_ref());
                let refused = |message: String| source.error(Some(span.clone()), &key, message);
                check_name(source, Some(span.clone()), &key, name)?;
                if is_built_in(name) {
                    return Err(refused(format!(
                        "`{name}` is a placeholder of its own; choose another name"
                    )));
                }
                if let Some(other) = extracted.names.iter().position(|known| known == name) {
                    let other = given[extracted.requests[other]].name.get_ref();
                    return Err(refused(format!(
                        "`{name}` is extracted by `{other}` already; give each variable one source"
                    )));
                }
                if request.fleet.is_none() {
                    return Err(refused("what is extracted belongs to a device; add `fleet = \"…\"` to the request (a fleet of one device is one session for all)".to_owned()));
                }
                extracted.names.push(name.clone());
                extracted.requests.push(at);
            }
        }
        Ok(extracted)
    }

    /// Completes the requests by what they extract and need.
    pub(super) fn resolve(
        &self,
        source: Source<'_>,
        given: &[file::Request],
        requests: &mut [Request],
    ) -> Result<(), Error> {
        for at in 0..requests.len() {
            requests[at].needs = self.needs(source, &given[at], &requests[at], requests)?;
        }
        let mut depths = vec![None; requests.len()];
        for at in 0..requests.len() {
            depth(source, given, requests, &mut depths, &mut vec![at])?;
        }
        for (at, request) in given.iter().enumerate() {
            requests[at].extract = self.extract(source, request, requests)?;
        }
        Ok(())
    }

    fn needs(
        &self,
        source: Source<'_>,
        given: &file::Request,
        request: &Request,
        requests: &[Request],
    ) -> Result<Vec<Need>, Error> {
        let used: BTreeSet<usize> = templates(request)
            .flat_map(|(_, template)| template.variables())
            .collect();
        let need = |variable: usize| {
            let by = &requests[self.requests[variable]];
            if by.fleet == request.fleet {
                return Ok(Need {
                    variable,
                    request: self.requests[variable],
                });
            }
            let message = format!(
                "it uses `{}`, which `{}` extracts for another fleet; let both requests have the same `fleet`",
                self.names[variable], by.name
            );
            let span = given.fleet.as_ref().unwrap_or(&given.name).span();
            Err(source.error(Some(span), &format!("request.{}", request.name), message))
        };
        used.into_iter().map(need).collect()
    }

    fn extract(
        &self,
        source: Source<'_>,
        given: &file::Request,
        requests: &[Request],
    ) -> Result<Vec<Extract>, Error> {
        let one = |(name, from): &(file::Text, file::Text)| {
            let (request, name) = (given.name.get_ref(), name.get_ref());
            let key = format!("request.{request}.extract.{name}");
            let variable = self
                .names
                .iter()
                .position(|known| known == name)
                .expect("names were read from the same tables");
            let in_path = is_used_in(Place::Path, variable, requests);
            let in_body = is_used_in(Place::Body, variable, requests);
            Ok(Extract {
                variable,
                in_path,
                name: name.clone(),
                from: expect::from(source, from, &key)?,
                refused: refused_in(in_path, in_body),
            })
        };
        given.extract.0.iter().map(one).collect()
    }
}

/// Where a template stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Header,
    Body,
}

/// All templates of a request.
pub(super) fn templates(request: &Request) -> impl Iterator<Item = (Place, &Template)> {
    let headers = request.headers.iter().map(|(_, value)| value);
    std::iter::once((Place::Path, &request.path))
        .chain(headers.map(|value| (Place::Header, value)))
        .chain(request.body.iter().map(|body| (Place::Body, body)))
}

fn is_used_in(place: Place, variable: usize, requests: &[Request]) -> bool {
    let mut templates = requests.iter().flat_map(templates);
    templates.any(|(at, template)| at == place && template.variables().any(|used| used == variable))
}

/// A space or a `#` would end a path, and quotes and backslashes the text of a JSON body in which the value stands.
fn refused_in(in_path: bool, in_body: bool) -> &'static str {
    match (in_path, in_body) {
        (false, false) => "",
        (true, false) => " #",
        (false, true) => "\"\\",
        (true, true) => " #\"\\",
    }
}

/// How many requests the last of `path` may need one after the other; those before it in `path` need it.
fn depth(
    source: Source<'_>,
    given: &[file::Request],
    requests: &[Request],
    depths: &mut [Option<usize>],
    path: &mut Vec<usize>,
) -> Result<usize, Error> {
    let at = *path.last().expect("a path has an end");
    if let Some(depth) = depths[at] {
        return Ok(depth);
    }
    let refused = |message: String| {
        let name = &given[at].name;
        source.error(
            Some(name.span()),
            &format!("request.{}", name.get_ref()),
            message,
        )
    };
    let mut longest = 0;
    for need in &requests[at].needs {
        path.push(need.request);
        if let Some(begin) = path[..path.len() - 1]
            .iter()
            .position(|&before| before == need.request)
        {
            let names: Vec<String> = path[begin..]
                .iter()
                .map(|&at| format!("`{}`", requests[at].name))
                .collect();
            return Err(refused(format!(
                "requests need each other in a circle: {}; let one of them do without the other's variable",
                names.join(" needs ")
            )));
        }
        let below = if path.len() > LONGEST_CHAIN {
            LONGEST_CHAIN
        } else {
            depth(source, given, requests, depths, path)?
        };
        path.pop();
        longest = longest.max(below + 1);
    }
    if longest >= LONGEST_CHAIN {
        return Err(refused(format!(
            "more than {LONGEST_CHAIN} requests need each other in a row; use fewer"
        )));
    }
    depths[at] = Some(longest);
    Ok(longest)
}
