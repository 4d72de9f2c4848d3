//! `telemload flame capture`: a profile of what runs already, from its pprof endpoint or by perf.

use std::io::IsTerminal;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::cli::exit::Usage;
use crate::cli::files::write;
use crate::cli::output::say;
use crate::cli::path::is_stdio;
use crate::cli::signals::{Answered, Signals};
use crate::cli::values::{header, seconds};
use crate::engine::now_ns;
use crate::experiment::Stop;
use crate::gate::Outcome;
use crate::process::client::control_client_with;
use crate::process::perf::{self, CallGraph, Subject};
use crate::process::{CpuWindow, ProcessTree};
use crate::profile::capture::{self, Course, Request};
use crate::profile::{Forecast, Profile, doubts, encode, perf_script};
use crate::scenario::Header;
use crate::traffic::redact::without_known;
use crate::transport::tls::{Tls, TlsError};
use crate::units::{format_count, format_duration};

/// Capture a profile in slices, one after the other, and store it as it was sent (profile.proto, gzipped).
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true))]
pub(super) struct Args {
    /// pprof endpoint, such as http://127.0.0.1:6060/debug/pprof/profile.
    #[arg(long, value_name = "URL", group = "source")]
    url: Option<String>,
    /// Local process without an endpoint, with what runs below it: sampled by `perf record`.
    #[arg(long, group = "source")]
    pid: Option<u32>,
    /// For how long, in whole seconds; a bare number is seconds [default: 10s; 120s at most with --samples].
    #[arg(short, long, value_parser = whole_seconds)]
    duration: Option<Duration>,
    /// Capture until there are so many samples, for the duration at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    samples: Option<u64>,
    /// Length of a slice, in whole seconds [default: a tenth of the duration]. The spread between slices widens intervals.
    #[arg(long, value_parser = whole_seconds, conflicts_with = "pid")]
    slice: Option<Duration>,
    /// PEM file with the authorities that may vouch for the endpoint, instead of the system's.
    #[arg(long, value_name = "FILE", conflicts_with = "pid")]
    cacert: Option<PathBuf>,
    /// Accept any certificate of the endpoint.
    #[arg(short = 'k', long, conflicts_with_all = ["pid", "cacert"])]
    insecure: bool,
    /// Header to send, as `Name: value`; repeatable.
    #[arg(short = 'H', long = "header", value_parser = header, value_name = "NAME: VALUE", conflicts_with = "pid")]
    headers: Vec<Header>,
    /// Samples per second and busy core, where the endpoint takes it (Go does not) [default with --pid: 99].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    hz: Option<u32>,
    /// How callers are found, with --pid. fp: by frame pointers, which a program has to keep (gcc and clang: -fno-omit-frame-pointer);
    /// nearly free. dwarf: by unwind information, for any program; each sample copies 8 KiB of the stack (at 99 Hz 0.8 MB/s a busy core,
    /// and deeper stacks are cut), and names take seconds per thousand samples. lbr: by the branches that Intel's processors remember; up to 32 callers,
    /// not in most virtual machines.
    #[arg(long, value_name = "HOW", default_value = "fp", value_parser = call_graph, conflicts_with = "url")]
    call_graph: CallGraph,
    /// Sample where threads wait instead of where they use a CPU, with --pid: values are seconds that each thread is on no CPU, by stack.
    /// Each switch of a thread is a sample. Needs root, or kernel.perf_event_paranoid of 1 at most.
    #[arg(long, conflicts_with_all = ["url", "hz", "samples"])]
    off_cpu: bool,
    /// File to write; `-` is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "profile.pb.gz")]
    out: PathBuf,
}

/// Length of a capture if nothing else is said, and how long one waits for its samples.
const DEFAULT_LENGTH: Duration = Duration::from_secs(10);
const LONGEST_FOR_SAMPLES: Duration = Duration::from_secs(120);

impl Args {
    fn request(&self, hz: Option<u32>) -> Request {
        let duration = self.duration.unwrap_or(match self.samples {
            Some(_) => LONGEST_FOR_SAMPLES,
            None => DEFAULT_LENGTH,
        });
        Request::in_slices(duration, hz).until(self.samples, None)
    }
}

/// Exit code for a target that gives no profile.
const INVALID: u8 = 4;

/// Samples a second if nothing else is said: no round number, which keeps step with timers.
const DEFAULT_HZ: u32 = 99;

/// Why an idle target has no profile.
const USED_NONE: &str = "the target used no CPU";
/// The same of another profile than one of its CPU.
const DID_NONE: &str = "the target did nothing that this profile is of";

/// Of the samples that are due fewer than this part are said.
const ENOUGH_OF_DUE: f64 = 0.8;

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    if is_stdio(&args.out) {
        if std::io::stdout().is_terminal() {
            return Err(Usage(
                "a profile is no text; name a file with --out, or a pipe".to_owned(),
            )
            .into());
        }
    } else if args.out.is_file() {
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
    let signals = Signals::listen(Answered::First)?;
    let captured = runtime.block_on(async {
        let stop = signals.stop();
        match (&args.url, args.pid) {
            (Some(url), _) => from_url(args, url, stop).await,
            (None, Some(pid)) => from_process(args, pid, stop).await,
            (None, None) => Err(Usage("name a source: --url or --pid".to_owned()).into()),
        }
    });
    signals.release();
    let captured = match captured {
        Err(error) if error.is::<capture::CaptureError>() => {
            say(&format!(
                "invalid: {}",
                unreflected(args, &error.to_string())
            ));
            return Ok(INVALID);
        }
        captured => captured?,
    };
    stored(args, captured)
}

/// Stores what was captured. A profile without samples is none: nothing reads it.
fn stored(args: &Args, captured: Captured) -> anyhow::Result<u8> {
    let (outcome, prefix) = if captured.is_interrupted {
        (Outcome::Interrupted, "interrupted: ")
    } else {
        (Outcome::Pass, "")
    };
    let (profile, bytes) = match captured.profile {
        Some((profile, bytes)) if !profile.is_empty() => (profile, bytes),
        Some(_) if !captured.is_interrupted => {
            let why = captured.why_empty;
            say(&format!(
                "invalid: the profile has no samples, and nothing is stored: {why}; put it under load, or capture for longer (-d)"
            ));
            return Ok(INVALID);
        }
        _ => {
            say(&format!("{prefix}nothing is stored"));
            return Ok(outcome.exit_code());
        }
    };
    write(&args.out, &bytes)?;
    let slices = profile.slices().len().max(1);
    say(&format!(
        "{prefix}{} samples in {slices} {}{}",
        format_count(profile.samples() as f64),
        if slices == 1 { "slice" } else { "slices" },
        if is_stdio(&args.out) {
            String::new()
        } else {
            format!(", stored in {}", args.out.display())
        }
    ));
    Ok(outcome.exit_code())
}

/// What an endpoint said, which may hold what it was sent: values of headers and the password of the URL.
fn unreflected(args: &Args, said: &str) -> String {
    let url = args.url.as_deref().and_then(|url| url.parse::<Url>().ok());
    let values = args.headers.iter().filter_map(|of| of.value.as_deref());
    let words = values.flat_map(|value| [Some(value), value.rsplit(' ').next()]);
    let password = url.as_ref().and_then(Url::password);
    without_known(said, words.flatten().chain(password))
}

/// What there is when a capture has ended.
struct Captured {
    /// With its bytes; `None` if it ended before there was any.
    profile: Option<(Profile, Vec<u8>)>,
    /// Why it has no samples, if it has none.
    why_empty: &'static str,
    is_interrupted: bool,
}

/// A length of time that endpoints take.
fn whole_seconds(text: &str) -> Result<Duration, String> {
    let length = seconds(text)?;
    if length.subsec_nanos() > 0 || length.is_zero() {
        return Err(format!("{text} is not a whole number of seconds"));
    }
    Ok(length)
}

fn call_graph(text: &str) -> Result<CallGraph, String> {
    match text {
        "fp" => Ok(CallGraph::FramePointers),
        "dwarf" => Ok(CallGraph::Dwarf),
        "lbr" => Ok(CallGraph::BranchRecords),
        _ => Err("it is one of fp, dwarf, lbr".to_owned()),
    }
}

fn begin(request: &Request, source: &str) {
    let length = format_duration(request.duration);
    let length = match request.samples {
        Some(samples) => {
            let samples = format_count(samples as f64);
            format!("{samples} samples (within {length})")
        }
        None => length,
    };
    say(&format!(
        "capturing {length} of {source}; Ctrl-C ends it and keeps what there is"
    ));
}

/// Says once, when the first slice has shown it, how long the samples take that are still missing.
fn foretell(slices: usize, goes_on: bool, forecast: Option<Forecast>) {
    if let (1, true, Some(forecast)) = (slices, goes_on, forecast) {
        say(&forecast.to_string());
    }
}

async fn from_url(args: &Args, url: &str, mut stop: Stop) -> anyhow::Result<Captured> {
    let refused = |error: capture::CaptureError| Usage(error.to_string());
    let client = client(args, url)?;
    let mut request = args.request(args.hz);
    if let Some(slice) = args.slice {
        request.slice_seconds = u32::try_from(slice.as_secs()).unwrap_or(u32::MAX);
    }
    let mut slices = capture::Slices::new(&client, &[url], request).map_err(refused)?;
    begin(&request, &slices.shown());
    let mut failed = None;
    let mut is_interrupted = false;
    let mut taken = 0;
    while slices.next_seconds().is_some() && failed.is_none() && !is_interrupted {
        // An endpoint whose client leaves gives up the slice.
        tokio::select! {
            taken = slices.take() => failed = taken.err(),
            () = stop.asked() => is_interrupted = true,
        }
        taken += 1;
        let goes_on = slices.next_seconds().is_some() && failed.is_none() && !is_interrupted;
        foretell(taken, goes_on, slices.forecast());
    }
    match (slices.finish().map_err(refused)?, failed) {
        (Some(capture), failed) => {
            if let Some(error) = failed {
                let why = unreflected(args, &error.to_string());
                say(&format!("only the first {} s: {why}", capture.seconds));
            }
            let why_empty = match capture.profile.sample_type() {
                "cpu" => USED_NONE,
                _ => DID_NONE,
            };
            Ok(Captured {
                profile: Some((capture.profile, capture.bytes)),
                why_empty,
                is_interrupted,
            })
        }
        (None, Some(error)) => Err(error.into()),
        (None, None) => Ok(Captured {
            profile: None,
            why_empty: USED_NONE,
            is_interrupted,
        }),
    }
}

async fn from_process(args: &Args, pid: u32, stop: Stop) -> anyhow::Result<Captured> {
    let hz = args.hz.unwrap_or(DEFAULT_HZ);
    let ended = |_| Usage(perf::PerfError::NoProcess(pid).to_string());
    let tree = ProcessTree::of(pid).map_err(ended)?;
    if args.off_cpu && args.call_graph == CallGraph::BranchRecords {
        let words = "--call-graph lbr is of code that runs; with --off-cpu name fp or dwarf";
        return Err(Usage(words.to_owned()).into());
    }
    let request = perf::Request {
        trees: vec![tree.clone()],
        subject: match args.off_cpu {
            true => Subject::Waits,
            false => Subject::Cpu,
        },
        hz,
        call_graph: args.call_graph,
    };
    let recorded = record(args, &request, &tree, stop)
        .await
        .map_err(|error| match error {
            perf::PerfError::Missing
            | perf::PerfError::NoProcess(_)
            | perf::PerfError::Foreign { .. }
            | perf::PerfError::Paranoid(_)
            | perf::PerfError::NoSwitches(_) => anyhow::Error::new(Usage(error.to_string())),
            error => anyhow::anyhow!("{error}"),
        })?;
    let text = String::from_utf8_lossy(&recorded.text);
    let profile = match request.subject {
        Subject::Waits => perf_script::read_waits(&text, &recorded.slices),
        Subject::Cpu => perf_script::read_slices(&text, request.event(), &recorded.slices)
            .and_then(|profile| profile.into_cpu_time(1_000_000_000 / u64::from(hz))),
    };
    let profile = profile.context("the samples of perf cannot be used")?;
    if let (Subject::Cpu, Some(due)) = (request.subject, recorded.due) {
        let missing = missing(profile.samples(), due, recorded.ended);
        missing.into_iter().for_each(|words| say(&words));
    }
    for note in profile.notes() {
        say(&format!("note: {note}"));
    }
    for doubt in doubts(&profile) {
        say(&format!("note: {doubt}"));
    }
    let bytes = encode::encode(&profile)?;
    let why_empty = match (request.subject, recorded.due) {
        (Subject::Waits, _) => "no thread left its CPU, or each waited all the time",
        (Subject::Cpu, Some(due)) if due >= 1.0 => {
            "perf took none of the CPU time that the target used"
        }
        (Subject::Cpu, _) => USED_NONE,
    };
    Ok(Captured {
        profile: Some((profile, bytes)),
        why_empty,
        is_interrupted: recorded.is_interrupted,
    })
}

/// What is said if there are clearly fewer samples than the CPU time of the processes gives, of which so many are those of processes
/// that ended meanwhile.
fn missing(samples: u64, due: f64, ended: f64) -> Option<String> {
    let found = samples as f64;
    let lacks = due - found;
    (found < ENOUGH_OF_DUE * due && lacks > 3.0 * due.sqrt()).then(|| {
        // Only what has ended can have been too short for perf.
        let why = if ended >= lacks / 2.0 {
            "perf does not see processes that live shorter than the time between two samples; `perf record -a -g`, as root, does, and `flame top` reads the text of its `perf script`"
        } else {
            "perf's timer begins anew in each thread that starts, and a busy machine or its host may keep it from running; shares are sound if it lost all code alike, and a second capture (-d 60s) shows whether they are"
        };
        format!(
            "note: {} of about {} samples that their CPU time gives: {why}",
            format_count(found),
            format_count(due.round())
        )
    })
}

struct Recorded {
    /// What perf said.
    text: Vec<u8>,
    /// When samples were taken, in ns.
    slices: Vec<Range<u64>>,
    /// Samples that the CPU time of the processes gives, if that is known.
    due: Option<f64>,
    /// Those of processes that ended meanwhile.
    ended: f64,
    is_interrupted: bool,
}

async fn record(
    args: &Args,
    request: &perf::Request,
    tree: &ProcessTree,
    mut stop: Stop,
) -> Result<Recorded, perf::PerfError> {
    let mut recording = perf::Recording::start(request).await?;
    for unseen in recording.unseen() {
        say(&format!("note: {unseen}"));
    }
    let planned = args.request(None);
    begin(&planned, &format!("process {}", tree.root()));
    let mut course = Course::new(planned);
    let mut slices = Vec::new();
    let mut begin = now_ns();
    let mut is_interrupted = false;
    // Time that it does not see has no samples.
    let mut due = recording.unseen().is_empty().then_some(0.0);
    let ended_before = tree.ended_ns();
    while let Some(seconds) = course.next_seconds() {
        let cpu = CpuWindow::begin(tree).ok();
        let length = Duration::from_secs(u64::from(seconds));
        let end = begin + length.as_nanos() as u64;
        let left = Duration::from_nanos(end.saturating_sub(now_ns()));
        let goes_on = tokio::select! {
            goes_on = recording.lasts(left) => goes_on,
            () = stop.asked() => {
                is_interrupted = true;
                false
            }
        };
        slices.push(begin..end.min(now_ns()));
        // perf tells its samples when it ends: they are as many as the CPU time says.
        let used = cpu.and_then(|cpu| cpu.end().ok());
        let samples = used.map(|used| used.cpu_seconds * f64::from(request.hz));
        due = due.zip(samples).map(|(due, samples)| due + samples);
        if !goes_on {
            break;
        }
        begin = end;
        course.took(seconds, samples.unwrap_or(0.0));
        let goes_on = course.next_seconds().is_some();
        foretell(slices.len(), goes_on, course.forecast());
    }
    recording.stop();
    let ended = tree.ended_ns().zip(ended_before);
    let ended = ended.map_or(0, |(now, before)| now.saturating_sub(before));
    Ok(Recorded {
        ended: ended as f64 / 1e9 * f64::from(request.hz),
        text: recording.finish().await?,
        slices,
        due,
        is_interrupted,
    })
}

/// A client for `url` that trusts whom it is told to, sends the given headers and shows none of them.
fn client(args: &Args, url: &str) -> anyhow::Result<reqwest::Client> {
    let mut all = HeaderMap::new();
    for Header { name, value, .. } in &args.headers {
        // `Name:` sends none.
        let Some(value) = value else { continue };
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
    let is_encrypted = url.starts_with("https:");
    if !is_encrypted && (args.insecure || args.cacert.is_some()) {
        let flag = if args.insecure {
            "--insecure"
        } else {
            "--cacert"
        };
        return Err(Usage(format!("{flag} goes with an https:// URL")).into());
    }
    let refused = |error: TlsError| Usage(format!("--cacert: {error}"));
    let tls = match &args.cacert {
        Some(ca) => Tls::system().trusting(ca).map_err(refused)?,
        None if args.insecure => {
            say(
                "note: the endpoint's certificate is not checked (--insecure): what answers may be anyone",
            );
            Tls::system().unchecked()
        }
        None => Tls::system(),
    };
    let tls = is_encrypted.then_some(tls);
    control_client_with(tls.as_ref(), all).context("cannot set up the HTTP client")
}
