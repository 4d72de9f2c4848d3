//! `telemload man`: manual pages, made from the flags.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Command;

use super::files;
use super::output::{print, say};

/// Print the manual page, or write one for each command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload man | man -l -
  telemload man --out ~/.local/share/man/man1")]
pub(super) struct Args {
    /// Directory that gets telemload.1 and a page for each command.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: Option<PathBuf>,
}

pub(super) fn exec(args: &Args, mut command: Command) -> anyhow::Result<u8> {
    command.build();
    let Some(out) = &args.out else {
        return print(&page(&command)?).map(|()| 0);
    };
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    write(&command, "telemload", out)?;
    say(&format!("wrote the manual pages into {}", out.display()));
    Ok(0)
}

/// Writes the page of a command and of those below it.
fn write(command: &Command, name: &str, out: &Path) -> anyhow::Result<()> {
    files::write(&out.join(format!("{name}.1")), page(command)?.as_bytes())?;
    let below = command.get_subcommands();
    below
        .filter(|of| !of.is_hide_set() && of.get_name() != "help")
        .try_for_each(|of| write(of, &format!("{name}-{}", of.get_name()), out))
}

fn page(command: &Command) -> anyhow::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .manual("telemload")
        .render(&mut page)
        .context("cannot render the manual page")?;
    String::from_utf8(page).context("the manual page is no text")
}
