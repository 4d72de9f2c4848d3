//! Bodies of commands: data, forms, and files where they may be read.

use super::said::{Command, Data, FormField, Said};
use crate::import::mark;
use crate::import::multipart::{FORM_DATA, Part, joined, last_setting};
use crate::import::sample::{Body, Sample};
use crate::traffic::redact::percent;

/// Divides the parts of a form.
const BOUNDARY: &str = "------------------------telemload00000001";

/// What curl says of a form by itself.
const FORM: &str = "multipart/form-data";

/// What curl knows of files by their names.
const MEDIA_TYPES: [(&str, &str); 10] = [
    (".gif", "image/gif"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".png", "image/png"),
    (".svg", "image/svg+xml"),
    (".txt", "text/plain"),
    (".htm", "text/html"),
    (".html", "text/html"),
    (".pdf", "application/pdf"),
    (".xml", "application/xml"),
];

/// Percent-encoded as curl does it: a space is a plus sign.
fn pluses(text: &str) -> Vec<u8> {
    let encode = |text: &str| percent(text.as_bytes()).replace("%20", "+");
    mark::rewritten(text, encode).into_bytes()
}

/// The type that curl takes a file for, by how its name ends.
fn media_type_of(file: &str) -> &'static str {
    let file = file.to_ascii_lowercase();
    let known = MEDIA_TYPES.iter().find(|(end, _)| file.ends_with(end));
    known.map_or("application/octet-stream", |(_, media_type)| media_type)
}

/// The type of a form as it is given, but for its boundary: curl names its own whatever is given.
pub(super) fn form_type(given: &str) -> String {
    let is_boundary = |part: &&str| part.to_ascii_lowercase().starts_with("boundary=");
    let parts = given.split(';').map(str::trim);
    let kept: Vec<&str> = parts.filter(|part| !is_boundary(part)).collect();
    format!("{}; boundary={BOUNDARY}", kept.join("; "))
}

impl Command<'_> {
    /// What a value means where `@` names a file.
    pub(super) fn data(&self, sample: &mut Sample, value: &str, names_files: bool) -> Data {
        match value.strip_prefix('@').filter(|_| names_files) {
            Some(file) => self.file(sample, file),
            None => Some(value.into()),
        }
    }

    /// The content of a file, or of a here-document.
    fn file(&self, sample: &mut Sample, name: &str) -> Data {
        if name == "-" {
            if self.input.is_none() {
                sample.note(format!(
                    "line {}: what it reads from standard input is not in the text",
                    self.line
                ));
            }
            return self.input.as_ref().map(|text| text.clone().into_bytes());
        }
        let Some(files) = self.files else {
            sample.note(format!(
                "line {}: a body is in a file, which is read with --read-files alone",
                self.line
            ));
            return None;
        };
        match files(name) {
            Ok(bytes) => Some(bytes),
            Err(why) => {
                sample.note(format!("line {}: {why}", self.line));
                None
            }
        }
    }

    /// The five forms of `--data-urlencode`.
    pub(super) fn encoded(&self, sample: &mut Sample, value: &str) -> Data {
        let (name, content) = match value.find(['=', '@']) {
            None => return Some(pluses(value)),
            Some(at) => (&value[..at], &value[at..]),
        };
        let content = match content.strip_prefix('@') {
            Some(file) => percent(&self.file(sample, file)?)
                .replace("%20", "+")
                .into_bytes(),
            None => pluses(&content[1..]),
        };
        let mut data = name.as_bytes().to_vec();
        if !name.is_empty() {
            data.push(b'=');
        }
        data.extend(content);
        Some(data)
    }

    pub(super) fn form(&self, sample: &mut Sample, said: &mut Said, value: &str, is_text: bool) {
        let Some((name, content)) = value.split_once('=') else {
            return sample.note(format!(
                "line {}: a field of a form without `=` is left out",
                self.line
            ));
        };
        let mut part = Part {
            name: name.to_owned(),
            filename: None,
            media_type: None,
            content: Vec::new(),
        };
        if is_text {
            part.content = content.into();
            return said.form.push(FormField {
                part,
                is_known: true,
            });
        }
        // Only what curl knows behind a `;` belongs to the field.
        let mut content = content;
        while let Some((before, setting)) = last_setting(content) {
            let (key, value) = setting.split_once('=').unwrap_or_default();
            let value = || Some(value.trim_matches('"').to_owned());
            match key.trim() {
                "type" => part.media_type = value(),
                "filename" => part.filename = value(),
                "encoder" | "headers" => {}
                _ => break,
            }
            content = before;
        }
        let mut is_known = true;
        if let Some(file) = content.strip_prefix(['@', '<']) {
            let file = file.trim_matches('"');
            if content.starts_with('@') {
                let end = file.rsplit(['/', '\\']).next().unwrap_or(file);
                part.filename.get_or_insert_with(|| end.to_owned());
                part.media_type
                    .get_or_insert_with(|| media_type_of(file).to_owned());
            }
            match self.file(sample, file) {
                Some(bytes) => part.content = bytes,
                None => is_known = false,
            }
        } else {
            part.content = content.trim_matches('"').into();
        }
        said.form.push(FormField { part, is_known });
    }

    /// The body and its type.
    pub(super) fn body(
        &self,
        sample: &mut Sample,
        said: &Said,
        upload: Option<&String>,
    ) -> (Body, Option<String>) {
        if let Some(file) = upload {
            let bytes = if file == "-" || file == "." {
                self.file(sample, "-")
            } else {
                self.file(sample, file)
            };
            return (bytes.map_or(Body::Unknown, Body::Bytes), None);
        }
        if !said.form.is_empty() {
            let given = said.header("content-type");
            let media_type = form_type(given.unwrap_or(FORM));
            // curl attaches the parts of what is no form.
            let is_form = media_type.to_ascii_lowercase().starts_with(FORM);
            let disposition = if is_form { FORM_DATA } else { "attachment" };
            let media_type = Some(media_type);
            if said.form.iter().any(|field| !field.is_known) {
                return (Body::Unknown, media_type);
            }
            let parts: Vec<Part> = (said.form.iter())
                .map(|FormField { part, .. }| Part {
                    name: part.name.clone(),
                    filename: part.filename.clone(),
                    media_type: part.media_type.clone(),
                    content: part.content.clone(),
                })
                .collect();
            return (
                Body::Bytes(joined(&parts, BOUNDARY, disposition)),
                media_type,
            );
        }
        if said.data.is_empty() {
            return (Body::Absent, None);
        }
        let media_type = Some("application/x-www-form-urlencoded".to_owned());
        let pieces: Option<Vec<&[u8]>> = said.data.iter().map(|piece| piece.as_deref()).collect();
        // JSON in pieces is put together as it is.
        let separator: &[u8] = if said.is_json { b"" } else { b"&" };
        match pieces {
            Some(pieces) if pieces.iter().all(|piece| piece.is_empty()) => {
                (Body::Absent, media_type)
            }
            Some(pieces) => (Body::Bytes(pieces.join(separator)), media_type),
            None => (Body::Unknown, media_type),
        }
    }
}
