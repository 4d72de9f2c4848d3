//! Readings of a target: each is in the row of the time it was taken at, whatever the target's endpoint does.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::bed::{Outcome, TestBed, until, url_scenario};
use crate::hostile::{self, Behaviour, Server};

const INTERVAL_MS: f64 = 100.0;
/// When the CPU of the target rises, since its first reading.
const STEP: Duration = Duration::from_secs(3);
/// So far from each other that no delay of a busy machine makes one of them look like the other: what lies between two answers is
/// divided by the time between them.
const IDLE: f64 = 0.001;
const BUSY: f64 = 1.0;
/// Nearer to the one or to the other.
const BETWEEN: f64 = 0.03;
/// How long an endpoint takes that answers too late for a row.
const LATE: Duration = Duration::from_millis(400);

/// A metrics endpoint of a target whose CPU rises after [`STEP`].
struct Endpoint {
    address: SocketAddr,
    /// When it was asked first, which is when the window begins, or up to an interval later.
    asked: Arc<OnceLock<Instant>>,
    /// When it was asked what it answered late, ms since then.
    stalls: Arc<Mutex<Vec<f64>>>,
}

impl Endpoint {
    /// `delay` says how long the answer takes to a request that comes after so long; `None` is never.
    fn start(delay: fn(Duration) -> Option<Duration>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(OnceLock::new());
        let stalls = Arc::<Mutex<Vec<f64>>>::default();
        let (first, stalled) = (asked.clone(), stalls.clone());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (first, stalled) = (first.clone(), stalled.clone());
                thread::spawn(move || {
                    let reader = BufReader::new(stream.try_clone().unwrap());
                    for line in reader.lines() {
                        if !line.unwrap_or_default().is_empty() {
                            continue;
                        }
                        let since = first.get_or_init(Instant::now).elapsed();
                        let Some(delay) = delay(since) else { continue };
                        if delay == LATE {
                            stalled.lock().unwrap().push(since.as_secs_f64() * 1e3);
                        }
                        thread::sleep(delay);
                        let body = format!("process_cpu_seconds_total {:.9}\n", used(since));
                        let head =
                            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                        if stream.write_all((head + &body).as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self {
            address,
            asked,
            stalls,
        }
    }

    fn run(&self, target: &str) -> Outcome {
        let server = Server::start(Behaviour::Late(hostile::OK, Duration::from_millis(5)));
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
fn is_in_place(cores: &[(f64, f64)]) {
    let step = STEP.as_secs_f64() * 1e3;
    let (mut before, mut after) = (0, 0);
    for &(at, cores) in cores {
        if at + 2.0 * INTERVAL_MS <= step {
            before += 1;
            assert!(cores < BETWEEN, "{cores} cores at {at} ms");
        } else if at >= step + INTERVAL_MS {
            after += 1;
            assert!(cores > BETWEEN, "{cores} cores at {at} ms");
        }
    }
    assert!(before > 0 && after > 0, "{cores:?}");
}

#[test]
fn an_endpoint_that_stalls_leaves_rows_empty_and_moves_none() {
    // It stalls at 1 s and again just before the step.
    let stalls = |since: Duration| {
        let stalls = (1_000..1_100).contains(&(since.as_millis() % 1_800));
        Some(if stalls {
            LATE
        } else {
            Duration::from_millis(5)
        })
    };
    let endpoint = Endpoint::start(stalls);
    let run = endpoint.run("");
    let cores = cores(&run);
    is_in_place(&cores);
    let stalls = endpoint.stalls.lock().unwrap();
    assert!(!stalls.is_empty());
    for stall in &*stalls {
        let empty = stall + INTERVAL_MS..stall + LATE.as_secs_f64() * 1e3;
        let filled = cores.iter().find(|(at, _)| empty.contains(at));
        assert_eq!(filled, None, "a stall at {stall} ms: {cores:?}");
    }
    let warnings = run.only_phase()["warnings"].to_string();
    assert!(
        warnings.contains("readings of the target's metrics"),
        "{warnings}"
    );
}

#[test]
fn an_endpoint_that_is_always_late_shows_nothing_in_rows_and_the_whole_is_known() {
    let run = Endpoint::start(|_| Some(LATE)).run("");
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
        (whole / expected - 1.0).abs() < 0.5,
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

/// When a process was told to be busy, and when it had used CPU, ms since an endpoint was asked first.
struct Stepped {
    told: f64,
    used: f64,
}

impl Process {
    fn start(asked: Arc<OnceLock<Instant>>) -> (Self, JoinHandle<Stepped>) {
        let mut child = Command::new("sh")
            .args(["-c", "read line; while :; do :; done"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut tell = child.stdin.take().unwrap();
        let pid = child.id();
        let stepped = thread::spawn(move || {
            let begin = *asked.wait();
            thread::sleep(STEP.saturating_sub(begin.elapsed()));
            let since = || begin.elapsed().as_secs_f64() * 1e3;
            let (before, told) = (ticks(pid), since());
            tell.write_all(b"\n").unwrap();
            until("CPU of the process", || (ticks(pid) > before).then_some(()));
            Stepped {
                told,
                used: since(),
            }
        });
        (Self(child), stepped)
    }
}

/// CPU time of a process in the system's ticks; 0 of one that is gone.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let used = fields.split_whitespace().skip(11).take(2);
    used.filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
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
    let delays: [fn(Duration) -> Option<Duration>; 2] = [|_| Some(LATE), |_| None];
    for delay in delays {
        let endpoint = Endpoint::start(delay);
        let (process, stepped) = Process::start(endpoint.asked.clone());
        let run = endpoint.run(&format!("pid = {}\n", process.0.id()));
        let cores = cores(&run);
        let Stepped { told, used } = stepped.join().unwrap();
        let all = || format!("told at {told}, had used at {used}: {cores:?}");
        let early = |at: f64| at + 2.0 * INTERVAL_MS <= told;
        assert!(cores.iter().any(|(at, _)| early(*at)), "{}", all());
        for (at, cores) in &cores {
            assert!(!early(*at) || *cores < 0.05, "{cores} at {at}, {}", all());
        }
        // A busy machine may leave it without CPU for a while again.
        let mut late = cores.iter().filter(|(at, _)| *at >= used).take(2);
        assert!(late.any(|(_, cores)| *cores > 0.0), "{}", all());
    }
}
