//! A real Prometheus reads the figures of a run while it goes on, and its own tool finds nothing wrong with their text.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::bed::{TestBed, device_request, gateway_scenario, until};

/// A Prometheus that ends with its test.
struct Prometheus {
    child: Child,
    place: String,
    _home: tempfile::TempDir,
}

impl Prometheus {
    /// Asks for the figures at a place four times a second.
    fn start(target: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 250ms, scrape_timeout: 250ms }}\nscrape_configs:\n- job_name: telemload\n  static_configs: [{{ targets: [\"{target}\"] }}]\n"
        );
        fs::write(&config, text).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = free.local_addr().unwrap().to_string();
        drop(free);
        let log = fs::File::create(home.path().join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                home.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={place}"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "cannot start prometheus: {error}; install it: sudo apt-get install prometheus"
                )
            });
        Self {
            child,
            place,
            _home: home,
        }
    }

    /// The value of an expression, if it has one.
    fn value(&self, expression: &str) -> Option<f64> {
        let answer = get(&self.place, &format!("/api/v1/query?query={expression}"))?;
        let answer: Value = serde_json::from_str(&answer).ok()?;
        answer["data"]["result"][0]["value"][1]
            .as_str()?
            .parse()
            .ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The body of an answer; without keep-alive it ends with the connection.
fn get(place: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(place).ok()?;
    let head = format!("GET {path} HTTP/1.0\r\nHost: {place}\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 OK").then(|| body.to_owned())
}

#[test]
fn a_run_is_followed_by_prometheus() {
    let scenario = gateway_scenario("60s", &device_request("cars"));
    let running = TestBed::new()
        .scenario(&scenario)
        .args(["--live", "127.0.0.1:0"])
        .start();
    let place = until("the address of the live figures", || {
        let text = running.read("stderr");
        let found = text.split("live figures: http://").nth(1)?;
        found
            .split_once("/metrics\n")
            .map(|(place, _)| place.to_owned())
    });
    let prometheus = Prometheus::start(&place);
    let value = |expression: &str| {
        until(expression, || {
            prometheus.value(expression).filter(|value| *value > 0.0)
        })
    };
    assert_eq!(value("up"), 1.0);
    value("telemload_ok_responses_total");
    // A counter that grows, and the figure of the last second, come to tell the same.
    until("a rate that is like the one of the last second", || {
        let counted = value("rate(telemload_ok_responses_total[5s])");
        let told = value("telemload_achieved_requests_per_second");
        (counted / told < 10.0 && told / counted < 10.0).then_some(())
    });
    value("telemload_latency_seconds{quantile=%220.99%22}");
    value("telemload_target_cpu_cores");
    value("telemload_generator_cpu_cores");
    let text = get(&place, "/metrics").unwrap();
    drop(prometheus);
    running.signal(rustix::process::Signal::INT);
    running.wait().expect(130, &["interrupted"]);

    let mut checked = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    checked
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let checked = checked.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(
        checked.status.success() && said.is_empty(),
        "{said}\n{text}"
    );
}
