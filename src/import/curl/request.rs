//! The words of a command of curl → exchanges, with the headers that curl adds by itself.

use super::body::form_type;
use super::options;
use super::said::{Command, Said};
use crate::import::sample::{Body, Exchange, Sample, Skip};
use crate::import::{mark, url};
use crate::traffic::redact::percent;

/// What curl calls itself, of any version.
const AGENT: &str = "curl/8.5.0";
/// What it asks for with `--compressed`.
const ENCODINGS: &str = "deflate, gzip, br, zstd";
/// URLs of one command.
const MOST_URLS: usize = 1000;
/// Of larger bodies it asks whether they are wanted.
const ASKED: usize = 1 << 20;
/// Options that say something about a request which no scenario takes over.
const LEFT_OUT: [&str; 12] = [
    "request-target",
    "continue-at",
    "time-cond",
    "resolve",
    "connect-to",
    "unix-socket",
    "abstract-unix-socket",
    "proxy-user",
    "proxy-header",
    "tr-encoding",
    "haproxy-clientip",
    "variable",
];

impl Command<'_> {
    /// Takes its requests into the sample.
    pub(super) fn take(&self, sample: &mut Sample, words: &[String]) {
        let mut said = Said::default();
        let mut rest = words.iter().peekable();
        let mut only_urls = false;
        while let Some(word) = rest.next() {
            if only_urls || !word.starts_with('-') || word == "-" {
                said.urls.push(word.clone());
                continue;
            }
            if word == "--" {
                only_urls = true;
                continue;
            }
            if let Some(name) = word.strip_prefix("--") {
                let (name, takes) = options::long(
                    name.strip_prefix("no-")
                        .filter(|_| options::long(name).is_none())
                        .unwrap_or(name),
                )
                .unwrap_or_else(|| {
                    sample.note(self.unknown(name));
                    ("", false)
                });
                let value = if takes {
                    rest.next().cloned().unwrap_or_default()
                } else {
                    String::new()
                };
                self.option(sample, &mut said, name, &value);
                continue;
            }
            let mut letters = word[1..].chars();
            while let Some(letter) = letters.next() {
                let (name, takes) = options::short(letter);
                if !takes {
                    self.option(sample, &mut said, name, "");
                    continue;
                }
                let joined = letters.as_str();
                let value = if joined.is_empty() {
                    rest.next().cloned().unwrap_or_default()
                } else {
                    joined.to_owned()
                };
                self.option(sample, &mut said, name, &value);
                break;
            }
        }
        self.send(sample, &said);
    }

    fn option(&self, sample: &mut Sample, said: &mut Said, name: &str, value: &str) {
        match name {
            "next" => self.send(sample, &std::mem::take(said)),
            "url" => said.urls.push(value.to_owned()),
            "request" => said.method = Some(value.to_owned()),
            "header" => self.header(sample, said, value),
            "data" | "data-ascii" => {
                let data = self.data(sample, value, true).map(|bytes| bytes.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect());
                // Only a file loses its line ends.
                said.data.push(if value.starts_with('@') { data } else { Some(value.into()) });
            }
            "data-binary" => said.data.push(self.data(sample, value, true)),
            "data-raw" => said.data.push(Some(value.into())),
            "json" => {
                said.is_json = true;
                said.data.push(self.data(sample, value, true));
            }
            "data-urlencode" => said.data.push(self.encoded(sample, value)),
            "url-query" => {
                let query = if let Some(raw) = value.strip_prefix('+') { Some(raw.into()) } else { self.encoded(sample, value) };
                said.queries.extend(query.map(|query| String::from_utf8_lossy(&query).into_owned()));
            }
            "form" | "form-string" => self.form(sample, said, value, name == "form-string"),
            "upload-file" => said.uploads.push(value.to_owned()),
            "user-agent" if value.is_empty() => said.removed.push("user-agent".to_owned()),
            "user-agent" => said.agent = Some(value.to_owned()),
            "referer" => {
                let referer = value.trim_end_matches(";auto");
                said.referer = (!referer.is_empty()).then(|| referer.to_owned());
            }
            "http0.9" | "http1.0" => sample.note(format!("line {}: curl asks for HTTP/1.0; telemload sends HTTP/1.1", self.line)),
            "cookie" if value.contains('=') => {
                let before = said.cookie.take().map(|before| before + "; ").unwrap_or_default();
                said.cookie = Some(before + value);
            }
            "cookie" => sample.note(format!("line {}: cookies in a file are not read; write them as -b 'name=value'", self.line)),
            "user" => said.user = Some(value.to_owned()),
            "oauth2-bearer" => said.bearer = Some(value.to_owned()),
            "range" if value.contains('-') => said.range = Some(value.to_owned()),
            "range" => said.range = Some(format!("{value}-")),
            "http2" | "http2-prior-knowledge" | "http3" | "http3-only" => sample.note("curl asks for HTTP/2 or HTTP/3; telemload sends HTTP/1.1"),
            "get" => said.is_get = true,
            "head" => said.is_head = true,
            "compressed" => said.is_compressed = true,
            "globoff" => said.is_literal_url = true,
            "path-as-is" => said.keeps_dots = true,
            "location" | "location-trusted" => sample.note("curl follows redirects (-L); telemload sends what is written and follows none"),
            "insecure" => sample.note("curl accepts any certificate (-k): add `tls = { insecure = true }` to [target] if that is meant"),
            "config" => sample.note(format!("line {}: a file of options (-K) is not read; write its options out", self.line)),
            "proxy" | "preproxy" | "socks5" | "socks4" | "socks5-hostname" => sample.note("a proxy of curl is not taken over: see `proxy` of [target]"),
            "cert" | "key" | "cacert" => sample.note("certificates of curl are not taken over: see `tls` of [target]"),
            "netrc" | "netrc-optional" | "netrc-file" => sample.note(format!("line {}: credentials in a netrc file (-n) are not read; write them as -u 'user:password'", self.line)),
            _ if LEFT_OUT.contains(&name) => sample.note(format!("line {}: --{name} is not taken over", self.line)),
            "digest" | "ntlm" | "negotiate" | "anyauth" | "aws-sigv4" => {
                said.is_challenged = true;
                sample.note(format!("line {}: --{name} answers a challenge or signs, which telemload does not: the request has no Authorization", self.line));
            }
            _ => {}
        }
    }

    /// Of an option that curl does not have. What is behind it may be a credential, and so may be the whole word.
    fn unknown(&self, name: &str) -> String {
        let known = name
            .split_once('=')
            .and_then(|(name, _)| options::long(name));
        match known {
            Some((name, true)) => format!(
                "line {}: curl takes no `=` behind `--{name}`, and neither does telemload; write `--{name} VALUE`",
                self.line
            ),
            _ => format!(
                "line {}: it has an option that curl does not have, which is left out",
                self.line
            ),
        }
    }

    fn header(&self, sample: &mut Sample, said: &mut Said, value: &str) {
        if value.starts_with('@') {
            return sample.note(format!(
                "line {}: headers in a file are not read; write them as -H 'Name: value'",
                self.line
            ));
        }
        match value.split_once(':') {
            Some((name, text)) if text.trim().is_empty() => {
                said.removed.push(name.trim().to_ascii_lowercase())
            }
            Some((name, text)) => said
                .headers
                .push((name.trim().to_owned(), text.trim().to_owned())),
            // `Name;` is an empty header.
            None => match value.strip_suffix(';') {
                Some(name) => said.headers.push((name.trim().to_owned(), String::new())),
                None => sample.note(format!(
                    "line {}: a header without a colon is left out, as curl does",
                    self.line
                )),
            },
        }
    }

    /// The requests of what was said.
    fn send(&self, sample: &mut Sample, said: &Said) {
        if said.urls.is_empty() {
            sample.skip(Skip::Unsendable);
            return sample.note(format!("line {}: the command names no URL", self.line));
        }
        for _ in said.urls.iter().skip(MOST_URLS) {
            sample.skip(Skip::Beyond);
        }
        for (at, url) in said.urls.iter().take(MOST_URLS).enumerate() {
            match self.exchange(sample, said, at, url) {
                Some(exchange) => sample.push(exchange),
                None => sample.skip(Skip::Unsendable),
            }
        }
    }

    fn exchange(
        &self,
        sample: &mut Sample,
        said: &Said,
        at: usize,
        given: &str,
    ) -> Option<Exchange> {
        let mut exchange = Exchange::default();
        let upload = said.uploads.get(at);
        let body = self.body(sample, said, upload);
        let (mut body, media_type) = (body.0, body.1);
        let mut address = unescaped(given, said.is_literal_url);
        if !said.is_literal_url && has_glob(given) {
            sample.note(format!("line {}: curl makes several URLs of brackets and braces; telemload sends one, with them in it", self.line));
        }
        if !address.contains("://") {
            address = format!("http://{address}");
        }
        let user = url::take(&mut exchange, &address);
        if let Err(why) = user {
            sample.note(format!("line {}: {why}", self.line));
            return None;
        }
        if !said.keeps_dots {
            exchange.path = without_dots(&exchange.path);
        }
        // curl puts the name of a file behind a directory.
        if let Some(file) = upload.filter(|file| !["-", "."].contains(&file.as_str()))
            && exchange.path.ends_with('/')
        {
            let name = file.rsplit('/').next().unwrap_or(file);
            exchange.path += &mark::rewritten(name, |text| percent(text.as_bytes()));
        }
        let mut queries = said.queries.clone();
        if said.is_get {
            if let Body::Bytes(bytes) = &body {
                queries.push(String::from_utf8_lossy(bytes).into_owned());
            }
            body = Body::Absent;
        }
        let queries = queries.iter().map(|query| url::sendable(query));
        for query in queries.filter(|query| !query.is_empty()) {
            let before = exchange.query.take().filter(|before| !before.is_empty());
            let before = before.map(|before| before.trim_end_matches('&').to_owned() + "&");
            exchange.query = Some(before.unwrap_or_default() + &query);
        }
        // An empty body is one all the same.
        let has_body =
            !said.is_get && (upload.is_some() || !said.form.is_empty() || !said.data.is_empty());
        exchange.method = said.method.clone().unwrap_or_else(|| {
            let method = if said.is_head {
                "HEAD"
            } else if upload.is_some() {
                "PUT"
            } else if has_body {
                "POST"
            } else {
                "GET"
            };
            method.to_owned()
        });
        exchange.body = body;
        headers(&mut exchange, said, media_type.filter(|_| has_body));
        expected(&mut exchange, said, upload);
        Some(exchange)
    }
}

/// Headers in the order in which curl writes them.
fn headers(exchange: &mut Exchange, said: &Said, media_type: Option<String>) {
    let own = std::mem::take(&mut exchange.headers);
    let add = |exchange: &mut Exchange, name: &str, value: String| {
        if !said.speaks_of(name) {
            exchange.add(name, value);
        }
    };
    if said.is_challenged {
        // The first request of such a command tells nobody who asks.
    } else if let Some(user) = &said.user {
        let user = if user.contains(':') {
            user.clone()
        } else {
            format!("{user}:")
        };
        add(exchange, "Authorization", url::basic(&user, &user));
    } else if let Some(bearer) = &said.bearer {
        add(exchange, "Authorization", format!("Bearer {bearer}"));
    } else {
        for header in own {
            add(exchange, &header.name, header.value.unwrap_or_default());
        }
    }
    if let Some(range) = &said.range {
        add(exchange, "Range", format!("bytes={range}"));
    }
    add(
        exchange,
        "User-Agent",
        said.agent.clone().unwrap_or_else(|| AGENT.to_owned()),
    );
    add(
        exchange,
        "Accept",
        if said.is_json {
            "application/json".to_owned()
        } else {
            "*/*".to_owned()
        },
    );
    if said.is_compressed {
        add(exchange, "Accept-Encoding", ENCODINGS.to_owned());
    }
    if let Some(referer) = &said.referer {
        add(exchange, "Referer", referer.clone());
    }
    if let Some(cookie) = &said.cookie {
        add(exchange, "Cookie", cookie.clone());
    }
    for (name, value) in &said.headers {
        let is_form = name.eq_ignore_ascii_case("content-type") && !said.form.is_empty();
        let value = if is_form {
            form_type(value)
        } else {
            value.clone()
        };
        exchange.add(name.clone(), value);
    }
    if let Some(media_type) = media_type {
        let media_type = if said.is_json {
            "application/json".to_owned()
        } else {
            media_type
        };
        if !said.speaks_of("content-type") {
            exchange.add("Content-Type", media_type);
        }
    }
}

/// What curl says of a body by itself: that of `-T` and a large one wait until the server wants them, one of unknown length comes in chunks.
fn expected(exchange: &mut Exchange, said: &Said, upload: Option<&String>) {
    let bytes = match &exchange.body {
        Body::Bytes(bytes) => bytes.len(),
        _ => return,
    };
    let is_stream = upload.is_some_and(|file| file == "-" || file == ".");
    if is_stream && !said.speaks_of("transfer-encoding") {
        exchange.add("Transfer-Encoding", "chunked");
    }
    if (upload.is_some() || bytes > ASKED) && !said.speaks_of("expect") {
        exchange.add("Expect", "100-continue");
    }
}

/// A path without the parts `.` and `..`, which curl takes out of a URL (RFC 3986 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    // A directory stays one.
    if path.ends_with("/.") || path.ends_with("/..") {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

/// Without the backslashes that keep brackets and braces from meaning something.
fn unescaped(url: &str, is_literal: bool) -> String {
    let mut text = url.trim().to_owned();
    if !is_literal {
        for c in ["[", "]", "{", "}"] {
            text = text.replace(&format!("\\{c}"), c);
        }
    }
    text
}

fn has_glob(url: &str) -> bool {
    let bytes = url.as_bytes();
    let host = url.find("://").map_or(0, |at| at + 3);
    bytes.iter().enumerate().any(|(at, byte)| {
        let is_open = matches!(byte, b'{' | b'[') && (at == 0 || bytes[at - 1] != b'\\');
        // An IPv6 address begins with a bracket.
        is_open && at != host
    })
}
