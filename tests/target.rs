//! What a user gets from starting, measuring and stopping a target: nothing stays behind, and the figures are true.
//!
//! Processes are looked for by id, and every wait is a poll with a deadline.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use telemload::process::client::control_client;
use telemload::process::metrics::{ScrapeError, scrape};
use telemload::process::ready::{Probe, wait_ready};
use telemload::process::{
    CpuWindow, MeasureError, ProcessError, ProcessExit, ProcessHandle, ProcessSpec, ProcessTree,
};
use telemload::transport::stream::{Endpoint, Place};
use tempfile::TempDir;

const TELEMLOAD: &str = env!("CARGO_BIN_EXE_telemload");
const LONG: Duration = Duration::from_secs(120);
const HOLD: &str = "TELEMLOAD_TEST_HOLD";

fn log(path: &Path) -> File {
    let mut options = File::options();
    options
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
}

/// A directory in which the scripts of a test leave their process ids and whatever else they found out.
struct Stage(TempDir);

impl Stage {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn spec(&self, script: &str) -> ProcessSpec {
        let log = log(&self.path("log"));
        let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
        let mut spec = ProcessSpec::new("svc", argv, log);
        spec.env.insert(
            "STAGE".to_owned(),
            self.0.path().to_str().unwrap().to_owned(),
        );
        spec
    }

    async fn start(&self, script: &str) -> ProcessHandle {
        spawn(self.spec(script)).await
    }

    /// The complete lines of a file, once there are at least `n`.
    fn lines(&self, name: &str, n: usize) -> Vec<String> {
        let path = self.path(name);
        until(&format!("{n} lines in {name}"), || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<_> = text
                .split_inclusive('\n')
                .filter_map(|line| line.strip_suffix('\n'))
                .collect();
            (lines.len() >= n).then(|| lines.iter().map(|line| (*line).to_owned()).collect())
        })
    }

    /// Writes a line to a fifo that a script made. Keep the file: its end would be the end of what was written.
    #[must_use]
    fn tell(&self, name: &str) -> fs::File {
        let mut fifo = self.fifo(name);
        fifo.write_all(b"go\n").unwrap();
        fifo
    }

    /// Opened for both directions, so that it never waits for the other end.
    fn fifo(&self, name: &str) -> fs::File {
        let path = self.path(name);
        until(name, || {
            fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(&path)
                .ok()
        })
    }

    fn pids(&self, n: usize) -> Vec<i32> {
        self.lines("pids", n)
            .iter()
            .map(|line| line.parse().unwrap())
            .collect()
    }
}

async fn spawn(spec: ProcessSpec) -> ProcessHandle {
    ProcessHandle::spawn_through(TELEMLOAD, spec).await.unwrap()
}

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < LONG, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Ends with the test, even with one that fails.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Gone or a zombie, which an init that does not reap may leave.
fn ended(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_none_or(|rest| rest.is_empty() || rest.trim_start().starts_with('Z'))
}

fn all_end(pids: &[i32]) {
    for pid in pids {
        until(&format!("the end of {pid}"), || ended(*pid).then_some(()));
    }
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// A shell with two children in its group, a grandchild whose parent has ended, and one in a session of its own.
const FAMILY: &str = "echo $$ >> $STAGE/pids
    sleep 1000 & echo $! >> $STAGE/pids
    sleep 1000 & echo $! >> $STAGE/pids
    (sleep 1000 & echo $! >> $STAGE/pids)
    setsid sh -c 'echo $$ >> $STAGE/pids; exec sleep 1000' &
    wait";

#[tokio::test]
async fn stop_takes_every_descendant_along() {
    let stage = Stage::new();
    let mut handle = stage.start(FAMILY).await;
    let pids = stage.pids(5);
    assert!(pids.iter().all(|pid| !ended(*pid)));
    assert_eq!(handle.try_exited(), None);
    assert_eq!(handle.stop().await, ProcessExit::Signal(15));
    // Not polled: when `stop` returns it is over.
    assert!(pids.iter().all(|pid| ended(*pid)), "{pids:?}");
    assert_eq!(handle.try_exited(), Some(ProcessExit::Signal(15)));
}

#[tokio::test]
async fn dropping_the_handle_takes_every_descendant_along() {
    let stage = Stage::new();
    let handle = stage.start(FAMILY).await;
    let pids = stage.pids(5);
    drop(handle);
    all_end(&pids);
}

#[tokio::test]
async fn sigterm_to_the_supervisor_takes_every_descendant_along() {
    let stage = Stage::new();
    let mut handle = stage.start(FAMILY).await;
    let pids = stage.pids(5);
    signal(handle.pid() as i32, Signal::TERM);
    assert_eq!(handle.exited().await, ProcessExit::Signal(15));
    assert!(pids.iter().all(|pid| ended(*pid)), "{pids:?}");
}

#[tokio::test]
async fn a_kill_of_the_supervisor_takes_every_descendant_along() {
    let stage = Stage::new();
    let mut handle = stage.start(FAMILY).await;
    let other = Stage::new();
    let mut unharmed = other.start(FAMILY).await;
    let (pids, others) = (stage.pids(5), other.pids(5));
    signal(handle.pid() as i32, Signal::KILL);
    assert_eq!(handle.exited().await, ProcessExit::Supervisor(9));
    assert!(pids.iter().all(|pid| ended(*pid)), "{pids:?}");
    assert!(others.iter().all(|pid| !ended(*pid)), "{others:?}");
    assert_eq!(unharmed.stop().await, ProcessExit::Signal(15));
}

#[tokio::test]
async fn a_log_is_kept_within_its_bound() {
    let stage = Stage::new();
    // 1,600 MB in all, as fast as the disk takes them.
    let script = "echo first; yes 'what a chatty target says again and again' | head -c 1600000000; echo; echo last; sleep 1000";
    let mut handle = stage.start(script).await;
    until("the end of the flood", || {
        (handle.last_lines(1).0 == ["last"]).then_some(())
    });
    handle.stop().await;
    let bytes = fs::metadata(stage.path("log")).unwrap().len();
    assert!(bytes <= (65 << 20), "{bytes}");
    assert!(handle.left_out().unwrap() > 1_500_000_000);
    let text = fs::read_to_string(stage.path("log")).unwrap();
    assert!(text.starts_with("first\nwhat a chatty"));
    assert!(text.ends_with("again and again\n\nlast\n") || text.ends_with("\nlast\n"));
    assert_eq!(text.matches("[telemload left out ").count(), 1);
}

#[tokio::test]
async fn a_kill_of_telemload_takes_every_descendant_along() {
    let stage = Stage::new();
    // This test binary once more, as a telemload that holds a handle.
    let telemload = Guarded(
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "holds_a_handle_until_it_is_killed"])
            .env(HOLD, stage.0.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let pids = stage.pids(5);
    assert!(pids.iter().all(|pid| !ended(*pid)));
    drop(telemload);
    all_end(&pids);
}

/// Does nothing by itself; see the test above.
#[tokio::test]
async fn holds_a_handle_until_it_is_killed() {
    let Some(directory) = std::env::var_os(HOLD) else {
        return;
    };
    let log = log(&PathBuf::from(&directory).join("log"));
    let mut spec = ProcessSpec::new(
        "held",
        ["sh", "-c", FAMILY].map(str::to_owned).to_vec(),
        log,
    );
    spec.env
        .insert("STAGE".to_owned(), directory.into_string().unwrap());
    let _handle = spawn(spec).await;
    std::future::pending().await
}

#[test]
fn a_kill_of_whoever_holds_the_pipe_ends_the_supervisor_too() {
    let stage = Stage::new();
    let order =
        serde_json::json!({ "command": ["sh", "-c", FAMILY], "env": { "STAGE": stage.0.path() } });
    let mut holder = Guarded(
        Command::new("sh")
            .args([
                "-c",
                "printf '%s\\n' \"$0\"; exec sleep 1000",
                &order.to_string(),
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let pipe = holder.0.stdout.take().unwrap();
    let mut supervisor = Command::new(TELEMLOAD)
        .arg("supervise")
        .stdin(pipe)
        .spawn()
        .unwrap();
    let pids = stage.pids(5);
    drop(holder);
    assert_eq!(supervisor.wait().unwrap().code(), Some(128 + 15));
    assert!(pids.iter().all(|pid| ended(*pid)), "{pids:?}");
}

#[tokio::test]
async fn a_kill_of_the_supervisor_takes_the_process_along() {
    let stage = Stage::new();
    let mut handle = stage.start("echo $$ >> $STAGE/pids; exec sleep 1000").await;
    let pids = stage.pids(1);
    signal(handle.pid() as i32, Signal::KILL);
    assert_eq!(handle.exited().await, ProcessExit::Supervisor(9));
    all_end(&pids);
}

#[tokio::test]
async fn what_ignores_sigterm_is_killed_after_the_grace() {
    let stage = Stage::new();
    let mut spec = stage.spec("trap '' TERM; echo $$ >> $STAGE/pids; while :; do sleep 1000; done");
    spec.grace = Duration::from_millis(100);
    let mut handle = spawn(spec).await;
    let pids = stage.pids(1);
    assert_eq!(handle.stop().await, ProcessExit::Signal(9));
    assert!(ended(pids[0]));
}

#[tokio::test]
async fn a_process_has_its_grace_to_tidy_up() {
    let stage = Stage::new();
    let script = "trap 'echo tidy > $STAGE/tidied; exit 7' TERM
        echo $$ >> $STAGE/pids; while :; do sleep 0.01; done";
    let mut handle = stage.start(script).await;
    stage.pids(1);
    assert_eq!(handle.stop().await, ProcessExit::Code(7));
    assert_eq!(stage.lines("tidied", 1), ["tidy"]);
}

#[tokio::test]
async fn a_stopped_supervisor_is_killed_with_all_below_it() {
    let stage = Stage::new();
    let mut spec = stage.spec(FAMILY);
    spec.grace = Duration::ZERO;
    let mut handle = spawn(spec).await;
    let pids = stage.pids(5);
    signal(handle.pid() as i32, Signal::STOP);
    assert_eq!(handle.stop().await, ProcessExit::Supervisor(9));
    all_end(&pids);
}

#[tokio::test]
async fn ctrl_c_reaches_neither_supervisor_nor_process() {
    let stage = Stage::new();
    // Answers a line on its fifo, and so shows that it lives after the signal.
    let script = "mkfifo $STAGE/ask; echo $$ >> $STAGE/pids; read line < $STAGE/ask; echo $line > $STAGE/answer";
    let mut handle = stage.start(script).await;
    stage.pids(1);
    let group = Pid::from_raw(handle.pid() as i32).unwrap();
    kill_process_group(group, Signal::INT).unwrap();
    let _fifo = stage.tell("ask");
    assert_eq!(stage.lines("answer", 1), ["go"]);
    assert_eq!(handle.exited().await, ProcessExit::Code(0));
}

#[tokio::test]
async fn the_end_of_a_process_is_mirrored() {
    for (script, expected) in [
        ("exit 0", ProcessExit::Code(0)),
        ("exit 3", ProcessExit::Code(3)),
        ("kill -9 $$", ProcessExit::Signal(9)),
        ("kill -SEGV $$", ProcessExit::Signal(11)),
        ("exec /no/such/program", ProcessExit::Code(127)),
    ] {
        let stage = Stage::new();
        assert_eq!(
            stage.start(script).await.exited().await,
            expected,
            "{script}"
        );
    }
}

#[tokio::test]
async fn a_process_that_ends_leaves_no_children_behind() {
    let stage = Stage::new();
    let script = "setsid sh -c 'trap \"\" TERM; echo $$ >> $STAGE/pids; sleep 1000; :' &
        while ! [ -s $STAGE/pids ]; do sleep 0.01; done; exit 4";
    let mut handle = stage.start(script).await;
    assert_eq!(handle.exited().await, ProcessExit::Code(4));
    assert!(stage.pids(1).iter().all(|pid| ended(*pid)));
}

#[tokio::test]
async fn a_program_that_cannot_be_executed_is_named_in_the_log() {
    let stage = Stage::new();
    for (program, code) in [("/no/such/program", 127), ("/", 126)] {
        let mut spec = stage.spec("");
        spec.argv = vec![program.to_owned()];
        let mut handle = spawn(spec).await;
        assert_eq!(handle.exited().await, ProcessExit::Code(code));
        let log = handle.last_lines(5).to_string();
        assert!(log.contains(&format!("cannot start {program}: ")), "{log}");
    }
}

#[tokio::test]
async fn a_missing_telemload_or_command_is_an_error() {
    let stage = Stage::new();
    let error = ProcessHandle::spawn_through("/no/such/telemload", stage.spec("true"))
        .await
        .unwrap_err();
    assert!(matches!(error, ProcessError::Start { .. }), "{error}");
    let mut spec = stage.spec("");
    spec.argv.clear();
    let mut handle = spawn(spec).await;
    assert_eq!(handle.exited().await, ProcessExit::Code(125));
    assert!(
        handle
            .last_lines(1)
            .to_string()
            .contains("names no command")
    );
}

#[tokio::test]
async fn the_payload_arrives_whole_and_ends() {
    let stage = Stage::new();
    for len in [0, 1, 1 << 20] {
        let mut spec = stage.spec("cat > $STAGE/payload; echo done >> $STAGE/pids");
        spec.payload = (0..len)
            .map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let payload = spec.payload.clone();
        assert_eq!(spawn(spec).await.exited().await, ProcessExit::Code(0));
        assert!(
            fs::read(stage.path("payload")).unwrap() == payload,
            "{len} bytes"
        );
    }
}

#[tokio::test]
async fn a_payload_that_nobody_reads_does_not_hold_up_the_stop() {
    let stage = Stage::new();
    let mut spec = stage.spec("echo $$ >> $STAGE/pids; exec sleep 1000");
    spec.payload = vec![7; 4 << 20];
    let mut handle = spawn(spec).await;
    let pids = stage.pids(1);
    assert_eq!(handle.stop().await, ProcessExit::Signal(15));
    assert!(ended(pids[0]));
}

#[tokio::test]
async fn no_secret_is_on_a_command_line() {
    let stage = Stage::new();
    let mut spec = stage.spec(
        "echo $$ >> $STAGE/pids; read line; [ \"$line$TOKEN\" = hush-1hush-2 ] && sleep 1000",
    );
    spec.payload = b"hush-1\n".to_vec();
    spec.env.insert("TOKEN".to_owned(), "hush-2".to_owned());
    let mut handle = spawn(spec).await;
    let child = stage.pids(1)[0];
    for pid in [child, handle.pid() as i32] {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        let line = String::from_utf8_lossy(&line).replace("hush-1hush-2", "");
        assert!(!line.contains("hush"), "{line}");
    }
    assert!(!format!("{handle:?}").contains("hush"));
    handle.stop().await;
}

#[test]
fn an_order_that_is_no_order_starts_nothing() {
    for (order, expected) in [
        ("", "ended before the order was complete"),
        (
            "{\"command\":[\"touch\",",
            "ended before the order was complete",
        ),
        ("{\"env\":{\"A\":\"hush\"}}\n", "not the JSON line"),
        ("hush\n", "not the JSON line"),
        ("{\"command\":[]}\n", "names no command"),
        (
            "{\"command\":[\"echo\",\"hush\"],\"payload_len\":2}\nx",
            "ended before the order was complete",
        ),
        (
            "{\"command\":[\"echo\",\"hush\"],\"payload_len\":99999999999}\n",
            "too large",
        ),
    ] {
        let mut supervisor = Command::new(TELEMLOAD)
            .arg("supervise")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        supervisor
            .stdin
            .take()
            .unwrap()
            .write_all(order.as_bytes())
            .unwrap();
        let output = supervisor.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(125), "{order}: {said}");
        assert!(
            said.contains(expected) && !said.contains("hush") && output.stdout.is_empty(),
            "{order}: {said}"
        );
    }
}

#[test]
fn exec_with_parent_starts_nothing_below_another_parent() {
    let output = Command::new(TELEMLOAD)
        .args(["exec-with-parent", "1", "echo", "started"])
        .output()
        .unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.is_empty()),
        (Some(125), true)
    );
}

/// User and system time of one process, and those of the children that it waited for, in seconds.
fn stat_seconds(pid: i32) -> (f64, f64) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let ticks: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    // Without the state, the first number is the fourth field.
    let tick = rustix::param::clock_ticks_per_second() as f64;
    (
        (ticks[10] + ticks[11]) / tick,
        (ticks[12] + ticks[13]) / tick,
    )
}

fn close(measured: f64, stat: f64, what: &str) {
    assert!(
        (measured - stat).abs() <= 0.1 * stat,
        "{what}: {measured} s, /proc says {stat} s"
    );
}

#[tokio::test]
async fn cpu_of_a_busy_loop_agrees_with_the_kernel() {
    let stage = Stage::new();
    // Quiet until asked, so that the window holds all of it, and quiet again before its end.
    let script = "mkfifo $STAGE/ask; echo $$ >> $STAGE/pids; read line < $STAGE/ask
        i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done; echo x > $STAGE/done; exec sleep 1000";
    let mut handle = stage.start(script).await;
    let pid = stage.pids(1)[0];
    for tree in [
        ProcessTree::supervised(handle.pid()).unwrap(),
        ProcessTree::of(pid as u32).unwrap(),
    ] {
        assert_eq!(tree.pids().unwrap(), [pid as u32]);
    }
    let tree = ProcessTree::supervised(handle.pid()).unwrap();
    let before = stat_seconds(pid).0;
    let window = CpuWindow::begin(&tree).unwrap();
    let _fifo = stage.tell("ask");
    stage.lines("done", 1);
    let used = window.end().unwrap();
    close(used.cpu_seconds, stat_seconds(pid).0 - before, "window");
    close(used.cores * used.wall_seconds, used.cpu_seconds, "cores");
    close(
        ProcessTree::of(pid as u32)
            .unwrap()
            .read(None)
            .unwrap()
            .cpu_ns as f64
            / 1e9,
        stat_seconds(pid).0,
        "foreign",
    );
    handle.stop().await;
    assert_eq!(window.end(), Err(MeasureError::Ended(handle.pid())));
    assert_eq!(tree.read(None), Err(MeasureError::Ended(handle.pid())));
}

#[tokio::test]
async fn cpu_of_children_that_ended_is_counted_whoever_waited_for_them() {
    let stage = Stage::new();
    // The first is waited for by the process, the second is an orphan that only the supervisor can wait for.
    let burn = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done";
    let script = format!(
        "mkfifo $STAGE/ask; echo $$ >> $STAGE/pids; read line < $STAGE/ask
        sh -c '{burn}'; echo x >> $STAGE/done
        (sh -c '{burn}; echo x >> $STAGE/done' & echo $! >> $STAGE/pids); exec sleep 1000"
    );
    let mut handle = stage.start(&script).await;
    let pid = stage.pids(1)[0];
    let window = CpuWindow::begin(&ProcessTree::supervised(handle.pid()).unwrap()).unwrap();
    let _fifo = stage.tell("ask");
    stage.lines("done", 2);
    all_end(&stage.pids(2)[1..]);
    let by_supervisor = until("the orphan to be waited for", || {
        let seconds = stat_seconds(handle.pid() as i32).1;
        (seconds > 0.0).then_some(seconds)
    });
    let (own, waited_for) = stat_seconds(pid);
    assert!(waited_for > 0.0);
    close(
        window.end().unwrap().cpu_seconds,
        own + waited_for + by_supervisor,
        "window",
    );
    handle.stop().await;
}

#[tokio::test]
async fn peak_memory_holds_what_was_allocated() {
    let stage = Stage::new();
    let script = "mkfifo $STAGE/out; exec dd if=/dev/zero of=$STAGE/out bs=64M count=1";
    let mut handle = stage.start(script).await;
    let _fifo = stage.fifo("out");
    let tree = until("dd", || ProcessTree::supervised(handle.pid()).ok());
    // The block is full before the first byte is written, and dd then waits for a reader.
    let memory = until("a peak of 64 MiB", || {
        tree.read(None)
            .ok()
            .map(|reading| reading.memory)
            .filter(|memory| memory.peak_bytes > 64 << 20)
    });
    assert!(
        memory.peak_bytes < 128 << 20 && memory.rss_bytes <= memory.peak_bytes,
        "{memory:?}"
    );
    handle.stop().await;
}

#[test]
fn a_peak_of_memory_is_that_of_the_window() {
    const BYTES: usize = 256 << 20;
    let tree = ProcessTree::of(std::process::id()).unwrap();
    drop(std::hint::black_box(vec![1u8; BYTES]));
    let before = tree.read(None).unwrap().memory.peak_bytes;
    assert!(before >= BYTES as u64, "{before}");
    tree.restart_peak();
    let after = tree.read(None).unwrap().memory.peak_bytes;
    assert!(after < BYTES as u64, "{after}");
}

/// Answers each connection with the next response and keeps to the last; `None` takes it and stays silent.
fn server(responses: Vec<Option<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://ann:hush@{}/healthz?token=hush",
        listener.local_addr().unwrap()
    );
    thread::spawn(move || {
        let mut silent = Vec::new();
        for n in 0.. {
            let Ok((mut stream, _)) = listener.accept() else {
                return;
            };
            match &responses[n.min(responses.len() - 1)] {
                Some(response) => {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    while lines
                        .next()
                        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
                    {
                    }
                    let _ = stream.write_all(response.as_bytes());
                }
                None => silent.push(stream),
            }
        }
    });
    url
}

/// What asks for a URL of the form `http://ADDRESS/PATH`.
fn probe(url: &str) -> Probe {
    let (authority, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .unwrap();
    let authority = authority.rsplit('@').next().unwrap();
    Probe {
        endpoint: Endpoint {
            place: Place::Tcp(authority.parse().unwrap()),
            tls: None,
        },
        authority: authority.to_owned(),
        path: Some(format!("/{path}")),
    }
}

fn response(status: &str, body: &str) -> Option<String> {
    let len = body.len();
    Some(format!(
        "HTTP/1.1 {status}\r\nContent-Length: {len}\r\nConnection: close\r\nLocation: /elsewhere\r\n\r\n{body}"
    ))
}

#[tokio::test]
async fn readiness_is_the_first_2xx_answer() {
    let probe = probe(&server(vec![
        response("503 x", ""),
        response("302 x", ""),
        response("204 x", ""),
    ]));
    wait_ready(&probe, LONG, std::future::pending())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_was_seen_last_is_said() {
    let refused = format!(
        "http://127.0.0.1:{}/x",
        telemload::process::port::free_port().unwrap()
    );
    for (url, last) in [
        (refused, "connection refused"),
        (server(vec![response("503 Unavailable", "")]), "status 503"),
        (server(vec![None]), "timeout"),
    ] {
        let deadline = Duration::from_millis(300);
        let error = wait_ready(&probe(&url), deadline, std::future::pending())
            .await
            .unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(&format!("within 300ms, last seen: {last};")),
            "{message}"
        );
        assert!(!message.contains("hush"), "{message}");
    }
}

#[tokio::test]
async fn a_target_that_dies_ends_the_wait_with_its_last_words() {
    let stage = Stage::new();
    let mut handle = stage
        .start("echo starting; echo 'no such table' >&2; exit 3")
        .await;
    let url = format!(
        "http://127.0.0.1:{}/",
        telemload::process::port::free_port().unwrap()
    );
    // Much later than the test would be given up.
    let deadline = Duration::from_secs(100_000);
    let error = handle.wait_ready(&probe(&url), deadline).await.unwrap_err();
    let expected = format!(
        "`svc` is not ready: it ended with status 3 before {url} answered; its last lines:\n  starting\n  no such table"
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn metrics_are_scraped_and_bounded() {
    let client = control_client(None).unwrap();
    let url = server(vec![response(
        "200 OK",
        "process_cpu_seconds_total 1.5\n# EOF\n",
    )]);
    assert_eq!(
        scrape(&client, &url, |_| true)
            .await
            .unwrap()
            .get("process_cpu_seconds_total"),
        Some(1.5)
    );
    let check = async |answer, expected: &str| {
        let error: ScrapeError = scrape(&client, &server(vec![answer]), |_| true)
            .await
            .unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(expected) && !message.contains("hush"),
            "{message}"
        );
    };
    check(response("404 x", ""), "status 404").await;
    check(response("302 x", ""), "status 302").await;
    check(
        response("200 OK", &"a 1\n".repeat(300_000)),
        "more than 1 MiB",
    )
    .await;
    check(Some("nonsense\r\n\r\n".to_owned()), "cannot scrape").await;
}

#[test]
fn the_supervisor_leaves_processes_of_others_alone() {
    let stage = Stage::new();
    let mut other = Guarded(
        Command::new("sleep")
            .arg("1000")
            .process_group(0)
            .spawn()
            .unwrap(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut handle = stage.start(FAMILY).await;
        stage.pids(5);
        handle.stop().await;
    });
    assert_eq!(other.0.try_wait().unwrap(), None);
    test_kill_process(Pid::from_child(&other.0)).unwrap();
}
