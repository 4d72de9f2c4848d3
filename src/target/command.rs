//! A scenario's command line, split into words without a shell.
//!
//! Quotes and backslashes work as in a POSIX shell; variables, pipes, redirections and globs are not expanded. Without
//! a shell in between the process that is measured is the program itself. Who wants one writes `sh -c '…'`.

use thiserror::Error;

/// What is wrong with a command line.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CommandError {
    /// A quote is not closed, or a backslash ends the line.
    #[error("a quote is not closed in the command `{0}`")]
    OpenQuote(String),
    /// There is no word in it.
    #[error("the command is empty; name a program and its arguments")]
    Empty,
    /// It contains a byte that no argument can hold.
    #[error("the command contains a NUL byte")]
    Nul,
}

/// Splits `line` into the program and its arguments; `{port}` in any word becomes `port`.
///
/// The port is put in after splitting, so that it never changes how the words are split. A word that begins with an
/// unquoted `#` starts a comment.
///
/// # Errors
/// An unclosed quote, no words at all, a NUL byte.
pub fn split(line: &str, port: Option<u16>) -> Result<Vec<String>, CommandError> {
    if line.contains('\0') {
        return Err(CommandError::Nul);
    }
    let mut words = shlex::split(line).ok_or_else(|| CommandError::OpenQuote(line.to_owned()))?;
    if words.first().is_none_or(String::is_empty) {
        return Err(CommandError::Empty);
    }
    if let Some(port) = port {
        for word in &mut words {
            *word = word.replace("{port}", &port.to_string());
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, words: &[&str]) {
        let found = split(line, Some(6380)).unwrap();
        assert_eq!(found, words, "{line}");
    }

    #[test]
    fn words_are_split_as_a_shell_would() {
        check(
            "redis-server --port {port} --save ''",
            &["redis-server", "--port", "6380", "--save", ""],
        );
        check(
            "./svc --listen=127.0.0.1:{port}",
            &["./svc", "--listen=127.0.0.1:6380"],
        );
        check(
            "sh -c 'exec ./svc \"$HOME\" > /dev/null'",
            &["sh", "-c", "exec ./svc \"$HOME\" > /dev/null"],
        );
        check(r#"a "b c" d\ e"#, &["a", "b c", "d e"]);
    }

    #[test]
    fn a_wrong_line_is_an_error() {
        assert_eq!(
            split("a 'b", None),
            Err(CommandError::OpenQuote("a 'b".to_owned()))
        );
        assert_eq!(split("  # only a comment", None), Err(CommandError::Empty));
        assert_eq!(split("'' a", None), Err(CommandError::Empty));
        assert_eq!(split("a\0b", None), Err(CommandError::Nul));
    }

    proptest! {
        #[test]
        fn any_line_is_split_or_refused(line in ".{0,80}", port in any::<u16>()) {
            if let Ok(words) = split(&line, Some(port)) {
                prop_assert!(!words[0].is_empty());
            }
        }
    }
}
