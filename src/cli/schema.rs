//! `telemload schema`: the schema of scenarios, for editors.

use super::output::print;

/// It is made from the types that read a scenario; a test keeps the file as they are.
const SCHEMA: &str = include_str!("../../docs/scenario.schema.json");

/// Print the JSON schema of scenarios, with which editors complete and check them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  telemload schema > scenario.schema.json

Editors with TOML support (taplo, Even Better TOML) use it for a scenario whose first line is
  #:schema ./scenario.schema.json")]
pub(super) struct Args {}

pub(super) fn exec(_: &Args) -> anyhow::Result<u8> {
    print(SCHEMA).map(|()| 0)
}
