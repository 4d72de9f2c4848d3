//! Request tables → compiled requests.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;

use super::error::{Error, Source};
use super::file::{self, Text};
use super::fleet::Fleet;
use super::merge::list;
use super::plan::Request;
use super::redact::{is_literal_secret, is_sensitive_header, without_placeholders};
use super::resolve::check_name;
use super::template::Template;
use super::{MAX_BODY_FILE, Overrides, read_at_most};

/// What requests are resolved in.
pub(super) struct Context<'a> {
    pub(super) source: Source<'a>,
    pub(super) directory: &'a Path,
    pub(super) overrides: &'a Overrides,
    pub(super) fleets: &'a [Fleet],
}

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
        requests.push(context.request(request, salt, secrets)?);
    }
    Ok(requests)
}

impl Context<'_> {
    fn request(
        &self,
        request: &file::Request,
        salt: u64,
        secrets: &mut Vec<Range<usize>>,
    ) -> Result<Request, Error> {
        let name = request.name.get_ref().clone();
        let key = |part: &str| format!("request.{name}.{part}");
        let fleet = request
            .fleet
            .as_ref()
            .map(|fleet| self.fleet(fleet, &key("fleet")))
            .transpose()?;
        let compile =
            |text: &Text, key: &str, salt: u64| self.compile(text, key, salt, fleet.is_some());
        let salt = salt * 1_000;

        let method = self.overrides.method.clone().or(request
            .method
            .as_ref()
            .map(|method| method.get_ref().clone()));
        let has_body =
            self.overrides.body.is_some() || request.body.is_some() || request.body_file.is_some();
        let method = method.unwrap_or_else(|| if has_body { "POST" } else { "GET" }.to_owned());
        if !is_token(&method) {
            return Err(self.source.error(
                request.method.as_ref().map(Spanned::span),
                &key("method"),
                format!(
                    "`{}` is not an HTTP method; write one such as POST",
                    method.escape_debug()
                ),
            ));
        }
        let path_text = request.path.get_ref();
        if !path_text.starts_with('/') || has_unsendable(&without_placeholders(path_text), " ") {
            return Err(self.source.error(Some(request.path.span()), &key("path"), "a path starts with `/` and has neither spaces nor control characters; write %20 for a space"));
        }
        let mut headers = Vec::new();
        let mut sensitive = Vec::new();
        for (header, value) in &request.headers.0 {
            let (header_name, key) = (
                header.get_ref(),
                key(&format!("headers.{}", header.get_ref())),
            );
            check_header(header_name, value.get_ref())
                .map_err(|message| self.source.error(Some(header.span()), &key, message))?;
            if self
                .overrides
                .headers
                .iter()
                .any(|(other, _)| other.eq_ignore_ascii_case(header_name))
            {
                continue;
            }
            let literal = is_sensitive_header(header_name) && is_literal_secret(value.get_ref());
            if literal {
                secrets.push(value.span());
            }
            let salt = salt + 10 + headers.len() as u64;
            headers.push((header_name.clone(), compile(value, &key, salt)?));
            sensitive.push(literal);
        }
        for (header_name, value) in &self.overrides.headers {
            let refused = |message: String| {
                self.source
                    .error(None, &format!("-H {header_name}"), message)
            };
            check_header(header_name, value).map_err(refused)?;
            let salt = salt + 10 + headers.len() as u64;
            headers.push((
                header_name.clone(),
                Template::compile(value, salt, fleet.is_some())
                    .map_err(|error| refused(error.message))?,
            ));
            sensitive.push(is_sensitive_header(header_name) && is_literal_secret(value));
        }
        let weight = request
            .weight
            .as_ref()
            .map_or(1, |weight| *weight.get_ref());
        if !(1..=1_000_000).contains(&weight) {
            return Err(self.source.error(
                request.weight.as_ref().map(Spanned::span),
                &key("weight"),
                "use a weight from 1 to 1000000",
            ));
        }
        if let Some(expect) = &request.expect
            && !(200..=599).contains(expect.status.get_ref())
        {
            return Err(self.source.error(
                Some(expect.status.span()),
                &key("expect.status"),
                "a final status is between 200 and 599",
            ));
        }
        Ok(Request {
            path: compile(&request.path, &key("path"), salt)?,
            body: self.body(request, &key("body"), salt + 1, fleet.is_some())?,
            name,
            fleet,
            weight,
            method,
            headers,
            sensitive,
            expect_status: request
                .expect
                .as_ref()
                .map(|expect| *expect.status.get_ref()),
        })
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
        has_fleet: bool,
    ) -> Result<Option<Template>, Error> {
        if let Some(body) = &self.overrides.body {
            return Template::compile(body, salt, has_fleet)
                .map(Some)
                .map_err(|error| self.source.error(None, "--body", error.message));
        }
        match (&request.body, &request.body_file) {
            (Some(_), Some(file)) => Err(self.source.error(
                Some(file.span()),
                key,
                "a request has `body` or `body_file`, not both",
            )),
            (Some(body), None) => self.compile(body, key, salt, has_fleet).map(Some),
            (None, Some(file)) => {
                let path = self.directory.join(file.get_ref());
                let refused = |message: String| {
                    self.source
                        .error(Some(file.span()), &format!("{key}_file"), message)
                };
                let unreadable = |error: &dyn std::fmt::Display| {
                    refused(format!(
                        "cannot read {}: {error}; it is looked for beside the scenario",
                        path.display()
                    ))
                };
                let bytes =
                    read_at_most(&path, MAX_BODY_FILE).map_err(|error| unreadable(&error))?;
                let text = String::from_utf8(bytes)
                    .map_err(|error| unreadable(&format!("not UTF-8 text: {error}")))?;
                Template::compile(&text, salt, has_fleet)
                    .map(Some)
                    .map_err(|error| refused(format!("{}: {error}", path.display())))
            }
            (None, None) => Ok(None),
        }
    }

    fn compile(
        &self,
        text: &Text,
        key: &str,
        salt: u64,
        has_fleet: bool,
    ) -> Result<Template, Error> {
        Template::compile(text.get_ref(), salt, has_fleet).map_err(|error| {
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

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn has_unsendable(text: &str, also: &str) -> bool {
    text.chars()
        .any(|c| (c.is_control() && c != '\t') || also.contains(c))
}
