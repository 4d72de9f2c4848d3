//! The command line: clap stays in here, and only here is anything written to stdout or stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod ablate;
mod ad_hoc;
mod again;
mod audit;
mod beside;
mod body;
mod ci;
mod compare;
mod completions;
mod conclusion;
mod exit;
mod files;
mod flame;
mod foreign;
mod gate;
#[cfg(feature = "gateway")]
mod gateway;
mod import;
mod init;
mod input;
mod limits;
mod listen;
mod live;
mod man;
#[cfg(feature = "meet")]
mod meet;
mod merge;
mod output;
mod path;
mod proofs;
mod refusal;
mod report;
mod run;
mod schema;
mod selftest;
mod shard;
mod shards;
mod signals;
mod stored;
mod tap;
mod values;
#[cfg(feature = "gateway")]
mod verify_sink;
mod watching;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::exit::{INTERNAL, USAGE, Usage};
use self::output::{print, say};
use crate::process::supervisor;

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
    Gate(Box<gate::Args>),
    Merge(merge::Args),
    Report(report::Args),
    Flame(flame::Args),
    Import(Box<import::Args>),
    Tap(tap::Args),
    Audit(audit::Args),
    Ablate(ablate::Args),
    Shards(shards::Args),
    Selftest(selftest::Args),
    #[cfg(feature = "gateway")]
    Gateway(gateway::Args),
    Init(init::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs the command line and returns its exit code.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    // Before anything else: these become other processes and must be alone in theirs.
    match args.get(1).and_then(|verb| verb.to_str()) {
        Some(supervisor::SUPERVISE) => return ExitCode::from(supervisor::supervise()),
        Some(supervisor::EXEC_WITH_PARENT) => {
            return ExitCode::from(supervisor::exec_with_parent(args.into_iter().skip(2)));
        }
        Some(beside::BESIDE) => return beside::run(args.into_iter().skip(2)),
        _ => {}
    }
    match completions::answer(Cli::command, &args) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        // A shell that asks shows neither words nor code.
        Err(_) => return ExitCode::from(USAGE),
    }
    if args.get(1).is_some_and(|verb| verb == "run")
        && let Some(run) = Cli::command().find_subcommand("run")
        && let Some(words) = foreign::plan_among(&args).or_else(|| foreign::one_dash(run, &args))
    {
        say(&format!("error: {words}"));
        return ExitCode::from(USAGE);
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let text = error.render().ansi().to_string();
            match refusal::words(&error) {
                Some(words) => say(&words),
                None if error.use_stderr() => say(text.trim_end()),
                // Help and version are no errors; a reader that has gone is none either.
                None => drop(print(&text)),
            }
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
        Command::Shards(args) => shards::exec(&args),
        Command::Compare(args) => compare::exec(&args),
        Command::Gate(args) => gate::exec(&args),
        Command::Merge(args) => merge::exec(&args),
        Command::Report(args) => report::exec(&args),
        Command::Flame(args) => flame::exec(&args),
        Command::Import(args) => import::exec(&args),
        Command::Tap(args) => tap::exec(&args),
        Command::Audit(args) => audit::exec(&args),
        Command::Ablate(args) => ablate::exec(&args),
        #[cfg(feature = "gateway")]
        Command::Gateway(args) => gateway::exec(&args),
        Command::Completions(args) => completions::exec(&args),
        Command::Man(args) => man::exec(&args, Cli::command()),
        Command::Init(args) => init::exec(&args),
        Command::Schema(args) => schema::exec(&args),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(if error.is::<Usage>() { USAGE } else { INTERNAL })
        }
    }
}
