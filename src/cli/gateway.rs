//! `telemload gateway`: the bundled reference gateway in the foreground, or as the child of a run.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use gateway_config::{Config, Device, Key, Launch};

use super::completions::variants;
use super::exit::Usage;
use super::files::unwritten;
use super::output::say;
use super::verify_sink;
use crate::experiment::begin_named;
use crate::parity;
use crate::scenario::{self, LAUNCH_DIRECTORY, Overrides, Target};
use crate::tap::{Recorder, Recording};
use crate::traffic::fleet::{Hashes, Roster};
use crate::transport::http1::Incoming;
use crate::transport::tls::random_bytes;

/// Run the bundled reference gateway in the foreground.
///
/// Without a scenario it knows no devices and answers the user path (requests without X-Device-Id). With one it has
/// the scenario's configuration and fleets, so that other clients can be pointed at it.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  telemload gateway\n  telemload gateway scenarios/200-to-20000.toml --variant after"
)]
pub(super) struct Args {
    /// Scenario whose gateway and fleets are used.
    #[arg(value_hint = clap::ValueHint::FilePath)]
    scenario: Option<PathBuf>,
    /// Variant of the scenario; the first one by default.
    #[arg(long, requires = "scenario", add = variants())]
    variant: Option<String>,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// File that gets the key of this start, which /admin/ and /debug/ ask for; without it they answer nobody.
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    key_file: Option<PathBuf>,
    /// New file in which the gateway records what its requests are like, without their values: a sample for `telemload audit`, like that of
    /// `telemload tap`.
    #[arg(long, value_name = "FILE", conflicts_with = "stdin", value_hint = clap::ValueHint::FilePath)]
    sample: Option<PathBuf>,
    /// Read configuration and registry as JSON from stdin: how a run starts it.
    #[arg(long, hide = true, conflicts_with = "scenario")]
    stdin: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    VerifySink(verify_sink::Args),
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    if let Some(Verb::VerifySink(args)) = &args.verb {
        return verify_sink::exec(args);
    }
    let launch = if args.stdin {
        from_stdin()?
    } else {
        // A start that fails here leaves no file behind.
        let launch = foreground(args)?;
        let admin_key = args.key_file.as_deref().map(new_key).transpose()?;
        Launch {
            admin_key,
            sample: args.sample.clone(),
            ..launch
        }
    };
    let sampling = launch.sample.as_deref().map(Sampling::begin).transpose()?;
    let observer = sampling.as_ref().map(Sampling::observer);
    let served = target_service::serve(launch, observer);
    if let Some(sampling) = sampling {
        sampling.end(served.is_ok())?;
    }
    // Its message holds the cause already.
    served.map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(0)
}

/// A sample of the gateway's requests, and its file.
struct Sampling {
    recording: Recording,
    file: PathBuf,
}

/// Records what the gateway tells.
struct Told(Arc<Recorder>);

/// The most bytes of a sample.
const MOST_BYTES: u64 = 256_000_000;

impl Sampling {
    fn begin(path: &Path) -> anyhow::Result<Self> {
        let waits = || say(&format!("waits for a reader of {}", path.display()));
        let file = begin_named(path, false, waits).map_err(|error| match error.cause.kind() {
            ErrorKind::AlreadyExists => Usage(format!(
                "the sample {} exists; name a new file",
                path.display()
            ))
            .into(),
            _ => unwritten(&error),
        })?;
        let key = parity::Key::of(random_bytes().context("the system gives no random bytes")?);
        let recording = Recording::begin(Box::new(file), key, MOST_BYTES)
            .context("cannot start a thread for the sample")?;
        Ok(Self {
            recording,
            file: path.to_owned(),
        })
    }

    fn observer(&self) -> Arc<dyn target_service::Observer> {
        Arc::new(Told(self.recording.recorder()))
    }

    /// Says what the sample holds, and what it lacks. A start that failed leaves none behind.
    fn end(self, was_served: bool) -> anyhow::Result<()> {
        let kept = self.recording.end();
        // A device or a pipe is not ours, and a file is: it was not there before.
        let is_file = || fs::symlink_metadata(&self.file).is_ok_and(|of| of.is_file());
        if !was_served && kept.recorded == 0 && is_file() {
            return fs::remove_file(&self.file).context("cannot remove the empty sample");
        }
        let place = self.file.display();
        say(&format!("recorded {} requests in {place}", kept.recorded));
        if let Some(error) = kept.error {
            say(&format!("cannot write {place}: {error}"));
        }
        if kept.dropped > 0 {
            say(&format!(
                "{} requests were answered and are not in it: the file was slower than they came, or has {} MB",
                kept.dropped,
                MOST_BYTES / 1_000_000
            ));
        }
        Ok(())
    }
}

impl target_service::Observer for Told {
    fn request(&self, seen: &target_service::Seen<'_>) {
        let fields = seen.headers.iter();
        let request = Incoming {
            method: seen.method.to_owned(),
            target: seen.target.to_owned(),
            keeps: true,
            fields: fields
                .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
                .collect(),
            body_bytes: seen.body_bytes.unwrap_or(0),
            body: Vec::new(),
        };
        let client = seen.peer.to_string();
        let knows_body = seen.body_bytes.is_some();
        self.0.take(&request, knows_body, &client, seen.connection);
    }
}

/// A key of this start, in a file that its owner alone may read.
fn new_key(path: &Path) -> anyhow::Result<Key> {
    let key = Key::random().context("cannot read random bytes")?;
    let refused = |error| {
        Usage(format!(
            "--key-file {}: {error}; name a new file",
            path.display()
        ))
    };
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(refused)?;
    writeln!(file, "{}", key.digits()).map_err(refused)?;
    Ok(key)
}

fn from_stdin() -> anyhow::Result<Launch> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .context("cannot read the configuration from stdin")?;
    serde_json::from_slice(&bytes).context("the configuration on stdin is not valid")
}

fn foreground(args: &Args) -> anyhow::Result<Launch> {
    let Some(path) = &args.scenario else {
        say(&format!(
            "gateway without devices on http://{}; Ctrl-C ends it",
            args.listen
        ));
        return Ok(Launch {
            listen: args.listen,
            config: Config::default(),
            devices: Vec::new(),
            admin_key: None,
            sample: None,
        });
    };
    let overrides = Overrides {
        variant: args.variant.clone(),
        ..Overrides::default()
    };
    let plan = scenario::load(path, &overrides).map_err(|error| Usage(error.to_string()))?;
    let variant = &plan.variants[0];
    let Target::Bundled { config, places, .. } = &variant.target else {
        return Err(Usage(format!(
            "variant `{}` of {} has no `target.gateway`",
            variant.name,
            path.display()
        ))
        .into());
    };
    if config.sink.contains(LAUNCH_DIRECTORY) {
        return Err(Usage(format!(
            "variant `{}` of {} has its `target.gateway.sink` in {LAUNCH_DIRECTORY}, which only a run has; name a directory in it",
            variant.name,
            path.display()
        ))
        .into());
    }
    if config.sample && args.sample.is_none() {
        return Err(Usage(format!(
            "variant `{}` of {} records a sample (`target.gateway.sample`), for which only a run has a directory; name a file with --sample",
            variant.name,
            path.display()
        ))
        .into());
    }
    if !places.is_empty() {
        return Err(Usage(format!(
            "variant `{}` of {} needs its services, and only `telemload run` starts these; give its store and sink fixed ports",
            variant.name,
            path.display()
        ))
        .into());
    }
    let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
    let registry = Hashes::default()
        .registry(&rosters, config.bcrypt_cost, &|| ControlFlow::Continue(()))
        .context("cannot hash the devices' secrets")?
        .unwrap_or_default();
    let devices: Vec<Device> = registry
        .into_iter()
        .map(|(id, hash)| Device { id, hash })
        .collect();
    say(&format!(
        "gateway on http://{} with {} devices, variant {}; Ctrl-C ends it",
        args.listen,
        devices.len(),
        variant.name
    ));
    Ok(Launch {
        listen: args.listen,
        config: (**config).clone(),
        devices,
        admin_key: None,
        sample: None,
    })
}
