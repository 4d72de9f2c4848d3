//! `/debug/pprof/`: samples the process's own CPU use and answers with a gzip'd `profile.proto` or a flame graph.
//!
//! The sampler walks frame pointers from a signal handler. It starts at the return address of the interrupted function,
//! so **the leaf function is missing** from every stack and its self time appears at its caller; inclusive shares are
//! right wherever a caller remains. Code without frame pointers (libc) can cut a stack short; a stack of which nothing
//! was seen is kept as one frame `[unknown]`, so that shares are of all samples. The timer is process-wide: no more than
//! one sample per kernel tick, and `samples x period` is less than the CPU time on several busy CPUs.

mod encode;
mod flame;

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use pprof::{Frames, ProfilerGuardBuilder, UnresolvedReport};
use prost::Message;

use crate::app::App;
use encode::{Capture, Stack, Symbol};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    seconds: u64,
    hz: i32,
}

impl Window {
    /// Reads `seconds` (1 to 300, default 30) and `hz` (1 to 1000, default 99); other parameters are ignored.
    fn parse(query: &str) -> Result<Self, String> {
        let mut window = Self {
            seconds: 30,
            hz: 99,
        };
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match key {
                "seconds" => window.seconds = u64::from(number(key, value, 300)?),
                "hz" => window.hz = i32::from(number(key, value, 1000)?),
                _ => {}
            }
        }
        Ok(window)
    }
}

fn number(key: &str, value: &str, high: i16) -> Result<u16, String> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse::<i16>() {
        Ok(number) if digits && (1..=high).contains(&number) => Ok(number.unsigned_abs()),
        _ => Err(format!("{key} must be a whole number from 1 to {high}\n")),
    }
}

#[derive(Debug, thiserror::Error)]
enum CaptureError {
    #[error("Could not enable CPU profiling: cpu profiling already in use")]
    Running,
    #[error("Could not enable CPU profiling: {0}")]
    Profiler(pprof::Error),
    #[error("Could not write the profile: {0}")]
    Write(#[from] io::Error),
}

impl From<pprof::Error> for CaptureError {
    fn from(error: pprof::Error) -> Self {
        match error {
            pprof::Error::Running => Self::Running,
            other => Self::Profiler(other),
        }
    }
}

/// `/debug/pprof/profile`: the capture as gzip'd `profile.proto`.
pub(crate) async fn handle(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let bytes = match captured(&app, query.as_deref(), zipped).await {
        Ok(bytes) => bytes,
        Err(failure) => return failure,
    };
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CONTENT_DISPOSITION, r#"attachment; filename="profile""#),
    ];
    (headers, bytes).into_response()
}

/// `/debug/pprof/flamegraph`: the capture as a picture, for a browser.
pub(crate) async fn flamegraph(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let draw = |capture: &Capture| Ok(flame::svg(capture).into_bytes());
    match captured(&app, query.as_deref(), draw).await {
        Ok(bytes) => ([(CONTENT_TYPE, "image/svg+xml")], bytes).into_response(),
        Err(failure) => failure,
    }
}

/// Captures for as long as asked, until the client leaves, or until the gateway stops.
async fn captured(
    app: &App,
    query: Option<&str>,
    render: impl FnOnce(&Capture) -> io::Result<Vec<u8>> + Send + 'static,
) -> Result<Vec<u8>, Response> {
    let window = Window::parse(query.unwrap_or_default())
        .map_err(|message| failure(StatusCode::BAD_REQUEST, message))?;
    // Sending ends the capture early with what there is; dropping it, as hyper does when the client leaves, abandons it.
    let (finish, control) = sync_channel(1);
    let mut work = tokio::task::spawn_blocking(move || match capture(window, &control)? {
        Some(capture) => Ok(Some(render(&capture)?)),
        None => Ok::<_, CaptureError>(None),
    });
    let done = tokio::select! {
        done = &mut work => done,
        () = app.stopping.cancelled() => {
            // Full or disconnected means that it has ended by itself.
            let _ = finish.try_send(());
            work.await
        }
    };
    let broken = |message: String| failure(StatusCode::INTERNAL_SERVER_ERROR, message);
    match done {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Err(error)) => Err(broken(error.to_string())),
        Ok(Ok(None)) | Err(_) => Err(broken("the capture was abandoned".to_owned())),
    }
}

fn failure(status: StatusCode, message: String) -> Response {
    (status, [("x-go-pprof", "1")], message).into_response()
}

fn zipped(capture: &Capture) -> io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&encode::profile(capture).encode_to_vec())?;
    gzip.finish()
}

fn capture(window: Window, control: &Receiver<()>) -> Result<Option<Capture>, CaptureError> {
    // Samples in the vdso are left out, whose frames cannot be walked. Anything more on this list would silently
    // remove system calls, allocation and copying from every profile.
    let guard = ProfilerGuardBuilder::default()
        .frequency(window.hz)
        .blocklist(&["vdso"])
        .build()?;
    if control.recv_timeout(Duration::from_secs(window.seconds))
        == Err(RecvTimeoutError::Disconnected)
    {
        return Ok(None);
    }
    let report = guard.report().build_unresolved()?;
    // Names are looked up after the last sample: the work is not in the profile and blocks no sample.
    drop(guard);
    Ok(Some(gather(&report)))
}

fn gather(report: &UnresolvedReport) -> Capture {
    let mut symbols = HashMap::new();
    let mut stacks = Vec::with_capacity(report.data.len());
    for (stack, count) in &report.data {
        for frame in &stack.frames {
            symbols.entry(frame.ip as u64).or_insert_with(|| {
                // Only whole stacks can be resolved, so one frame becomes a stack of its own.
                let mut lone = stack.clone();
                lone.frames.clear();
                lone.frames.push(frame.clone());
                Frames::from(lone)
                    .frames
                    .iter()
                    .flatten()
                    .filter_map(symbol)
                    .collect::<Vec<_>>()
            });
        }
        stacks.push(Stack {
            addresses: stack.frames.iter().map(|frame| frame.ip as u64).collect(),
            thread: String::from_utf8_lossy(&stack.thread_name[..stack.thread_name_length])
                .into_owned(),
            count: *count as i64,
        });
    }
    let started = report
        .timing
        .start_time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Capture {
        stacks,
        symbols,
        hz: i64::from(report.timing.frequency),
        time_nanos: i64::try_from(started.as_nanos()).unwrap_or(i64::MAX),
        duration_nanos: i64::try_from(report.timing.duration.as_nanos()).unwrap_or(i64::MAX),
    }
}

fn symbol(found: &pprof::Symbol) -> Option<Symbol> {
    found.name.as_ref()?;
    Some(Symbol {
        name: found.name(),
        system_name: found.sys_name().into_owned(),
        filename: found
            .filename
            .as_ref()
            .map(|path| path.to_string_lossy().into_owned())
            .unwrap_or_default(),
        line: i64::from(found.lineno()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows() {
        let check = |query: &str, seconds: u64, hz: i32| {
            assert_eq!(Window::parse(query), Ok(Window { seconds, hz }))
        };
        check("", 30, 99);
        check("seconds=5", 5, 99);
        check("hz=997&seconds=300", 300, 997);
        check("debug=1&gc", 30, 99);
        let refuse = |query: &str, message: &str| {
            assert_eq!(Window::parse(query), Err(format!("{message}\n")), "{query}")
        };
        for junk in [
            "0",
            "301",
            "0.5",
            "-1",
            "+1",
            "",
            "1e2",
            "five",
            "99999999999999999999",
            "%31",
        ] {
            refuse(
                &format!("seconds={junk}"),
                "seconds must be a whole number from 1 to 300",
            );
        }
        for junk in ["0", "1001", "x"] {
            refuse(
                &format!("seconds=1&hz={junk}"),
                "hz must be a whole number from 1 to 1000",
            );
        }
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in ".*") {
            if let Ok(window) = Window::parse(&query) {
                prop_assert!((1..=300).contains(&window.seconds) && (1..=1000).contains(&window.hz));
            }
        }
    }
}
