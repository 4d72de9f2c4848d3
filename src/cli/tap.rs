//! `telemload tap`: takes mirrored requests and records what an audit looks at.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::exit::Usage;
use super::files::unwritten;
use super::listen::Bound;
use super::output::{print, say};
use super::path::{is_stdio, quoted};
use super::signals::{Answered, Signals};
use super::values::{count, seconds};
use crate::experiment::begin_named;
use crate::parity::Key;
use crate::tap::{CONNECTION, Settings, Taken, tap};
use crate::transport::tls::random_bytes;

/// Take requests that a proxy mirrors, answer them at once, and record what they are like.
///
/// Recorded are names, order, sizes, times and keyed hashes of values, from which nobody can tell the values. Of mirrored requests
/// connections and clients are known if the mirror names them in X-Telemload-Connection and X-Telemload-Client.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload tap -o sample.jsonl
  telemload tap --listen 127.0.0.1:9900 -n 20000 -o sample.jsonl
  telemload tap --direct -d 60s -o sample.jsonl

In nginx, to mirror what the service gets:
  location / { mirror /tap; proxy_pass http://service; }
  location = /tap {
    internal;
    proxy_pass http://127.0.0.1:9900$request_uri;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection \"\";
    proxy_set_header X-Telemload-Connection $connection;
    proxy_set_header X-Telemload-Client $remote_addr;
  }

Exit codes: 0 ended as asked, 2 usage or nowhere to listen, 5 the file cannot be written")]
pub(super) struct Args {
    /// Where to listen; loopback unless a host is named, a free port for 0.
    #[arg(long, value_name = "[HOST:]PORT", default_value = "127.0.0.1:9900")]
    listen: String,
    /// Sample to write, or `-` for standard output.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: PathBuf,
    /// Write over what exists.
    #[arg(long)]
    force: bool,
    /// Clients connect themselves: their addresses and connections are who they are.
    #[arg(long)]
    direct: bool,
    /// End after so many requests.
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = count::<u64>)]
    requests: Option<u64>,
    /// End after so long [default: when interrupted].
    #[arg(short, long, value_name = "TIME", value_parser = seconds)]
    duration: Option<Duration>,
    /// The most MB that are written; requests behind them are answered and counted.
    #[arg(long, value_name = "MB", default_value = "256", value_parser = count::<u64>)]
    max_size: u64,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    let bound = Bound::at("--listen", &args.listen)?;
    let mut file = opened(&args.out, args.force)?;
    let signals = Signals::listen(Answered::First)?;
    let key = Key::of(random_bytes().context("the system gives no random bytes")?);
    let settings = Settings {
        direct: args.direct,
        requests: args.requests,
        duration: args.duration,
        most_bytes: args.max_size.saturating_mul(1_000_000),
    };
    say(&format!(
        "taps http://{}; end it with Ctrl-C",
        bound.address
    ));
    let mut stop = signals.stop();
    let (taken, written) = tap(bound.listener, &mut file, settings, key, stop.asked());
    let told = told(&taken, args);
    if is_stdio(&args.out) {
        told.lines().for_each(say);
    } else {
        print(&told)?;
    }
    written.map_err(|error| anyhow::anyhow!("cannot write {}: {error}", args.out.display()))?;
    Ok(0)
}

fn opened(path: &Path, force: bool) -> anyhow::Result<Box<dyn Write>> {
    if is_stdio(path) {
        return Ok(Box::new(std::io::stdout()));
    }
    let waits = || say(&format!("waits for a reader of {}", path.display()));
    let file = begin_named(path, force, waits).map_err(|error| match error.cause.kind() {
        ErrorKind::AlreadyExists => Usage(format!(
            "{} exists; name another file, or write over it with --force",
            path.display()
        ))
        .into(),
        _ => unwritten(&error),
    })?;
    Ok(Box::new(file))
}

fn told(taken: &Taken, args: &Args) -> String {
    let mut told = format!(
        "took {} requests on {} connections; {} are recorded\n",
        taken.requests, taken.connections, taken.recorded
    );
    if taken.unreadable > 0 {
        told += &format!(
            "{} connections sent something else than HTTP/1\n",
            taken.unreadable
        );
    }
    if taken.recorded < taken.requests {
        told += &format!(
            "the others are not: the sample has {} MB; --max-size takes more\n",
            args.max_size
        );
    }
    if !args.direct && taken.requests > 0 && !taken.names_connections {
        told += &format!(
            "connections and clients are unknown: the mirror named none in {CONNECTION} (--direct is for clients that connect themselves)\n"
        );
    }
    if taken.recorded > 0 && !is_stdio(&args.out) {
        told += &format!(
            "compare a scenario with it: telemload audit SCENARIO.toml {}\n",
            quoted(&args.out)
        );
    }
    told
}
