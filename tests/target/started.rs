//! What a process is started with, and what its log keeps.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use telemload::process::{ProcessError, ProcessExit, ProcessHandle};

use crate::{Stage, TELEMLOAD, ended, spawn, until};

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
