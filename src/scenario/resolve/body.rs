//! Bodies of requests: text, bytes, forms, and whether they come in chunks.

use std::ops::Range;
use std::time::Duration;

use sha2::{Digest, Sha256};
use toml::Spanned;

use super::context::{Context, Templates};
use crate::scenario::plan::Chunks;
use crate::scenario::read::bytes::MAX_BODY_FILE;
use crate::scenario::read::error::Error;
use crate::scenario::read::file::{self, Text};
use crate::scenario::read::texts::{FieldEntry, FieldTable, Fields};
use crate::scenario::read::values::length;
use crate::traffic::template::Template;
use crate::transport::input::read_at_most;

/// The media type of a form.
pub(super) const MULTIPART: &str = "multipart/form-data";

/// As large as what many clients read of a file at once.
const CHUNK: u64 = 16 << 10;

/// A longer pause is a client that is gone.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// A body, and the media type that it cannot do without.
pub(super) struct Body {
    pub(super) template: Template,
    pub(super) media_type: Option<String>,
}

impl Context<'_> {
    pub(super) fn body(
        &self,
        request: &file::Request,
        salt: u64,
        templates: &Templates<'_>,
    ) -> Result<Option<Body>, Error> {
        let key = format!("request.{}.body", request.name.get_ref());
        if let Some(second) = request.bodies().nth(1) {
            return Err(self.source.error(
                Some(second),
                &key,
                "a request has one of `body`, `body_file`, `body_raw` and `form`",
            ));
        }
        let plain = |template| {
            Ok(Some(Body {
                template,
                media_type: None,
            }))
        };
        if let Some(body) = &request.body {
            return plain(templates.compile(body, &key, salt)?);
        }
        if let Some(file) = &request.body_raw {
            return plain(Template::raw(self.read(file, &format!("{key}_raw"))?));
        }
        if let Some(bytes) = &request.body_bytes {
            return plain(Template::raw(bytes.get_ref().clone()));
        }
        if let Some(form) = &request.form {
            let key = format!("request.{}.form", request.name.get_ref());
            return self.form(form, &key, salt, templates).map(Some);
        }
        let Some(file) = &request.body_file else {
            return Ok(None);
        };
        let key = format!("{key}_file");
        // Bytes that are no text have no placeholders.
        let text = match String::from_utf8(self.read(file, &key)?) {
            Ok(text) => text,
            Err(error) => return plain(Template::raw(error.into_bytes())),
        };
        let compiled = Template::compile(&text, salt, &templates.scope);
        plain(compiled.map_err(|error| {
            let path = self.directory.join(file.get_ref());
            let message = format!(
                "{}: {}; to send the file as it is name it in `body_raw`",
                path.display(),
                error.message
            );
            self.source.error(Some(file.span()), &key, message)
        })?)
    }

    fn read(&self, file: &Text, key: &str) -> Result<Vec<u8>, Error> {
        let path = self.directory.join(file.get_ref());
        read_at_most(&path, MAX_BODY_FILE).map_err(|error| {
            let message = format!(
                "cannot read {}: {error}; it is looked for beside the scenario",
                path.display()
            );
            self.source.error(Some(file.span()), key, message)
        })
    }

    /// How the body is sent in chunks, if a key or a header (at `header`) says so.
    pub(super) fn chunks(
        &self,
        request: &file::Request,
        header: Option<&Range<usize>>,
    ) -> Result<Option<Chunks>, Error> {
        let given = request.body_chunks.as_ref();
        let Some(place) = given.map(Spanned::span).or(header.cloned()) else {
            return Ok(None);
        };
        let key = format!("request.{}.body_chunks", request.name.get_ref());
        let refused = |place, message: &str| Err(self.source.error(Some(place), &key, message));
        if request.bodies().next().is_none() {
            return refused(
                place,
                "there is no body to send in chunks; give the request one",
            );
        }
        let size = given.and_then(|chunks| chunks.get_ref().size.as_ref());
        let bytes = size.map_or(CHUNK, |size| size.get_ref().bytes());
        if !(1..=MAX_BODY_FILE).contains(&bytes) {
            let place = size.map_or(place, Spanned::span);
            return refused(place, "a chunk has 1B to 16MiB");
        }
        let pause = given.and_then(|chunks| chunks.get_ref().pause.as_ref());
        if let Some(pause) = pause.filter(|pause| pause.get_ref().0 > LONGEST_PAUSE) {
            return refused(pause.span(), "a pause between chunks is at most 10m");
        }
        Ok(Some(Chunks {
            size: bytes as usize,
            pause: length(pause, Duration::ZERO),
        }))
    }

    fn form(
        &self,
        form: &Spanned<file::InOrder<Spanned<Fields>>>,
        key: &str,
        salt: u64,
        templates: &Templates<'_>,
    ) -> Result<Body, Error> {
        let mut parts = Vec::new();
        for (name, fields) in &form.get_ref().0 {
            let key = format!("{key}.{}", name.get_ref());
            for (place, entry) in each(fields) {
                // Behind the salts of the headers.
                let salt = salt + 500 + parts.len() as u64;
                parts.push(self.part(name.get_ref(), place, entry, &key, salt, templates)?);
            }
        }
        if parts.is_empty() {
            return Err(self.source.error(
                Some(form.span()),
                key,
                "a form has at least one field; add one",
            ));
        }
        let boundary = boundary(&parts);
        let mut body = Vec::new();
        for (at, (head, content)) in parts.into_iter().enumerate() {
            let before = if at == 0 { "" } else { "\r\n" };
            body.push(Template::raw(
                format!("{before}--{boundary}\r\n{head}\r\n").into_bytes(),
            ));
            body.push(content);
        }
        body.push(Template::raw(
            format!("\r\n--{boundary}--\r\n").into_bytes(),
        ));
        Ok(Body {
            template: Template::join(body),
            media_type: Some(format!("{MULTIPART}; boundary={boundary}")),
        })
    }

    /// The header lines of a field, and its content.
    fn part(
        &self,
        name: &str,
        place: Range<usize>,
        entry: &FieldEntry,
        key: &str,
        salt: u64,
        templates: &Templates<'_>,
    ) -> Result<(String, Template), Error> {
        let table = match entry {
            FieldEntry::Text(text) => {
                let text = Spanned::new(place, text.clone());
                return Ok((head(name, None, None), templates.compile(&text, key, salt)?));
            }
            FieldEntry::Table(table) => table,
        };
        let text = |text: &Option<Text>| text.as_ref().map(|text| text.get_ref().clone());
        let (mut filename, mut media_type) = (text(&table.filename), text(&table.r#type));
        let content = match table {
            FieldTable {
                value: Some(value),
                file: None,
                bytes: None,
                ..
            } => templates.compile(value, key, salt)?,
            FieldTable {
                value: None,
                file: None,
                bytes: Some(bytes),
                ..
            } => Template::raw(bytes.clone()),
            FieldTable {
                value: None,
                file: Some(file),
                bytes: None,
                ..
            } => {
                filename = filename.or_else(|| {
                    let path = std::path::Path::new(file.get_ref());
                    Some(path.file_name()?.to_string_lossy().into_owned())
                });
                Template::raw(self.read(file, key)?)
            }
            _ => {
                return Err(self.source.error(
                    Some(place),
                    key,
                    "a field of a form has a `value` or a `file`; give one",
                ));
            }
        };
        if let Some(filename) = &filename {
            media_type = media_type.or_else(|| Some(media_type_of(filename).to_owned()));
        }
        if media_type
            .iter()
            .any(|kind| kind.contains(|c: char| c.is_control()))
        {
            return Err(self.source.error(
                Some(place),
                key,
                "a media type has no control characters; write one such as \"image/jpeg\"",
            ));
        }
        Ok((
            head(name, filename.as_deref(), media_type.as_deref()),
            content,
        ))
    }
}

/// The entries of one name; a single one has the place of them all.
fn each(fields: &Spanned<Fields>) -> Vec<(Range<usize>, &FieldEntry)> {
    match fields.get_ref() {
        Fields::One(entry) => vec![(fields.span(), entry)],
        Fields::Many(entries) => entries
            .iter()
            .map(|entry| (entry.span(), entry.get_ref()))
            .collect(),
    }
}

fn head(name: &str, filename: Option<&str>, media_type: Option<&str>) -> String {
    // As browsers write them (HTML, 4.10.21.8).
    let quoted = |text: &str| {
        text.replace('"', "%22")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let mut head = format!("Content-Disposition: form-data; name=\"{}\"", quoted(name));
    if let Some(filename) = filename {
        head += &format!("; filename=\"{}\"", quoted(filename));
    }
    head += "\r\n";
    if let Some(media_type) = media_type {
        head += &format!("Content-Type: {media_type}\r\n");
    }
    head
}

/// What curl takes a file for by the end of its name.
fn media_type_of(filename: &str) -> &'static str {
    let end = filename.rsplit_once('.').map_or("", |(_, end)| end);
    match end.to_ascii_lowercase().as_str() {
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" => "text/plain",
        "htm" | "html" => "text/html",
        "pdf" => "application/pdf",
        "xml" => "application/xml",
        _ => "application/octet-stream",
    }
}

/// A line that no field holds, the same for the same fields.
fn boundary(parts: &[(String, Template)]) -> String {
    let mut digest = Sha256::new();
    for (head, content) in parts {
        digest.update(head);
        digest.update(content.literal_len().unwrap_or(0).to_le_bytes());
    }
    let mut digest = digest.finalize();
    loop {
        let hex: String = digest
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let boundary = format!("telemload-{hex}");
        if !parts
            .iter()
            .any(|(_, content)| content.holds(boundary.as_bytes()))
        {
            return boundary;
        }
        digest = Sha256::digest(digest);
    }
}
