//! `telemload completions`: a completion script for a shell.

use clap::CommandFactory;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  telemload completions bash > ~/.local/share/bash-completion/completions/telemload"
)]
pub(super) struct Args {
    /// The shell.
    shell: clap_complete::Shell,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut super::Cli::command(),
        "telemload",
        &mut script,
    );
    super::print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
