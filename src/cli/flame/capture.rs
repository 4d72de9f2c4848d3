//! `telemload flame capture`: a profile of what runs already, from its pprof endpoint or by perf.

use std::io::IsTerminal;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::super::input::is_stdio;
use super::super::run::{header, seconds};
use super::super::{Usage, say};
use super::write;
use crate::engine::now_ns;
use crate::profile::{Profile, capture, encode, perf_script};
use crate::target::client::control_client_with;
use crate::target::perf;
use crate::transport::tls::Tls;
use crate::units::format_count;

/// Capture a profile in slices, one after the other, and store it as it was sent (profile.proto, gzipped).
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true))]
pub(super) struct Args {
    /// pprof endpoint, such as http://127.0.0.1:6060/debug/pprof/profile.
    #[arg(long, value_name = "URL", group = "source")]
    url: Option<String>,
    /// Local process without an endpoint: sampled by `perf record`.
    #[arg(long, group = "source")]
    pid: Option<u32>,
    /// For how long, in whole seconds; a bare number is seconds.
    #[arg(short, long, value_parser = seconds, default_value = "10s")]
    duration: Duration,
    /// Length of a slice, in whole seconds [default: a tenth of the duration]. The spread between slices widens intervals.
    #[arg(long, value_parser = seconds, conflicts_with = "pid")]
    slice: Option<Duration>,
    /// Header to send, as `Name: value`; repeatable.
    #[arg(short = 'H', long = "header", value_parser = header, value_name = "NAME: VALUE", conflicts_with = "pid")]
    headers: Vec<(String, String)>,
    /// Samples per second and busy core, where the endpoint takes it (Go does not) [default with --pid: 99].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    hz: Option<u32>,
    /// File to write; `-` is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "profile.pb.gz")]
    out: PathBuf,
}

/// Exit code for a target that gives no profile.
const INVALID: u8 = 4;

/// Samples a second if nothing else is said: no round number, which keeps step with timers.
const DEFAULT_HZ: u32 = 99;

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    if is_stdio(&args.out) {
        if std::io::stdout().is_terminal() {
            return Err(Usage(
                "a profile is no text; name a file with --out, or a pipe".to_owned(),
            )
            .into());
        }
    } else if args.out.exists() {
        return Err(Usage(format!(
            "{} exists; name another file with --out",
            args.out.display()
        ))
        .into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot set up the runtime")?;
    let captured = match (&args.url, args.pid) {
        (Some(url), _) => runtime.block_on(from_url(args, url)),
        (None, Some(pid)) => runtime.block_on(from_process(args, pid)),
        (None, None) => return Err(Usage("name a source: --url or --pid".to_owned()).into()),
    };
    let (profile, bytes) = match captured {
        Err(error) if error.is::<capture::CaptureError>() => {
            say(&format!("invalid: {error}"));
            return Ok(INVALID);
        }
        captured => captured?,
    };
    write(&args.out, &bytes)?;
    if profile.is_empty() {
        say("the profile has no samples: the target used no CPU; put it under load");
    } else {
        say(&format!(
            "{} samples in {} slices{}",
            format_count(profile.samples() as f64),
            profile.slices().len().max(1),
            if is_stdio(&args.out) {
                String::new()
            } else {
                format!(", stored in {}", args.out.display())
            }
        ));
    }
    Ok(0)
}

async fn from_url(args: &Args, url: &str) -> anyhow::Result<(Profile, Vec<u8>)> {
    let refused = |error: capture::CaptureError| Usage(error.to_string());
    let client = client(url, &args.headers)?;
    let mut request = capture::Request::in_slices(args.duration, args.hz);
    if let Some(slice) = args.slice {
        request.slice_seconds = u32::try_from(slice.as_secs()).unwrap_or(u32::MAX);
    }
    let mut slices = capture::Slices::new(&client, &[url], request).map_err(refused)?;
    let mut failed = None;
    while slices.next_seconds().is_some() && failed.is_none() {
        failed = slices.take().await.err();
    }
    match (slices.finish().map_err(refused)?, failed) {
        (Some(capture), failed) => {
            if let Some(error) = failed {
                say(&format!("only the first {} s: {error}", capture.seconds));
            }
            Ok((capture.profile, capture.bytes))
        }
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(anyhow::anyhow!("nothing was captured")),
    }
}

async fn from_process(args: &Args, pid: u32) -> anyhow::Result<(Profile, Vec<u8>)> {
    let hz = args.hz.unwrap_or(DEFAULT_HZ);
    let request = perf::Request {
        pids: vec![pid],
        hz,
    };
    let (text, slices) = record(&request, args.duration)
        .await
        .map_err(|error| match error {
            perf::PerfError::Missing
            | perf::PerfError::NoProcess(_)
            | perf::PerfError::Foreign { .. }
            | perf::PerfError::Paranoid(_) => anyhow::Error::new(Usage(error.to_string())),
            error => anyhow::anyhow!("{error}"),
        })?;
    let text = String::from_utf8_lossy(&text);
    let read = perf_script::read_slices(&text, perf::EVENT, &slices);
    let profile = read.and_then(|profile| profile.into_cpu_time(1_000_000_000 / u64::from(hz)));
    let profile = profile.context("the samples of perf cannot be used")?;
    let bytes = encode::encode(&profile)?;
    Ok((profile, bytes))
}

/// What perf said, and the slices in which it was asked for, in ns.
async fn record(
    request: &perf::Request,
    duration: Duration,
) -> Result<(Vec<u8>, Vec<Range<u64>>), perf::PerfError> {
    let mut recording = perf::Recording::start(request).await?;
    let mut slices = Vec::new();
    let mut begin = now_ns();
    for seconds in capture::Request::in_slices(duration, None).lengths() {
        let length = Duration::from_secs(u64::from(seconds));
        let end = begin + length.as_nanos() as u64;
        slices.push(begin..end);
        if !recording
            .lasts(Duration::from_nanos(end.saturating_sub(now_ns())))
            .await
        {
            break;
        }
        begin = end;
    }
    recording.stop();
    Ok((recording.finish().await?, slices))
}

/// A client for `url` that sends the given headers and shows none of them.
fn client(url: &str, headers: &[(String, String)]) -> anyhow::Result<reqwest::Client> {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        let of = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Usage(format!("-H: `{name}` is no header name")))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            Usage(format!(
                "-H: the value of {name} has characters that no header may have"
            ))
        })?;
        value.set_sensitive(true);
        all.append(of, value);
    }
    let tls = url.starts_with("https:").then(Tls::system);
    control_client_with(tls.as_ref(), all).context("cannot set up the HTTP client")
}
