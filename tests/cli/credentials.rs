//! The shipped scenarios on credentials in a short form: the handshake, the flood of guesses, and fleets against lives.
//!
//! Only counters, statuses and ratios of counters are asserted: the binary is not optimised and the machine is shared.

use crate::bed::{Outcome, TestBed};
use crate::shortened::{a_bcrypt_for_each_request, number, seconds, shortened};

/// A busy machine may not send the planned rate in time, and then latencies are long; counters hold even then.
#[track_caller]
fn ran(text: &str) -> Outcome {
    let outcome = TestBed::new().scenario(text).run();
    outcome.expect_one_of(&[0, 1, 3, 4])
}

#[test]
fn a_handshake_per_device_and_token_is_all_the_bcrypt_there_is() {
    let text = shortened(
        "handshake-token.toml",
        &[
            ("token_ttl = \"30s\"", "token_ttl = \"2s\""),
            ("devices = 32", "devices = 8"),
            (
                "connections = 32, duration = \"10s\", warmup = \"2s\"",
                "connections = 4, duration = \"1s\", warmup = \"200ms\"",
            ),
            ("rate = \"10000/s\"", "rate = \"200/s\""),
            (
                "duration = \"35s\", warmup = \"3s\"",
                "duration = \"5s\", warmup = \"1s\"",
            ),
            ("[profile]\ncpu = \"pprof\"\nduration = \"10s\"\n", ""),
            (
                "[[threshold]]\nexpr = \"share(\\\"^bcrypt::\\\") > 80%\"\nvariant = \"naive\"\n",
                "",
            ),
        ],
    );
    let outcome = ran(&text);
    let naive = outcome.phase("naive", "capacity");
    a_bcrypt_for_each_request(&naive, 8.0);

    let token = outcome.phase("token", "steady");
    let handshakes = number(&token, &["per_request", "session", "requests", "ok"]);
    let bcrypts = number(&token, &["gateway", "bcrypt"]);
    // Those that are under way at the window's edges make the difference.
    assert!(
        (bcrypts - handshakes).abs() <= 8.0,
        "{bcrypts} {handshakes}"
    );
    // A token is good for 1 to 2 s, as its end is a whole second.
    let most = 8.0 * (1.0 + seconds(&token));
    assert!((8.0..=most).contains(&handshakes), "{handshakes}");
    assert!(
        handshakes < number(&token, &["requests", "ok"]) / 5.0,
        "{handshakes}"
    );
    let refused = token["status"]["401"].as_f64().unwrap_or(0.0);
    let failed = number(&token, &["requests", "failed"]);
    assert_eq!(refused, failed, "{token:#}");
    let never = number(&token, &["per_request", "telemetry", "requests", "due"]);
    assert_eq!(never, 0.0);
}

#[test]
fn a_flood_of_guesses_costs_shielded_little_and_lets_nobody_in() {
    let text = shortened(
        "invalid-token-flood.toml",
        &[
            ("cache_ttl = \"10s\"", "cache_ttl = \"2s\""),
            ("devices = 32", "devices = 8"),
            // Secrets of theirs are hashed too before anything is sent.
            ("devices = 1000", "devices = 50"),
            (
                "cpus = 2, bcrypt_queue = 256",
                "cpus = 2, bcrypt_queue = 32",
            ),
            ("rate = \"1000/s\"", "rate = \"100/s\""),
            ("rate = \"2000/s\"", "rate = \"500/s\""),
            (
                "connections = 4096, duration = \"20s\", warmup = \"5s\"",
                "connections = 1024, duration = \"1500ms\", warmup = \"300ms\"",
            ),
        ],
    );
    let outcome = ran(&text);
    let calm = outcome.phase("shielded", "calm");
    assert_eq!(calm["load"]["weights"]["guess"], 0, "{}", calm["load"]);
    assert!(
        outcome.stdout.contains(", weights guess 0"),
        "{}",
        outcome.stdout
    );
    let shielded = outcome.phase("shielded", "flood");
    let open = outcome.phase("singleflight", "flood");
    for phase in [&shielded, &open] {
        // 200 would be a failure of the guess: nothing but 401, 429 and 503 is expected of it.
        let guesses = &phase["per_request"]["guess"];
        assert_eq!(
            number(guesses, &["requests", "failed"]),
            number(guesses, &["requests", "timed_out"]),
            "{guesses:#}"
        );
        assert!(number(guesses, &["requests", "ok"]) > 0.0, "{guesses:#}");
        assert_eq!(
            number(
                &outcome.phase("shielded", "calm"),
                &["per_request", "guess", "requests", "due"]
            ),
            0.0
        );
    }
    let good = &shielded["per_request"]["telemetry"];
    assert_eq!(number(good, &["requests", "failed"]), 0.0, "{good:#}");
    // One thread of two looks at guesses, and only at few of each device.
    let per_guess = |phase| {
        number(phase, &["gateway", "bcrypt"])
            / number(phase, &["per_request", "guess", "requests", "due"])
    };
    assert!(per_guess(&shielded) < 0.75, "{}", per_guess(&shielded));
}

#[test]
fn what_a_fleet_costs_depends_on_its_interval_and_on_the_life_of_a_credential() {
    let text = shortened(
        "ttl-and-fleet.toml",
        &[
            ("bcrypt_cost = 7", "bcrypt_cost = 4"),
            ("cache_ttl = \"5s\"", "cache_ttl = \"1s\""),
            ("devices = 400\nsecrets = 32", "devices = 40\nsecrets = 4"),
            ("devices = 800", "devices = 40"),
            ("devices = 2000", "devices = 60"),
            (
                "phase.capacity.load.duration = \"41s\"",
                "phase.capacity.load.duration = \"500ms\"",
            ),
            ("rate = \"1000/s\"", "rate = \"200/s\""),
            ("rate = \"100/s\"", "rate = \"20/s\""),
            (
                "duration = \"15s\", warmup = \"6s\"",
                "duration = \"2s\", warmup = \"1500ms\"",
            ),
            (
                "duration = \"15s\", warmup = \"12s\"",
                "duration = \"500ms\", warmup = \"1500ms\"",
            ),
        ],
    );
    let outcome = ran(&text);
    let of = |variant: &str| {
        let phase = outcome.phase(variant, "steady");
        let counted = |name: &str| number(&phase, &["gateway", name]);
        let expected = number(&phase, &["expected_bcrypt_rps"]);
        (
            counted("bcrypt"),
            counted("cache_hits"),
            expected,
            seconds(&phase),
        )
    };
    // Every 0.2 s: the sixth report after a life of 1 s.
    let (bcrypts, hits, expected, seconds) = of("fixed");
    assert!((expected - 40.0 / 1.2).abs() < 1e-6, "{expected}");
    assert!(
        (1.0..=40.0 * (1.0 + seconds)).contains(&bcrypts) && hits > bcrypts,
        "{bcrypts} {hits}"
    );
    let (bcrypts, hits, expected, seconds) = of("jittered");
    assert!((expected - 40.0 / 1.1).abs() < 1e-6, "{expected}");
    assert!(
        (1.0..=40.0 * (1.0 + seconds / 0.5)).contains(&bcrypts) && hits > bcrypts,
        "{bcrypts} {hits}"
    );
    let (bcrypts, hits, expected, _) = of("sliding");
    assert_eq!((bcrypts, expected), (0.0, 0.0));
    assert!(hits > 0.0);
    // Every 2 s: no life reaches the next report.
    for variant in ["rare", "rare-sliding"] {
        let (bcrypts, hits, expected, _) = of(variant);
        assert!(bcrypts > 0.0 && hits == 0.0, "{variant}: {bcrypts} {hits}");
        assert_eq!(expected, 20.0, "{variant}");
    }
    for variant in ["small", "large", "large-long"] {
        let phase = outcome.phase(variant, "capacity");
        assert!(
            number(&phase, &["requests", "ok"]) > 0.0,
            "{variant}: {phase:#}"
        );
    }
}
