//! Texts of a scenario: strings of TOML, and text in which `{{` means itself. Pure.

use crate::units::is_hidden;

/// A string of TOML.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Whoever reads the scenario sees what is sent.
            c if is_hidden(c) => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A key of TOML.
pub(super) fn key(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_bare {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A template that is put together from texts and placeholders.
#[derive(Default)]
pub(super) struct Template(String);

impl Template {
    /// Adds a text that is sent as it is.
    pub(super) fn text(&mut self, text: &str) {
        self.0.push_str(&text.replace("{{", r#"{{"{{"}}"#));
    }

    /// Adds a placeholder. A brace right before it would be taken for one of its own.
    pub(super) fn placeholder(&mut self, inner: &str) {
        if self.0.ends_with('{') {
            self.0.pop();
            self.0.push_str(r#"{{"{"}}"#);
        }
        self.0.push_str("{{");
        self.0.push_str(inner);
        self.0.push_str("}}");
    }

    /// Its text.
    pub(super) fn done(self) -> String {
        self.0
    }
}

/// A name of a request, a feed or a column: letters, digits, `-` and `_`.
pub(super) fn name(text: &str, most: usize) -> String {
    let mut name = String::new();
    for c in text.chars() {
        let c = if c.is_ascii_alphanumeric() || c == '_' {
            c.to_ascii_lowercase()
        } else {
            '-'
        };
        if (c != '-' || !name.ends_with('-')) && name.len() < most {
            name.push(c);
        }
    }
    name.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_string_is_hidden() {
        let text = "a\u{202e}\u{1b}\u{200b}\u{e0041}\u{9b}\"\\\n größe";
        let quoted = quoted(text);
        assert!(!quoted.chars().any(is_hidden), "{quoted}");
        let read: toml::Table = format!("key = {quoted}").parse().unwrap();
        assert_eq!(read["key"].as_str(), Some(text));
    }
}
