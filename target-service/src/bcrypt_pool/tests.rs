//! What the pool does with full queues, abandoned checks, guesses and panics.

use super::*;

const COST: u32 = 4;

fn pool(
    queue: usize,
    check: impl Fn(&[u8], &str) -> Option<bool> + Send + Sync + 'static,
) -> (BcryptPool, Counter) {
    let size = PoolSize {
        threads: 1,
        queue,
        unproven_threads: 1,
        unproven_queue: queue,
    };
    sized(size, check)
}

fn sized(
    size: PoolSize,
    check: impl Fn(&[u8], &str) -> Option<bool> + Send + Sync + 'static,
) -> (BcryptPool, Counter) {
    let metrics = PoolMetrics::default();
    let check: Arc<Check> = Arc::new(check);
    (
        BcryptPool::start(size, &metrics, &check).unwrap(),
        metrics.started,
    )
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes()).unwrap()
}

#[tokio::test]
async fn a_secret_is_compared_in_full() {
    let longest = "x".repeat(MAX_SECRET);
    let hash: Arc<str> = bcrypt::hash(&longest, COST).unwrap().into();
    let (pool, started) = pool(8, bcrypt_check);
    assert_eq!(
        pool.verify(secret(&longest), Arc::clone(&hash), Lane::Proven)
            .await,
        Ok(true)
    );
    assert_eq!(
        pool.verify(secret(&longest[1..]), Arc::clone(&hash), Lane::Proven)
            .await,
        Ok(false)
    );
    assert_eq!(
        pool.verify(secret("x"), Arc::from("no hash"), Lane::Proven)
            .await,
        Err(PoolError::Broken)
    );
    assert_eq!(started.get(), 3);
    assert!(Secret::new("x".repeat(MAX_SECRET + 1).as_bytes()).is_none());
}

#[tokio::test]
async fn a_panic_costs_one_check() {
    let (pool, _) = pool(8, |secret, _| {
        assert_ne!(secret, b"boom", "on purpose");
        Some(true)
    });
    assert_eq!(
        pool.verify(secret("boom"), "".into(), Lane::Proven).await,
        Err(PoolError::Broken)
    );
    assert_eq!(
        pool.verify(secret("fine"), "".into(), Lane::Proven).await,
        Ok(true)
    );
}

#[tokio::test]
async fn a_full_queue_refuses_and_abandoned_checks_are_skipped() {
    let (gate, open) = std::sync::mpsc::channel::<()>();
    let (running, begun) = std::sync::mpsc::channel::<()>();
    let open = Mutex::new(open);
    let (pool, started) = pool(1, move |_, _| {
        running.send(()).unwrap();
        open.lock().unwrap().recv().ok().map(|()| true)
    });
    let pool = Arc::new(pool);
    let ask = |name: &'static str| {
        let pool = Arc::clone(&pool);
        tokio::spawn(async move { pool.verify(secret(name), "".into(), Lane::Proven).await })
    };
    let first = ask("running");
    tokio::task::yield_now().await;
    begun.recv().unwrap();
    let second = ask("waiting");
    tokio::task::yield_now().await;
    assert_eq!(
        pool.verify(secret("turned away"), "".into(), Lane::Proven)
            .await,
        Err(PoolError::Full)
    );
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    gate.send(()).unwrap();
    assert_eq!(first.await.unwrap(), Ok(true));
    gate.send(()).unwrap();
    // The place of the abandoned check is free once the thread has passed over it.
    let third = loop {
        match pool.verify(secret("next"), "".into(), Lane::Proven).await {
            Err(PoolError::Full) => tokio::task::yield_now().await,
            verdict => break verdict,
        }
    };
    assert_eq!(third, Ok(true));
    assert_eq!(started.get(), 2);
}

#[tokio::test]
async fn checks_that_nobody_waits_for_keep_no_place() {
    let (gate, open) = std::sync::mpsc::channel::<()>();
    let open = Mutex::new(open);
    let (pool, started) = pool(2, move |_, _| {
        open.lock().unwrap().recv().ok().map(|()| true)
    });
    let pool = Arc::new(pool);
    let ask = || {
        let pool = Arc::clone(&pool);
        tokio::spawn(async move { pool.verify(secret("any"), "".into(), Lane::Proven).await })
    };
    let running = ask();
    while started.get() == 0 {
        tokio::task::yield_now().await;
    }
    let left = [ask(), ask()];
    tokio::task::yield_now().await;
    assert!(pool.place(Lane::Proven).is_err());
    for left in left {
        left.abort();
        assert!(left.await.unwrap_err().is_cancelled());
    }
    // The thread is busy and has passed over nothing; a place that is not used is given back.
    for _ in 0..3 {
        drop([pool.place(Lane::Proven), pool.place(Lane::Proven)].map(Result::unwrap));
    }
    let waiting = ask();
    tokio::task::yield_now().await;
    for _ in 0..2 {
        gate.send(()).unwrap();
    }
    assert_eq!(running.await.unwrap(), Ok(true));
    assert_eq!(waiting.await.unwrap(), Ok(true));
    assert_eq!(started.get(), 2);
}

#[tokio::test]
async fn guesses_wait_for_their_own_thread_and_hold_up_nobody_else() {
    let (permit, gate) = std::sync::mpsc::channel::<()>();
    let (order, seen) = std::sync::mpsc::channel::<Vec<u8>>();
    let gate = Mutex::new(gate);
    let size = PoolSize {
        threads: 1,
        queue: 8,
        unproven_threads: 1,
        unproven_queue: 2,
    };
    let (pool, started) = sized(size, move |secret, _| {
        order.send(secret.to_vec()).unwrap();
        if secret.starts_with(b"guess") {
            gate.lock().unwrap().recv().ok()?;
        }
        Some(true)
    });
    let pool = Arc::new(pool);
    let ask = |name: &'static str, lane: Lane| {
        let pool = Arc::clone(&pool);
        tokio::spawn(async move { pool.verify(secret(name), "".into(), lane).await })
    };
    let mut guesses = vec![ask("guess 1", Lane::Unproven)];
    tokio::task::yield_now().await;
    assert_eq!(seen.recv().unwrap(), b"guess 1");
    guesses.extend(["guess 2", "guess 3"].map(|name| ask(name, Lane::Unproven)));
    tokio::task::yield_now().await;
    assert_eq!(
        pool.verify(secret("guess 4"), "".into(), Lane::Unproven)
            .await,
        Err(PoolError::Full)
    );
    for name in ["proven 1", "proven 2"] {
        assert_eq!(ask(name, Lane::Proven).await.unwrap(), Ok(true));
        assert_eq!(seen.recv().unwrap(), name.as_bytes());
    }
    // The thread of the others is free although guesses wait: it is kept for those who were right before.
    assert_eq!(started.get(), 3);
    for _ in 0..3 {
        permit.send(()).unwrap();
    }
    for guess in guesses {
        assert_eq!(guess.await.unwrap(), Ok(true));
    }
    assert_eq!(started.get(), 5);
}

#[test]
fn threads_yield_to_the_reactor_and_those_for_guesses_to_everyone() {
    let (niceness, seen) = std::sync::mpsc::channel();
    let size = PoolSize {
        threads: 1,
        queue: 1,
        unproven_threads: 1,
        unproven_queue: 1,
    };
    let (pool, _) = sized(size, move |_, _| {
        let nice = rustix::process::getpriority_process(Some(gettid()));
        niceness.send(nice.unwrap()).unwrap();
        Some(true)
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for (lane, nice) in [(Lane::Proven, NICE), (Lane::Unproven, NICEST)] {
        let asked = pool.verify(secret("any"), "".into(), lane);
        assert_eq!(runtime.block_on(asked), Ok(true));
        assert_eq!(seen.recv().unwrap(), nice, "{lane:?}");
    }
}
