//! Paths that the command line names.

use std::path::Path;

use super::exit::Usage;

/// Whether the path stands for standard input or output.
pub(super) fn is_stdio(path: &Path) -> bool {
    path.as_os_str() == "-"
}

pub(super) fn shown(path: &Path) -> String {
    if is_stdio(path) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Standard input can be read once.
pub(super) fn at_most_one_stdin<'a>(
    paths: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Usage> {
    if paths.into_iter().filter(|path| is_stdio(path)).count() > 1 {
        return Err(Usage(
            "standard input (-) can be read once, and is named twice".to_owned(),
        ));
    }
    Ok(())
}

/// As it is typed in a shell.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    shlex::try_quote(&text).map_or_else(|_| text.to_string(), Into::into)
}

/// The end of a path, as a title.
pub(super) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
