//! Bodies that the command line gives: a text, a file, standard input, curl's `--data` and its kin, fields of a form.

use std::io::{self, Read};
use std::path::Path;

use super::exit::Usage;
use crate::import::last_setting;
use crate::scenario::{self, Body, Content, Field, Header};
use crate::traffic::redact::visible;

/// What gives a request its body; the kinds do not go together.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Given {
    /// Body to send, or @FILE, or @- for standard input. Known placeholders in it are filled in.
    #[arg(long, value_name = "TEXT | @FILE")]
    body: Option<String>,
    /// Field of a form (multipart/form-data): NAME=TEXT or NAME=@FILE, and `;type=TYPE` or `;filename=NAME` behind it; repeatable.
    #[arg(short = 'F', long, value_name = "NAME=CONTENT")]
    form: Vec<String>,
    /// As curl sends it: several are joined by `&`, the media type is that of a form.
    #[arg(long, alias = "data-ascii", hide = true)]
    data: Vec<String>,
    /// As `--data`, and an `@` is one.
    #[arg(long, hide = true)]
    data_raw: Vec<String>,
    /// As `--data`, with the bytes of files as they are.
    #[arg(long, hide = true)]
    data_binary: Vec<String>,
    /// As `--data`, encoded as in a URL.
    #[arg(long, hide = true)]
    data_urlencode: Vec<String>,
}

/// The media type that curl gives to what `--data` sends.
const FORM: &str = "application/x-www-form-urlencoded";

impl Given {
    /// Whether there is any.
    pub(super) fn is_given(&self) -> bool {
        let lists = [
            &self.form,
            &self.data,
            &self.data_raw,
            &self.data_binary,
            &self.data_urlencode,
        ];
        self.body.is_some() || lists.iter().any(|list| !list.is_empty())
    }

    /// What a user should know whose body is the name of a file.
    pub(super) fn file_as_text(&self) -> Option<String> {
        let text = self
            .body
            .as_deref()
            .or(self.data.first().map(String::as_str))?;
        let is_file = !text.starts_with('@') && Path::new(text).is_file();
        is_file.then(|| {
            let text = visible(text);
            format!(
                "the body is the text `{text}`; to send the file of that name write --body @{text}"
            )
        })
    }

    /// The body, and the header that comes with it.
    pub(super) fn read(&self) -> Result<Option<(Body, Option<Header>)>, Usage> {
        let kinds = [
            ("--body", self.body.is_some()),
            ("--form", !self.form.is_empty()),
            ("--data", !self.data.is_empty()),
            ("--data-raw", !self.data_raw.is_empty()),
            ("--data-binary", !self.data_binary.is_empty()),
            ("--data-urlencode", !self.data_urlencode.is_empty()),
        ];
        let mut given = kinds.iter().filter(|(_, given)| *given);
        let Some((kind, _)) = given.next() else {
            return Ok(None);
        };
        if let Some((other, _)) = given.next() {
            return Err(Usage(format!(
                "{kind} and {other} both give a body; use one of them"
            )));
        }
        let mut input = Input::default();
        if let Some(text) = &self.body {
            let body = match text.strip_prefix('@') {
                None => Body::Text(text.clone()),
                // Bytes that are no text have no placeholders.
                Some(file) => match String::from_utf8(input.read(kind, file)?) {
                    Ok(text) => Body::Text(text),
                    Err(error) => Body::Raw(error.into_bytes()),
                },
            };
            return Ok(Some((body, None)));
        }
        if !self.form.is_empty() {
            let fields = self.form.iter().map(|field| input.field(field));
            return Ok(Some((Body::Form(fields.collect::<Result<_, _>>()?), None)));
        }
        let texts = [
            &self.data,
            &self.data_raw,
            &self.data_binary,
            &self.data_urlencode,
        ];
        let pieces = texts.into_iter().flatten();
        let pieces = pieces.map(|text| input.data(kind, text));
        let pieces = pieces.collect::<Result<Vec<Vec<u8>>, Usage>>()?;
        let bytes = pieces.join(&b'&');
        let is_typed = self.data_urlencode.is_empty() && !input.was_used;
        let body = match String::from_utf8(bytes) {
            Ok(text) if is_typed => Body::Text(text),
            Ok(text) => Body::Raw(text.into_bytes()),
            Err(error) => Body::Raw(error.into_bytes()),
        };
        let header = Header {
            name: "Content-Type".to_owned(),
            value: Some(FORM.to_owned()),
            is_default: true,
        };
        Ok(Some((body, Some(header))))
    }
}

/// Files and standard input, which can be read once.
#[derive(Default)]
struct Input {
    was_used: bool,
    stdin_was_read: bool,
}

impl Input {
    fn read(&mut self, flag: &str, file: &str) -> Result<Vec<u8>, Usage> {
        self.was_used = true;
        let refused = |error: &dyn std::fmt::Display| {
            let shown = if file == "-" { "standard input" } else { file };
            Usage(format!("{flag}: cannot read {shown}: {error}"))
        };
        if file != "-" {
            return scenario::read_at_most(Path::new(file), scenario::MAX_BODY_FILE)
                .map_err(|error| refused(&error));
        }
        if std::mem::replace(&mut self.stdin_was_read, true) {
            return Err(refused(&"it was read already; name it once"));
        }
        let mut bytes = Vec::new();
        let limit = scenario::MAX_BODY_FILE;
        io::stdin()
            .lock()
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| refused(&error))?;
        if bytes.len() as u64 > limit {
            return Err(refused(&format!(
                "it has more than {limit} bytes, which is the limit"
            )));
        }
        Ok(bytes)
    }

    /// One piece of a body, as curl makes it.
    fn data(&mut self, flag: &str, text: &str) -> Result<Vec<u8>, Usage> {
        let file = text.strip_prefix('@');
        match (flag, file) {
            ("--data-urlencode", _) => self.urlencoded(flag, text),
            ("--data", Some(file)) => {
                let mut bytes = self.read(flag, file)?;
                bytes.retain(|byte| !b"\r\n\0".contains(byte));
                Ok(bytes)
            }
            ("--data-binary", Some(file)) => self.read(flag, file),
            _ => Ok(text.as_bytes().to_vec()),
        }
    }

    /// `CONTENT`, `=CONTENT`, `NAME=CONTENT`, `@FILE`, `NAME@FILE`.
    fn urlencoded(&mut self, flag: &str, text: &str) -> Result<Vec<u8>, Usage> {
        let (name, content) = match text.find(['=', '@']) {
            None => ("", text.as_bytes().to_vec()),
            Some(at) if text[at..].starts_with('=') => {
                (&text[..at], text.as_bytes()[at + 1..].to_vec())
            }
            Some(at) => (&text[..at], self.read(flag, &text[at + 1..])?),
        };
        let mut bytes = name.as_bytes().to_vec();
        if !name.is_empty() {
            bytes.push(b'=');
        }
        for byte in content {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                bytes.push(byte);
            } else if byte == b' ' {
                // As in a form, and as curl does.
                bytes.push(b'+');
            } else {
                bytes.extend(format!("%{byte:02X}").bytes());
            }
        }
        Ok(bytes)
    }

    /// `NAME=CONTENT`, as curl's `--form` takes it.
    fn field(&mut self, text: &str) -> Result<Field, Usage> {
        let flag = "--form";
        let Some((name, content)) = text.split_once('=').filter(|(name, _)| !name.is_empty())
        else {
            return Err(Usage(format!(
                "{flag}: a field is written NAME=TEXT or NAME=@FILE"
            )));
        };
        let (content, settings) = settings(content)?;
        let setting = |key: &str| {
            let found = settings.iter().find(|(known, _)| *known == key);
            found.map(|(_, value)| value.clone())
        };
        let (content, own_name) = if let Some(file) = content.strip_prefix('@') {
            let file = &unquoted(file);
            let own = Path::new(file).file_name();
            let own = own.map(|name| name.to_string_lossy().into_owned());
            let own = own.unwrap_or_else(|| file.to_owned());
            (Content::Raw(self.read(flag, file)?), Some(own))
        } else if let Some(file) = content.strip_prefix('<') {
            (Content::Raw(self.read(flag, &unquoted(file))?), None)
        } else {
            (Content::Text(unquoted(content)), None)
        };
        Ok(Field {
            name: name.to_owned(),
            content,
            filename: setting("filename").or(own_name),
            media_type: setting("type"),
        })
    }
}

/// A name and its value.
type Setting = (&'static str, String);

/// What stands before `;type=…` and `;filename=…`, and these.
fn settings(content: &str) -> Result<(&str, Vec<Setting>), Usage> {
    let mut rest = content;
    let mut found = Vec::new();
    while let Some((before, setting)) = last_setting(rest) {
        let Some((key, value)) = setting.split_once('=') else {
            break;
        };
        let key = match key.trim() {
            "type" => "type",
            "filename" => "filename",
            "headers" | "encoder" => {
                return Err(Usage(format!(
                    "--form: telemload sends a field's `type` and `filename`, and no `{}`; leave it out",
                    key.trim()
                )));
            }
            _ => break,
        };
        found.push((key, unquoted(value)));
        rest = before;
    }
    Ok((rest, found))
}

/// What stands between quotes that are around all of a text, as curl takes it: a backslash stands for what follows it.
fn unquoted(text: &str) -> String {
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else {
        return text.to_owned();
    };
    let mut plain = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let escaped = (c == '\\').then(|| chars.next()).flatten();
        plain.push(escaped.unwrap_or(c));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_what_it_says_behind_its_content_and_no_more() {
        for (text, content, media_type, filename) in [
            ("a=b", "b", None, None),
            ("a=", "", None, None),
            (
                "a=\"b\\\"c;type=x\";type=text/plain",
                "b\"c;type=x",
                Some("text/plain"),
                None,
            ),
            ("a=b;c=d", "b;c=d", None, None),
            (
                "a={\"x\":1};type=application/json",
                "{\"x\":1}",
                Some("application/json"),
                None,
            ),
            (
                "a=b;type=text/plain;filename=\"c d\"",
                "b",
                Some("text/plain"),
                Some("c d"),
            ),
        ] {
            let field = Input::default().field(text).unwrap();
            assert_eq!(field.content, Content::Text(content.to_owned()), "{text}");
            assert_eq!(field.media_type.as_deref(), media_type, "{text}");
            assert_eq!(field.filename.as_deref(), filename, "{text}");
        }
        let file = Input::default()
            .field("f=@Cargo.toml;filename=\"a;b.txt\"")
            .unwrap();
        assert_eq!(file.filename.as_deref(), Some("a;b.txt"));
        for text in ["a", "=b", ""] {
            assert!(Input::default().field(text).is_err(), "{text}");
        }
    }

    #[test]
    fn data_is_encoded_as_curl_does() {
        let given = Given {
            data_urlencode: ["a b", "=ä", "n=1&2", "x"].map(str::to_owned).to_vec(),
            ..Given::default()
        };
        let (body, header) = given.read().unwrap().unwrap();
        assert_eq!(body, Body::Raw(b"a+b&%C3%A4&n=1%262&x".to_vec()));
        assert!(header.unwrap().is_default);
    }
}
