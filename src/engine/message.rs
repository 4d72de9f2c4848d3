//! What a request of a scenario says, as the pieces of which a transport makes bytes: what is fixed, what differs between
//! requests, and what people are not shown. Compiled once per worker.

use std::time::Duration;

use crate::scenario::Request;
use crate::traffic::redact::REDACTED;
use crate::traffic::template::{Secrets, Template};
use crate::transport::message::{Message, Text};

/// The request; its Host header names the target by `authority`, and another host as the request says.
pub(super) fn message<'a>(
    request: &'a Request,
    authority: &'a str,
    secrets: Secrets,
) -> Message<'a> {
    let elsewhere = request.elsewhere.as_ref();
    let headers = request.headers.iter().zip(&request.sensitive);
    Message {
        method: &request.method,
        authority: elsewhere.map_or(authority, |elsewhere| &elsewhere.authority),
        target: text(&request.path, secrets),
        headers: headers
            .map(|((name, value), &sensitive)| {
                let hidden = sensitive && secrets == Secrets::Redacted;
                let value = if hidden {
                    Text::of(REDACTED.as_bytes())
                } else {
                    text(value, secrets)
                };
                (name.as_str(), value)
            })
            .collect(),
        body: request.body.as_ref().map(|body| text(body, secrets)),
        chunk_bytes: request.chunks.map(|chunks| chunks.size),
        chunk_pause: request.chunks.map_or(Duration::ZERO, |chunks| chunks.pause),
        expects_continue: request.expects_continue,
    }
}

fn text(template: &Template, secrets: Secrets) -> Text {
    let mut text = Text::default();
    for part in template.parts() {
        match part.literal(secrets) {
            Some(bytes) => text.push_bytes(bytes),
            None => text.push_value(part.clone()),
        }
    }
    text
}
