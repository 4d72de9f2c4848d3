//! Readings of a target: each is in the row of the time it was taken at, whatever the target's endpoint does.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::bed::{Outcome, TestBed, url_scenario};
use crate::hostile::{self, Behaviour, Server};

const INTERVAL_MS: f64 = 100.0;
/// When the CPU of the target rises, since its first reading.
const STEP: Duration = Duration::from_secs(3);
const IDLE: f64 = 0.1;
const BUSY: f64 = 0.9;

/// A metrics endpoint of a target whose CPU rises after [`STEP`].
struct Endpoint {
    address: SocketAddr,
    /// When it was asked first, which is when the window begins.
    asked: Arc<OnceLock<Instant>>,
}

impl Endpoint {
    /// `delay` says how long the answer takes to a request that comes after so long; `None` is never.
    fn start(delay: fn(Duration) -> Option<Duration>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(OnceLock::new());
        let first = asked.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let first = first.clone();
                thread::spawn(move || {
                    let reader = BufReader::new(stream.try_clone().unwrap());
                    for line in reader.lines() {
                        if !line.unwrap_or_default().is_empty() {
                            continue;
                        }
                        let since = first.get_or_init(Instant::now).elapsed();
                        let Some(delay) = delay(since) else { continue };
                        thread::sleep(delay);
                        let body = format!("process_cpu_seconds_total {:.6}\n", used(since));
                        let head =
                            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                        if stream.write_all((head + &body).as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, asked }
    }

    fn run(&self, target: &str) -> Outcome {
        let server = Server::start(Behaviour::Canned(hostile::OK));
        let keys = format!(
            "metrics = \"http://{}/metrics\"\n{target}[load]",
            self.address
        );
        let scenario = url_scenario(server.addr, "4500ms", "").replacen("[load]", &keys, 1);
        TestBed::new().scenario(&scenario).run().expect(0, &[])
    }
}

/// CPU time after so long.
fn used(since: Duration) -> f64 {
    let busy = since.saturating_sub(STEP).as_secs_f64();
    IDLE * (since.as_secs_f64() - busy) + BUSY * busy
}

/// Cores by the beginning of the row, where they are known.
fn cores(run: &Outcome) -> Vec<(f64, f64)> {
    let rows = run.series("default/load");
    assert!(rows.len() >= 44, "{}", rows.len());
    let known = rows
        .iter()
        .map(|row| Some((row["t_ms"], *row.get("target_cores")?)));
    known.flatten().collect()
}

/// No row is further than an interval from where it belongs: the step is within one of its edges.
#[track_caller]
fn is_in_place(cores: &[(f64, f64)], near: impl Fn(f64, f64) -> bool) {
    let step = STEP.as_secs_f64() * 1e3;
    for &(at, cores) in cores {
        let is_right = if at + 2.0 * INTERVAL_MS <= step {
            near(cores, IDLE)
        } else if at >= step + INTERVAL_MS {
            near(cores, BUSY)
        } else {
            true
        };
        assert!(is_right, "{cores} cores at {at} ms");
    }
}

#[test]
fn an_endpoint_that_stalls_leaves_rows_empty_and_moves_none() {
    // It stalls for 400 ms at 1 s and again just before the step.
    let stalls = |since: Duration| {
        let at = since.as_millis() % 1_800;
        Some(Duration::from_millis(if (1_000..1_100).contains(&at) {
            400
        } else {
            5
        }))
    };
    let run = Endpoint::start(stalls).run("");
    let cores = cores(&run);
    assert!((20..44).contains(&cores.len()), "{cores:?}");
    is_in_place(&cores, |cores, expected| {
        (cores / expected - 1.0).abs() < 0.5
    });
    let warnings = run.only_phase()["warnings"].to_string();
    assert!(
        warnings.contains("readings of the target's metrics"),
        "{warnings}"
    );
}

#[test]
fn an_endpoint_that_is_always_late_shows_nothing_in_rows_and_the_whole_is_known() {
    let run = Endpoint::start(|_| Some(Duration::from_millis(400))).run("");
    assert_eq!(cores(&run), []);
    let phase = run.only_phase();
    let warnings = phase["warnings"].to_string();
    for words in [
        "readings of the target's metrics",
        "longer `interval`",
        "`target.pid`",
    ] {
        assert!(warnings.contains(words), "{words}: {warnings}");
    }
    let whole = phase["cpu"]["target_cores"].as_f64().unwrap();
    let expected = used(Duration::from_millis(4_500)) / 4.5;
    assert!(
        (whole / expected - 1.0).abs() < 0.15,
        "{whole}, not {expected}"
    );
}

#[test]
fn an_endpoint_that_never_answers_is_the_reason_why_cpu_is_not_known() {
    let run = Endpoint::start(|_| None).run("");
    assert_eq!(cores(&run), []);
    let phase = run.only_phase();
    assert!(phase["cpu"]["target_cores"].is_null(), "{phase:#}");
    let warnings = phase["warnings"].to_string();
    let why = "the target's CPU is not known: its metrics took more than 500ms";
    assert!(warnings.contains(why), "{warnings}");
}

/// A process that is idle until [`STEP`] after an endpoint was asked first, and busy from then on.
struct Process(Child);

impl Process {
    fn start(asked: Arc<OnceLock<Instant>>) -> (Self, Arc<OnceLock<Duration>>) {
        let mut child = Command::new("sh")
            .args(["-c", "read line; while :; do :; done"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut tell = child.stdin.take().unwrap();
        let stepped = Arc::new(OnceLock::new());
        let told = stepped.clone();
        thread::spawn(move || {
            let begin = *asked.wait();
            thread::sleep(STEP.saturating_sub(begin.elapsed()));
            tell.write_all(b"\n").unwrap();
            told.set(begin.elapsed()).unwrap();
        });
        (Self(child), stepped)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn cpu_of_a_process_is_in_the_row_of_its_time_whatever_its_endpoint_does() {
    let delays: [fn(Duration) -> Option<Duration>; 2] =
        [|_| Some(Duration::from_millis(400)), |_| None];
    for delay in delays {
        let endpoint = Endpoint::start(delay);
        let (process, stepped) = Process::start(endpoint.asked.clone());
        let run = endpoint.run(&format!("pid = {}\n", process.0.id()));
        let cores = cores(&run);
        assert!(cores.len() > 35, "{cores:?}");
        let step = stepped.get().unwrap().as_secs_f64() * 1e3;
        // Scheduled late on a busy machine, it may rise later; never earlier.
        let risen = cores.iter().find(|(_, cores)| *cores > 0.05);
        let risen = risen.map_or(f64::MAX, |(at, _)| *at);
        assert!(
            (step - 2.0 * INTERVAL_MS..step + INTERVAL_MS).contains(&risen),
            "{risen}, not {step}: {cores:?}"
        );
    }
}
