//! What the user says to `telemload import`.

use std::path::PathBuf;

/// Make a scenario of recorded traffic: HAR archives, curl commands, access logs.
///
/// Files are told apart by their content, may be gzipped, and are put in the order of their times. Credentials and persons are replaced: by
/// variables of the environment where there is one value, by generated values where there are several. Nothing is sent, and no shell is run.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  telemload import session.har -o checkout.toml\n  telemload import access.log.gz access.log.1.gz --origin https://shop.example -o shop.toml\n  telemload import --log-format '$remote_addr [$time_iso8601] \"$request\" $status $msec \"$http_x_device_id\"' access.log\n  telemload import --timing --speed 10 session.har --target http://127.0.0.1:8080\n\nExit codes: 0 the scenario is written, 2 a file cannot be read as any format or exists, 5 I/O."
)]
pub(in crate::cli) struct Args {
    /// Files to read; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Scenario to write. Feeds and bodies go into NAME-files beside it.
    #[arg(short, long, value_name = "FILE", default_value = "scenario.toml")]
    pub(super) out: PathBuf,
    /// Write over what exists.
    #[arg(long)]
    pub(super) force: bool,
    /// Take the requests to this origin, such as `https://shop.example` [default: the most frequent one].
    #[arg(long, value_name = "ORIGIN")]
    pub(super) origin: Option<String>,
    /// Load this instead of the origin, whose Host header stays.
    #[arg(long, value_name = "URL", value_parser = url)]
    pub(super) target: Option<String>,
    /// Keep the recorded times as a schedule, instead of their mean rate.
    #[arg(long)]
    pub(super) timing: bool,
    /// How many times as fast.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    pub(super) speed: f64,
    /// Write what was secret to this .jsonl file (mode 0600), from which the scenario takes it.
    #[arg(long, value_name = "FILE")]
    pub(super) keep_secrets: Option<PathBuf>,
    /// Send bodies that are no text as they were recorded. Nobody looks for secrets in them.
    #[arg(long)]
    pub(super) keep_binary: bool,
    /// Read the files that commands of curl name with @, if they lie below the directory of the commands.
    #[arg(long)]
    pub(super) read_files: bool,
    /// Format of an access log: common, combined, envoy, alb or haproxy, or a line such as '$remote_addr "$request" $status' (nginx),
    /// '%h "%r" %>s' (Apache), '%REQ(:METHOD)%' (Envoy) [default: told by its content].
    #[arg(long, value_name = "FORMAT")]
    pub(super) log_format: Option<String>,
    /// Fields of a JSON log as JSON pointers: 'method=/req/method,target=/req/url,time=/ts,header.User-Agent=/ua'.
    #[arg(long, value_name = "FIELDS", conflicts_with = "log_format")]
    pub(super) log_fields: Option<String>,
    /// Print what was read and written as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

fn url(text: &str) -> Result<String, String> {
    let is_url = ["http://", "https://"]
        .iter()
        .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
    if is_url {
        Ok(text.to_owned())
    } else {
        Err("it is http://HOST[:PORT] or https://HOST[:PORT]".to_owned())
    }
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text
        .parse::<f64>()
        .ok()
        .filter(|factor| (0.001..=1000.0).contains(factor));
    factor.ok_or_else(|| "it is a number from 0.001 to 1000".to_owned())
}
