//! `telemload init`: a scenario to begin with.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::exit::Usage;
use super::files::unwritten;
use super::output::say;
use crate::experiment::write_new;
use crate::import::quoted;
use crate::scenario::{self, Overrides, is_name};

/// The scenario, with the bundled gateway as its target.
const TEXT: &str = include_str!("init/scenario.toml");
/// What of it depends on the service.
const TARGET: &str =
    "gateway = { auth = \"singleflight\" }         # an example service that comes with telemload";
const PATH: &str = "/v1/telemetry";

/// Write a commented scenario that runs as it stands.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload init
  telemload init checkout --url http://127.0.0.1:8080/orders
  telemload init load/checkout --command './checkout --port {port}'")]
pub(super) struct Args {
    /// Name of the scenario; it is written to NAME.toml. A path in front of it names another directory.
    #[arg(value_name = "NAME", default_value = "scenario", value_hint = clap::ValueHint::AnyPath)]
    name: PathBuf,
    /// Load a service that runs already.
    #[arg(long, value_name = "URL", conflicts_with = "command", value_hint = clap::ValueHint::Url)]
    url: Option<String>,
    /// Load a service that telemload starts, with `{port}` where its port goes.
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    let usage = |message: String| anyhow::Error::from(Usage(message));
    let stem = match args.name.extension() {
        Some(extension) if extension == "toml" => args.name.file_stem(),
        _ => args.name.file_name(),
    };
    let name = stem
        .and_then(|name| name.to_str())
        .filter(|name| is_name(name));
    let Some(name) = name else {
        let given = args.name.display();
        return Err(usage(format!(
            "`{given}` names no scenario; use 1 to 64 letters, digits, `-` and `_`"
        )));
    };
    let path = args.name.with_file_name(format!("{name}.toml"));
    let text = text(args, name);
    let directory = path.parent().unwrap_or(Path::new(""));
    scenario::parse(
        &path.display().to_string(),
        &text,
        directory,
        &Overrides::default(),
    )
    .map_err(|error| usage(format!("nothing was written: {error}")))?;
    match write_new(&path, text.as_bytes(), 0o666) {
        Err(error) if error.cause.kind() == ErrorKind::AlreadyExists => {
            let message = format!(
                "{} exists and stays as it is; name another scenario: telemload init NAME",
                path.display()
            );
            return Err(usage(message));
        }
        written => written.map_err(|error| unwritten(&error))?,
    }
    let shown = super::path::quoted(&path);
    say(&format!(
        "wrote {}\nnext:\n  telemload run {shown} --dry-run     # shows what would be sent\n  telemload run {shown}               # runs it",
        path.display()
    ));
    Ok(0)
}

/// The scenario of this name, for the service that was given.
fn text(args: &Args, name: &str) -> String {
    let (target, path) = match (&args.url, &args.command) {
        (Some(url), _) => {
            let after = url.find("://").map_or(0, |at| at + 3);
            let end = url[after..]
                .find(['/', '?', '#'])
                .map_or(url.len(), |at| after + at);
            let path = url[end..].split('#').next().unwrap_or_default();
            let slash = if path.starts_with('/') { "" } else { "/" };
            (
                format!("url = {}", quoted(&url[..end])),
                format!("{slash}{path}"),
            )
        }
        (None, Some(command)) => (format!("command = {}", quoted(command)), "/".to_owned()),
        (None, None) if cfg!(feature = "gateway") => (TARGET.to_owned(), PATH.to_owned()),
        (None, None) => {
            let server = "command = \"python3 -m http.server {port} --bind 127.0.0.1\"";
            (server.to_owned(), "/".to_owned())
        }
    };
    TEXT.replace("scenario.toml", &format!("{name}.toml"))
        .replace("name = \"scenario\"", &format!("name = {}", quoted(name)))
        .replace(TARGET, &target)
        .replace(
            &format!("path = {}", quoted(PATH)),
            &format!("path = {}", quoted(&path)),
        )
}
