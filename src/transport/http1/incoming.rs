//! Requests as a server reads them: incremental, and bounded whatever a client sends. Bodies are counted; their first bytes are kept.

use super::body::{BodyCount, Chunks, portion};
use crate::transport::answer::is_token;

/// The most bytes of a request line with its header block.
const MAX_HEAD: usize = 256 * 1024;
/// The most fields of a header block.
const MAX_FIELDS: usize = 256;
/// How much of a body is kept.
const KEPT: usize = 16 * 1024;

/// A request as it stood on the wire.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Its method.
    pub method: String,
    /// What the request line names: a path with its query, a URL, or `*`.
    pub target: String,
    /// Whether the client takes another answer on this connection (RFC 9112 9.3). HTTP/1.0 is taken to close: its `keep-alive` would have to
    /// be agreed to.
    pub keeps: bool,
    /// In their order, with names as they were written.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Length of the body without its framing.
    pub body_bytes: u64,
    /// Its first 16 KiB.
    pub body: Vec<u8>,
}

/// Why bytes are no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRequest {
    /// It is another protocol, or broken.
    #[error("no request of HTTP/1")]
    Head,
    /// The header block has no end.
    #[error("a header block of more than 256 KiB or 256 fields")]
    TooLong,
    /// Nobody can tell where the body ends.
    #[error("a body whose end cannot be told")]
    Framing,
}

/// Reads the requests of one connection.
#[derive(Default)]
pub struct Requests {
    input: Vec<u8>,
    /// How much of the input holds no end of a header block.
    scanned: usize,
    begun: Option<(Incoming, Rest)>,
    count: BodyCount,
    /// Whether the client waits for leave to send its body.
    waits: bool,
}

/// What is to come of a body.
enum Rest {
    Length(u64),
    Chunks(Chunks),
}

impl Requests {
    /// Takes what a client sent.
    pub fn take(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Whether nothing of a next request has come.
    pub fn is_idle(&self) -> bool {
        self.begun.is_none() && self.input.is_empty()
    }

    /// Whether a client waits for an interim answer before it sends its body (RFC 9110 10.1.1); once for each request.
    pub fn wants_leave(&mut self) -> bool {
        std::mem::take(&mut self.waits) && self.begun.is_some()
    }

    /// The next request, if it is here as a whole.
    ///
    /// # Errors
    /// What follows cannot be read, and nothing behind it either.
    pub fn next_whole(&mut self) -> Result<Option<Incoming>, NoRequest> {
        if self.begun.is_none() {
            self.begun = self.begin()?;
        }
        let Some((request, rest)) = &mut self.begun else {
            return Ok(None);
        };
        let end = match rest {
            Rest::Length(left) => {
                let taken = portion(*left, self.input.len());
                self.count.take(&self.input[..taken]);
                *left -= taken as u64;
                (*left == 0).then_some(taken).ok_or(taken)
            }
            Rest::Chunks(chunks) => {
                let end = chunks.advance(&self.input, &mut self.count);
                let end = end.map_err(|_| NoRequest::Framing)?;
                end.ok_or(self.input.len())
            }
        };
        let (Ok(consumed) | Err(consumed)) = end;
        self.input.drain(..consumed);
        if end.is_err() {
            return Ok(None);
        }
        request.body_bytes = self.count.bytes;
        request.body = std::mem::take(&mut self.count.kept);
        Ok(self.begun.take().map(|(request, _)| request))
    }

    /// The head of the next request, if it is here as a whole.
    fn begin(&mut self) -> Result<Option<(Incoming, Rest)>, NoRequest> {
        // Empty lines before a request line are skipped (RFC 9112 2.2).
        let blank = self.input.iter().take_while(|byte| b"\r\n".contains(byte));
        let blank = blank.count();
        if self.scanned == 0 {
            self.input.drain(..blank);
        }
        // Another protocol, such as TLS, may never have an empty line: its client would wait.
        if self.input.first().is_some_and(|&first| !is_token(first)) {
            return Err(NoRequest::Head);
        }
        let from = self.scanned.saturating_sub(3);
        let is_whole = memchr::memchr_iter(b'\n', &self.input[from..]).any(|at| {
            let behind = &self.input[from + at + 1..];
            behind.starts_with(b"\n") || behind.starts_with(b"\r\n")
        });
        if !is_whole {
            self.scanned = self.input.len();
            return if self.scanned > MAX_HEAD {
                Err(NoRequest::TooLong)
            } else {
                Ok(None)
            };
        }
        self.scanned = 0;
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut head = httparse::Request::new(&mut fields);
        let length = match head.parse(&self.input) {
            Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
            Ok(httparse::Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => {
                return Err(NoRequest::TooLong);
            }
            Ok(httparse::Status::Partial) | Err(_) => return Err(NoRequest::Head),
        };
        let is_new = head.version == Some(1);
        let mut request = Incoming {
            method: head.method.unwrap_or_default().to_owned(),
            target: head.path.unwrap_or_default().to_owned(),
            fields: (head.headers.iter())
                .map(|field| (field.name.to_owned(), field.value.to_vec()))
                .collect(),
            ..Incoming::default()
        };
        let asked = request.field("connection").unwrap_or_default();
        let asked = asked.to_ascii_lowercase();
        request.keeps = is_new && memchr::memmem::find(&asked, b"close").is_none();
        let rest = rest(&request)?;
        self.waits = (request.field("expect"))
            .is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
        self.count.restart(KEPT, u64::MAX);
        self.input.drain(..length);
        Ok(Some((request, rest)))
    }
}

/// How the end of a request's body is told (RFC 9112 6.3).
fn rest(request: &Incoming) -> Result<Rest, NoRequest> {
    let codings = request.all("transfer-encoding");
    if let Some(last) = codings.last() {
        let is_chunked = codings.len() == 1 && last.eq_ignore_ascii_case(b"chunked");
        return if is_chunked {
            Ok(Rest::Chunks(Chunks::new(MAX_HEAD)))
        } else {
            Err(NoRequest::Framing)
        };
    }
    let mut length = None;
    for value in request.all("content-length") {
        let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(value).ok().filter(|_| is_number);
        let number: u64 = text
            .and_then(|text| text.parse().ok())
            .ok_or(NoRequest::Framing)?;
        if length.is_some_and(|length| length != number) {
            return Err(NoRequest::Framing);
        }
        length = Some(number);
    }
    Ok(Rest::Length(length.unwrap_or(0)))
}

impl Incoming {
    /// The value of the first field of a name.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.all(name).first().copied()
    }

    fn all(&self, name: &str) -> Vec<&[u8]> {
        let fields = self.fields.iter();
        fields
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
            .collect()
    }
}

// By hand: requests carry credentials.
impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incoming({} fields)", self.fields.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8], piece: usize) -> Result<Vec<Incoming>, NoRequest> {
        let mut requests = Requests::default();
        let mut found = Vec::new();
        for piece in bytes.chunks(piece) {
            requests.take(piece);
            while let Some(request) = requests.next_whole()? {
                found.push(request);
            }
        }
        Ok(found)
    }

    const TWO: &[u8] = b"\r\nPOST /a?b=c HTTP/1.1\r\nHost: x\r\nX-Id: 7\r\nContent-Length: 5\r\n\r\nhelloPUT /d HTTP/1.1\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n";

    #[test]
    fn requests_behind_each_other_are_read_whatever_pieces_they_come_in() {
        for piece in [1, 2, 7, TWO.len()] {
            let found = all(TWO, piece).unwrap();
            assert_eq!(found.len(), 2, "{piece}");
            assert_eq!((&*found[0].method, &*found[0].target), ("POST", "/a?b=c"));
            assert_eq!(found[0].field("x-id"), Some(&b"7"[..]));
            assert_eq!((found[0].body_bytes, &*found[0].body), (5, &b"hello"[..]));
            assert_eq!((found[1].body_bytes, &*found[1].body), (5, &b"abcde"[..]));
        }
    }

    #[test]
    fn a_client_that_asks_for_leave_to_send_is_seen_once() {
        let mut requests = Requests::default();
        requests.take(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
        assert_eq!(requests.next_whole(), Ok(None));
        assert!(requests.wants_leave() && !requests.wants_leave());
        requests.take(b"x");
        assert_eq!(requests.next_whole().unwrap().unwrap().body_bytes, 1);
        assert!(requests.is_idle());
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for (bytes, why) in [
            (&b"\x16\x03\x01\x00\xa5\x01"[..], NoRequest::Head),
            (
                b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                NoRequest::Framing,
            ),
            (
                b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
                NoRequest::Framing,
            ),
            (
                b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                NoRequest::Framing,
            ),
            (
                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                NoRequest::Framing,
            ),
        ] {
            assert_eq!(all(bytes, 1), Err(why), "{bytes:?}");
        }
        let mut long = b"GET / HTTP/1.1\r\nX: ".to_vec();
        long.resize(MAX_HEAD + 10, b'a');
        assert_eq!(all(&long, 4096), Err(NoRequest::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_read_does_not_depend_on_how_it_comes(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), Just(b' '), any::<u8>()], 0..200),
            piece in 1_usize..20,
        ) {
            let mut whole = b"POST / HTTP/1.1\r\n".to_vec();
            whole.extend_from_slice(&bytes);
            prop_assert_eq!(all(&whole, piece).ok(), all(&whole, 1).ok());
        }
    }
}
