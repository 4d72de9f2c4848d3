//! Request tables → compiled requests.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;

use super::acknowledged::{self, Numbers};
use super::expect;
use super::needs::{self, Extracted, Place};
use crate::scenario::overrides::Overrides;
use crate::scenario::plan::Request;
use crate::scenario::read::bytes::{MAX_BODY_FILE, read_at_most};
use crate::scenario::read::error::{Error, Source};
use crate::scenario::read::file::{self, Text};
use crate::scenario::read::names::{check_name, is_token};
use crate::traffic::expect::Expect;
use crate::traffic::feeds::Feed;
use crate::traffic::fleet::Fleet;
use crate::traffic::redact::{is_literal_secret, is_sensitive_name, without_placeholders};
use crate::traffic::template::{Scope, Template};
use crate::units::list;

/// What requests are resolved in.
pub(super) struct Context<'a> {
    pub(super) source: Source<'a>,
    pub(super) directory: &'a Path,
    pub(super) overrides: &'a Overrides,
    pub(super) fleets: &'a [Fleet],
    pub(super) feeds: &'a [Arc<Feed>],
    pub(super) numbers: Numbers,
}

/// Largest weight of a request: the sum over all of them stays exact.
const MAX_WEIGHT: u32 = 1_000_000;

/// What the templates of one request have in common.
struct Texts<'a> {
    source: Source<'a>,
    scope: Scope<'a>,
}

/// Names and values, and whether the literal value at the same index is a credential.
type Headers = (Vec<(String, Template)>, Vec<bool>);

/// Resolves all requests; the places of literal credentials are added to `secrets`.
pub(super) fn requests(
    context: &Context<'_>,
    given: &[file::Request],
    target: Range<usize>,
    secrets: &mut Vec<Range<usize>>,
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
    for request in given {
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
        let resolved = context.request(request, salt, &extracted.names, secrets)?;
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
        salt: u64,
        variables: &[String],
        secrets: &mut Vec<Range<usize>>,
    ) -> Result<Request, Error> {
        let name = request.name.get_ref().clone();
        let key = |part: &str| format!("request.{name}.{part}");
        let fleet = request
            .fleet
            .as_ref()
            .map(|fleet| self.fleet(fleet, &key("fleet")))
            .transpose()?;
        let texts = Texts {
            source: self.source,
            scope: Scope {
                has_fleet: fleet.is_some(),
                feeds: self.feeds,
                variables,
            },
        };
        let salt = salt * 1_000;
        let path_text = request.path.get_ref();
        if !path_text.starts_with('/') || has_unsendable(&without_placeholders(path_text), " ") {
            return Err(self.source.error(Some(request.path.span()), &key("path"), "a path starts with `/` and has neither spaces nor control characters; write %20 for a space"));
        }
        let method = self.method(request, &key("method"))?;
        let path = texts.compile(&request.path, &key("path"), salt)?;
        let (headers, sensitive) = self.headers(request, &texts, salt + 10, secrets)?;
        check_weight(self.source, request.weight.as_ref(), &key("weight"))?;
        Ok(Request {
            path,
            body: self.body(request, &key("body"), salt + 1, &texts)?,
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
            weight: own_weight(request),
            method,
            headers,
            sensitive,
            extract: Vec::new(),
            needs: Vec::new(),
        })
    }

    fn method(&self, request: &file::Request, key: &str) -> Result<String, Error> {
        let method = self.overrides.method.clone().or(request
            .method
            .as_ref()
            .map(|method| method.get_ref().clone()));
        let has_body = self.overrides.body.is_some()
            || request.body.is_some()
            || request.body_file.is_some()
            || request.body_raw.is_some();
        let method = method.unwrap_or_else(|| if has_body { "POST" } else { "GET" }.to_owned());
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

    fn headers(
        &self,
        request: &file::Request,
        texts: &Texts<'_>,
        salt: u64,
        secrets: &mut Vec<Range<usize>>,
    ) -> Result<Headers, Error> {
        let mut headers = Vec::new();
        let mut sensitive = Vec::new();
        for (header, value) in &request.headers.0 {
            let name = header.get_ref();
            let key = format!("request.{}.headers.{name}", request.name.get_ref());
            check_header(name, value.get_ref())
                .map_err(|message| self.source.error(Some(header.span()), &key, message))?;
            let overridden = &self.overrides.headers;
            if overridden
                .iter()
                .any(|(other, _)| other.eq_ignore_ascii_case(name))
            {
                continue;
            }
            let literal = is_sensitive_name(name) && is_literal_secret(value.get_ref());
            if literal {
                secrets.push(value.span());
            }
            let salt = salt + headers.len() as u64;
            headers.push((name.clone(), texts.compile(value, &key, salt)?));
            sensitive.push(literal);
        }
        for (name, value) in &self.overrides.headers {
            let refused = |message: String| self.source.error(None, &format!("-H {name}"), message);
            check_header(name, value).map_err(refused)?;
            let salt = salt + headers.len() as u64;
            let value_template = Template::compile(value, salt, &texts.scope)
                .map_err(|error| refused(error.message))?;
            headers.push((name.clone(), value_template));
            sensitive.push(is_sensitive_name(name) && is_literal_secret(value));
        }
        Ok((headers, sensitive))
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

    fn body(
        &self,
        request: &file::Request,
        key: &str,
        salt: u64,
        texts: &Texts<'_>,
    ) -> Result<Option<Template>, Error> {
        if let Some(body) = &self.overrides.body {
            return Template::compile(body, salt, &texts.scope)
                .map(Some)
                .map_err(|error| self.source.error(None, "--body", error.message));
        }
        let given = [&request.body, &request.body_file, &request.body_raw];
        if let Some(second) = given.into_iter().flatten().nth(1) {
            return Err(self.source.error(
                Some(second.span()),
                key,
                "a request has one of `body`, `body_file` and `body_raw`",
            ));
        }
        if let Some(body) = &request.body {
            return texts.compile(body, key, salt).map(Some);
        }
        if let Some(file) = &request.body_raw {
            let bytes = self.read(file, &format!("{key}_raw"))?;
            return Ok(Some(Template::raw(bytes)));
        }
        let Some(file) = &request.body_file else {
            return Ok(None);
        };
        let key = format!("{key}_file");
        let bytes = self.read(file, &key)?;
        let refused = |message: String| {
            let path = self.directory.join(file.get_ref());
            let message = format!("{}: {message}", path.display());
            self.source.error(Some(file.span()), &key, message)
        };
        let text = String::from_utf8(bytes).map_err(|error| {
            refused(format!(
                "not UTF-8 text: {}; name it in `body_raw` to send its bytes as they are",
                error.utf8_error()
            ))
        })?;
        Template::compile(&text, salt, &texts.scope)
            .map(Some)
            .map_err(|error| refused(error.message))
    }

    fn read(&self, file: &Text, key: &str) -> Result<Vec<u8>, Error> {
        let path = self.directory.join(file.get_ref());
        read_at_most(&path, MAX_BODY_FILE).map_err(|error| {
            let message = format!(
                "cannot read {}: {error}; it is looked for beside the scenario",
                path.display()
            );
            self.source.error(Some(file.span()), key, message)
        })
    }
}

impl Texts<'_> {
    fn compile(&self, text: &Text, key: &str, salt: u64) -> Result<Template, Error> {
        Template::compile(text.get_ref(), salt, &self.scope).map_err(|error| {
            // The value's quotes and escapes differ from its text; the n-th `{{` is the same in both.
            let nth = text.get_ref()[..error.offset].matches("{{").count();
            let span = text.span();
            let at = self
                .source
                .text
                .get(span.clone())
                .and_then(|raw| raw.match_indices("{{").nth(nth))
                .map_or(0, |(at, _)| at);
            self.source
                .error(Some(span.start + at..span.end), key, error.message)
        })
    }
}

fn check_header(name: &str, value: &str) -> Result<(), String> {
    if !is_token(name) {
        return Err(format!(
            "`{}` is not a header name; use letters, digits and `-`",
            name.escape_debug()
        ));
    }
    if ["content-length", "transfer-encoding", "connection"]
        .iter()
        .any(|reserved| name.eq_ignore_ascii_case(reserved))
    {
        return Err(format!(
            "`{name}` is written by telemload itself; leave it out"
        ));
    }
    if has_unsendable(value, "") {
        return Err("a header's value has no line breaks or control characters".to_owned());
    }
    Ok(())
}

fn has_unsendable(text: &str, also: &str) -> bool {
    text.chars()
        .any(|c| (c.is_control() && c != '\t') || also.contains(c))
}
