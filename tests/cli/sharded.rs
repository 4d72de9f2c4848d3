//! Runs that are split over several processes: what each of them sends, when, and what is refused.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use telemload::scenario::{self, Overrides};

use crate::bed::{Outcome, TestBed, as_documented};
use crate::hostile::{Behaviour, OK, Server};

const SHARDS: u32 = 3;

/// Two stretches of load on something that runs already.
fn scenario(server: &Server) -> String {
    format!(
        r#"
name = "split"
[target]
url = "http://{}"
[[phase]]
name = "open"
load = {{ model = "open", rate = "90/s", connections = 6, duration = "500ms", workers = 1, timeout = "500ms" }}
[[phase]]
name = "closed"
load = {{ model = "closed", requests = 31, connections = 6, duration = "2s", workers = 1, timeout = "500ms" }}
[[request]]
name = "get"
path = "/{{{{stretch}}}}/{{{{seq}}}}/{{{{run}}}}/{{{{uuid}}}}"
[[threshold]]
expr = "throughput > 1000000/s"
"#,
        server.addr
    )
}

/// So many seconds from now on, for `--start-at`.
fn in_seconds(seconds: f64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("{:.3}", now.as_secs_f64() + seconds)
}

fn seconds(value: &Value) -> f64 {
    let at: jiff::Timestamp = value.as_str().unwrap().parse().unwrap();
    at.as_nanosecond() as f64 / 1e9
}

#[test]
fn shards_send_together_what_is_planned_at_the_time_that_is_planned() {
    let server = Server::start(Behaviour::Canned(OK));
    let bed = TestBed::new().file("s.toml", scenario(&server));
    let (home, start) = (bed.home().to_owned(), in_seconds(6.0));
    let shard = |index: u32| {
        let of = format!("{index}/{SHARDS}");
        let bed = TestBed::new().args(["run", "--shard", &of, "--start-at", &start]);
        // The last one is late on purpose.
        let bed = match index {
            2 => bed.args(["--shard-skew", "80ms"]),
            _ => bed,
        };
        bed.args(["--out", home.join("out").to_str().unwrap()])
            .args([home.join("s.toml")])
            .start()
    };
    let running: Vec<_> = (0..SHARDS).map(shard).collect();
    let mut requests = [0; 2];
    let (mut keys, mut attempts) = (BTreeSet::new(), BTreeSet::new());
    for (index, outcome) in running.into_iter().map(|run| run.wait()).enumerate() {
        let outcome = outcome.expect(0, &[]);
        let last = format!("shard {index}/3, judged by merge");
        assert!(outcome.stdout.contains(&last), "{}", outcome.stdout);
        let file = home.join(format!("out/shard-{index}/result.json"));
        let result = as_documented("result", &std::fs::read_to_string(file).unwrap());
        let shard = &result["shard"];
        assert_eq!(
            (&shard["index"], &shard["count"]),
            (&index.into(), &3.into())
        );
        attempts.insert(shard["attempt"].to_string());
        for key in ["key", "plan_sha256", "starts_at"] {
            keys.insert(shard[key].to_string());
        }
        keys.insert(result["scenario"]["seed"].to_string());
        let skew = if index == 2 { 0.08 } else { 0.0 };
        for (at, stretch) in shard["stretches"].as_array().unwrap().iter().enumerate() {
            let planned = seconds(&stretch["begins_at"]) - seconds(&shard["starts_at"]);
            assert!((planned - [0.0, 3.0][at]).abs() < 1e-6, "{stretch:#}");
            let off = seconds(&stretch["begun_at"]) - seconds(&stretch["begins_at"]);
            // Both are by one clock, which may be slewed meanwhile.
            assert!((off - skew).abs() < 0.02, "{off} {stretch:#}");
        }
        let variant = &result["variants"][0];
        assert_eq!(variant["thresholds"], Value::Array(Vec::new()));
        for (at, phase) in variant["phases"].as_array().unwrap().iter().enumerate() {
            requests[at] += phase["requests"]["due"].as_u64().unwrap();
        }
    }
    assert_eq!(
        (keys.len(), attempts.len()),
        (4, 3),
        "{keys:?} {attempts:?}"
    );
    assert_eq!(requests, [45, 31]);
    let heads = server.requests();
    let lines: Vec<Vec<&str>> = heads
        .iter()
        .map(|of| of.head.split(' ').nth(1).unwrap().split('/').collect())
        .filter(|path: &Vec<&str>| path.len() == 5)
        .collect();
    for (stretch, sent) in [("0", 45), ("1", 31)] {
        let of_stretch = lines.iter().filter(|path| path[1] == stretch);
        let numbers: BTreeSet<u64> = of_stretch.map(|path| path[2].parse().unwrap()).collect();
        assert_eq!(numbers.len(), sent, "{numbers:?}");
    }
    let all: BTreeSet<u64> = (0..45).collect();
    let of_first = lines.iter().filter(|path| path[1] == "0");
    assert_eq!(
        of_first
            .map(|path| path[2].parse().unwrap())
            .collect::<BTreeSet<u64>>(),
        all
    );
    // None is sent twice, each has a value of its own, and the run is one.
    let whole: BTreeSet<&Vec<&str>> = lines.iter().collect();
    assert_eq!(whole.len(), 45 + 31);
    assert_eq!(
        lines
            .iter()
            .map(|path| path[3])
            .collect::<BTreeSet<_>>()
            .len(),
        1
    );
}

#[test]
fn a_shard_that_is_late_sends_nothing() {
    let server = Server::start(Behaviour::Canned(OK));
    for start in [in_seconds(-60.0), in_seconds(0.9)] {
        let bed = TestBed::new().file("s.toml", scenario(&server));
        let args = [
            "run",
            "s.toml",
            "--shard",
            "1/3",
            "--start-at",
            &start,
            "--out",
            "out",
        ];
        let outcome = bed.args(args).run();
        let outcome = outcome.expect(4, &["invalid: shard 1/3 starts at", "it sends nothing"]);
        // What a first attempt left there is left alone.
        assert!(!outcome.dir().exists());
    }
    assert_eq!(server.request_count(), 0);
}

#[test]
fn which_shard_it_is_must_be_clear() {
    let bed = |args: &[&str], env: &[(&'static str, &str)]| {
        let bed = TestBed::new().args(["run", "http://127.0.0.1:1/", "--workers", "1"]);
        let bed = env
            .iter()
            .fold(bed, |bed, (name, value)| bed.env(name, value));
        bed.args(args).run()
    };
    let at = ["--start-at", "2100-01-01T00:00:00Z"];
    let with = |args: &[&'static str]| [args, &at].concat();
    for (args, env, says) in [
        (
            with(&["--shard", "3/3"]),
            vec![],
            "--shard `3/3`: the index is from 0 to 2 where there are 3; or auto",
        ),
        (
            with(&["--shard", "auto"]),
            vec![],
            "--shard auto finds none of JOB_COMPLETION_INDEX",
        ),
        (
            with(&["--shard", "auto"]),
            vec![
                ("SLURM_PROCID", "0"),
                ("SLURM_NTASKS", "3"),
                ("PMI_RANK", "1"),
                ("PMI_SIZE", "3"),
            ],
            "SLURM_PROCID with SLURM_NTASKS says shard 0/3, and PMI_RANK with PMI_SIZE says 1/3",
        ),
        (
            with(&["--shard", "0/3"]),
            vec![("TELEMLOAD_SHARD", "1/3")],
            "--shard says 0/3, and TELEMLOAD_SHARD says 1/3; unset one of them",
        ),
        (
            vec!["--shard", "0/3"],
            vec![],
            "give --start-at WHEN, the same on all",
        ),
        (with(&[]), vec![], "--start-at goes with --shard"),
        (
            with(&["--shard", "0/11"]),
            vec![],
            "each worker of the 11 shards needs a connection; use 11 or more",
        ),
        (
            with(&["--shard", "0/3", "--pid", "1"]),
            vec![],
            "--pid: a process is known on one machine alone",
        ),
        // Without `auto` nothing is guessed: it is no shard, and the target does not answer.
        (
            vec!["-n", "1", "-T", "50ms"],
            vec![("SLURM_PROCID", "0"), ("SLURM_NTASKS", "3")],
            "",
        ),
    ] {
        let code = if says.is_empty() { 4 } else { 2 };
        bed(&args, &env).expect(code, &[says]);
    }
    let words = "use RFC 3339 with a zone";
    bed(&["--shard", "0/3", "--start-at", "10:00"], &[]).expect(2, &[words]);
}

#[test]
fn what_shards_cannot_do_is_refused_before_anything_is_started() {
    let good = "name = \"s\"\n[target]\nurl = \"http://127.0.0.1:1\"\n[load]\nmodel = \"closed\"\nconnections = 6\nduration = \"1s\"\nworkers = 2\n[[request]]\nname = \"r\"\npath = \"/\"\n";
    let overrides = Overrides {
        shards: Some(3),
        ..Overrides::default()
    };
    let parse = |text: &str| scenario::parse("s.toml", text, Path::new("/nowhere"), &overrides);
    parse(good).unwrap();
    let variants = "[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\ntarget.url = \"http://127.0.0.1:2\"\n";
    for (from, to, says) in [
        (
            "workers = 2\n",
            "",
            "4:1: load: shards need the same number of workers on every machine; give `workers`, or --shard-workers",
        ),
        (
            "connections = 6",
            "connections = 5",
            "6:15: load.connections: each worker of the 3 shards needs a connection; use 6 or more",
        ),
        (
            "url = \"http://127.0.0.1:1\"",
            "command = \"serve {port}\"",
            "target.command: each shard would start one of its own",
        ),
        (
            "url = \"http://127.0.0.1:1\"",
            "gateway = { auth = \"naive\" }",
            "target.gateway: each shard would start one of its own",
        ),
        (
            "[load]",
            "pid = 1\n[load]",
            "target.pid: a process is known on one machine alone, and shards run on several; use `metrics`",
        ),
        (
            "[load]",
            "[[service]]\nname = \"q\"\ncommand = \"q {port}\"\n[load]",
            "service.command: each shard would start one of its own",
        ),
        (
            "duration = \"1s\"",
            "requests = 9",
            "load.requests: when the next stretch of load begins must be known before",
        ),
        (
            "name = \"s\"",
            "name = \"s\"\norder = \"turns\"",
            "order: shards cannot let variants take turns",
        ),
        (
            "[[request]]",
            "[[threshold]]\nexpr = \"errors.rate < 1%\"\nabort_on_fail = true\n[[request]]",
            "threshold.abort_on_fail: no shard sees the figures of the whole run",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let text = good.replacen(from, to, 1) + if to.contains("order") { variants } else { "" };
        let said = parse(&text).expect_err(&text).to_string();
        assert!(said.contains(says), "{says}\n{said}");
        // The same is fine for one process.
        let alone = scenario::parse(
            "s.toml",
            &text,
            Path::new("/nowhere"),
            &Overrides::default(),
        );
        assert!(alone.is_ok(), "{:?}", alone.err());
    }
}

/// Three shards that meet in a directory, without those that are left out.
fn meet(server: &Server, place: &Path, within: &str, left_out: &[u32]) -> Vec<Outcome> {
    let shard = |index: u32| {
        let url = format!("file://{}", place.display());
        let bed = TestBed::new().file("s.toml", scenario(server));
        let of = format!("{index}/{SHARDS}");
        let args = [
            "run", "s.toml", "--shard", &of, "--out", "out", "--meet", &url,
        ];
        bed.args(args).args(["--meet-within", within]).start()
    };
    let indices = (0..SHARDS).filter(|index| !left_out.contains(index));
    let running: Vec<_> = indices.map(shard).collect();
    running.into_iter().map(|run| run.wait()).collect()
}

#[test]
fn shards_agree_on_a_start_or_say_who_was_missing() {
    let server = Server::start(Behaviour::Canned(OK));
    let places = tempfile::tempdir().unwrap();
    let missing = meet(&server, &places.path().join("one"), "2s", &[1]);
    assert_eq!(missing.len(), 2);
    for (index, outcome) in [0, 2].into_iter().zip(missing) {
        let words = format!(
            "invalid: shard {index}/3 sends nothing: of 3 shards these did not come to the meeting in time: 1;"
        );
        assert!(!outcome.expect(4, &[&words]).dir().exists());
    }
    // Who comes later follows the word that is there.
    for outcome in meet(&server, &places.path().join("one"), "2s", &[0, 2]) {
        outcome.expect(4, &["shard 1/3 sends nothing", "in time: 1;"]);
    }
    assert_eq!(server.request_count(), 0);
    let place = places.path().join("two");
    let all = meet(&server, &place, "90s", &[]);
    let mut starts = BTreeSet::new();
    for (index, outcome) in all.into_iter().enumerate() {
        let outcome = outcome.expect(0, &["waits for the others, 90s at most"]);
        let file = outcome.dir().join(format!("shard-{index}/result.json"));
        let result = as_documented("result", &std::fs::read_to_string(file).unwrap());
        starts.insert(result["shard"]["starts_at"].to_string());
    }
    assert_eq!(starts.len(), 1, "{starts:?}");
    let sent = server.request_count();
    for outcome in meet(&server, &place, "2s", &[0, 2]) {
        outcome.expect(4, &["another process is shard 1/3 of this meeting"]);
    }
    assert_eq!(server.request_count(), sent);
}

#[test]
fn a_place_with_something_else_in_it_is_refused_at_once() {
    let server = Server::start(Behaviour::Canned(OK));
    let places = tempfile::tempdir().unwrap();
    let fifo =
        |path: &Path| rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
    type Spoil<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, &str, Spoil<'_>); 5] = [
        ("a", "go", &|at| fifo(&at.join("go"))),
        ("b", "go", &|at| std::fs::create_dir(at.join("go")).unwrap()),
        ("c", "go", &|at| {
            std::os::unix::fs::symlink("/dev/zero", at.join("go")).unwrap();
        }),
        ("d", "ready/1", &|at| {
            std::fs::create_dir(at.join("ready")).unwrap();
            std::fs::write(at.join("ready/0"), "{}").unwrap();
            std::fs::write(at.join("ready/2"), "{}").unwrap();
            fifo(&at.join("ready/1"));
        }),
        ("e", "ready/1", &|at| {
            std::os::unix::fs::symlink(at, at.join("ready")).unwrap();
        }),
    ];
    for (place, name, make) in cases {
        let place = places.path().join(place);
        std::fs::create_dir(&place).unwrap();
        make(&place);
        let words = format!("`{name}` there is not telemload's: it is no file in a directory;");
        for outcome in meet(&server, &place, "90s", &[0, 2]) {
            outcome.expect(5, &["cannot meet the other shards (--meet)", &words]);
        }
    }
    for (url, kept) in [
        ("s3://user:hush@bucket/x", "hush"),
        ("s3://bucket/x?Signature=hush", "hush"),
    ] {
        let bed = TestBed::new().file("s.toml", scenario(&server));
        let args = [
            "run", "s.toml", "--shard", "0/3", "--out", "out", "--meet", url,
        ];
        let outcome = bed.args(args).run();
        let outcome = outcome.expect(2, &["--meet: use file:///DIRECTORY that all shards see"]);
        assert!(!outcome.stderr.contains(kept), "{}", outcome.stderr);
    }
    assert_eq!(server.request_count(), 0);
}
