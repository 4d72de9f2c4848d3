//! `telemload completions`: a completion script for a shell.

use super::output::print;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  telemload completions bash > ~/.local/share/bash-completion/completions/telemload"
)]
pub(super) struct Args {
    /// The shell.
    shell: clap_complete::Shell,
}

/// A script for all of `command`.
pub(super) fn exec(args: &Args, command: &mut clap::Command) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "telemload", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
