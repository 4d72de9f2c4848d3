//! However a process, its supervisor or telemload itself ends: all below it ends too, and nothing else.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use telemload::process::{ProcessExit, ProcessSpec};

use crate::{HOLD, Stage, TELEMLOAD, all_end, ended, log, spawn};

/// Ends with the test, even with one that fails.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
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
async fn a_kill_of_telemload_takes_every_descendant_along() {
    let stage = Stage::new();
    // This test binary once more, as a telemload that holds a handle.
    let telemload = Guarded(
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "ended::holds_a_handle_until_it_is_killed"])
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
