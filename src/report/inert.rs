//! Text of others made harmless for pages and pictures. Scenarios, targets and profiles name what they like: none of it becomes markup,
//! script, or turns what stands around it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::units::printable;

/// Text as markup has it, in an element or in a quoted attribute.
pub(in crate::report) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a String cannot fail.
    let _ = write_escaped(&mut out, text);
    out
}

fn write_escaped(mut out: impl fmt::Write, text: &str) -> fmt::Result {
    // Lines of a scenario stay lines.
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.write_char('\n')?;
        }
        for c in printable(line).chars() {
            match c {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                c => out.write_char(c)?,
            }
        }
    }
    Ok(())
}

/// JSON in which nothing ends a script element, begins a comment or turns what stands around it.
pub(in crate::report) fn json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<'
            | '>'
            | '&'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// What a policy calls a script or a style.
pub(in crate::report) fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// How templates of pages write text.
#[derive(Debug, Clone, Copy)]
pub struct Html;

impl askama::filters::Escaper for Html {
    fn write_escaped_str<W: fmt::Write>(&self, dest: W, text: &str) -> fmt::Result {
        write_escaped(dest, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_is_markup_or_turns_text() {
        assert_eq!(
            escaped("</p>\n\"'&\u{202e}x\u{0}"),
            "&lt;/p&gt;\n&quot;&#39;&amp;\u{fffd}x\u{fffd}"
        );
        assert_eq!(json("\"<!--\u{2028}&\""), "\"\\u003c!--\\u2028\\u0026\"");
        assert_eq!(
            hash(""),
            "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
        );
    }
}
