//! What the gateway's acknowledgements are worth when its process is stopped, killed or out of memory, and the verb that
//! proves it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::{TELEMLOAD, TestBed, descendant, free_port, signal, until};

/// A gateway process as a run starts it, in a directory of its own.
struct Gateway {
    child: Child,
    port: u16,
    home: TempDir,
}

impl Gateway {
    /// Starts one with a directory sink; `config` is added to that.
    fn start(config: &Value) -> Self {
        let home = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut all = json!({ "cpus": 1, "user_kib": 1, "sink": format!("file://{}/sink", home.path().display()) });
        all.as_object_mut()
            .unwrap()
            .extend(config.as_object().unwrap().clone());
        let launch = json!({ "listen": format!("127.0.0.1:{port}"), "config": all });
        let mut child = Command::new(TELEMLOAD)
            .args(["gateway", "--stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(fs::File::create(home.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(launch.to_string().as_bytes())
            .unwrap();
        let gateway = Self { child, port, home };
        until("the gateway", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        gateway
    }

    fn client(&self) -> Client {
        Client(BufReader::new(
            TcpStream::connect(("127.0.0.1", self.port)).unwrap(),
        ))
    }

    fn signal(&self, what: Signal) {
        signal(i32::try_from(self.child.id()).unwrap(), what);
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        until("the gateway's end", || self.child.try_wait().unwrap())
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.home.path().join("stderr")).unwrap()
    }

    fn sink(&self) -> PathBuf {
        self.home.path().join("sink")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that is kept.
struct Client(BufReader<TcpStream>);

impl Client {
    /// The status; `None` if the gateway is gone.
    fn post(&mut self, body: &str) -> Option<u16> {
        let head = format!(
            "POST /v1/payloads HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0
            .get_mut()
            .write_all(format!("{head}{body}").as_bytes())
            .ok()?;
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest.get(..3)?.parse().ok();
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().ok()?;
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).ok()?;
        status
    }
}

/// Sends documents of three payloads over four connections until the gateway is gone or turns them away; returns the
/// acknowledged ids.
fn load(gateway: &Gateway, enough: &Arc<AtomicUsize>) -> Vec<thread::JoinHandle<Vec<String>>> {
    (0..4)
        .map(|client| {
            let (mut to, enough) = (gateway.client(), Arc::clone(enough));
            thread::spawn(move || {
                let mut acknowledged = Vec::new();
                for n in 0.. {
                    let ids = ["x", "y", "z"].map(|part| format!("{client}-{n}-{part}"));
                    let payloads = ids
                        .each_ref()
                        .map(|id| format!(r#"{{"id":"{id}","v":1}}"#))
                        .join(",");
                    match to.post(&format!(r#"{{"payloads":[{payloads}]}}"#)) {
                        Some(200 | 202) => acknowledged.extend(ids),
                        _ => break,
                    }
                    enough.fetch_add(1, Ordering::Relaxed);
                }
                acknowledged
            })
        })
        .collect()
}

/// Loads the gateway, ends it in the middle with the signal, and returns how it ended and what it had acknowledged.
fn end_under_load(gateway: &mut Gateway, what: Signal) -> (ExitStatus, Vec<String>) {
    let sent = Arc::default();
    let clients = load(gateway, &sent);
    until("some load", || {
        (sent.load(Ordering::Relaxed) > 150).then_some(())
    });
    gateway.signal(what);
    let status = gateway.wait();
    let acknowledged = clients
        .into_iter()
        .flat_map(|client| client.join().unwrap())
        .collect();
    (status, acknowledged)
}

pub(crate) fn verify(sink: &Path, ids: &[String]) -> TestBed {
    TestBed::new().file("ids", ids.join("\n")).args([
        "gateway",
        "verify-sink",
        "--sink",
        &format!("file://{}", sink.display()),
        "--acknowledged",
        "ids",
    ])
}

#[test]
fn what_is_acknowledged_as_stored_survives_a_kill() {
    for mode in ["pool", "spawn"] {
        let mut gateway =
            Gateway::start(&json!({ "ingest": mode, "ack": "stored", "batch_age": "5ms" }));
        let (status, acknowledged) = end_under_load(&mut gateway, Signal::KILL);
        assert_eq!(status.signal(), Some(9));
        assert!(acknowledged.len() > 400, "{}", acknowledged.len());
        let report = verify(&gateway.sink(), &acknowledged).run().expect(0, &[]);
        assert!(
            report.stdout.contains("missing                    0"),
            "{}",
            report.stdout
        );
    }
}

#[test]
fn what_is_acknowledged_as_queued_survives_a_stop() {
    let config = json!({ "ingest": "pool", "batch_age": "1m", "batch_payloads": 100_000, "drain_payloads": "1m" });
    let mut gateway = Gateway::start(&config);
    let (status, acknowledged) = end_under_load(&mut gateway, Signal::TERM);
    assert_eq!(status.code(), Some(0), "{}", gateway.stderr());
    verify(&gateway.sink(), &acknowledged).run().expect(0, &[]);
}

#[test]
fn what_a_stop_could_not_store_is_in_the_exit_code() {
    let config = json!({ "ingest": "pool", "sink_latency": "1m", "drain_payloads": "100ms" });
    let mut gateway = Gateway::start(&config);
    let body = r#"{"payloads":[{"id":"a"},{"id":"b"}]}"#;
    assert_eq!(gateway.client().post(body), Some(202));
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait().code(), Some(5));
    let stderr = gateway.stderr();
    assert!(
        stderr.contains(
            "error: 2 acknowledged payloads were not stored within 100ms of the stop and are lost"
        ),
        "{stderr}"
    );
    verify(&gateway.sink(), &["a".to_owned(), "b".to_owned()])
        .run()
        .expect(1, &[]);
}

#[test]
fn without_a_bound_the_memory_limit_ends_the_process() {
    let config = json!({ "ingest": "spawn", "sink": "memory", "sink_latency": "1m", "memory_limit": "96MiB" });
    let mut gateway = Gateway::start(&config);
    let mut client = gateway.client();
    let payload = "x".repeat(60_000);
    let mut acknowledged = 0;
    while client.post(&format!(
        r#"{{"payloads":[{{"id":"{acknowledged}","x":"{payload}"}}]}}"#
    )) == Some(202)
    {
        acknowledged += 1;
        assert!(acknowledged < 10_000, "600 MB in a process of 96 MiB");
    }
    assert_eq!(gateway.wait().signal(), Some(6), "{}", gateway.stderr());
    assert!(
        gateway.stderr().contains("memory allocation of"),
        "{}",
        gateway.stderr()
    );
    assert!(acknowledged > 300, "{acknowledged}");
    // The same load against a bounded queue is refused, and the process lives.
    let config = json!({
        "ingest": "pool", "sink": "memory", "sink_latency": "1m", "memory_limit": "96MiB", "queue_size": "16MiB",
        "drain_payloads": "0s",
    });
    let gateway = Gateway::start(&config);
    let mut client = gateway.client();
    let statuses: Vec<_> = (0..1_000)
        .map(|n| {
            client.post(&format!(
                r#"{{"payloads":[{{"id":"{n}","x":"{payload}"}}]}}"#
            ))
        })
        .collect();
    assert!(
        statuses.contains(&Some(202)) && statuses.ends_with(&[Some(503)]),
        "{:?}",
        statuses.last()
    );
}

#[test]
fn the_sink_is_compared_with_what_was_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let sink = home.path().join("sink");
    let line = |id: &str| format!("{{\"payload\":{{\"id\":\"{id}\"}}}}\n");
    fs::create_dir(&sink).unwrap();
    fs::write(
        sink.join("0.jsonl"),
        line("a") + &line("b") + &line("b") + &line("other"),
    )
    .unwrap();
    let ids = |ids: &[&str]| -> Vec<String> { ids.iter().map(|id| (*id).to_owned()).collect() };
    let found = verify(&sink, &ids(&["a", "b"])).run().expect(0, &[]);
    assert_eq!(
        found.stdout,
        "acknowledged               2  ids in the list\n\
         stored once                1  of them\n\
         missing                    0  of them: lost\n\
         duplicated                 1  of them: stored more than once\n\
         unacknowledged             1  stored payloads that are not in the list\n\
         unreadable                 0  stored lines that are no payloads\n\
         objects                    1  read\n"
    );
    let lost: Vec<String> = (0..12).map(|n| format!("lost-{n}")).collect();
    let found = verify(&sink, &lost).run().expect(1, &[]);
    assert!(
        found.stdout.contains("missing: lost-0\n") && found.stdout.ends_with("missing: 2 more\n"),
        "{}",
        found.stdout
    );
    fs::write(sink.join("1.jsonl"), "damage\n").unwrap();
    verify(&sink, &ids(&["a"])).run().expect(1, &[]);
    verify(&home.path().join("none"), &[]).run().expect(
        5,
        &["error: cannot read the sink file://", "is not a directory"],
    );
    verify(&sink, &["x".repeat(129)])
        .run()
        .expect(2, &["--acknowledged: ids:1: longer than 128 bytes"]);
    let bed = |sink: &str, list: &str| {
        TestBed::new()
            .args([
                "gateway",
                "verify-sink",
                "--sink",
                sink,
                "--acknowledged",
                list,
            ])
            .run()
    };
    bed("floppy", "ids").expect(
        2,
        &["error: --sink: \"floppy\" is not a sink; use \"memory\", \"file:///directory\""],
    );
    bed("memory", "ids").expect(2, &["a memory sink ends with its gateway"]);
    bed("file:///tmp", "none").expect(5, &["error: cannot read none: No such file or directory"]);
}

#[test]
fn credentials_of_a_sink_are_not_shown() {
    let found = TestBed::new()
        .file("ids", "a\n")
        .env("AWS_ACCESS_KEY_ID", "AKIDHUSH")
        .env("AWS_SECRET_ACCESS_KEY", "secrethush")
        .args([
            "gateway",
            "verify-sink",
            "--sink",
            "s3://b",
            "--s3-endpoint",
            "http://127.0.0.1:1",
            "--acknowledged",
            "ids",
        ])
        .run()
        .expect(5, &["error: cannot read the sink s3://b/: "]);
    assert!(
        !found.stderr.to_ascii_lowercase().contains("hush"),
        "{}",
        found.stderr
    );
}

#[test]
fn a_run_says_what_its_gateway_lost_at_the_stop() {
    let scenario = r#"name = "ingest"
[target]
gateway = { ingest = "pool", sink_latency = "1m", drain_payloads = "50ms", cpus = 1, user_kib = 1 }
[load]
model = "closed"
connections = 1
requests = 5
[[request]]
name = "payloads"
method = "POST"
path = "/v1/payloads"
body = '{"payloads":[{"id":"{{seq}}-a"},{"id":"{{seq}}-b"}]}'
expect = { status = 202 }
"#;
    let run = TestBed::new().scenario(scenario).run().expect(0, &[]);
    let warnings = run.only_phase()["warnings"].to_string();
    for words in [
        "the gateway did not end well after the load: ",
        "10 acknowledged payloads were not stored within 50ms of the stop and are lost",
    ] {
        assert!(warnings.contains(words), "{words} is not in {warnings}");
        assert!(
            run.stdout.contains(words),
            "{words} is not in {}",
            run.stdout
        );
    }
}

#[test]
fn a_gateway_that_does_not_stop_is_killed_and_that_is_said() {
    let scenario = r#"name = "ingest"
interval = "100ms"
[target]
gateway = { ingest = "pool", drain_requests = "0s", drain_payloads = "0s", cpus = 1, user_kib = 1 }
[load]
model = "closed"
connections = 1
duration = "3s"
timeout = "200ms"
[[request]]
name = "payloads"
path = "/v1/payloads"
body = '{"payloads":[{"id":"{{seq}}"}]}'
[[threshold]]
expr = "errors.rate <= 100%"
"#;
    let running = TestBed::new().scenario(scenario).start();
    running.wait_for_rows(2);
    signal(descendant(running.pid(), "gateway --stdin"), Signal::STOP);
    let run = running.wait().expect(4, &["nothing answered from "]);
    let warnings = run.only_phase()["warnings"].to_string();
    assert!(
        warnings.contains("it had not stopped after 2.25s and was killed"),
        "{warnings}"
    );
}

#[test]
fn settings_that_cannot_be_run_are_refused_with_their_place() {
    for (setting, says) in [
        (
            "max_workers = 0",
            "max_workers = 0 is out of range, use 1 to 1024",
        ),
        ("sink = \"floppy\"", "\"floppy\" is not a sink"),
        (
            "sink = \"s3://bucket/{dir}\"",
            "`{dir}` is the whole path of a directory",
        ),
        (
            "sink = \"file:///tmp/{dir}\"",
            "write it once, as in \"file://{dir}/sink\"",
        ),
        ("sink = \"file://{dir}/{dir}\"", "write it once"),
        ("batch_size = \"1MB\"", "such as \"64MiB\""),
        ("memory_limit = \"1KiB\"", "use \"32MiB\" or more"),
        ("ingest = \"sponge\"", "sponge"),
    ] {
        let scenario = format!(
            "name = \"x\"\n[target.gateway]\ningest = \"pool\"\n{}\n[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\n[[request]]\nname = \"r\"\npath = \"/\"\n",
            setting
        )
        .replace("ingest = \"pool\"\ningest", "ingest");
        TestBed::new()
            .scenario(&scenario)
            .run()
            .expect(2, &["error: scenario.toml:", says]);
    }
    let environment = TestBed::new()
        .env("MAX_WORKERS", "plenty")
        .args(["gateway", "--listen", &format!("127.0.0.1:{}", free_port())])
        .run();
    environment.expect(
        5,
        &["MAX_WORKERS = \"plenty\" in the environment is not a number from 1 to 1024"],
    );
}
