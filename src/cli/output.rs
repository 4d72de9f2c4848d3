//! What a command says to people and what it prints. All text passes through [`crate::units`]' rules for text of others: whatever a
//! target, a log, a scenario or a stored result holds, it gives a terminal and a runner's log no orders. The exception is [`command`]:
//! these lines are orders of telemload itself.

use std::env;
use std::io::{self, IsTerminal, Write};

use anyhow::Context;

use crate::report::terminal::progress::{Mode, Progress};
use crate::units::printable_lines;

/// A message to people, on stderr.
pub(super) fn say(message: &str) {
    // A stderr that is closed has no reader.
    let _ = writeln!(anstream::stderr(), "{}", printable_lines(message));
}

/// An order to a runner, on stderr. The text of others in it has passed the rules where the line was made.
pub(super) fn command(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// A result, on stdout.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    write_out(anstream::stdout(), printable_lines(text).as_bytes())
}

/// Writes to stdout. A reader that has gone has what it wanted, and changes nothing about what was found.
pub(super) fn write_out(mut out: impl Write, bytes: &[u8]) -> anyhow::Result<()> {
    let written = out.write_all(bytes).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// How a run of the scenario of this name goes, on stderr: live on a terminal, else in lines.
pub(super) fn progress(is_quiet: bool, scenario: &str) -> Progress {
    // One that cannot move its cursor shows lines, as a file does.
    let is_live = io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|of| of != "dumb");
    let mode = match (is_quiet, is_live) {
        (true, _) => Mode::Quiet,
        (false, true) => Mode::Live { width },
        (false, false) => Mode::Lines {
            say,
            command: is_on_github().then_some(command),
        },
    };
    Progress::new(mode, scenario)
}

/// Whether it is a step of GitHub Actions.
pub(super) fn is_on_github() -> bool {
    env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// The width of the terminal; one that does not tell it is as narrow as most.
fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr());
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    if columns > 0 { columns } else { 80 }
}
