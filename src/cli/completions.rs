//! `telemload completions`: a script with which a shell asks telemload what may come next, and the answers.
//!
//! The script calls telemload at each press of the key, so that it can name what is in a scenario or in a run directory.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use anyhow::Context;
use clap_complete::CompleteEnv;
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use clap_complete::env::Shells;

use super::output::print;
use crate::scenario::read_at_most;

/// The variable by which a script asks.
const ASKS: &str = "_TELEMLOAD_COMPLETE";
/// Nobody waits for a longer file when he presses a key.
const LONGEST: u64 = 16 << 20;

/// Print a completion script for a shell.
///
/// It completes commands, flags, files, variants of the scenario on the command line (--variant and the like), and variants of run
/// directories (RUN:VARIANT; not in bash, which takes the colon for the end of a word).
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload completions bash > ~/.local/share/bash-completion/completions/telemload
  telemload completions zsh > ~/.zfunc/_telemload      # in a directory of $fpath
  telemload completions fish > ~/.config/fish/completions/telemload.fish")]
pub(super) struct Args {
    /// The shell.
    #[arg(value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    shell: String,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    let shells = Shells::builtins();
    let shell = shells
        .completer(&args.shell)
        .context("clap knows no such shell")?;
    let mut script = Vec::new();
    shell
        .write_registration(ASKS, "telemload", "telemload", "telemload", &mut script)
        .context("cannot make the script")?;
    print(&String::from_utf8_lossy(&script)).map(|()| 0)
}

/// Answers a script; `false` if none asks.
pub(super) fn answer(factory: fn() -> clap::Command, args: &[OsString]) -> anyhow::Result<bool> {
    if std::env::var_os(ASKS).is_none() {
        return Ok(false);
    }
    let here = std::env::current_dir().ok();
    CompleteEnv::with_factory(factory)
        .var(ASKS)
        .try_complete(args.iter().cloned(), here.as_deref())
        .context("cannot complete the command line")
}

/// Completes the name of a variant of the scenario that stands on the command line.
pub(super) fn variants() -> ArgValueCompleter {
    ArgValueCompleter::new(|begun: &OsStr| {
        let scenario = std::env::args_os().find(|word| {
            let path = Path::new(word);
            path.extension().is_some_and(|end| end == "toml") && path.is_file()
        });
        let names = scenario
            .map(|path| of_scenario(Path::new(&path)))
            .unwrap_or_default();
        matching(names, begun)
    })
}

/// Completes a run directory or a file, and behind a colon the variants of the run.
pub(super) fn runs() -> ArgValueCompleter {
    ArgValueCompleter::new(|begun: &OsStr| {
        let run = begun.to_str().and_then(|begun| begun.rsplit_once(':'));
        match run {
            Some((run, _)) if Path::new(run).join("result.json").is_file() => {
                let names = of_run(&Path::new(run).join("result.json"));
                matching(names.into_iter().map(|name| format!("{run}:{name}")), begun)
            }
            _ => PathCompleter::any().complete(begun),
        }
    })
}

fn matching(names: impl IntoIterator<Item = String>, begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy();
    let found = names.into_iter().filter(|name| name.starts_with(&*begun));
    found.map(CompletionCandidate::new).collect()
}

/// The names of a scenario's variants; none of a file that is no scenario.
fn of_scenario(path: &Path) -> Vec<String> {
    let text = read_at_most(path, LONGEST).ok();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let table = text.and_then(|text| text.parse::<toml::Table>().ok());
    let variants = table
        .as_ref()
        .and_then(|table| table.get("variant")?.as_array());
    let names = variants.into_iter().flatten();
    names
        .filter_map(|variant| Some(variant.get("name")?.as_str()?.to_owned()))
        .collect()
}

/// The names of a run's variants.
fn of_run(path: &Path) -> Vec<String> {
    let is_short = fs::metadata(path).is_ok_and(|file| file.len() <= LONGEST);
    let bytes = fs::read(path).ok().filter(|_| is_short);
    let result = bytes.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let variants = result
        .as_ref()
        .and_then(|result| result["variants"].as_array());
    let names = variants.into_iter().flatten();
    names
        .filter_map(|variant| Some(variant["name"].as_str()?.to_owned()))
        .collect()
}
