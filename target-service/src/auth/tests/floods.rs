//! What a flood of guesses takes from devices, and what it learns.

use super::*;

/// Guesses for so many ids, more than the queue takes.
async fn flood(bench: &Bench, ids: &[&str], guesses: usize) -> Vec<Outcome> {
    let asked: Vec<_> = (0..guesses)
        .flat_map(|guess| ids.iter().map(move |id| (guess, (*id).to_owned())))
        .map(|(guess, id)| {
            let auth = Arc::clone(&bench.auth);
            tokio::spawn(async move {
                auth.check(id.as_bytes(), format!("guess {guess}").as_bytes())
                    .await
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for one in asked {
        outcomes.push(one.await.unwrap());
    }
    outcomes
}

fn shielded_by(queue: usize, burst: u32, check: &Arc<Check>) -> Bench {
    let config = Config {
        auth: Auth::Shielded,
        cpus: 1,
        device_checks: 1,
        device_burst: burst,
        unproven_queue: queue,
        ..Config::default()
    };
    Bench::with(config, check)
}

#[tokio::test]
async fn a_full_queue_uses_up_no_check_of_a_device() {
    let (permit, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let check: Arc<Check> = Arc::new(move |secret, _| match secret {
        b"held" => gate.lock().unwrap().recv().ok().map(|()| false),
        secret => Some(secret == b"right"),
    });
    let bench = shielded_by(1, 1, &check);
    // One holds the thread for guesses and one the queue, each of a device of its own.
    let hold = |id: &'static [u8]| {
        let auth = Arc::clone(&bench.auth);
        tokio::spawn(async move { auth.check(id, b"held").await })
    };
    let running = hold(b"bus");
    until(&bench.metrics.pool.started, 1).await;
    let waiting = hold(b"cab");
    until(&bench.metrics.computed, 2).await;
    for outcome in flood(&bench, &["car", "van"], 50).await {
        assert_eq!(outcome, Outcome::Overloaded);
    }
    for held in [running, waiting] {
        permit.send(()).unwrap();
        assert_eq!(held.await.unwrap(), Outcome::Refused);
    }
    // Its first contact, with the one check that it has.
    for id in ["car", "van"] {
        assert_eq!(bench.check(id, "right").await, Outcome::Accepted, "{id}");
    }
}

#[tokio::test]
async fn a_flood_of_many_ids_tells_nothing_of_which_exist() {
    let check: Arc<Check> = Arc::new(|secret, _| Some(secret == b"right"));
    let bench = shielded_by(1 << 14, 2, &check);
    let strangers: Vec<String> = (0..6000).map(|n| format!("stranger {n}")).collect();
    let strangers: Vec<&str> = strangers.iter().map(String::as_str).collect();
    flood(&bench, &strangers, 2).await;
    // Ids that nobody has named yet are checked like known ones: few of a million places are taken.
    let mut refused = 0;
    for n in 0..200 {
        let outcome = bench.check(&format!("never named {n}"), "a").await;
        refused += usize::from(outcome == Outcome::Refused);
    }
    assert!(refused > 180, "{refused} of 200");
}
