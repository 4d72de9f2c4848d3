//! The command line: clap stays in here, and only here is anything written to stdout or stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod compare;
mod completions;
mod conclusion;
mod flame;
#[cfg(feature = "gateway")]
mod gateway;
mod input;
mod run;
mod selftest;
mod signals;
#[cfg(feature = "gateway")]
mod verify_sink;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::process::supervisor;
use crate::report::terminal::progress::{Mode, Progress};

/// Load testing and profiling in one run: replay production-spec traffic, see where the CPU goes, compare.
#[derive(Debug, Parser)]
#[command(
    name = "telemload",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Compare(compare::Args),
    Flame(flame::Args),
    Selftest(selftest::Args),
    #[cfg(feature = "gateway")]
    Gateway(gateway::Args),
    Completions(completions::Args),
}

/// A usage or scenario error: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Exit code of a usage or scenario error.
const USAGE: u8 = 2;
/// Exit code of an internal or I/O error.
const INTERNAL: u8 = 5;

/// Runs the command line and returns its exit code.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    // Before anything else: these two become other processes and must be alone in theirs.
    match args.get(1).and_then(|verb| verb.to_str()) {
        Some(supervisor::SUPERVISE) => return ExitCode::from(supervisor::supervise()),
        Some(supervisor::EXEC_WITH_PARENT) => {
            return ExitCode::from(supervisor::exec_with_parent(args.into_iter().skip(2)));
        }
        _ => {}
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a reader that has gone is none either.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    if let Err(error) = stop_signals::outlive_file_limit() {
        say(&format!("error: cannot handle signals: {error}"));
        return ExitCode::from(INTERNAL);
    }
    let ended = match cli.command {
        Command::Run(args) => run::exec(&args),
        Command::Selftest(args) => selftest::exec(&args),
        Command::Compare(args) => compare::exec(&args),
        Command::Flame(args) => flame::exec(&args),
        #[cfg(feature = "gateway")]
        Command::Gateway(args) => gateway::exec(&args),
        Command::Completions(args) => completions::exec(&args),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(if error.is::<Usage>() { USAGE } else { INTERNAL })
        }
    }
}

/// A message to people, on stderr.
fn say(message: &str) {
    // A stderr that is closed has no reader.
    let _ = writeln!(anstream::stderr(), "{message}");
}

/// A result, on stdout.
fn print(text: &str) -> anyhow::Result<()> {
    write_out(anstream::stdout(), text.as_bytes())
}

/// Writes to stdout. A reader that has gone has what it wanted, and changes nothing about what was found.
fn write_out(mut out: impl Write, bytes: &[u8]) -> anyhow::Result<()> {
    let written = out.write_all(bytes).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Progress on stderr: live on a terminal, else in lines.
fn progress(is_quiet: bool) -> Progress {
    Progress::new(match (is_quiet, io::stderr().is_terminal()) {
        (true, _) => Mode::Quiet,
        (false, true) => Mode::Live,
        (false, false) => Mode::Lines(say),
    })
}
