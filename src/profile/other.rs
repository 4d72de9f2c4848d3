//! What bytes are that are no profile, for messages. It must not decide whether they are one: what begins like JSON may be a stack.

use super::pprof::is_gzip;

/// Bytes that are looked at.
const HEAD: usize = 512;

/// Something that is no profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Other {
    /// What it is, with its article.
    pub(super) name: &'static str,
    /// What to do with it.
    pub(super) remedy: &'static str,
}

impl Other {
    /// Whether it may be text of any kind, of which there is nothing to say.
    pub(super) fn is_text(self) -> bool {
        self.name == TEXT
    }
}

const TEXT: &str = "plain text";
const PROFILES: &str = "a profile is profile.proto, folded stacks or the text of `perf script`";
const PICTURED: &str = "give the profile that it was drawn of";

/// What bytes that should be a profile seem to be; `None` for gzip and for what is not known.
pub(super) fn something_else(bytes: &[u8]) -> Option<Other> {
    if is_gzip(bytes) {
        return None;
    }
    let other = |name, remedy| Some(Other { name, remedy });
    if bytes.starts_with(b"PERFILE2") {
        return other(
            "a recording of perf",
            "run `perf script -i FILE` and give its output",
        );
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return other("text in UTF-16", "convert it to UTF-8");
    }
    let bytes = without_mark(bytes);
    let head = &bytes[..bytes.len().min(HEAD)];
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    // The first field of a profile, tag 10, is a line break for a reader of text; its length and tags are control characters.
    let readable = text
        .chars()
        .all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    match text.trim_start() {
        "" if readable => other("an empty body", PROFILES),
        text if text.starts_with("<svg")
            || (text.starts_with("<?xml") && text.contains("<svg")) =>
        {
            other("an SVG picture", PICTURED)
        }
        text if text.starts_with("<!doctype html") || text.starts_with("<html") => {
            other("an HTML page", PICTURED)
        }
        text if readable && text.starts_with(['{', '[']) => other("JSON", PROFILES),
        _ if readable => other(TEXT, PROFILES),
        _ => None,
    }
}

/// The bytes without the mark of UTF-8 at their begin, if they have one.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}
