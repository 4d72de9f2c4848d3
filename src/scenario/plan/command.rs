//! A scenario's command line, split into words without a shell.
//!
//! Quotes and backslashes work as in a POSIX shell; variables, pipes, redirections and globs are not expanded. Without
//! a shell in between the process that is measured is the program itself. Who wants one writes `sh -c '…'`.

use thiserror::Error;

use crate::traffic::redact::command_without_credentials;

use super::ports::{Known, Ported, Ports, PortsError};

/// A command line as words with places for ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    line: String,
    words: Vec<Ported>,
}

/// What is wrong with a command line.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CommandError {
    /// A quote is not closed, or a backslash ends the line.
    #[error(
        "a quote is not closed, or a backslash ends the command; write '' around what holds one"
    )]
    OpenQuote,
    /// There is no word in it.
    #[error("the command is empty; name a program and its arguments")]
    Empty,
    /// It contains a byte that no argument can hold.
    #[error("the command contains a NUL byte; remove it")]
    Nul,
    /// A place for a port is wrong.
    #[error(transparent)]
    Ports(#[from] PortsError),
}

impl Command {
    /// Splits `line` into the program and its arguments.
    ///
    /// Ports are put in after splitting, so that they never change how the words are split. A word that begins with an
    /// unquoted `#` starts a comment.
    ///
    /// # Errors
    /// An unclosed quote, no words at all, a NUL byte, a port that is not known.
    pub fn parse(line: &str, known: Known<'_>) -> Result<Self, CommandError> {
        if line.contains('\0') {
            return Err(CommandError::Nul);
        }
        let words = shlex::split(line).ok_or(CommandError::OpenQuote)?;
        if words.first().is_none_or(String::is_empty) {
            return Err(CommandError::Empty);
        }
        let words: Result<Vec<_>, _> = words
            .iter()
            .map(|word| Ported::parse(word, known))
            .collect();
        Ok(Self {
            line: command_without_credentials(line),
            words: words?,
        })
    }

    /// As it was written.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Program and arguments of one launch.
    ///
    /// # Panics
    /// As [`Ported::fill`].
    pub fn argv(&self, ports: Ports<'_>) -> Vec<String> {
        self.words.iter().map(|word| word.fill(ports)).collect()
    }

    /// Whether the process's own port has a place in it.
    pub fn has_port(&self) -> bool {
        self.words.iter().any(Ported::has_own)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ports::Braces;
    use super::*;

    fn split(line: &str) -> Result<Vec<String>, CommandError> {
        let known = Known {
            started: &[],
            later: &[],
            own: None,
            braces: Braces::Text,
        };
        let ports = Ports {
            own: 6380,
            services: &[],
        };
        Command::parse(line, known).map(|command| command.argv(ports))
    }

    fn check(line: &str, words: &[&str]) {
        assert_eq!(split(line).unwrap(), words, "{line}");
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
        assert_eq!(split("a 'b"), Err(CommandError::OpenQuote));
        assert_eq!(split("  # only a comment"), Err(CommandError::Empty));
        assert_eq!(split("'' a"), Err(CommandError::Empty));
        assert_eq!(split("a\0b"), Err(CommandError::Nul));
        let unknown = split("a {b.port}").unwrap_err().to_string();
        assert!(unknown.starts_with("there is no service `b`"), "{unknown}");
    }

    proptest! {
        #[test]
        fn any_line_is_split_or_refused(line in ".{0,80}") {
            if let Ok(words) = split(&line) {
                prop_assert!(!words[0].is_empty());
            }
        }
    }
}
