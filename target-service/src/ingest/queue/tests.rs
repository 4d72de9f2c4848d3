//! What is a batch and when, who is refused, and who waits. Time stands still and is moved by hand.

use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::task::yield_now;
use tokio::time::{advance, timeout};

use super::*;

const AGE: Duration = Duration::from_millis(100);

fn queue(payloads: usize, bytes: usize) -> Arc<Queue> {
    let batching = Batching {
        payloads: 10,
        bytes: 1_000,
        age: AGE,
    };
    Arc::new(Queue::new(
        payloads,
        bytes,
        batching,
        Arc::new(IngestMetrics::register(&mut Registry::default())),
    ))
}

fn job(payloads: u32, bytes: usize) -> Job {
    Job {
        lines: vec![b'x'; bytes].into(),
        payloads,
        stored: None,
    }
}

fn sizes(batch: &[Job]) -> Vec<u32> {
    batch.iter().map(|job| job.payloads).collect()
}

/// The next batch, if there is one without any passing of time.
async fn at_once(queue: &Queue) -> Option<Vec<u32>> {
    let batch = timeout(Duration::ZERO, queue.next_batch()).await.ok()?;
    Some(sizes(&batch.expect("the queue is open")))
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_complete_by_payloads_or_by_bytes() {
    for (jobs, expected) in [
        (vec![(3, 30), (3, 30), (3, 30)], None),
        (vec![(3, 30), (3, 30), (4, 40)], Some(vec![3, 3, 4])),
        (vec![(3, 30), (3, 30), (5, 50)], Some(vec![3, 3])),
        (vec![(20, 30), (1, 30)], Some(vec![20])),
        (vec![(1, 400), (1, 600)], Some(vec![1, 1])),
        (vec![(1, 400), (2, 601)], Some(vec![1])),
        (vec![(1, 2_000)], Some(vec![1])),
    ] {
        let queue = queue(100, 10_000);
        for (payloads, bytes) in &jobs {
            queue.offer(job(*payloads, *bytes)).unwrap();
        }
        assert_eq!(at_once(&queue).await, expected, "{jobs:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_complete_by_the_age_of_its_oldest_payload() {
    let queue = queue(100, 10_000);
    let started = Instant::now();
    let collector = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { (sizes(&queue.next_batch().await.unwrap()), started.elapsed()) }
    });
    yield_now().await;
    advance(Duration::from_millis(30)).await;
    queue.offer(job(1, 10)).unwrap();
    yield_now().await;
    advance(Duration::from_millis(60)).await;
    queue.offer(job(2, 10)).unwrap();
    let (batch, elapsed) = collector.await.unwrap();
    assert_eq!(batch, [1, 2]);
    // The timer has a resolution of a millisecond.
    assert!((130..=132).contains(&elapsed.as_millis()), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_until_a_batch_is_taken() {
    let queue = queue(12, 2_000);
    assert_eq!(queue.offer(job(13, 10)), Err(Refused::TooLarge));
    assert_eq!(queue.offer(job(1, 2_001)), Err(Refused::TooLarge));
    queue.offer(job(10, 100)).unwrap();
    assert_eq!(queue.offer(job(3, 10)), Err(Refused::Full));
    queue.offer(job(2, 10)).unwrap();
    assert_eq!(queue.offer(job(1, 10)), Err(Refused::Full));
    assert_eq!(at_once(&queue).await, Some(vec![10]));
    assert_eq!(
        queue.offer(job(1, 1_991)),
        Err(Refused::Full),
        "bytes count too"
    );
    queue.offer(job(10, 1_990)).unwrap();
    assert_eq!(queue.offer(job(1, 0)), Err(Refused::Full));
}

#[tokio::test(start_paused = true)]
async fn a_push_waits_for_room_in_its_order() {
    let queue = queue(1, usize::MAX);
    queue.push(job(1, 1)).await.unwrap();
    let wait = |bytes| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { queue.push(job(1, bytes)).await })
    };
    let (second, third) = (wait(2), wait(3));
    yield_now().await;
    assert!(!second.is_finished() && !third.is_finished());
    for expected in [1, 2, 3] {
        let batch = queue.next_batch().await.unwrap();
        assert_eq!(batch[0].lines.len(), expected);
        yield_now().await;
    }
    assert_eq!(
        (second.await.unwrap(), third.await.unwrap()),
        (Ok(()), Ok(()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_flushes_then_refuses_then_ends() {
    let queue = queue(2, 1_000);
    queue.offer(job(1, 1)).unwrap();
    assert_eq!(at_once(&queue).await, None, "too young");
    queue.flush();
    assert_eq!(at_once(&queue).await, Some(vec![1]));
    queue.offer(job(2, 1)).unwrap();
    let waiting = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { queue.push(job(1, 1)).await }
    });
    yield_now().await;
    queue.close();
    assert_eq!(waiting.await.unwrap(), Err(Refused::Closed));
    assert_eq!(queue.offer(job(1, 1)), Err(Refused::Closed));
    assert_eq!(sizes(&queue.next_batch().await.unwrap()), [2]);
    assert!(queue.next_batch().await.is_none());
    assert!(queue.next_batch().await.is_none(), "every worker is told");
}

#[tokio::test(start_paused = true)]
async fn workers_share_what_arrives() {
    let queue = queue(1_000, 100_000);
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut taken = 0;
                while let Some(batch) = queue.next_batch().await {
                    taken += sizes(&batch).iter().sum::<u32>();
                    yield_now().await;
                }
                taken
            })
        })
        .collect();
    for _ in 0..100 {
        queue.offer(job(3, 10)).unwrap();
        yield_now().await;
    }
    queue.close();
    let mut taken = 0;
    for worker in workers {
        taken += worker.await.unwrap();
    }
    assert_eq!(taken, 300);
}
