//! The words of a command.

/// The words of one command.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) words: Vec<String>,
    /// Where it begins, from 1.
    pub(super) line: usize,
    /// What it reads from standard input, where that stands in the text.
    pub(super) input: Option<String>,
}

/// A command, or why it cannot be read without a shell.
pub(super) type Read = Result<Words, String>;

/// Whether this may be the name of a variable.
pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a word is the program.
pub(super) fn is_curl(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    name == "curl" || name.eq_ignore_ascii_case("curl.exe")
}
