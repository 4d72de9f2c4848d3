//! What a run records and shows of an ingestion, and what it makes of a target that a load is too much for.

use rustix::process::Signal;

use crate::bed::{Outcome, TestBed, all_end, descendant, descendants, signal, until};
use crate::ingest::verify;
use crate::unwritten::on_small_disk;

/// A run of documents of two payloads, recorded as they are acknowledged, into a sink of its own.
fn recorded(gateway: &str, load: &str, more: &str) -> String {
    format!(
        r#"name = "ingest"
interval = "100ms"
[target]
gateway = {{ sink = "file://{{dir}}/sink", cpus = 1, user_kib = 1, {gateway} }}
[load]
{load}
[[request]]
name = "payloads"
method = "POST"
path = "/v1/payloads"
body = '{{"payloads":[{{"id":"{{{{stretch}}}}-{{{{seq}}}}-a"}},{{"id":"{{{{stretch}}}}-{{{{seq}}}}-b"}}]}}'
acknowledged = ["{{{{stretch}}}}-{{{{seq}}}}-a", "{{{{stretch}}}}-{{{{seq}}}}-b"]
{more}
"#
    )
}

const POOL: &str = r#"ingest = "pool", max_workers = 2, max_queue = 10000, batch_age = "20ms""#;

const CLOSED: &str =
    "model = \"closed\"\nconnections = 2\nduration = \"500ms\"\nwarmup = \"200ms\"";

/// What `verify-sink` counted under a name.
pub(crate) fn counted(report: &Outcome, name: &str) -> u64 {
    let mut lines = report.stdout.lines();
    let line = lines.find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {name} in {}", report.stdout))
}

/// Runs the command that a run prints for its sink.
pub(crate) fn prove(run: &Outcome) -> Outcome {
    let command = run.stderr.lines().find_map(|line| {
        line.strip_prefix("to see whether all that was acknowledged is stored: telemload ")
    });
    let command = command.unwrap_or_else(|| panic!("no command in {}", run.stderr));
    let words = command.split(' ').map(|word| {
        if word.starts_with("out/") {
            run.home().join(word).display().to_string()
        } else {
            word.to_owned()
        }
    });
    TestBed::new().args(words).run()
}

#[test]
fn every_acknowledged_payload_of_a_run_is_in_its_list_and_in_the_sink() {
    // A warm-up, a profiled repetition and several launches: numbers of requests begin again with each.
    let text = recorded(
        POOL,
        CLOSED,
        "[profile]\ncpu = \"pprof\"\nduration = \"1s\"\n",
    );
    let run = TestBed::new()
        .scenario(&format!("rounds = 2\n{text}"))
        .run()
        .expect(0, &[]);
    let phase = run.only_phase();
    let ok = phase["requests"]["ok"].as_u64().unwrap();
    let acknowledged = &phase["acknowledged"];
    let files = acknowledged["files"].as_array().unwrap();
    assert_eq!(files.len(), 2, "{acknowledged:#}");
    let mut ids = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let name = format!("default/load/round-{}/acknowledged.ids", at + 1);
        assert_eq!(file["file"], name.as_str());
        let sink = run.dir().join(format!("default/round-{}/sink", at + 1));
        assert_eq!(file["sink"], format!("file://{}", sink.display()));
        let text = run.read(&name);
        assert_eq!(file["ids"], text.lines().count());
        ids.extend(text.lines().map(str::to_owned));
        let found = TestBed::new()
            .args([
                "gateway",
                "verify-sink",
                "--sink",
                &format!("file://{}", sink.display()),
            ])
            .args(["--acknowledged".as_ref(), run.dir().join(&name).as_os_str()])
            .run()
            .expect(0, &[]);
        assert_eq!(
            counted(&found, "stored once"),
            file["ids"].as_u64().unwrap()
        );
    }
    assert_eq!(acknowledged["ids"], ids.len());
    assert!(
        ids.len() as u64 > 2 * ok,
        "the warm-up counts too: {} of {ok}",
        ids.len()
    );
    // The measured stretch and the profiled one of both rounds.
    for stretch in ["0-", "1-", "2-", "3-"] {
        assert!(ids.iter().any(|id| id.starts_with(stretch)), "{stretch}");
    }
    ids.sort();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all);
    assert!(
        run.stdout.contains("warm-up and drain included"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_run_shows_what_became_of_payloads() {
    let run = TestBed::new()
        .scenario(&recorded(POOL, CLOSED, ""))
        .run()
        .expect(0, &[]);
    let phase = run.only_phase();
    let acknowledged = phase["requests"]["ok"].as_u64().unwrap();
    assert!(acknowledged > 0);
    // On a busy machine the counters may not be known; that they are 0 would be wrong.
    for counter in [
        "payloads_accepted",
        "payloads_acknowledged",
        "documents_acknowledged",
    ] {
        assert_ne!(phase["gateway"][counter], 0, "{counter}");
    }
    let series = run.series("default/load");
    let of = |column: &str| series.iter().filter_map(|row| row.get(column)).sum::<f64>();
    // On a busy machine they may all come too late, and that is told.
    let late = phase["warnings"].to_string();
    let is_late = late.contains("readings of the target's metrics were late");
    assert!(is_late || of("documents_acknowledged") > 0.0, "{series:#?}");
    assert!(
        is_late || series.iter().any(|row| row.contains_key("ingest_tasks")),
        "{series:#?}"
    );
    for words in [", ingest pool into file://{dir}/sink", " acknowledged · "] {
        assert!(run.stdout.contains(words), "{}", run.stdout);
    }
    let found = prove(&run).expect(0, &[]);
    assert!(counted(&found, "stored once") >= 2 * acknowledged);
    assert_eq!(counted(&found, "unacknowledged"), 0);
}

#[test]
fn nothing_of_a_run_is_lost_with_a_gateway_that_is_stopped_or_killed_in_its_middle() {
    for (gateway, what) in [
        (format!("{POOL}, drain_payloads = \"1m\""), Signal::TERM),
        (format!("{POOL}, ack = \"stored\""), Signal::KILL),
    ] {
        let load = "model = \"closed\"\nconnections = 4\nduration = \"60s\"\noverload = true";
        let running = TestBed::new()
            .scenario(&recorded(&gateway, load, ""))
            .start();
        running.wait_for_rows(3);
        running.wait_for_answers(50);
        let pid = descendant(running.pid(), "gateway --stdin");
        signal(pid, what);
        // Four failures among few answers may be more or less than 1 % of them.
        let run = running.wait().expect_one_of(&[0, 1, 3]);
        let phase = run.only_phase();
        let ended = phase["ended"].as_str().unwrap();
        assert!(ended.contains("the target ended in the middle"), "{ended}");
        let found = prove(&run).expect(0, &[]);
        assert!(counted(&found, "acknowledged") > 20, "{}", found.stdout);
        assert_eq!(counted(&found, "missing"), 0, "{what:?}");
    }
}

#[test]
fn a_killed_run_has_recorded_what_was_acknowledged_up_to_the_last_interval() {
    let load = "model = \"closed\"\nconnections = 2\nduration = \"60s\"";
    let running = TestBed::new().scenario(&recorded(POOL, load, "")).start();
    running.wait_for_rows(3);
    running.wait_for_answers(1);
    let acknowledged = 2 * running.answered();
    let ids = || running.read("out/default/load/acknowledged.ids");
    until(&format!("{acknowledged} ids"), || {
        (ids().lines().count() >= acknowledged).then_some(())
    });
    let all: Vec<i32> = descendants(running.pid())
        .iter()
        .map(|one| one.pid)
        .collect();
    running.signal(Signal::KILL);
    let run = running.wait();
    // The gateway stores what it took once it is alone.
    all_end(&all);
    let ids = run.read("default/load/acknowledged.ids");
    assert!(ids.ends_with('\n'), "{}", ids.len());
    let ids: Vec<String> = ids.lines().map(str::to_owned).collect();
    verify(&run.dir().join("default/sink"), &ids)
        .run()
        .expect(0, &[]);
}

#[test]
fn a_variant_that_dies_of_a_load_that_is_too_much_is_a_finding_and_the_next_one_is_run() {
    let more = r#"[[variant]]
name = "spawn"
target.gateway.ingest = "spawn"
target.gateway.memory_limit = "64MiB"
[[variant]]
name = "pool"
[[threshold]]
expr = "errors.rate < 1%"
variant = "pool"
"#;
    let gateway = format!("{POOL}, sink_latency = \"20s\", drain_payloads = \"0s\"");
    // However slow the machine is: it dies long before that.
    let load = "model = \"closed\"\nconnections = 4\nduration = \"2m\"";
    // The spawned tasks hold some hundred bytes each; the pool takes no more than its queue, and refuses the rest.
    let text = recorded(&gateway, load, more)
        .replace("-a\"}", &format!("-a\",\"x\":\"{}\"}}", "x".repeat(60_000)))
        .replace("name = \"pool\"", "name = \"pool\"\nload.requests = 20")
        .replace("warmup = \"200ms\"", "");
    let spawn = |text: &str, code: i32, says: &[&str]| {
        let run = TestBed::new().scenario(text).run().expect(code, says);
        let phase = run.phase("spawn", "load");
        // Up to the last interval at whose end it still was there, however few there were.
        if run.series("spawn/load").len() > 2 {
            assert!(phase["cpu"]["target_cores"].is_number(), "{phase:#}");
        }
        let ended = phase["ended"].clone();
        let ended = ended.as_str().unwrap_or_else(|| panic!("{}", run.stdout));
        assert!(ended.contains("memory allocation of"), "{ended}");
        assert!(
            run.stdout.contains("ended the target ended in the middle"),
            "{}",
            run.stdout
        );
        assert!(
            run.phase("pool", "load")["requests"]["ok"]
                .as_u64()
                .unwrap()
                > 0
        );
        run
    };
    let run = spawn(
        &text.replace("[load]\n", "[load]\noverload = true\n"),
        0,
        &[],
    );
    assert_eq!(run.result()["interrupted"], false);
    let peak = &run.phase("spawn", "load")["gateway_peak"]["ingest_tasks"];
    assert_ne!(*peak, 0, "on a busy machine it may not be known");
    // Otherwise it is a failure, but the other variant has nothing to do with it.
    let run = spawn(
        &text,
        4,
        &["invalid: variant spawn: the target ended in the middle of the load"],
    );
    assert_eq!(run.result()["interrupted"], true);
}

#[test]
fn falling_behind_a_load_that_is_too_much_is_a_finding() {
    let gateway = r#"ingest = "queue", max_queue = 9, sink_latency = "1m", drain_payloads = "0s""#;
    let load = "model = \"open\"\nrate = \"50/s\"\nconnections = 1\nduration = \"1s\"\ntimeout = \"300ms\"";
    let text = recorded(
        gateway,
        load,
        "[[threshold]]\nexpr = \"errors.rate <= 100%\"\n",
    );
    TestBed::new().scenario(&text).run().expect(
        4,
        &["of the planned requests could be sent in time; lower the rate"],
    );
    let text = text.replace("[load]\n", "[load]\noverload = true\n");
    let run = TestBed::new().scenario(&text).run().expect(0, &[]);
    assert_eq!(run.only_phase()["load"]["overload"], true);
    for words in [
        "meant to be too much",
        "of the planned requests could be sent in time",
    ] {
        assert!(run.stdout.contains(words), "no {words} in {}", run.stdout);
    }
    // The moment is in the series: the queue is full, and there is nothing but waiting.
    let series = run.series("default/load");
    assert_eq!(
        run.only_phase()["gateway_peak"]["ingest_queue"],
        9,
        "{series:#?}"
    );
}

#[test]
fn ids_that_prove_nothing_are_refused_with_their_place() {
    let again = "`{{seq}}` begins at 0 again with every variant, phase, round and profiled repetition; use `{{stretch}}` too";
    for (ids, more, says) in [
        (
            r#"["x"]"#,
            "",
            "all requests would have the same id; use `{{seq}}` in it",
        ),
        (
            r#"["{{seq}}", "{{seq}}"]"#,
            "",
            "`{{seq}}` is there twice; give each its own id",
        ),
        (
            r#"["{{seq}}-{{uuid}}"]"#,
            "",
            "an id is made of `{{seq}}`, `{{stretch}}`, `{{run}}`, `{{device.id}}`",
        ),
        (r#"["{{seq}}-{{now}}"]"#, "", "an id is made of"),
        (
            r#"["{{seq}}{{base64 device.secret}}"]"#,
            "",
            "an id is made of",
        ),
        (
            r#"["{{seq}}{{nope}}"]"#,
            "",
            "unknown placeholder `{{nope}}`",
        ),
        (r#"["{{seq}}\n"]"#, "", "an id has no line breaks"),
        (
            r#"["{{seq}}"]"#,
            "[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\n",
            again,
        ),
        (r#"["{{seq}}"]"#, "[profile]\ncpu = \"pprof\"\n", again),
        (r#"[1]"#, "", "expected a string"),
    ] {
        let scenario = format!(
            "name = \"x\"\n[target.gateway]\ningest = \"pool\"\n[fleet.cars]\ndevices = 1\n[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\n[[request]]\nname = \"r\"\nfleet = \"cars\"\npath = \"/\"\nacknowledged = {ids}\n{more}"
        );
        TestBed::new()
            .scenario(&scenario)
            .run()
            .expect(2, &["error: scenario.toml:14:", "acknowledged", says]);
    }
    let once = recorded(POOL, CLOSED, "").replace("{{stretch}}-", "");
    let shown = TestBed::new()
        .file("scenario.toml", once)
        .args(["run", "scenario.toml", "--dry-run"])
        .run()
        .expect(0, &[]);
    assert!(
        shown
            .stdout
            .contains("acknowledged by an OK answer: 1-a 1-b"),
        "{}",
        shown.stdout
    );
}

#[test]
fn a_disk_that_takes_no_more_ids_ends_the_run_and_names_a_file() {
    let bed = TestBed::new();
    let sink = format!("file://{}", bed.path("sink").display());
    let scenario = recorded(POOL, CLOSED, "")
        .replace("file://{dir}/sink", &sink)
        .replace("duration = \"500ms\"", "duration = \"60s\"");
    let output = on_small_disk(&bed.scenario(&scenario), 96);
    assert_eq!(output.status.code(), Some(5));
    let stderr = String::from_utf8_lossy(&output.stderr);
    // Which file finds it first is chance; the others are told behind it.
    for says in [
        "error: cannot write out/default/load/",
        "No space left on device",
    ] {
        assert!(stderr.contains(says), "{stderr}");
    }
}

#[test]
fn a_gateway_in_the_foreground_has_no_run_directory() {
    TestBed::new()
        .file("scenario.toml", recorded(POOL, CLOSED, ""))
        .args(["gateway", "scenario.toml"])
        .run()
        .expect(
            2,
            &["`target.gateway.sink` in {dir}, which only a run has; name a directory in it"],
        );
}
