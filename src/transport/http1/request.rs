//! The bytes of a request. Compiled once per worker; where every value has a fixed width, the bytes of the last request of
//! its kind are patched. It allocates nothing once its buffers have grown.

use std::fmt;

use crate::traffic::fleet::Roster;
use crate::traffic::template::{Values, append_integer};
use crate::transport::message::{Message, Span, Text};

/// The bytes of a request, and what kind of request they are.
#[derive(Default)]
pub struct Rendered {
    bytes: Vec<u8>,
    /// How many of the last ones are the body.
    body_len: usize,
    kind: Option<usize>,
    stops: Stops,
    /// How many bytes go out before the peer says that the rest may come, if that is waited for.
    held_at: Option<usize>,
}

/// Where a request's bytes pause on their way, and for how long.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    /// Number of bytes before each pause, rising.
    pub(crate) ends: Vec<usize>,
    /// Length of each, ns.
    pub(crate) pause: u64,
}

/// One kind of request.
pub(crate) struct Program {
    kind: usize,
    head: Text,
    /// What follows the head, if that cannot be told before.
    body: Option<Body>,
    /// Length of a body that is in `head`.
    body_len: usize,
    /// Where the values are, if all of it has a fixed width.
    patches: Option<Vec<Patch>>,
    /// Whether the body waits until the peer wants it.
    holds_body: bool,
}

/// A body that is rendered before it is told how long it is.
struct Body {
    text: Text,
    framing: Framing,
}

/// How a body's end is told.
enum Framing {
    /// By its length.
    Length,
    /// By chunks of so many bytes, with a pause (ns) before each but the first.
    Chunks { size: usize, pause: u64 },
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

    /// How many of the last bytes are the body.
    pub fn body_len(&self) -> usize {
        self.body_len
    }

    /// How many go out before the peer says that the rest may come, if that is waited for.
    pub(crate) fn held_at(&self) -> Option<usize> {
        self.held_at
    }

    /// Where they pause, if they do.
    pub(crate) fn stops(&self) -> Option<&Stops> {
        (!self.stops.ends.is_empty()).then_some(&self.stops)
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
        write!(f, "Program({} spans)", self.head.spans().len())
    }
}

impl Program {
    /// Compiles the request at index `kind`; its devices are in `roster`.
    pub(crate) fn new(kind: usize, message: Message<'_>, roster: Option<&Roster>) -> Self {
        let mut head = fields(&message);
        let (mut body, mut body_len) = (None, 0);
        if let Some(content) = message.body {
            match (message.chunk_bytes, content.width(roster)) {
                (Some(size), _) => {
                    head.push_bytes(b"Transfer-Encoding: chunked\r\n\r\n");
                    body = Some(Body {
                        text: content,
                        framing: Framing::Chunks {
                            size,
                            pause: message.chunk_pause.as_nanos() as u64,
                        },
                    });
                }
                (None, Some(length)) => {
                    body_len = length;
                    let line = format!("Content-Length: {length}\r\n\r\n");
                    head.push_bytes(line.as_bytes());
                    head.append(&content);
                }
                (None, None) => {
                    head.push_bytes(b"Content-Length: ");
                    body = Some(Body {
                        text: content,
                        framing: Framing::Length,
                    });
                }
            }
        } else if matches!(message.method, "POST" | "PUT" | "PATCH") {
            // Some servers wait for a body, or answer 411, unless told that there is none.
            head.push_bytes(b"Content-Length: 0\r\n\r\n");
        } else {
            head.push_bytes(b"\r\n");
        }
        let patches = body
            .is_none()
            .then(|| patches(head.spans(), roster))
            .flatten();
        Self {
            kind,
            head,
            body,
            body_len,
            patches,
            holds_body: message.expects_continue,
        }
    }

    /// Makes `out` this request; `scratch` is room for a body whose length is not known before.
    pub(crate) fn write(&self, values: &Values<'_>, out: &mut Rendered, scratch: &mut Vec<u8>) {
        if out.kind == Some(self.kind) && self.patch(values, &mut out.bytes) {
            return;
        }
        out.kind = Some(self.kind);
        out.body_len = self.body_len;
        let (stops, bytes) = (&mut out.stops, &mut out.bytes);
        stops.ends.clear();
        bytes.clear();
        self.head.write(values, bytes);
        let mut head_len = bytes.len() - self.body_len;
        if let Some(body) = &self.body {
            scratch.clear();
            body.text.write(values, scratch);
            match body.framing {
                Framing::Length => {
                    append_integer(scratch.len(), bytes);
                    bytes.extend_from_slice(b"\r\n\r\n");
                    head_len = bytes.len();
                    bytes.extend_from_slice(scratch);
                }
                Framing::Chunks { size, pause } => {
                    stops.pause = pause;
                    append_chunks(scratch, size, bytes, stops);
                }
            }
            out.body_len = scratch.len();
        }
        out.held_at = self.holds_body.then_some(head_len);
    }

    /// Writes the values over those of the last request; false if one does not fit, and then `bytes` is of no use.
    fn patch(&self, values: &Values<'_>, bytes: &mut Vec<u8>) -> bool {
        let Some(patches) = &self.patches else {
            return false;
        };
        let end = bytes.len();
        for patch in patches {
            let Span::Value(part) = &self.head.spans()[patch.span] else {
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

/// A body in chunks of `size` bytes (RFC 9112, 7.1), with the stops between them if there is a pause.
fn append_chunks(body: &[u8], size: usize, out: &mut Vec<u8>, stops: &mut Stops) {
    for (at, chunk) in body.chunks(size).enumerate() {
        if at > 0 && stops.pause > 0 {
            stops.ends.push(out.len());
        }
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

/// Everything up to what tells the length of the body.
fn fields(message: &Message<'_>) -> Text {
    let mut head = Text::default();
    head.push_bytes(message.method.as_bytes());
    head.push_bytes(b" ");
    head.append(&message.target);
    head.push_bytes(b" HTTP/1.1\r\n");
    let mut names = message.headers.iter().map(|(name, _)| name);
    if !names.any(|name| name.eq_ignore_ascii_case("host")) {
        head.push_bytes(format!("Host: {}\r\n", message.authority).as_bytes());
    }
    for (name, value) in &message.headers {
        head.push_bytes(name.as_bytes());
        head.push_bytes(b": ");
        head.append(value);
        head.push_bytes(b"\r\n");
    }
    head
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
