//! The command line as a page shows it, so that a reader can do the same again.

use std::env;

use crate::traffic::redact::command_without_credentials;

/// What was typed, quoted for a shell, without credentials.
pub(super) fn command_line() -> String {
    let words = env::args_os().skip(1);
    let words = words.map(|word| quoted(&word.to_string_lossy()));
    let words: Vec<String> = std::iter::once("telemload".to_owned())
        .chain(words)
        .collect();
    command_without_credentials(&words.join(" "))
}

/// A word may be a command line itself.
fn quoted(word: &str) -> String {
    let word = match word.contains(char::is_whitespace) {
        true => command_without_credentials(word),
        false => word.to_owned(),
    };
    shlex::try_quote(&word).map_or_else(|_| "…".to_owned(), |quoted| quoted.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words_and_credentials_are_hidden_within_them() {
        for (word, shown) in [
            ("s.toml", "s.toml"),
            ("./old --port {port}", "'./old --port {port}'"),
            ("./old --token abc123", "'./old --token [redacted]'"),
            ("a\0b", "…"),
        ] {
            assert_eq!(quoted(word), shown, "{word}");
        }
    }
}
