//! Request tables → compiled requests.

use std::ops::Range;

use toml::Spanned;

use super::acknowledged;
use super::context::{Context, Found, Templates};
use super::expect;
use super::headers::Headers;
use super::hosts::Destination;
use super::needs::{self, Extracted, Place};
use crate::scenario::plan::{Elsewhere, Request};
use crate::scenario::read::error::{Error, Source};
use crate::scenario::read::file::{self, Text};
use crate::scenario::read::names::check_name;
use crate::traffic::expect::Expect;
use crate::traffic::fields::is_token;
use crate::traffic::redact::without_placeholders;
use crate::traffic::template::Scope;
use crate::units::list;

/// Largest weight of a request: the sum over all of them stays exact.
const MAX_WEIGHT: u32 = 1_000_000;

/// Resolves all requests.
pub(super) fn requests(
    context: &Context<'_>,
    given: &[file::Request],
    target: Range<usize>,
    found: &mut Found,
) -> Result<Vec<Request>, Error> {
    if given.is_empty() {
        return Err(context.source.error(
            Some(target),
            "request",
            "the scenario sends nothing; add a [[request]]",
        ));
    }
    let extracted = Extracted::of(context.source, given)?;
    let mut requests: Vec<Request> = Vec::new();
    for (request, destination) in given.iter().zip(&context.hosts.destinations) {
        check_name(
            context.source,
            Some(request.name.span()),
            "request.name",
            request.name.get_ref(),
        )?;
        if requests
            .iter()
            .any(|other| other.name == *request.name.get_ref())
        {
            let message = format!(
                "two requests are named `{}`; give each its own name",
                request.name.get_ref()
            );
            return Err(context
                .source
                .error(Some(request.name.span()), "request.name", message));
        }
        let salt = requests.len() as u64 + 1;
        let resolved = context.request(request, destination, salt, &extracted.names, found)?;
        context.check_columns(request, &resolved)?;
        requests.push(resolved);
    }
    extracted.resolve(context.source, given, &mut requests)?;
    Ok(requests)
}

/// Share of the mix where a load says nothing of it.
pub(super) fn own_weight(request: &file::Request) -> u32 {
    request
        .weight
        .as_ref()
        .map_or(1, |weight| *weight.get_ref())
}

pub(super) fn check_weight(
    source: Source<'_>,
    weight: Option<&Spanned<u32>>,
    key: &str,
) -> Result<(), Error> {
    match weight {
        Some(weight) if *weight.get_ref() > MAX_WEIGHT => {
            Err(source.error(Some(weight.span()), key, "use a weight from 0 to 1000000"))
        }
        _ => Ok(()),
    }
}

impl Context<'_> {
    fn request(
        &self,
        request: &file::Request,
        destination: &Destination,
        salt: u64,
        variables: &[String],
        found: &mut Found,
    ) -> Result<Request, Error> {
        let name = request.name.get_ref().clone();
        let key = |part: &str| format!("request.{name}.{part}");
        let fleet = request
            .fleet
            .as_ref()
            .map(|fleet| self.fleet(fleet, &key("fleet")))
            .transpose()?;
        let texts = Templates {
            source: self.source,
            scope: Scope {
                has_fleet: fleet.is_some(),
                feeds: self.feeds,
                variables,
            },
        };
        let salt = salt * 1_000;
        let (path, path_key) = (&destination.path, key(destination.key));
        check_path(path.get_ref())
            .map_err(|message| self.source.error(Some(path.span()), &path_key, message))?;
        let method = self.method(request, &key("method"))?;
        let path = texts.compile(path, &path_key, salt)?;
        let asks = destination.authorization.as_deref();
        let mut headers = Headers::of(self, request, asks, &texts, salt + 10, found)?;
        check_weight(self.source, request.weight.as_ref(), &key("weight"))?;
        let body = self.body(request, salt + 1, &texts)?;
        let chunks = self.chunks(request, headers.chunked.as_ref())?;
        headers.check_length(self.source, &key("headers"), body.as_ref(), found)?;
        headers.check_expected(self.source, &key("headers"), body.as_ref())?;
        let body = body
            .map(|body| headers.describe(self.source, &key("headers"), body))
            .transpose()?;
        Ok(Request {
            path: path.percent_encoded(),
            body,
            chunks,
            expects_continue: headers.expects_continue.is_some(),
            expect: self.expect(request, &method)?,
            acknowledged: acknowledged::ids(
                self.source,
                &key("acknowledged"),
                &request.acknowledged,
                &texts.scope,
                self.numbers,
            )?,
            name,
            fleet,
            elsewhere: destination.host.map(|host| Elsewhere {
                host,
                authority: self.hosts.list[host].base.authority.clone(),
            }),
            weight: own_weight(request),
            method,
            headers: headers.list,
            sensitive: headers.sensitive,
            extract: Vec::new(),
            needs: Vec::new(),
        })
    }

    fn method(&self, request: &file::Request, key: &str) -> Result<String, Error> {
        let default = match request.bodies().next() {
            Some(_) => "POST",
            None => "GET",
        };
        let method = request.method.as_ref();
        let method = method.map_or(default, |method| method.get_ref()).to_owned();
        if is_token(&method) {
            return Ok(method);
        }
        let message = format!(
            "`{}` is not an HTTP method; write one such as POST",
            method.escape_debug()
        );
        Err(self
            .source
            .error(request.method.as_ref().map(Spanned::span), key, message))
    }

    fn expect(&self, request: &file::Request, method: &str) -> Result<Expect, Error> {
        let name = request.name.get_ref();
        let expect = expect::expect(self.source, name, &request.expect)?;
        let takes_body = expect.looks_at_body()
            || (request.extract.0.iter()).any(|(_, from)| from.get_ref().starts_with("json:"));
        if takes_body && method == "HEAD" {
            return Err(self.source.error(
                Some(request.name.span()),
                &format!("request.{name}.method"),
                "an answer to HEAD has no body to look at; use GET",
            ));
        }
        Ok(expect)
    }

    /// What a feed holds must not end the header or the path that it stands in.
    fn check_columns(&self, given: &file::Request, request: &Request) -> Result<(), Error> {
        for (place, template) in needs::templates(request) {
            for (feed, column) in template.columns() {
                let line = match place {
                    Place::Body => None,
                    Place::Path => feed.line_with(column, |byte| byte <= b' ' || byte == 0x7f),
                    Place::Header => feed.line_with(column, |byte| {
                        (byte < b' ' && byte != b'\t') || byte == 0x7f
                    }),
                };
                if let Some(line) = line {
                    let (part, what) = match place {
                        Place::Path if given.url.is_some() => {
                            ("url", "a space, a line break or a control character")
                        }
                        Place::Path => ("path", "a space, a line break or a control character"),
                        _ => ("headers", "a line break or a control character"),
                    };
                    let key = format!("request.{}.{part}", request.name);
                    let message = format!(
                        "`{}.{}` holds {what} on line {line} of its file, which cannot be sent there; mend the file",
                        feed.name(),
                        feed.columns()[column]
                    );
                    return Err(self.source.error(Some(given.name.span()), &key, message));
                }
            }
        }
        Ok(())
    }

    fn fleet(&self, name: &Text, key: &str) -> Result<usize, Error> {
        self.fleets
            .iter()
            .position(|fleet| fleet.name == *name.get_ref())
            .ok_or_else(|| {
                let names: Vec<String> =
                    self.fleets.iter().map(|fleet| fleet.name.clone()).collect();
                self.source.error(
                    Some(name.span()),
                    key,
                    format!(
                        "there is no fleet `{}`; there is {}",
                        name.get_ref(),
                        list(&names)
                    ),
                )
            })
    }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    let plain = without_placeholders(path);
    if !path.starts_with('/') || plain.contains(|c: char| c.is_control() || c == ' ') {
        return Err(
            "a path starts with `/` and has neither spaces nor control characters; write %20 for a space",
        );
    }
    if plain.contains('#') {
        return Err("what follows a `#` is never sent; leave it out, or write %23 for the sign");
    }
    Ok(())
}
