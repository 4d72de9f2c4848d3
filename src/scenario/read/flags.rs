//! What the command line says of load and requests, and where: a flag is a place in errors, as a line of the file is.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::Source;
use crate::traffic::redact::{REDACTED, is_sensitive_name, without_credentials, without_user};
use crate::units::{Rate, format_duration};

/// Flags that take the place of what the scenario says about load and requests; `None` leaves it.
#[derive(Clone, Default)]
pub struct Overrides {
    /// Connections of every phase.
    pub connections: Option<u32>,
    /// Window of every phase.
    pub duration: Option<Duration>,
    /// Timeout of every phase.
    pub timeout: Option<Duration>,
    /// Makes every phase open loop at this rate.
    pub rate: Option<Rate>,
    /// Requests of every phase.
    pub requests: Option<u64>,
    /// Threads of the generator in every phase.
    pub workers: Option<u32>,
    /// Sent with every request, in the place of headers of the same name.
    pub headers: Vec<Header>,
    /// Method of every request.
    pub method: Option<String>,
    /// Body of every request.
    pub body: Option<Body>,
    /// Profile through this endpoint.
    pub pprof: Option<String>,
    /// Measures the CPU of this process, for a URL target.
    pub pid: Option<u32>,
    /// How the target is spoken to over TLS.
    pub tls: TlsFlags,
    /// Host and port that connections go to.
    pub connect_to: Option<String>,
    /// Unix socket that connections go to.
    pub unix_socket: Option<PathBuf>,
    /// Forward proxy that connections go through.
    pub proxy: Option<String>,
    /// Addresses that connections come from, several of them divided by commas.
    pub bind: Option<String>,
    /// Opens a connection for each request.
    pub no_keep_alive: bool,
    /// What is loaded instead of the scenario's target.
    pub target: Option<GivenTarget>,
    /// Words before the command of the target, such as those of a program that runs it elsewhere.
    pub before_command: Option<String>,
    /// Of the mix, of arrivals and of random values.
    pub seed: Option<u64>,
    /// The seed where neither the flag nor the scenario gives one.
    pub fresh_seed: u64,
    /// How many processes the run is split over.
    pub shards: Option<u32>,
    /// Only this variant.
    pub variant: Option<String>,
    /// How long a gate may take.
    pub budget: Option<Duration>,
    /// Judges what cannot be trusted, whatever the scenario says of that.
    pub allow_untrusted: bool,
    /// Secrets are shown in dry runs and in the words of failures.
    pub show_secrets: bool,
}

// By hand: proxies, URLs and headers hold credentials.
impl std::fmt::Debug for Overrides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Overrides ")?;
        f.debug_list().entries(self.shown()).finish()
    }
}

/// A target from the command line.
#[derive(Clone, PartialEq, Eq)]
pub enum GivenTarget {
    /// A command that telemload starts.
    Command {
        /// The flag that names it.
        flag: &'static str,
        /// With `{port}` where the port goes.
        line: String,
    },
    /// What runs already.
    Url {
        /// The flag that names it.
        flag: &'static str,
        /// Its address.
        url: String,
    },
}

impl GivenTarget {
    /// The flag, and what may be shown of its value.
    fn shown(&self) -> (&'static str, String) {
        match self {
            Self::Command { flag, line } => (flag, without_credentials(line)),
            Self::Url { flag, url } => (flag, without_credentials(&without_user(url))),
        }
    }
}

/// Flags that take the place of keys of `tls`; paths are taken from the working directory.
#[derive(Debug, Clone, Default)]
pub struct TlsFlags {
    /// Certificates of authorities.
    pub ca: Option<PathBuf>,
    /// Certificate of the client.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// Name that the target's certificate is for.
    pub server_name: Option<String>,
    /// Accepts any certificate.
    pub insecure: bool,
    /// Shakes hands in full each time.
    pub no_resumption: bool,
}

/// A header from the command line.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name as it was typed.
    pub name: String,
    /// Its value; `None` takes the header of this name away.
    pub value: Option<String>,
    /// Whether it gives way to the same header of another flag: it was not typed, but follows from a flag.
    pub is_default: bool,
}

impl Header {
    /// What stands for a user and a password.
    pub fn basic(user: &str, password: &str) -> Self {
        Self {
            name: "Authorization".to_owned(),
            value: Some(basic(user, password)),
            is_default: true,
        }
    }
}

/// The value of Authorization that stands for a user and a password (RFC 7617).
pub(in crate::scenario) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

// By hand: values are credentials at times.
impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Header({})", self.name)
    }
}

/// A body from the command line.
#[derive(Clone, PartialEq)]
pub enum Body {
    /// Text, in which placeholders are filled in.
    Text(String),
    /// Bytes that are sent as they are.
    Raw(Vec<u8>),
    /// Fields of a form, sent as multipart/form-data.
    Form(Vec<Field>),
}

// By hand: bodies hold what is sent to log in.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({})", self.describe())
    }
}

impl Body {
    fn describe(&self) -> String {
        match self {
            Self::Text(text) => bytes(text),
            Self::Raw(raw) => bytes(raw),
            Self::Form(fields) => format!("a form of {} fields", fields.len()),
        }
    }
}

/// How long a content is, which is all that is shown of it.
fn bytes(content: impl AsRef<[u8]>) -> String {
    format!("{} bytes", content.as_ref().len())
}

/// A field of a form.
#[derive(Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it holds: text with placeholders, or bytes as they are.
    pub content: Content,
    /// Name of a file, if it is sent as one.
    pub filename: Option<String>,
    /// Its media type.
    pub media_type: Option<String>,
}

// By hand, as for bodies.
impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Field({}: {:?})", self.name, self.content)
    }
}

/// What a field of a form holds.
#[derive(Clone, PartialEq)]
pub enum Content {
    /// Text, in which placeholders are filled in.
    Text(String),
    /// Bytes that are sent as they are.
    Raw(Vec<u8>),
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&match self {
            Self::Text(text) => bytes(text),
            Self::Raw(raw) => bytes(raw),
        })
    }
}

/// The flags that can be at fault, by the number of their place.
const FLAGS: [&str; 28] = [
    "-c",
    "-d",
    "-T",
    "-R",
    "-n",
    "--workers",
    "-H",
    "-M",
    "--body",
    "--form",
    "--pprof",
    "--pid",
    "--cacert",
    "--cert",
    "--key",
    "--server-name",
    "--insecure",
    "--no-resumption",
    "--connect-to",
    "--unix-socket",
    "--proxy",
    "--bind",
    "--budget",
    "--base",
    "--head",
    "--base-url",
    "--head-url",
    "--url",
];

impl Source<'_> {
    /// The place of a flag: behind the end of the text, where no place of the file is.
    pub(in crate::scenario) fn flag(&self, name: &str) -> Range<usize> {
        let at = FLAGS.iter().position(|flag| *flag == name);
        let at = self.text.len() + 1 + at.expect("every flag has a place");
        at..at + 1
    }

    /// The flag at a place, if it is one.
    pub(in crate::scenario) fn flag_at(&self, place: &Range<usize>) -> Option<&'static str> {
        let at = place.start.checked_sub(self.text.len() + 1)?;
        FLAGS.get(at).copied()
    }
}

impl Overrides {
    /// Every flag that was given, with what may be shown of its value.
    pub(in crate::scenario) fn shown(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let set = |flag: bool, words: &str| flag.then(|| words.to_owned());
        let tls = &self.tls;
        let values = [
            ("-c", self.connections.map(|n| n.to_string())),
            ("-d", self.duration.map(format_duration)),
            ("-T", self.timeout.map(format_duration)),
            ("-R", self.rate.map(|rate| rate.to_string())),
            ("-n", self.requests.map(|n| n.to_string())),
            ("--workers", self.workers.map(|n| n.to_string())),
            ("-M", self.method.clone()),
            ("--pprof", self.pprof.as_deref().map(without_credentials)),
            ("--pid", self.pid.map(|pid| pid.to_string())),
            ("--cacert", path(&tls.ca)),
            ("--cert", path(&tls.cert)),
            ("--key", path(&tls.key)),
            ("--server-name", tls.server_name.clone()),
            ("--insecure", set(tls.insecure, "any certificate")),
            ("--no-resumption", set(tls.no_resumption, "full handshakes")),
            ("--connect-to", self.connect_to.clone()),
            ("--unix-socket", path(&self.unix_socket)),
            ("--proxy", self.proxy.as_deref().map(without_user)),
            ("--bind", self.bind.clone()),
            (
                "--no-keepalive",
                set(self.no_keep_alive, "a connection for each request"),
            ),
            (
                "--allow-untrusted",
                set(self.allow_untrusted, "what is not trusted is judged"),
            ),
            ("--budget", self.budget.map(format_duration)),
            ("--variant", self.variant.clone()),
            ("--seed", self.seed.map(|seed| seed.to_string())),
            ("--body", self.body.as_ref().map(Body::describe)),
        ];
        let headers = self.headers.iter().map(|header| {
            let shown = match &header.value {
                None => "is not sent".to_owned(),
                Some(_) if is_sensitive_name(&header.name) => REDACTED.to_owned(),
                Some(value) => without_credentials(value),
            };
            ("-H", format!("{}: {shown}", header.name))
        });
        let values = values
            .into_iter()
            .filter_map(|(flag, value)| Some((flag, value?)));
        let target = self.target.as_ref().map(GivenTarget::shown);
        values.chain(target).chain(headers).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flag_is_shown_with_its_credentials() {
        for (proxy, pprof) in [
            ("ann:hushhush@127.0.0.1:9", "http://h/p?token=hushhush"),
            ("http://ann:x/hushhush@h:9", "http://ann:x@hushhush@h/p"),
            (
                "ann:9/hushhush@h:9",
                "http://ann:hushhush@h/p?token=hushhush",
            ),
            ("ann:@hushhush@h:9", "http://ann:x/hushhush@h/p"),
        ] {
            let field = |content| Field {
                name: "password".to_owned(),
                content,
                filename: Some("f".to_owned()),
                media_type: None,
            };
            let flags = Overrides {
                proxy: Some(proxy.to_owned()),
                pprof: Some(pprof.to_owned()),
                ..Overrides::default()
            };
            let shown = format!("{:?} {flags:?}", flags.shown());
            assert!(!shown.contains("hush"), "{shown}");
            assert!(shown.contains("[redacted]@"), "{shown}");
            for content in [
                Content::Text("hushhush".to_owned()),
                Content::Raw(b"hushhush".to_vec()),
            ] {
                let shown = format!("{content:?} {:?}", field(content.clone()));
                let bytes = format!("{:?}", b"hushhush");
                assert!(
                    !shown.contains("hush") && !shown.contains(&bytes),
                    "{shown}"
                );
                assert!(
                    shown.contains("8 bytes") && shown.contains("password"),
                    "{shown}"
                );
            }
        }
    }
}
