//! The profile endpoint: what it captures, what it refuses, and when it ends.

use std::hint::black_box;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use flate2::read::GzDecoder;
use prost::Message;
use reqwest::{Response, StatusCode};
use target_service::profile_proto::Profile;
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
    let fold = |sample: &target_service::profile_proto::Sample| {
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

/// A capture of 300 s that is certainly running.
async fn long_capture(gateway: &Gateway) -> JoinHandle<Response> {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        let long = gateway.send(gateway.get("/debug/pprof/profile?seconds=300"));
        while !long.is_finished() {
            let probe = gateway
                .get("/debug/pprof/profile?seconds=1")
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
        .get("/debug/pprof/profile?seconds=1&hz=100")
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
        .get("/debug/pprof/profile?seconds=1")
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
            .get("/debug/pprof/profile?seconds=1")
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
            .get(&format!("/debug/pprof/profile?{query}"))
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
