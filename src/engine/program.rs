//! A request as flat spans: runs of bytes that never change, and the values between them. Compiled once per worker; where
//! every value has a fixed width, the bytes of the last request of its kind are patched. It allocates nothing once its
//! buffers have grown.

use std::fmt;

use crate::scenario::Request;
use crate::traffic::fleet::Roster;
use crate::traffic::redact::REDACTED;
use crate::traffic::template::{Part, Secrets, Template, Values, append_integer};

/// The bytes of a request, and what kind of request they are.
#[derive(Default)]
pub struct Rendered {
    bytes: Vec<u8>,
    kind: Option<usize>,
}

/// One kind of request.
pub(super) struct Program {
    kind: usize,
    spans: Vec<Span>,
    /// What follows the spans, if that cannot be told before.
    body: Option<Body>,
    /// Where the values are, if all of it has a fixed width.
    patches: Option<Vec<Patch>>,
}

/// A body that is rendered before it is told how long it is.
struct Body {
    spans: Vec<Span>,
    framing: Framing,
}

/// How a body's end is told.
enum Framing {
    /// By its length.
    Length,
    /// By chunks of so many bytes.
    Chunks(usize),
}

enum Span {
    Run(Vec<u8>),
    Value(Part),
}

/// The place of a value.
struct Patch {
    at: usize,
    width: usize,
    span: usize,
}

impl Rendered {
    /// The bytes as they are sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

// By hand: requests carry credentials.
impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rendered({} bytes)", self.bytes.len())
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({} spans)", self.spans.len())
    }
}

impl Program {
    /// Compiles the request at index `kind` for a target that is called `authority` in the Host header.
    pub(super) fn new(
        kind: usize,
        request: &Request,
        authority: &str,
        roster: Option<&Roster>,
        secrets: Secrets,
    ) -> Self {
        let mut spans = head(request, authority, secrets);
        let mut body = None;
        if let Some(template) = &request.body {
            let mut content = Vec::new();
            push_template(&mut content, template, secrets);
            match (request.chunks, width(&content, roster)) {
                (Some(chunks), _) => {
                    push_text(&mut spans, b"Transfer-Encoding: chunked\r\n\r\n");
                    body = Some(Body {
                        spans: content,
                        framing: Framing::Chunks(chunks.size),
                    });
                }
                (None, Some(length)) => {
                    let line = format!("Content-Length: {length}\r\n\r\n");
                    push_text(&mut spans, line.as_bytes());
                    content.into_iter().for_each(|span| push(&mut spans, span));
                }
                (None, None) => {
                    push_text(&mut spans, b"Content-Length: ");
                    body = Some(Body {
                        spans: content,
                        framing: Framing::Length,
                    });
                }
            }
        } else if matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
            // Some servers wait for a body, or answer 411, unless told that there is none.
            push_text(&mut spans, b"Content-Length: 0\r\n\r\n");
        } else {
            push_text(&mut spans, b"\r\n");
        }
        let patches = body.is_none().then(|| patches(&spans, roster)).flatten();
        Self {
            kind,
            spans,
            body,
            patches,
        }
    }

    /// Makes `out` this request; `scratch` is room for a body whose length is not known before.
    pub(super) fn write(&self, values: &Values<'_>, out: &mut Rendered, scratch: &mut Vec<u8>) {
        if out.kind == Some(self.kind) && self.patch(values, &mut out.bytes) {
            return;
        }
        out.kind = Some(self.kind);
        let out = &mut out.bytes;
        out.clear();
        append(&self.spans, values, out);
        if let Some(body) = &self.body {
            scratch.clear();
            append(&body.spans, values, scratch);
            match body.framing {
                Framing::Length => {
                    append_integer(scratch.len(), out);
                    out.extend_from_slice(b"\r\n\r\n");
                    out.extend_from_slice(scratch);
                }
                Framing::Chunks(size) => append_chunks(scratch, size, out),
            }
        }
    }

    /// Writes the values over those of the last request; false if one does not fit, and then `bytes` is of no use.
    fn patch(&self, values: &Values<'_>, bytes: &mut Vec<u8>) -> bool {
        let Some(patches) = &self.patches else {
            return false;
        };
        let end = bytes.len();
        for patch in patches {
            let Span::Value(part) = &self.spans[patch.span] else {
                continue;
            };
            part.append(values, bytes);
            if bytes.len() - end != patch.width {
                return false;
            }
            bytes.copy_within(end.., patch.at);
            bytes.truncate(end);
        }
        true
    }
}

/// Everything up to what tells the length of the body.
fn head(request: &Request, authority: &str, secrets: Secrets) -> Vec<Span> {
    let mut spans = Vec::new();
    push_text(&mut spans, request.method.as_bytes());
    push_text(&mut spans, b" ");
    push_template(&mut spans, &request.path, secrets);
    push_text(&mut spans, b" HTTP/1.1\r\n");
    let names_host = |(name, _): &(String, Template)| name.eq_ignore_ascii_case("host");
    if !request.headers.iter().any(names_host) {
        push_text(&mut spans, format!("Host: {authority}\r\n").as_bytes());
    }
    for ((name, value), &sensitive) in request.headers.iter().zip(&request.sensitive) {
        push_text(&mut spans, name.as_bytes());
        push_text(&mut spans, b": ");
        if sensitive && secrets == Secrets::Redacted {
            push_text(&mut spans, REDACTED.as_bytes());
        } else {
            push_template(&mut spans, value, secrets);
        }
        push_text(&mut spans, b"\r\n");
    }
    spans
}

fn push_template(spans: &mut Vec<Span>, template: &Template, secrets: Secrets) {
    for part in template.parts() {
        match part.literal(secrets) {
            Some(bytes) => push_text(spans, bytes),
            None => spans.push(Span::Value(part.clone())),
        }
    }
}

fn push(spans: &mut Vec<Span>, span: Span) {
    match span {
        Span::Run(bytes) => push_text(spans, &bytes),
        value => spans.push(value),
    }
}

fn push_text(spans: &mut Vec<Span>, bytes: &[u8]) {
    if let Some(Span::Run(run)) = spans.last_mut() {
        run.extend_from_slice(bytes);
    } else {
        spans.push(Span::Run(bytes.to_vec()));
    }
}

fn append(spans: &[Span], values: &Values<'_>, out: &mut Vec<u8>) {
    for span in spans {
        match span {
            Span::Run(bytes) => out.extend_from_slice(bytes),
            Span::Value(part) => part.append(values, out),
        }
    }
}

/// A body in chunks of `size` bytes (RFC 9112, 7.1).
fn append_chunks(body: &[u8], size: usize, out: &mut Vec<u8>) {
    for chunk in body.chunks(size) {
        append_hex(chunk.len(), out);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
}

fn append_hex(number: usize, out: &mut Vec<u8>) {
    let digits = (number.max(1).ilog2() / 4) + 1;
    let digit = |at: u32| b"0123456789abcdef"[(number >> (4 * at)) & 15];
    out.extend((0..digits).rev().map(digit));
}

impl Span {
    fn width(&self, roster: Option<&Roster>) -> Option<usize> {
        match self {
            Self::Run(bytes) => Some(bytes.len()),
            Self::Value(part) => part.width(roster),
        }
    }
}

fn width(spans: &[Span], roster: Option<&Roster>) -> Option<usize> {
    spans.iter().map(|span| span.width(roster)).sum()
}

fn patches(spans: &[Span], roster: Option<&Roster>) -> Option<Vec<Patch>> {
    let mut patches = Vec::new();
    let mut at = 0;
    for (index, span) in spans.iter().enumerate() {
        let width = span.width(roster)?;
        if matches!(span, Span::Value(_)) {
            patches.push(Patch {
                at,
                width,
                span: index,
            });
        }
        at += width;
    }
    Some(patches)
}
