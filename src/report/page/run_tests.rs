//! What the page of a run holds.

use std::time::{Duration, SystemTime};

use super::*;
use crate::gate::{Judgement, Outcome, Verdict};
use crate::metrics::{Durations, ErrorKind, IntervalLog};
use crate::parity::Verdict::{Missing, Same};
use crate::report::chart::Recorded;
use crate::report::document::audit::{Stored, StoredFinding};
use crate::report::document::run::Concluded;
use crate::report::inert::hash;
use crate::report::page::frame::{SCRIPT, STYLE};
use crate::result::samples::{failed, ok, phase, run};
use crate::result::{Failure, RunResult, VariantResult};

const HOSTILE: &str = "</script><script>window.owned=1</script><img src=x onerror=\"window.owned=1\">--><!--'\u{202e}{{ data }}";

fn page(result: &RunResult, expr: &str, outcome: &Outcome, scenario: &str) -> String {
    let judgement = Judgement {
        expr: expr.to_owned(),
        request: None,
        line: None,
        value: Some(10.0),
        verdict: Verdict::Fail,
        reason: Some(expr.to_owned()),
        doubts: Vec::new(),
    };
    let judgements: Vec<_> = result
        .variants
        .iter()
        .map(|variant| vec![vec![judgement.clone()]; variant.phases.len()])
        .collect();
    html(&Run {
        concluded: Concluded {
            result,
            comparisons: &[],
            judgements: &judgements,
            outcome,
            interrupted: false,
        },
        recorded: &[],
        scenario: Some(scenario),
        audit: None,
    })
}

fn loaded(request: &str) -> RunResult {
    let mut found = run(
        phase(|tally| {
            ok(tally, 1_000, 250);
            failed(tally, 10, ErrorKind::Status);
        }),
        None,
    );
    let phase = &mut found.variants[0].phases[0];
    phase.requests = vec![request.to_owned(), "other".to_owned()];
    phase.tallies.push(phase.tallies[0].clone());
    phase
        .exemplars
        .insert(ErrorKind::Status, request.to_owned());
    found
}

#[test]
fn names_of_others_cannot_leave_their_place() {
    let mut found = loaded(HOSTILE);
    found.scenario.name = HOSTILE.to_owned();
    found.variants[0].name = HOSTILE.to_owned();
    found.variants[0].target = HOSTILE.to_owned();
    let expr = format!("latency.p99 < 50ms {HOSTILE}");
    let page = page(&found, &expr, &Outcome::Fail, HOSTILE);
    // The island and the page's own; an image is markup wherever it stands.
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<img") && !page.contains("onerror=\"") && !page.contains('\u{202e}'));
    assert!(page.contains("&lt;img src=x onerror=&quot;"));
}

#[test]
fn the_policy_names_what_is_in_the_page_and_nothing_else() {
    let page = page(
        &loaded("a"),
        "latency.p99 < 50ms",
        &Outcome::Fail,
        "name = 1",
    );
    let part = |from: &str, to: &str| page.split(from).nth(1).unwrap().split(to).next().unwrap();
    let policy = part("Content-Security-Policy\" content=\"", "\">");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(
        policy.contains(&hash(part("<style>", "</style>"))),
        "{policy}"
    );
    let script = page.rsplit("<script>").next().unwrap();
    let script = script.split("</script>").next().unwrap();
    assert!(policy.contains(&hash(script)), "{policy}");
    for unsafe_source in ["unsafe", "http", "*"] {
        assert!(!policy.contains(unsafe_source), "{policy}");
    }
    // Neither attributes that a policy of hashes forbids nor anything from elsewhere.
    let markup = page
        .split("<body>")
        .nth(1)
        .unwrap()
        .split("<script")
        .next()
        .unwrap();
    for outside in [" style=\"", " onclick", " src=", "href=\"http", "url("] {
        assert!(!markup.contains(outside), "{outside}");
    }
}

#[test]
fn what_is_vendored_is_what_its_makers_published() {
    for (text, sha256) in [
        (
            include_str!("assets/uplot.js"),
            "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
        ),
        (
            include_str!("assets/uplot.css"),
            "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
        ),
        (
            include_str!("assets/uplot-LICENSE"),
            "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
        ),
    ] {
        use sha2::{Digest, Sha256};
        let found = Sha256::digest(text);
        let found: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, sha256);
    }
    assert!(
        SCRIPT.contains("The MIT License"),
        "the licence goes with the code"
    );
}

/// The script makes buttons of the heads of tables and of the names of requests, and a printed page has no buttons.
#[test]
fn a_printed_page_keeps_names_and_heads_of_tables() {
    let (_, print) = STYLE.rsplit_once("@media print").unwrap();
    let hidden = print.find("button, #bar").unwrap();
    let shown = print
        .find("th button { display: inline !important;")
        .unwrap();
    assert!(hidden < shown, "{print}");
}

#[test]
fn a_run_that_measured_nothing_has_a_page_that_says_so() {
    let mut found = loaded("a");
    found.variants.clear();
    found.failure = Some(Failure::Target("nothing listens at 127.0.0.1:9".to_owned()));
    let outcome = Outcome::Invalid("nothing listens at 127.0.0.1:9".to_owned());
    let text = page(&found, "", &outcome, "");
    for words in [
        "<h1 class=\"bad\">Invalid: the run says nothing",
        "exit code 4",
        "The run ended early: nothing listens at 127.0.0.1:9.",
        "No variant was loaded",
        "No window was measured.",
    ] {
        assert!(text.contains(words), "no {words:?}");
    }
    let mut short = loaded("a");
    short.variants[0].phases[0].rounds.clear();
    short.interrupted = true;
    let text = page(&short, "latency.p99 < 50ms", &Outcome::Interrupted, "");
    for words in [
        "Interrupted: the run was ended",
        "v · load: the load ended before its window began.",
    ] {
        assert!(text.contains(words), "no {words:?}");
    }
}

/// A launch of so many seconds, with all columns and latencies of many kinds.
fn recorded(variant: &str, seconds: u32) -> Recorded {
    let kinds = ErrorKind::ALL
        .map(|kind| format!(",errors_{kind}"))
        .concat();
    let mut series = format!(
        "round,t_ms,throughput_rps,failed,latency_p50_us,latency_p99_us,latency_max_us,queue_wait_p99_us,first_byte_p99_us,target_cores,target_bytes,dispatch_lag_p99_us,generator_cores,service_cores{kinds},bcrypt,cache_hits,cache_misses\n"
    );
    let mut text = Vec::new();
    let mut log = IntervalLog::new(&mut text, SystemTime::UNIX_EPOCH).unwrap();
    let noise = |at: u32, of: u32| {
        f64::from(at.wrapping_mul(2_654_435_761) >> 8) / 16_777_216.0 * f64::from(of)
    };
    for at in 0..seconds {
        let [a, b, c] = [1, 2, 3].map(|of| noise(at * 7 + of, 9_999) + 1.5);
        let errors = ErrorKind::ALL
            .map(|kind| format!(",{}", (at + kind as u32) % 17))
            .concat();
        series += &format!(
            "1,{},{a:.1},3,{b:.1},{c:.1},{c:.1},{a:.1},{b:.1},1.234,{},{a:.1},0.456,0.789{errors},{},{a:.0},{b:.0}\n",
            at * 1_000,
            123_456_789 + at,
            at % 9
        );
        // A bin of time has one interval at least.
        if at % (seconds / 600) != 0 {
            continue;
        }
        let mut latencies = Durations::default();
        (0..20).for_each(|of| {
            latencies.record((noise(at * 20 + of, 1 << 20) as u64).max(1) << (of % 7))
        });
        let start = Duration::from_secs(at.into());
        log.write(start, Duration::from_secs(1), latencies.histogram())
            .unwrap();
    }
    Recorded {
        variant: variant.to_owned(),
        phase: "load".to_owned(),
        round: 1,
        series: Some(series),
        latency: Some(String::from_utf8(text).unwrap()),
    }
}

/// What is embedded is bounded: an hour is no larger than ten minutes, whatever stands in it.
#[test]
fn a_page_of_ten_minutes_or_an_hour_of_two_variants_is_small() {
    let mut found = loaded("a");
    found.variants.push(VariantResult {
        name: "w".to_owned(),
        ..found.variants[0].clone()
    });
    let judgements = vec![vec![Vec::new()]; 2];
    let size = |seconds| {
        let recorded = ["v", "w"].map(|variant| recorded(variant, seconds));
        let text = html(&Run {
            concluded: Concluded {
                result: &found,
                comparisons: &[],
                judgements: &judgements,
                outcome: &Outcome::Pass,
                interrupted: false,
            },
            recorded: &recorded,
            scenario: None,
            audit: None,
        });
        if let Some(directory) = std::env::var_os("KEEP_PAGES") {
            let file = std::path::Path::new(&directory).join(format!("{seconds}.html"));
            std::fs::write(file, &text).unwrap();
        }
        text.len()
    };
    let (ten, hour) = (size(600), size(3_600));
    // Flame graphs may add 0.7 MB: the whole stays below 2 MB.
    assert!(ten < 1_200_000 && hour < 1_200_000, "{ten} {hour}");
}

#[test]
fn an_audit_beside_the_run_is_a_part_of_its_page() {
    let finding = |verdict, fails| StoredFinding {
        verdict,
        of: HOSTILE.to_owned(),
        which: HOSTILE.to_owned(),
        words: format!("all of production, {}", HOSTILE),
        fails,
    };
    let audit = Stored {
        production: (HOSTILE.to_owned(), 60),
        scenario: ("load of variant v".to_owned(), 1_000),
        doubt: None,
        findings: vec![
            finding(Missing, true),
            finding(Missing, true),
            finding(Same, false),
        ],
    };
    let found = loaded("a");
    let text = html(&Run {
        concluded: Concluded {
            result: &found,
            comparisons: &[],
            judgements: &vec![vec![Vec::new()]],
            outcome: &Outcome::Pass,
            interrupted: false,
        },
        recorded: &[],
        scenario: None,
        audit: Some(&audit),
    });
    assert!(
        text.contains("2 headers of production are missing"),
        "{text}"
    );
    assert!(text.contains("(60 requests) → load of variant v (1000 requests)"));
    // What is alike is in the audit's own page.
    assert_eq!(text.matches("all of production").count(), 2);
    assert!(!text.contains("<img src=x"), "{text}");
    let without = page(&found, "latency.p99 < 50ms", &Outcome::Pass, "");
    assert!(!without.contains("id=\"audit\""));
}

#[test]
fn two_hundred_requests_and_two_variants_stay_small() {
    let mut found = loaded("a");
    let one = &mut found.variants[0].phases[0];
    one.requests = (0..200).map(|at| format!("GET /v1/things/{at}")).collect();
    one.tallies = vec![one.tallies[0].clone(); 200];
    let mut other = found.variants[0].clone();
    other.name = "w".to_owned();
    found.variants.push(other);
    let text = page(&found, "latency.p99 < 50ms", &Outcome::Pass, "");
    assert!(text.len() < 700_000, "{}", text.len());
    assert!(text.contains("GET /v1/things/199"));
}
