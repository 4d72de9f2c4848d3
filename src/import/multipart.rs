//! Bodies of forms in parts. Pure.

/// A part of a form.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) filename: Option<String>,
    pub(super) media_type: Option<String>,
    pub(super) content: Vec<u8>,
}

/// The boundary that a content type names.
pub(super) fn boundary_of(media_type: &str) -> Option<&str> {
    let at = media_type.to_ascii_lowercase().find("boundary=")?;
    let value = &media_type[at + "boundary=".len()..];
    let value = value.split(';').next().unwrap_or_default().trim();
    Some(value.trim_matches('"')).filter(|value| !value.is_empty())
}

/// What stands before and behind the last `;` of a field of `curl -F` that is not within quotes.
pub fn last_setting(field: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    let mut last = None;
    for (at, c) in field.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => last = Some(at),
            _ => {}
        }
    }
    // A quote that is never closed is text, unless all of the field is in it.
    if is_quoted {
        let is_whole = field.trim_start_matches(['@', '<']).starts_with('"');
        last = field.rfind(';').filter(|_| !is_whole);
    }
    last.map(|at| (&field[..at], &field[at + 1..]))
}

/// How the parts of a form are to be taken.
pub(super) const FORM_DATA: &str = "form-data";

/// The body of a form, whose parts have a disposition.
pub(super) fn joined(parts: &[Part], boundary: &str, disposition: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        let mut head = format!(
            "--{boundary}\r\nContent-Disposition: {disposition}; name=\"{}\"",
            quoted(&part.name)
        );
        if let Some(filename) = &part.filename {
            head += &format!("; filename=\"{}\"", quoted(filename));
        }
        if let Some(media_type) = &part.media_type {
            head += &format!("\r\nContent-Type: {media_type}");
        }
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&part.content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace(['\r', '\n'], " ")
}
