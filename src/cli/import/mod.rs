//! `telemload import`: recorded traffic of others becomes a scenario. Values of credentials reach no output but the file that
//! `--keep-secrets` names.

mod place;
mod told;

use std::path::{Path, PathBuf};

use self::place::Place;
use super::exit::Usage;
use super::input::bytes_up_to;
use super::output::print;
use super::path::{at_most_one_stdin, shown};
use crate::import::{self, Choice, Options, Pace, Sample};

/// Make a scenario of recorded traffic: HAR archives, curl commands, access logs.
///
/// Files are told apart by their content, may be gzipped, and are put in the order of their times. Credentials and persons are replaced: by
/// variables of the environment where there is one value, by generated values where there are several. Nothing is sent, and no shell is run.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  telemload import session.har -o checkout.toml\n  telemload import access.log.gz access.log.1.gz --origin https://shop.example -o shop.toml\n  telemload import --log-format '$remote_addr [$time_iso8601] \"$request\" $status $msec \"$http_x_device_id\"' access.log\n  telemload import --timing --speed 10 session.har --target http://127.0.0.1:8080\n\nExit codes: 0 the scenario is written, 2 a file cannot be read as any format or exists, 5 I/O."
)]
pub(super) struct Args {
    /// Files to read; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Scenario to write. Feeds and bodies go into NAME-files beside it.
    #[arg(short, long, value_name = "FILE", default_value = "scenario.toml")]
    out: PathBuf,
    /// Write over what exists.
    #[arg(long)]
    force: bool,
    /// Take the requests to this origin, such as https://shop.example [default: the most frequent one].
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// Load this instead of the origin, whose Host header stays.
    #[arg(long, value_name = "URL", value_parser = url)]
    target: Option<String>,
    /// Keep the recorded times as a schedule, instead of their mean rate.
    #[arg(long)]
    timing: bool,
    /// How many times as fast.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    speed: f64,
    /// Write what was secret to this .jsonl file (mode 0600), from which the scenario takes it.
    #[arg(long, value_name = "FILE")]
    keep_secrets: Option<PathBuf>,
    /// Send bodies that are no text as they were recorded. Nobody looks for secrets in them.
    #[arg(long)]
    keep_binary: bool,
    /// Read the files that commands of curl name with @.
    #[arg(long)]
    read_files: bool,
    /// Format of an access log: common, combined, envoy, alb or haproxy, or a line such as '$remote_addr "$request" $status' (nginx),
    /// '%h "%r" %>s' (Apache), '%REQ(:METHOD)%' (Envoy) [default: told by its content].
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Fields of a JSON log as JSON pointers: 'method=/req/method,target=/req/url,time=/ts,header.User-Agent=/ua'.
    #[arg(long, value_name = "FIELDS", conflicts_with = "log_format")]
    log_fields: Option<String>,
    /// Print what was read and written as JSON.
    #[arg(long)]
    json: bool,
}

/// The largest file that is read.
const LARGEST: u64 = 512 << 20;

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

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    at_most_one_stdin(args.files.iter().map(PathBuf::as_path))?;
    let place = Place::of(args)?;
    let mut sample = Sample::default();
    for file in &args.files {
        sample.join(read(args, file)?);
    }
    let read = told::Read::of(&sample);
    let secrets = import::take(&mut sample);
    let choice = Choice {
        name: place.name.clone(),
        origin: args.origin.clone(),
        target: args.target.clone(),
        pace: Pace {
            keeps_times: args.timing,
            speed: args.speed,
        },
        folder: place.folder_name.clone(),
        secrets: place.secrets_name.clone(),
        keeps_binary: args.keep_binary,
    };
    let draft = import::draft(&mut sample, &secrets, &choice).map_err(|why| {
        Usage(format!(
            "{}: {why}{}",
            all(&args.files),
            told::skipped_in_a_line(&sample)
        ))
    })?;
    place.write(&draft, args.force)?;
    let told = told::Told {
        read,
        sample: &sample,
        replaced: secrets.report(),
        draft: &draft,
        place: &place,
    };
    print(&if args.json { told.json() } else { told.text() })?;
    Ok(0)
}

fn read(args: &Args, file: &Path) -> anyhow::Result<Sample> {
    let bytes = bytes_up_to(file, LARGEST, "; name the files in it")?;
    let parent = file.parent().unwrap_or(Path::new("")).to_owned();
    let beside = move |name: &str| -> Result<Vec<u8>, String> {
        bytes_up_to(&parent.join(name), 16 << 20, "").map_err(|error| error.to_string())
    };
    let options = Options {
        format: args.log_format.as_deref(),
        fields: args.log_fields.as_deref(),
        files: args.read_files.then_some(&beside as import::Files<'_>),
    };
    let sample = import::read(&shown(file), &bytes, &options);
    Ok(sample.map_err(|error| Usage(format!("{}: {error}", shown(file))))?)
}

fn all(files: &[PathBuf]) -> String {
    match files {
        [one] => shown(one),
        [first, rest @ ..] => format!("{} and {} more", shown(first), rest.len()),
        [] => String::new(),
    }
}
