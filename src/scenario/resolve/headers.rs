//! Headers of a request: which are sent as they are written, and which say something that telemload does itself.

use std::ops::Range;

use toml::Spanned;

use super::body::{Body, MULTIPART};
use super::context::{Context, Found, Templates};
use crate::scenario::read::error::{Error, Source};
use crate::scenario::read::file::{self, Text};
use crate::scenario::read::texts::Texts;
use crate::traffic::fields::{is_once, is_token};
use crate::traffic::redact::{is_literal_secret, is_sensitive_name};
use crate::traffic::template::Template;

/// What the headers of a request come to.
#[derive(Default)]
pub(super) struct Headers {
    /// As they are sent.
    pub(super) list: Vec<(String, Template)>,
    /// Whether the literal value at the same index is a credential.
    pub(super) sensitive: Vec<bool>,
    /// Where they say that the body comes in chunks.
    pub(super) chunked: Option<Range<usize>>,
    /// Where they say that the body waits until the server wants it.
    pub(super) expects_continue: Option<Range<usize>>,
    /// What they say of its length.
    length: Option<Text>,
    /// The media type that they give, with its place.
    media_type: Option<Text>,
}

impl Headers {
    pub(super) fn of(
        context: &Context<'_>,
        request: &file::Request,
        authorization: Option<&str>,
        templates: &Templates<'_>,
        salt: u64,
        found: &mut Found,
    ) -> Result<Self, Error> {
        let mut headers = Self::default();
        for (header, values) in &request.headers.0 {
            let name = header.get_ref();
            let key = format!("request.{}.headers.{name}", request.name.get_ref());
            let refused =
                |message: String| Err(context.source.error(Some(header.span()), &key, message));
            if name.starts_with(':') {
                return refused(format!("`{name}` is of HTTP/2 alone; leave it out"));
            }
            if !is_token(name) {
                return refused(format!(
                    "`{}` is not a header name; use letters, digits and `-`",
                    name.escape_debug()
                ));
            }
            for value in each(values) {
                if value
                    .get_ref()
                    .contains(|c: char| c.is_control() && c != '\t')
                {
                    return refused(
                        "a header's value has no line breaks or control characters".to_owned(),
                    );
                }
                if headers
                    .is_done_otherwise(header, &value, &key, found)
                    .map_err(|message| context.source.error(Some(header.span()), &key, message))?
                {
                    continue;
                }
                if let Some(message) = headers.once(name) {
                    return refused(message);
                }
                let literal = is_sensitive_name(name) && is_literal_secret(value.get_ref());
                if literal {
                    found.secrets.push(value.span());
                }
                if name.eq_ignore_ascii_case("content-type") {
                    headers.media_type = Some(value.clone());
                }
                let salt = salt + headers.list.len() as u64;
                let template = templates.compile(&value, &key, salt)?;
                headers.push(name, template, literal);
            }
        }
        if let Some(value) = authorization
            && !headers.has("authorization")
        {
            headers.push(
                "Authorization",
                Template::raw(value.as_bytes().to_vec()),
                true,
            );
        }
        Ok(headers)
    }

    fn push(&mut self, name: &str, value: Template, is_sensitive: bool) {
        self.list.push((name.to_owned(), value));
        self.sensitive.push(is_sensitive);
    }

    fn has(&self, name: &str) -> bool {
        self.list
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    /// Why a header cannot be sent a second time.
    fn once(&self, name: &str) -> Option<String> {
        if !self.has(name) {
            return None;
        }
        if name.eq_ignore_ascii_case("cookie") {
            return Some(
                "a request has one `Cookie`; write all of them in it, such as `Cookie: a=1; b=2`"
                    .to_owned(),
            );
        }
        is_once(name).then(|| format!("`{name}` is given twice and a request has one; remove one"))
    }

    /// Whether a header says what telemload does by itself: framing and connections. Those that it cannot do are refused.
    fn is_done_otherwise(
        &mut self,
        header: &Text,
        value: &Text,
        key: &str,
        found: &mut Found,
    ) -> Result<bool, String> {
        let name = header.get_ref();
        let words = value.get_ref().trim().to_ascii_lowercase();
        match name.to_ascii_lowercase().as_str() {
            "connection" => match words.as_str() {
                "keep-alive" => {
                    found.note("`Connection: keep-alive` is left out: HTTP/1.1 keeps connections without it, and so does telemload".to_owned());
                    Ok(true)
                }
                "close" => {
                    found.closing.push((value.span(), key.to_owned()));
                    Ok(true)
                }
                _ => Err(format!(
                    "`{name}` is written by telemload itself, and says `close` or `keep-alive`; leave it out"
                )),
            },
            "content-length" => {
                let said = Spanned::new(header.span(), value.get_ref().clone());
                if self.length.replace(said).is_some() {
                    return Err(
                        "`Content-Length` is given twice; leave it out, telemload writes it"
                            .to_owned(),
                    );
                }
                Ok(true)
            }
            "transfer-encoding" if words == "chunked" => {
                self.chunked = Some(value.span());
                Ok(true)
            }
            "transfer-encoding" => Err(
                "telemload sends a body with its length, or `chunked`; leave this out".to_owned(),
            ),
            "expect" if words == "100-continue" => {
                self.expects_continue = Some(value.span());
                Ok(false)
            }
            "expect" => Err(
                "telemload knows one expectation, `100-continue`; write that, or leave this out"
                    .to_owned(),
            ),
            "host" if words.is_empty() => {
                Err("a request of HTTP/1.1 names its host; write one, or leave this out".to_owned())
            }
            _ => Ok(false),
        }
    }

    /// A length that was written out is right, or nobody can send it.
    pub(super) fn check_length(
        &self,
        source: Source<'_>,
        key: &str,
        body: Option<&Body>,
        found: &mut Found,
    ) -> Result<(), Error> {
        let Some(given) = &self.length else {
            return Ok(());
        };
        let length = body.map_or(Some(0), |body| body.template.literal_len());
        let said = given.get_ref().trim();
        let is_number = !said.is_empty() && said.bytes().all(|byte| byte.is_ascii_digit());
        match length {
            Some(length) if is_number && said.parse() == Ok(length) => {
                found.note(format!("`Content-Length: {said}` is left out: it is right, and telemload writes it itself"));
            }
            None if is_number => found.note(format!(
                "`Content-Length: {said}` is left out: the body has placeholders, and telemload writes the length that it has each time"
            )),
            _ => {
                let has = match length {
                    Some(length) => format!("the body has {length} bytes"),
                    None => "the body's length differs from request to request".to_owned(),
                };
                let message = format!("`Content-Length: {}` is wrong: {has}; leave it out, telemload writes it", said.escape_debug());
                return Err(source.error(Some(given.span()), &format!("{key}.Content-Length"), message));
            }
        }
        Ok(())
    }

    /// A body that waits until the server wants it is there.
    pub(super) fn check_expected(
        &self,
        source: Source<'_>,
        key: &str,
        body: Option<&Body>,
    ) -> Result<(), Error> {
        match &self.expects_continue {
            Some(place) if body.is_none() => Err(source.error(
                Some(place.clone()),
                &format!("{key}.Expect"),
                "there is no body that could wait for `100 Continue`; leave this out, or add a body",
            )),
            _ => Ok(()),
        }
    }

    /// Adds what the body brings with it.
    pub(super) fn describe(
        &mut self,
        source: Source<'_>,
        key: &str,
        body: Body,
    ) -> Result<Template, Error> {
        let Some(media_type) = body.media_type else {
            return Ok(body.template);
        };
        if let Some(given) = &self.media_type {
            if !given.get_ref().trim().eq_ignore_ascii_case(MULTIPART) {
                let message = format!(
                    "a form is sent as {MULTIPART}, with the boundary that telemload chooses; leave the `Content-Type` out"
                );
                let key = format!("{key}.Content-Type");
                return Err(source.error(Some(given.span()), &key, message));
            }
            let at = self
                .list
                .iter()
                .position(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            if let Some(at) = at {
                self.list.remove(at);
                self.sensitive.remove(at);
            }
        }
        self.push(
            "Content-Type",
            Template::raw(media_type.into_bytes()),
            false,
        );
        Ok(body.template)
    }
}

/// The values of one name; a single one has the place of them all.
fn each(values: &Spanned<Texts>) -> Vec<Text> {
    match values.get_ref() {
        Texts::One(text) => vec![Spanned::new(values.span(), text.clone())],
        Texts::Many(texts) => texts.clone(),
    }
}
