//! Recorded traffic, whatever it was read from: exchanges, what was left out and why, and what each source can hold. Plain values.
//!
//! A field that a source does not record is `None`, and [`Holds`] says which these are: what is unknown is never taken for absent.

use std::collections::BTreeMap;

use crate::traffic::fields::is_token;

/// Exchanges of one or more sources.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// What was read.
    pub sources: Vec<Source>,
    /// In the order of their times, where these are known.
    pub exchanges: Vec<Exchange>,
    /// What was left out, by its reason.
    pub skipped: BTreeMap<Skip, u64>,
    /// What a reader should know, in sentences. They quote no values.
    pub notes: Vec<String>,
    /// About as many bytes as the exchanges take.
    pub(super) bytes: usize,
}

/// A file, and what it can hold.
#[derive(Debug, Clone)]
pub struct Source {
    /// As the user named it.
    pub name: String,
    /// What it is, in words.
    pub format: String,
    /// What wrote it, as it says itself.
    pub producer: Option<String>,
    /// Entries, commands or lines in it, imported or not.
    pub entries: u64,
    /// What it can hold.
    pub holds: Holds,
}

/// What a source records of the requests in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holds {
    /// Which headers.
    pub headers: Headers,
    /// Whether their order is that on the wire.
    pub order: bool,
    /// Whether bodies are in it, or their sizes alone.
    pub body: Bodies,
    /// How exact its times are.
    pub time: Times,
    /// Whether it names the host.
    pub host: bool,
    /// Whether it tells clients apart.
    pub client: bool,
    /// Whether it tells connections apart.
    pub connection: bool,
    /// Whether it has the status of the answer.
    pub status: bool,
}

impl Holds {
    /// What two sources hold together: what both of them do.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        Self {
            headers: self.headers.both(other.headers),
            order: self.order && other.order,
            body: self.body.max(other.body),
            time: self.time.max(other.time),
            host: self.host && other.host,
            client: self.client && other.client,
            connection: self.connection && other.connection,
            status: self.status && other.status,
        }
    }
}

impl Headers {
    fn both(self, other: Self) -> Self {
        let lacks =
            |names: &[String], name: &String| !names.iter().any(|of| of.eq_ignore_ascii_case(name));
        match (self, other) {
            (Self::AllBut(mut one), Self::AllBut(other)) => {
                one.extend(other);
                Self::AllBut(one)
            }
            (Self::AllBut(but), Self::Only(mut only))
            | (Self::Only(mut only), Self::AllBut(but)) => {
                only.retain(|name| lacks(&but, name));
                Self::Only(only)
            }
            (Self::Only(mut one), Self::Only(other)) => {
                one.retain(|name| !lacks(&other, name));
                Self::Only(one)
            }
        }
    }
}

/// Which headers a source records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Headers {
    /// All but these, which its producer drops or hides.
    AllBut(Vec<String>),
    /// These alone.
    Only(Vec<String>),
}

/// What a source records of bodies; the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bodies {
    /// Their bytes.
    Whole,
    /// How long they are.
    Sizes,
    /// Nothing.
    Nothing,
}

/// How exact the times of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Times {
    /// To the millisecond, or better.
    Fine,
    /// Whole seconds.
    Seconds,
    /// There are none.
    Absent,
}

/// A request, and what is known of its answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exchange {
    /// Its source, by number.
    pub source: usize,
    /// When it began, in microseconds since 1970.
    pub at_us: Option<i64>,
    /// Who sent it.
    pub client: Option<String>,
    /// The connection that carried it.
    pub connection: Option<String>,
    /// Its method.
    pub method: String,
    /// `http` or `https`.
    pub scheme: Option<String>,
    /// Host, with its port where the scheme's own is not used.
    pub host: Option<String>,
    /// Path as it was sent.
    pub path: String,
    /// Query as it was sent, without the `?`.
    pub query: Option<String>,
    /// In their order, those of HTTP/2 alone left out.
    pub headers: Vec<Header>,
    /// Its body.
    pub body: Body,
    /// Version of HTTP, such as `HTTP/1.1`.
    pub protocol: Option<String>,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Bytes of the answer's body.
    pub answer_bytes: Option<u64>,
    /// From the request to the end of its answer, in microseconds.
    pub duration_us: Option<u64>,
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// As it was written.
    pub name: String,
    /// `None` where the source hides it.
    pub value: Option<String>,
}

/// The body of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Body {
    /// Nobody knows whether there was one.
    #[default]
    Unknown,
    /// There was none.
    Absent,
    /// There was one of this length.
    Size(u64),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// Why an entry is no request to replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// Answered by a cache of the client.
    Cached,
    /// It never reached a server.
    NeverSent,
    /// The opening of a WebSocket.
    WebSocket,
    /// A tunnel through a proxy.
    Connect,
    /// No request line: the server understood nothing.
    NoRequest,
    /// Text that is not of the format.
    Unreadable,
    /// A command that is none of curl.
    OtherCommand,
    /// It cannot be sent as it was recorded.
    Unsendable,
    /// It went to another origin.
    OtherOrigin,
    /// More than telemload keeps.
    Beyond,
}

impl Skip {
    /// The reason, for people and in `--json`.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Cached => (
                "cached",
                "answered by a cache of the client: no server saw it",
            ),
            Self::NeverSent => (
                "never_sent",
                "never sent, or never answered (blocked, aborted, no HTTP)",
            ),
            Self::WebSocket => ("websocket", "a WebSocket, which telemload does not speak"),
            Self::Connect => ("connect", "CONNECT: a tunnel of a proxy"),
            Self::NoRequest => (
                "no_request",
                "no request line: the server understood nothing",
            ),
            Self::Unreadable => (
                "unreadable",
                "not of this format (cut off, or a line of another kind)",
            ),
            Self::OtherCommand => ("other_command", "a command that is not curl"),
            Self::Unsendable => (
                "unsendable",
                "cannot be sent as it was recorded (a URL, host, port or method that is none)",
            ),
            Self::OtherOrigin => ("other_origin", "to another origin; choose with --origin"),
            Self::Beyond => (
                "beyond",
                "more than telemload keeps (200,000 requests, 256 MiB of them, 1,000 URLs of a command)",
            ),
        }
    }
}

/// Requests that are kept in memory.
const MOST: usize = 200_000;
/// Bytes of requests that are kept in memory.
const MOST_BYTES: usize = 256 << 20;
/// Notes that are kept.
const MOST_NOTES: usize = 40;

impl Sample {
    /// Counts what is left out.
    pub fn skip(&mut self, why: Skip) {
        *self.skipped.entry(why).or_default() += 1;
    }

    /// Takes a request in.
    pub fn push(&mut self, exchange: Exchange) {
        if !is_token(&exchange.method) {
            return self.skip(Skip::Unsendable);
        }
        let bytes = exchange.bytes();
        if self.exchanges.len() < MOST && self.bytes + bytes <= MOST_BYTES {
            self.bytes += bytes;
            self.exchanges.push(exchange);
        } else {
            self.skip(Skip::Beyond);
        }
    }

    /// Says something once.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if self.notes.len() < MOST_NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Takes in what another file holds, in the order of times.
    pub fn join(&mut self, other: Self) {
        let before = self.sources.len();
        self.sources.extend(other.sources);
        for mut exchange in other.exchanges {
            exchange.source += before;
            self.push(exchange);
        }
        for (why, count) in other.skipped {
            *self.skipped.entry(why).or_default() += count;
        }
        for note in other.notes {
            self.note(note);
        }
        // Stable: what has no time, or the same, keeps its place.
        if self
            .exchanges
            .iter()
            .all(|exchange| exchange.at_us.is_some())
        {
            self.exchanges.sort_by_key(|exchange| exchange.at_us);
        }
    }
}

impl Exchange {
    /// `scheme://host`, where the host is known.
    pub fn origin(&self) -> Option<String> {
        let host = self.host.as_deref()?;
        Some(format!(
            "{}://{host}",
            self.scheme.as_deref().unwrap_or("http")
        ))
    }

    /// About as many bytes as it takes in memory.
    fn bytes(&self) -> usize {
        let texts = [
            Some(&self.method),
            Some(&self.path),
            self.query.as_ref(),
            self.host.as_ref(),
            self.client.as_ref(),
            self.connection.as_ref(),
        ];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        let headers = self.headers.iter();
        let headers = headers.map(|header| {
            size_of::<Header>() + header.name.len() + header.value.as_ref().map_or(0, String::len)
        });
        let body = if let Body::Bytes(bytes) = &self.body {
            bytes.len()
        } else {
            0
        };
        size_of::<Self>() + texts + headers.sum::<usize>() + body
    }

    /// The value of the first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))?;
        found.value.as_deref()
    }

    /// Whether it has a header of a name.
    pub fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|header| header.name.eq_ignore_ascii_case(name))
    }

    /// Adds a header.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.headers.push(Header {
            name: name.into(),
            value: Some(value.into()),
        });
    }

    /// Several cookie headers, as HTTP/2 has them, are one in HTTP/1.1 (RFC 9113 8.2.3).
    pub fn join_cookies(&mut self) {
        let is_cookie = |header: &Header| header.name.eq_ignore_ascii_case("cookie");
        let crumbs: Vec<String> = (self.headers.iter())
            .filter(|header| is_cookie(header))
            .filter_map(|header| header.value.clone())
            .collect();
        if crumbs.len() < 2 {
            return;
        }
        let mut first = true;
        self.headers.retain_mut(|header| {
            if is_cookie(header) && first {
                first = false;
                header.value = Some(crumbs.join("; "));
                return true;
            }
            !is_cookie(header)
        });
    }
}
