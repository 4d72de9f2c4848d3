//! The profile endpoint: what it captures, what it refuses, and when it ends.

use std::hint::black_box;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use pprof_format::Profile;
use prost::Message;
use reqwest::{Response, StatusCode};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

use crate::gateway::{Gateway, LIMIT, parts, quick};

const BUSY: &str = "Could not enable CPU profiling: cpu profiling already in use";

/// There is one profiler in a process, and the tests share one.
static PROFILER: Mutex<()> = Mutex::const_new(());

#[inline(never)]
fn spin_inner(seed: u64) -> u64 {
    (0..10_000).fold(seed, |sum, n| {
        black_box(sum.wrapping_mul(31).wrapping_add(n))
    })
}

#[inline(never)]
fn spin_outer(stop: &AtomicBool) -> u64 {
    let mut sum = 1;
    while !stop.load(Ordering::Relaxed) {
        sum = black_box(spin_inner(sum));
    }
    sum
}

fn decode(bytes: &[u8]) -> Profile {
    let mut raw = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut raw).unwrap();
    Profile::decode(&raw[..]).unwrap()
}

/// Every stack as text, root first, with its number of samples.
fn stacks(profile: &Profile) -> Vec<(String, i64)> {
    let text = |id: i64| profile.string_table[id as usize].as_str();
    let function = |id: u64| {
        text(
            profile
                .function
                .iter()
                .find(|function| function.id == id)
                .unwrap()
                .name,
        )
    };
    let fold = |sample: &pprof_format::Sample| {
        let mut names = Vec::new();
        for id in sample.location_id.iter().rev() {
            let location = profile
                .location
                .iter()
                .find(|location| location.id == *id)
                .unwrap();
            names.extend(
                location
                    .line
                    .iter()
                    .rev()
                    .map(|line| function(line.function_id)),
            );
        }
        (names.join(";"), sample.value[0])
    };
    profile.sample.iter().map(fold).collect()
}

#[inline(never)]
fn three_tenths(until: Duration) -> u64 {
    burn(until)
}

#[inline(never)]
fn seven_tenths(until: Duration) -> u64 {
    // Not the same code as the other one, or the linker might keep a single copy of both.
    burn(until).wrapping_add(1)
}

/// Works until the thread has used so much CPU time.
#[inline(never)]
fn burn(until: Duration) -> u64 {
    let mut sum = 1;
    while thread_cpu() < until {
        sum = black_box(spin_inner(sum));
    }
    sum
}

/// CPU time of the calling thread.
fn thread_cpu() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}

/// Spends CPU time on two functions until told to stop, and returns what each has got. The turns are of lengths that
/// no sampler keeps step with.
fn divide_cpu(stop: &AtomicBool) -> [f64; 2] {
    let mut spent = [Duration::ZERO; 2];
    let mut turn = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let length = Duration::from_micros(3_000 + turn * 7_919 % 4_001);
        let start = thread_cpu();
        black_box(three_tenths(start + length * 3 / 10));
        let between = thread_cpu();
        black_box(seven_tenths(between + length * 7 / 10));
        spent[0] += between - start;
        spent[1] += thread_cpu() - between;
    }
    spent.map(|spent| spent.as_secs_f64())
}

#[tokio::test]
async fn a_known_share_is_measured_within_its_interval() {
    let _alone = PROFILER.lock().await;
    let gateway = Gateway::start(quick(), vec![]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let worker = Arc::clone(&stop);
    let worker = std::thread::spawn(move || divide_cpu(&worker));
    let response = gateway
        .debug("/debug/pprof/profile?seconds=4&hz=199")
        .send()
        .await
        .unwrap();
    stop.store(true, Ordering::Relaxed);
    let [three, seven] = worker.join().unwrap();
    let truth = three / (three + seven);
    assert!((0.28..0.32).contains(&truth), "{truth}");
    let stacks = stacks(&decode(&response.bytes().await.unwrap()));
    let seen = |name: &str| -> f64 {
        let with = stacks.iter().filter(|(stack, _)| stack.contains(name));
        with.map(|(_, count)| *count as f64).sum()
    };
    let (three, seven) = (seen("profile::three_tenths"), seen("profile::seven_tenths"));
    let n = three + seven;
    assert!(n >= 30.0, "only {n} samples in {stacks:#?}");
    // Five standard deviations of a binomial share: passed over once in two million runs.
    let interval = 5.0 * (truth * (1.0 - truth) / n).sqrt();
    let share = three / n;
    assert!(
        (share - truth).abs() < interval,
        "{share} of {n} samples, {truth} of the time, interval {interval}"
    );
}

#[tokio::test]
async fn the_flame_graph_shows_the_same_stacks() {
    let _alone = PROFILER.lock().await;
    let gateway = Gateway::start(quick(), vec![]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let spinner = Arc::clone(&stop);
    let spinner = std::thread::spawn(move || spin_outer(&spinner));
    let response = gateway
        .debug("/debug/pprof/flamegraph?seconds=1")
        .send()
        .await
        .unwrap();
    stop.store(true, Ordering::Relaxed);
    spinner.join().unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "image/svg+xml");
    let drawn = response.text().await.unwrap();
    assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
    assert!(drawn.contains("profile::spin_outer ("), "{drawn}");
}

/// How long a capture has for its way to the gateway before another one is asked for.
const AHEAD: Duration = Duration::from_millis(200);

/// A capture of 300 s that is certainly running.
async fn long_capture(gateway: &Gateway) -> JoinHandle<Response> {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        let mut long = gateway.send(gateway.debug("/debug/pprof/profile?seconds=300"));
        // It goes first: a probe that is answered keeps it from beginning.
        while timeout(AHEAD, &mut long).await.is_err() {
            let probe = gateway
                .debug("/debug/pprof/profile?seconds=1")
                .send()
                .await
                .unwrap();
            if probe.status() == StatusCode::INTERNAL_SERVER_ERROR && !long.is_finished() {
                return long;
            }
        }
    }
    panic!("no capture of 300 s could be started")
}

#[tokio::test]
async fn a_busy_function_is_in_the_profile() {
    let _alone = PROFILER.lock().await;
    let gateway = Gateway::start(quick(), vec![]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let spinner = Arc::clone(&stop);
    let spinner = std::thread::Builder::new()
        .name("spinner".into())
        .spawn(move || spin_outer(&spinner))
        .unwrap();
    let response = gateway
        .debug("/debug/pprof/profile?seconds=1&hz=100")
        .send()
        .await
        .unwrap();
    stop.store(true, Ordering::Relaxed);
    spinner.join().unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()["content-type"],
        "application/octet-stream"
    );
    let profile = decode(&response.bytes().await.unwrap());
    let text = |id: i64| profile.string_table[id as usize].as_str();
    let kinds: Vec<_> = profile
        .sample_type
        .iter()
        .map(|kind| (text(kind.r#type), text(kind.unit)))
        .collect();
    assert_eq!(kinds, [("samples", "count"), ("cpu", "nanoseconds")]);
    assert_eq!(profile.period, 10_000_000);
    assert!(profile.duration_nanos >= 1_000_000_000 && profile.time_nanos > 0);
    let stacks = stacks(&profile);
    let found = stacks
        .iter()
        .any(|(stack, _)| stack.contains("profile::spin_outer"));
    assert!(found, "{stacks:#?}");
    assert!(
        stacks
            .iter()
            .all(|(stack, count)| !stack.is_empty() && *count > 0)
    );
}

#[tokio::test]
async fn one_capture_at_a_time_and_a_client_that_leaves_ends_its_own() {
    let _alone = PROFILER.lock().await;
    let gateway = Gateway::start(quick(), vec![]).await;
    let long = long_capture(&gateway).await;
    let second = gateway
        .debug("/debug/pprof/profile?seconds=1")
        .send()
        .await
        .unwrap();
    assert_eq!(second.headers()["x-go-pprof"], "1");
    assert_eq!(
        parts(second).await,
        (StatusCode::INTERNAL_SERVER_ERROR, BUSY.to_owned())
    );
    long.abort();
    let freed = async {
        while gateway
            .debug("/debug/pprof/profile?seconds=1")
            .send()
            .await
            .unwrap()
            .status()
            != StatusCode::OK
        {
            yield_now().await;
        }
    };
    timeout(LIMIT, freed).await.unwrap();
}

#[tokio::test]
async fn a_stop_delivers_what_was_captured() {
    let _alone = PROFILER.lock().await;
    let gateway = Gateway::start(quick(), vec![]).await;
    let long = long_capture(&gateway).await;
    let done = gateway.stop();
    let response = timeout(LIMIT, long).await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        decode(&response.bytes().await.unwrap()).sample_type.len(),
        2
    );
    timeout(LIMIT, done).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn junk_is_refused_with_the_remedy() {
    let gateway = Gateway::start(quick(), vec![]).await;
    let seconds = "seconds must be a whole number from 1 to 300\n";
    let flame = gateway.debug("/debug/pprof/flamegraph?seconds=0");
    assert_eq!(
        parts(flame.send().await.unwrap()).await,
        (StatusCode::BAD_REQUEST, seconds.to_owned())
    );
    for (query, message) in [
        (
            "seconds=0",
            "seconds must be a whole number from 1 to 300\n",
        ),
        (
            "seconds=0.5",
            "seconds must be a whole number from 1 to 300\n",
        ),
        (
            "seconds=1&hz=1001",
            "hz must be a whole number from 1 to 1000\n",
        ),
    ] {
        let response = gateway
            .debug(&format!("/debug/pprof/profile?{query}"))
            .send()
            .await
            .unwrap();
        assert_eq!(
            parts(response).await,
            (StatusCode::BAD_REQUEST, message.to_owned()),
            "{query}"
        );
    }
}
