//! What telemload writes into, and what it leaves alone: devices, FIFOs, links, modes, directories of others.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::Signal;

use crate::bed::{TELEMLOAD, TestBed, device_request, gateway_scenario, url_scenario};
use crate::hostile::{self, Behaviour, Server};

const STACKS: &str = "main;a 3\nmain;b 1\n";

fn server_scenario(server: &Server) -> String {
    url_scenario(server.addr, "200ms", "")
}

/// A device of the test's own, in a mount namespace: as root a node, else a mount of one.
const DEVICE: &str = "mkdir d && { mknod d/null c 1 3 2>/dev/null || { touch d/null && mount --bind /dev/null d/null; }; } || exit 97
\"$0\" \"$@\"; code=$?; test -c d/null || exit 98; exit $code";

fn with_device(directory: &Path, args: &[&str]) -> Output {
    let flags = if rustix::process::geteuid().is_root() {
        "-m"
    } else {
        "-rm"
    };
    Command::new("unshare")
        .args([flags, "sh", "-c", DEVICE, TELEMLOAD])
        .args(args)
        .current_dir(directory)
        .output()
        .expect("util-linux is installed")
}

#[test]
fn a_device_stays_a_device() {
    for args in [
        &["flame", "render", "a.folded", "-o", "d/null"][..],
        &["flame", "diff", "a.folded", "a.folded", "-o", "d/null"],
    ] {
        let bed = TestBed::new().file("a.folded", STACKS);
        let output = with_device(&bed.path(""), args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
    }
}

#[test]
fn a_fifo_is_written_into() {
    let bed = TestBed::new().file("a.folded", STACKS);
    let fifo = bed.path("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let running = bed
        .args(["flame", "render", "a.folded", "-o", "fifo"])
        .start();
    running.wait_for_stderr("waits for a reader of fifo");
    let text = fs::read_to_string(&fifo).unwrap();
    assert!(text.contains("</svg>"));
    let _ended = running.wait().expect(0, &[]);
    assert!(fs::metadata(fifo).unwrap().file_type().is_fifo());
}

#[test]
fn links_and_modes_are_kept() {
    let bed = TestBed::new()
        .file("a.folded", STACKS)
        .file("there.svg", "old");
    let there = bed.path("there.svg");
    fs::set_permissions(&there, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("there.svg", bed.path("link.svg")).unwrap();
    let link = bed.path("link.svg");
    let _ended = bed
        .args(["flame", "render", "a.folded", "-o", "link.svg"])
        .run()
        .expect(0, &[]);
    assert!(link.is_symlink());
    assert!(fs::read_to_string(&there).unwrap().contains("</svg>"));
    assert_eq!(
        fs::metadata(there).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

#[test]
fn the_umask_is_honoured() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let outcome = TestBed::new()
        .shell("umask 077")
        .scenario(&server_scenario(&server))
        .run()
        .expect(0, &[]);
    let files = outcome.files();
    assert!(files.len() >= 4, "{files:?}");
    for path in files.iter().chain([&outcome.dir()]) {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has {mode:o}", path.display());
    }
}

#[test]
fn a_directory_of_others_takes_no_run() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    let says =
        ["--out out: the directory is not empty and holds no unfinished run of this scenario"];
    for theirs in [
        "out/notes",
        "out/scenario.toml",
        "out/default/load/series.csv",
    ] {
        let bed = TestBed::new()
            .scenario(&server_scenario(&server))
            .file(theirs, "mine");
        let file = bed.path(theirs);
        let outcome = bed.run().expect(2, &says);
        assert_eq!(fs::read_to_string(file).unwrap(), "mine");
        assert_eq!(outcome.files().len(), 1);
    }
    TestBed::new()
        .file("a.folded", STACKS)
        .file("diff/notes", "mine")
        .args(["compare", "a.folded", "a.folded", "--out", "diff"])
        .run()
        .expect(
            2,
            &["--out diff: the directory is not empty and holds no comparison"],
        );
}

#[test]
fn no_link_and_no_fifo_of_a_run_directory_is_written_into() {
    let server = Server::start(Behaviour::Canned(hostile::OK));
    for (name, is_link) in [
        ("default/load/series.csv", true),
        ("default/load/series.csv", false),
        ("default/load", true),
    ] {
        let bed = TestBed::new()
            .scenario(&server_scenario(&server))
            .file("theirs/series.csv", "mine");
        let home = bed.path("");
        let (again, theirs) = (bed.command(), home.join("theirs/series.csv"));
        let first = bed.run().expect(0, &[]);
        // As a run that was killed leaves it.
        fs::remove_file(first.dir().join("result.json")).unwrap();
        let path = first.dir().join(name);
        let from = if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
            home.join("theirs")
        } else {
            fs::remove_file(&path).unwrap();
            theirs.clone()
        };
        if is_link {
            symlink(from, &path).unwrap();
        } else {
            assert!(
                Command::new("mkfifo")
                    .arg(&path)
                    .status()
                    .unwrap()
                    .success()
            );
        }
        let mut again = again;
        let output = again.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{name}: {stderr}");
        assert!(stderr.contains("stands there"), "{name}: {stderr}");
        assert_eq!(fs::read_to_string(theirs).unwrap(), "mine");
    }
}

/// Both would end with 0, and their series would be mixed.
#[test]
fn a_directory_takes_one_run_at_a_time() {
    let bed = TestBed::new().scenario(&gateway_scenario("60s", &device_request("cars")));
    let home = bed.home().to_owned();
    let first = bed.start();
    first.wait_for_rows(1);
    let mut second = Command::new(TELEMLOAD);
    let second = second.args(["run", "scenario.toml", "--out", "out"]);
    let refused = second.current_dir(home).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    let says = "error: --out out: another telemload is writing into this directory";
    assert!(said.contains(says), "{said}");
    first.signal(Signal::INT);
    first.wait().expect(130, &["stored in out"]);
}
