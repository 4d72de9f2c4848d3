//! Every mode and acknowledgement, from a decoded document to the sink. Time stands still unless something waits for it.

use std::fs;
use std::future::pending;

use gateway_config::Config;
use prometheus_client::registry::Registry;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, advance};

use super::scratch::Scratch;
use super::*;

async fn start(config: serde_json::Value) -> Arc<Ingest> {
    let config: Config = serde_json::from_value(config).unwrap();
    config.validate().unwrap();
    let settings = Settings::resolve(&config, &|_| None).unwrap();
    let metrics = Arc::new(IngestMetrics::register(&mut Registry::default()));
    Arc::new(Ingest::start(&settings, metrics, &|_| None).await.unwrap())
}

fn memory(ingest: &str, more: &serde_json::Value) -> serde_json::Value {
    let mut config = serde_json::json!({ "ingest": ingest });
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    config
}

/// Sends a document of three payloads, `n-a` to `n-c`.
fn send(ingest: &Arc<Ingest>, n: usize) -> JoinHandle<Answer> {
    let ingest = Arc::clone(ingest);
    tokio::spawn(async move {
        let body =
            format!(r#"{{"payloads":[{{"id":"{n}-a"}},{{"id":"{n}-b"}},{{"id":"{n}-c"}}]}}"#);
        ingest
            .take(&document::decode(body.as_bytes()).unwrap(), Voucher::Nobody)
            .await
    })
}

/// Ids by object, in order.
async fn stored(ingest: &Ingest) -> Vec<Vec<String>> {
    let sink = ingest.uploader.as_ref().unwrap().sink();
    let (mut objects, mut pending) = (Vec::new(), vec![None]);
    while let Some(directory) = pending.pop() {
        let (below, found) = sink.list(directory.as_ref()).await.unwrap();
        pending.extend(below.into_iter().map(Some));
        objects.extend(found);
    }
    objects.sort();
    let mut ids = Vec::new();
    for (name, size) in objects {
        let bytes = sink.read(&name, 0..size).await.unwrap();
        let lines = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        ids.push(
            lines
                .map(|line| document::id_of_line(line).unwrap().into_owned())
                .collect(),
        );
    }
    ids
}

/// Lets every task that can go on go on.
async fn settle() {
    for _ in 0..1_000 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_mode_stores_what_it_acknowledges() {
    for (mode, objects) in [("spawn", 9), ("queue", 9), ("pool", 1)] {
        for (ack, answer) in [("queued", Answer::Queued), ("stored", Answer::Stored)] {
            let ingest = start(memory(mode, &serde_json::json!({ "ack": ack }))).await;
            let replies: Vec<_> = (0..3).map(|n| send(&ingest, n)).collect();
            for reply in replies {
                assert_eq!(reply.await.unwrap(), answer, "{mode} {ack}");
            }
            if ack == "stored" {
                assert_eq!(
                    ingest.metrics.stored.get(),
                    9,
                    "{mode}: stored before it is said"
                );
            }
            ingest.flush();
            ingest.drain(pending()).await.unwrap();
            let found = stored(&ingest).await;
            let mut ids = found.concat();
            ids.sort();
            assert_eq!(
                ids,
                [
                    "0-a", "0-b", "0-c", "1-a", "1-b", "1-c", "2-a", "2-b", "2-c"
                ],
                "{mode} {ack}"
            );
            assert_eq!(found.len(), objects, "{mode} {ack}");
            let metrics = &ingest.metrics;
            assert_eq!(
                (
                    metrics.accepted.get(),
                    metrics.stored.get(),
                    metrics.at_risk.get()
                ),
                (9, 9, 0)
            );
            assert_eq!(
                (
                    metrics.tasks.get(),
                    metrics.busy.get(),
                    metrics.failed.get()
                ),
                (0, 0, 0)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn discarding_keeps_nothing() {
    let ingest = start(memory("discard", &serde_json::json!({}))).await;
    assert_eq!(send(&ingest, 0).await.unwrap(), Answer::Discarded);
    ingest.flush();
    ingest.drain(pending()).await.unwrap();
    assert_eq!(
        (
            ingest.metrics.discarded.get(),
            ingest.metrics.accepted.get()
        ),
        (3, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn spawn_has_no_bound() {
    let ingest = start(memory(
        "spawn",
        &serde_json::json!({ "sink_latency": "1s" }),
    ))
    .await;
    for n in 0..500 {
        assert_eq!(send(&ingest, n).await.unwrap(), Answer::Queued);
    }
    assert_eq!(ingest.metrics.tasks.get(), 1_500);
    assert_eq!(
        ingest.metrics.at_risk.get(),
        1_500,
        "acknowledged, and lost by a crash"
    );
    ingest.drain(pending()).await.unwrap();
    assert_eq!(ingest.metrics.stored.get(), 1_500);
}

#[tokio::test(start_paused = true)]
async fn queue_lets_requests_wait_when_it_is_full() {
    let config = serde_json::json!({ "sink_latency": "1s", "max_queue": 6 });
    let ingest = start(memory("queue", &config)).await;
    let started = Instant::now();
    let replies: Vec<_> = (0..4).map(|n| send(&ingest, n)).collect();
    settle().await;
    let waiting = replies.iter().filter(|reply| !reply.is_finished()).count();
    assert_eq!(
        waiting, 2,
        "one payload is at the consumer, six wait, the other documents do not fit"
    );
    let mut finished = Vec::new();
    for reply in replies {
        assert_eq!(reply.await.unwrap(), Answer::Queued);
        finished.push(started.elapsed().as_secs());
    }
    // The consumer frees one place a second; five payloads of two documents take turns for them.
    assert_eq!(finished, [0, 0, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_refused_in_its_middle_is_counted_payload_by_payload() {
    let config =
        serde_json::json!({ "sink_latency": "60s", "max_queue": 6, "drain_payloads": "2s" });
    let ingest = start(memory("queue", &config)).await;
    let replies: Vec<_> = (0..4).map(|n| send(&ingest, n)).collect();
    settle().await;
    // One payload is at the consumer and six wait: that is two documents, and one payload of another one.
    ingest.flush();
    let drained = ingest.drain(pending()).await;
    assert!(drained.is_err());
    let mut answers = Vec::new();
    for reply in replies {
        answers.push(reply.await.unwrap());
    }
    let counted = (
        ingest.metrics.accepted.get(),
        ingest.metrics.rejected.get(),
        ingest.metrics.failed.get(),
    );
    assert_eq!(counted, (7, 5, 7), "12 payloads were sent");
    let of = |answer: Answer| answers.iter().filter(|one| **one == answer).count();
    let found = (
        of(Answer::Queued),
        of(Answer::NotStoredYet),
        of(Answer::Stopping),
    );
    assert_eq!(found, (2, 1, 1), "a part of it may be stored: {answers:?}");
}

#[tokio::test(start_paused = true)]
async fn pool_refuses_when_it_is_full_and_recovers() {
    let config = serde_json::json!({ "sink_latency": "1s", "max_queue": 6, "max_workers": 1, "batch_payloads": 3 });
    let ingest = start(memory("pool", &config)).await;
    for n in 0..3 {
        assert_eq!(send(&ingest, n).await.unwrap(), Answer::Queued);
        settle().await;
    }
    assert_eq!(ingest.metrics.busy.get(), 1);
    assert_eq!(send(&ingest, 3).await.unwrap(), Answer::QueueFull);
    assert_eq!(ingest.metrics.rejected.get(), 3);
    advance(Duration::from_millis(1_100)).await;
    settle().await;
    assert_eq!(send(&ingest, 4).await.unwrap(), Answer::Queued);
    ingest.drain(pending()).await.unwrap();
    assert_eq!(ingest.metrics.stored.get(), 12);
    assert_eq!(send(&ingest, 5).await.unwrap(), Answer::Stopping);
}

#[tokio::test(start_paused = true)]
async fn pool_refuses_what_can_never_fit() {
    let ingest = start(memory("pool", &serde_json::json!({ "max_queue": 2 }))).await;
    assert_eq!(send(&ingest, 0).await.unwrap(), Answer::LargerThanQueue);
}

#[tokio::test(start_paused = true)]
async fn workers_upload_at_the_same_time() {
    let config = serde_json::json!({ "sink_latency": "1s", "max_workers": 4, "batch_payloads": 3 });
    let ingest = start(memory("pool", &config)).await;
    let started = Instant::now();
    for n in 0..4 {
        send(&ingest, n).await.unwrap();
    }
    settle().await;
    assert_eq!(ingest.metrics.busy.get(), 4);
    ingest.drain(pending()).await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 1);
    assert_eq!(stored(&ingest).await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_no_batch_to_fill() {
    let ingest = start(memory(
        "pool",
        &serde_json::json!({ "batch_age": "60s", "ack": "stored" }),
    ))
    .await;
    let started = Instant::now();
    let reply = send(&ingest, 0);
    settle().await;
    assert!(!reply.is_finished());
    ingest.flush();
    assert_eq!(reply.await.unwrap(), Answer::Stored);
    assert_eq!(
        send(&ingest, 1).await.unwrap(),
        Answer::Stored,
        "requests in flight are still taken"
    );
    ingest.drain(pending()).await.unwrap();
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_a_stop_cannot_store_is_said() {
    for mode in ["spawn", "queue", "pool"] {
        let slow = serde_json::json!({ "sink_latency": "60s", "drain_payloads": "2s" });
        let ingest = start(memory(mode, &slow)).await;
        assert_eq!(send(&ingest, 0).await.unwrap(), Answer::Queued);
        ingest.flush();
        let error = ingest.drain(pending()).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "3 acknowledged payloads were not stored within 2s of the stop and are lost (the sink is too slow); repair the sink, or raise `drain_payloads`",
            "{mode}"
        );
        assert_eq!(ingest.metrics.failed.get(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_wait_for_the_stop_is_told_what_that_costs() {
    let slow = serde_json::json!({ "sink_latency": "1m", "drain_payloads": "10m" });
    let ingest = start(memory("pool", &slow)).await;
    assert_eq!(send(&ingest, 0).await.unwrap(), Answer::Queued);
    ingest.flush();
    let started = Instant::now();
    let error = ingest.drain(settle()).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "3 acknowledged payloads were not stored when a second signal ended the stop, and are lost; one signal lets them be stored"
    );
    assert_eq!(ingest.metrics.failed.get(), 3);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn workers_that_broke_down_are_no_excuse() {
    let ingest = start(memory("pool", &serde_json::json!({}))).await;
    ingest.abandon.cancel();
    settle().await;
    assert_eq!(send(&ingest, 0).await.unwrap(), Answer::Queued);
    let error = ingest.drain(pending()).await.unwrap_err().to_string();
    assert!(
        error.starts_with("3 acknowledged payloads were not stored"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_away_at_the_stop_is_the_reason() {
    let scratch = Scratch::new();
    let path = scratch.path("sink");
    let config =
        serde_json::json!({ "sink": format!("file://{}", path.display()), "drain_payloads": "1s" });
    let ingest = start(memory("pool", &config)).await;
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(send(&ingest, 0).await.unwrap(), Answer::Queued);
    let error = ingest.drain(pending()).await.unwrap_err().to_string();
    assert!(error.contains("Not a directory"), "{error}");
    assert!(ingest.metrics.sink_retries.get() > 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acknowledged_is_no_loss() {
    let slow =
        serde_json::json!({ "sink_latency": "60s", "drain_payloads": "2s", "ack": "stored" });
    let ingest = start(memory("pool", &slow)).await;
    let reply = send(&ingest, 0);
    settle().await;
    ingest.flush();
    ingest.drain(pending()).await.unwrap();
    assert_eq!(ingest.metrics.failed.get(), 3);
    assert_eq!(reply.await.unwrap(), Answer::NotStoredYet);
}

#[tokio::test(start_paused = true)]
async fn a_request_does_not_wait_forever_for_the_sink() {
    let ingest = start(memory(
        "pool",
        &serde_json::json!({ "sink_latency": "60s", "ack": "stored" }),
    ))
    .await;
    let started = Instant::now();
    assert_eq!(send(&ingest, 0).await.unwrap(), Answer::NotStoredYet);
    assert_eq!(started.elapsed(), ACK_WAIT);
    settle().await;
    advance(Duration::from_secs(60)).await;
    settle().await;
    assert_eq!(
        ingest.metrics.stored.get(),
        3,
        "and yet it is stored one day"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_says_slow_down_is_tried_again() {
    let config =
        serde_json::json!({ "sink_latency": "20ms", "sink_capacity": 2, "drain_payloads": "60s" });
    let ingest = start(memory("spawn", &config)).await;
    for n in 0..20 {
        send(&ingest, n).await.unwrap();
    }
    settle().await;
    assert!(ingest.metrics.sink_errors.get() >= 50);
    ingest.drain(pending()).await.unwrap();
    assert_eq!(stored(&ingest).await.len(), 60);
    assert_eq!(
        ingest.metrics.sink_retries.get(),
        ingest.metrics.sink_errors.get()
    );
}

#[tokio::test]
async fn a_directory_that_fails_and_recovers_loses_nothing() {
    let scratch = Scratch::new();
    let path = scratch.path("sink");
    for ack in ["queued", "stored"] {
        let config = serde_json::json!({
            "ack": ack, "sink": format!("file://{}", path.display()), "batch_age": "1ms", "drain_payloads": "60s",
        });
        let ingest = start(memory("pool", &config)).await;
        let wait = async |counter: &prometheus_client::metrics::counter::Counter, value: u64| {
            let reached = async {
                while counter.get() < value {
                    yield_now().await;
                }
            };
            timeout(Duration::from_secs(60), reached).await.unwrap();
        };
        let before = send(&ingest, 0);
        wait(&ingest.metrics.stored, 3).await;
        // A file where the directory was: nothing can be created below it.
        fs::rename(&path, scratch.path("away")).unwrap();
        fs::write(&path, "").unwrap();
        let during = send(&ingest, 1);
        wait(&ingest.metrics.sink_errors, 2).await;
        fs::remove_file(&path).unwrap();
        fs::rename(scratch.path("away"), &path).unwrap();
        let after = send(&ingest, 2);
        wait(&ingest.metrics.stored, 9).await;
        for reply in [before, during, after] {
            assert!(matches!(
                reply.await.unwrap(),
                Answer::Queued | Answer::Stored
            ));
        }
        ingest.drain(pending()).await.unwrap();
        let mut ids = stored(&ingest).await.concat();
        ids.sort();
        assert_eq!(
            ids,
            [
                "0-a", "0-b", "0-c", "1-a", "1-b", "1-c", "2-a", "2-b", "2-c"
            ]
        );
        fs::remove_dir_all(&path).unwrap();
    }
}

#[tokio::test]
async fn a_sink_that_cannot_be_opened_is_named_at_the_start() {
    let scratch = Scratch::new();
    fs::write(scratch.path("taken"), "").unwrap();
    let path = scratch.path("taken");
    let config: Config = serde_json::from_value(memory(
        "pool",
        &serde_json::json!({ "sink": format!("file://{}", path.display()) }),
    ))
    .unwrap();
    let settings = Settings::resolve(&config, &|_| None).unwrap();
    let metrics = Arc::new(IngestMetrics::register(&mut Registry::default()));
    let error = Ingest::start(&settings, metrics, &|_| None)
        .await
        .err()
        .unwrap()
        .to_string();
    assert_eq!(
        error,
        format!(
            "cannot open the sink file://{0}: {0}: File exists (os error 17); check `sink`, `s3_endpoint`, `s3_region` and the credentials",
            path.display()
        )
    );
}
