//! A line that says how a log's lines look, in the words of nginx, Apache or Envoy → columns and what divides them.

use super::column::{Column, Fields};

/// A format.
#[derive(Debug, Clone)]
pub(super) struct Format {
    name: String,
    parts: Vec<Part>,
    columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Column(Column),
}

impl Format {
    /// Compiles a line.
    ///
    /// # Errors
    /// That it names no column of a request, or has two with nothing between them.
    pub(super) fn compile(line: &str) -> Result<Self, String> {
        Self::named("as given", line)
    }

    pub(super) fn named(name: &str, line: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = line.trim();
        while let Some(c) = rest.chars().next() {
            let (part, length) = match c {
                '$' => nginx(rest)?,
                '%' => percent(rest)?,
                '\\' if rest[1..].starts_with('"') => (Part::Text("\"".to_owned()), 2),
                c => (Part::Text(c.to_string()), c.len_utf8()),
            };
            rest = &rest[length..];
            match (parts.last_mut(), part) {
                (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                (Some(Part::Column(_)), Part::Column(_)) => {
                    return Err("the format has two fields with nothing between them, which no line can be divided by".to_owned());
                }
                (_, part) => parts.push(part),
            }
        }
        let columns: Vec<Column> = (parts.iter())
            .filter_map(|part| {
                if let Part::Column(column) = part {
                    Some(column.clone())
                } else {
                    None
                }
            })
            .collect();
        let has_request = columns
            .iter()
            .any(|column| matches!(column, Column::Line | Column::Target | Column::Path));
        if !has_request {
            return Err("the format names no request: use a name (common, combined, envoy, alb, haproxy), or a line with $request (nginx), %r (Apache) or %REQ(:PATH)% (Envoy)".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            parts,
            columns,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether a line is of this format, and its values are what they should be.
    pub(super) fn fits(&self, line: &str) -> bool {
        let names_host = self.columns.starts_with(&[Column::Host, Column::Client]);
        let is_sound = |fields: Fields| fields.is_sound() && (!names_host || fields.names_host());
        self.fields(line).is_some_and(is_sound)
    }

    /// The values of a line, if it is of this format. What follows the last of them is left alone: formats grow.
    pub(super) fn fields(&self, line: &str) -> Option<Fields> {
        let mut fields = Fields::default();
        let mut rest = line;
        let mut is_quoted = false;
        for (at, part) in self.parts.iter().enumerate() {
            match part {
                Part::Text(text) => {
                    rest = rest.strip_prefix(text.as_str())?;
                    is_quoted = text.ends_with('"');
                }
                Part::Column(column) => {
                    let end = match self.parts.get(at + 1) {
                        Some(Part::Text(text)) => until(rest, text, is_quoted)?,
                        _ => rest.find(' ').unwrap_or(rest.len()),
                    };
                    fields.set(column, &unescaped(&rest[..end]));
                    rest = &rest[end..];
                }
            }
        }
        Some(fields)
    }
}

/// Where a value ends that `divider` follows; within quotes a backslash keeps a quote from ending it.
fn until(rest: &str, divider: &str, is_quoted: bool) -> Option<usize> {
    if !is_quoted || !divider.starts_with('"') {
        return rest.find(divider);
    }
    let bytes = rest.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' if rest[at..].starts_with(divider) => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// Without `\x22` and `\"`, as servers write what would end a field.
fn unescaped(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = |range: std::ops::Range<usize>| {
            bytes
                .get(range)
                .and_then(|code| std::str::from_utf8(code).ok())
        };
        if bytes[at] != b'\\' {
            plain.push(bytes[at]);
            at += 1;
            continue;
        }
        match bytes.get(at + 1) {
            Some(b'x') => {
                match code(at + 2..at + 4).and_then(|code| u8::from_str_radix(code, 16).ok()) {
                    Some(byte) => {
                        plain.push(byte);
                        at += 4;
                    }
                    None => {
                        plain.push(b'\\');
                        at += 1;
                    }
                }
            }
            Some(b'u') => {
                match code(at + 2..at + 6).and_then(|code| u32::from_str_radix(code, 16).ok()) {
                    Some(number) => {
                        let c = char::from_u32(number).unwrap_or('\u{fffd}');
                        plain.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                        at += 6;
                    }
                    None => {
                        plain.push(b'\\');
                        at += 1;
                    }
                }
            }
            Some(&c @ (b'"' | b'\\' | b'/')) => {
                plain.push(c);
                at += 2;
            }
            _ => {
                plain.push(b'\\');
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned().into()
}

/// A variable of nginx, and its length.
fn nginx(rest: &str) -> Result<(Part, usize), String> {
    let braces = rest[1..].starts_with('{');
    let start = if braces { 2 } else { 1 };
    let length = rest[start..]
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len() - start);
    let name = &rest[start..start + length];
    let is_open = braces && !rest[start + length..].starts_with('}');
    if name.is_empty() || is_open {
        return Ok((Part::Text("$".to_owned()), 1));
    }
    let column = match name {
        "request" => Column::Line,
        "request_method" => Column::Method,
        "request_uri" => Column::Target,
        "uri" | "document_uri" => Column::Path,
        "args" | "query_string" => Column::Query,
        "server_protocol" => Column::Protocol,
        "scheme" => Column::Scheme,
        "host" | "http_host" | "server_name" => Column::Host,
        "time_local" | "time_iso8601" | "msec" => Column::Time,
        "status" => Column::Status,
        "body_bytes_sent" => Column::AnswerBytes,
        "content_length" => Column::BodyBytes,
        "content_type" => Column::Header("Content-Type".to_owned()),
        "remote_addr" => Column::Client,
        "connection" => Column::Connection,
        "request_time" => Column::Duration(1_000_000),
        name => match name.strip_prefix("http_") {
            Some(header) => Column::Header(titled(&header.replace('_', "-"))),
            None => Column::Other,
        },
    };
    Ok((Part::Column(column), start + length + usize::from(braces)))
}

/// `x-device-id` → `X-Device-Id`, as most clients write it.
pub(super) fn titled(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut chars = word.chars();
        chars
            .next()
            .map(|first| first.to_ascii_uppercase().to_string() + chars.as_str())
            .unwrap_or_default()
    });
    words.collect::<Vec<_>>().join("-")
}

/// A directive of Apache or an operator of Envoy, and its length.
fn percent(rest: &str) -> Result<(Part, usize), String> {
    let word = rest[1..].find('%').map(|end| &rest[1..=end]);
    if let Some(word) = word.filter(|word| is_operator(word)) {
        return Ok((Part::Column(envoy(word)), word.len() + 2));
    }
    let bytes = rest.as_bytes();
    let mut at = 1;
    while bytes
        .get(at)
        .is_some_and(|byte| matches!(byte, b'>' | b'<' | b'!' | b',') || byte.is_ascii_digit())
    {
        at += 1;
    }
    let mut argument = "";
    if rest[at..].starts_with('{') {
        let end = rest[at..]
            .find('}')
            .ok_or("the format has a `{` that is never closed")?;
        argument = &rest[at + 1..at + end];
        at += end + 1;
    }
    let letter = rest[at..]
        .chars()
        .next()
        .ok_or("the format ends with `%`")?;
    let column = match (letter, argument) {
        ('%', _) => return Ok((Part::Text("%".to_owned()), at + 1)),
        ('h' | 'a', _) => Column::Client,
        ('r', _) => Column::Line,
        ('m', _) => Column::Method,
        ('U', _) => Column::Path,
        ('q', _) => Column::Query,
        ('H', _) => Column::Protocol,
        ('v' | 'V', _) => Column::Host,
        ('s', _) => Column::Status,
        ('b' | 'B', _) => Column::AnswerBytes,
        ('D', _) => Column::Duration(1),
        ('T', "ms") => Column::Duration(1000),
        ('T', "us") => Column::Duration(1),
        ('T', _) => Column::Duration(1_000_000),
        ('t', "" | "sec" | "msec" | "usec") => Column::Time,
        ('i', name) if name.eq_ignore_ascii_case("host") => Column::Host,
        ('i', name) if name.eq_ignore_ascii_case("content-length") => Column::BodyBytes,
        ('i', name) => Column::Header(name.to_owned()),
        _ => Column::Other,
    };
    Ok((Part::Column(column), at + letter.len_utf8()))
}

fn is_operator(word: &str) -> bool {
    let name = word.split(['(', ':']).next().unwrap_or_default();
    name.len() > 2
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn envoy(word: &str) -> Column {
    let (name, argument) = word.split_once('(').map_or((word, ""), |(name, rest)| {
        (
            name,
            rest.trim_end_matches([')', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':']),
        )
    });
    let argument = argument.trim_end_matches(')');
    match name {
        "START_TIME" => Column::Time,
        "PROTOCOL" => Column::Protocol,
        "RESPONSE_CODE" => Column::Status,
        "BYTES_RECEIVED" => Column::BodyBytes,
        "BYTES_SENT" => Column::AnswerBytes,
        "DURATION" => Column::Duration(1000),
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" => Column::Client,
        "CONNECTION_ID" => Column::Connection,
        "REQ" => match argument.to_ascii_uppercase().as_str() {
            ":METHOD" => Column::Method,
            ":AUTHORITY" | "HOST" => Column::Host,
            ":SCHEME" => Column::Scheme,
            path if path.ends_with(":PATH") => Column::Target,
            _ => Column::Header(titled(
                &argument
                    .split('?')
                    .next()
                    .unwrap_or_default()
                    .to_ascii_lowercase(),
            )),
        },
        _ => Column::Other,
    }
}
