//! Debian's `chromium` without a window, which `scripts/test` installs.

use std::path::Path;
use std::process::Command;

/// A page after its script ran, as the browser has it, and what the browser's console said.
pub(crate) struct Seen {
    pub(crate) dom: String,
    pub(crate) console: String,
}

/// Opens a file in a window of this size, without a network.
#[track_caller]
pub(crate) fn open(page: &Path, hash: &str, size: (u32, u32)) -> Seen {
    let profile = tempfile::tempdir().unwrap();
    let mut browser = Command::new("chromium");
    browser
        .args([
            "--headless",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--virtual-time-budget=20000",
            // Nothing resolves and nothing connects.
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--proxy-server=127.0.0.1:9",
            "--dump-dom",
        ])
        .arg(format!("--window-size={},{}", size.0, size.1))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}#{hash}", page.display()));
    // Its sandbox does not start for root.
    if rustix::process::geteuid().is_root() {
        browser.arg("--no-sandbox");
    }
    let output = browser.output().unwrap_or_else(|error| {
        panic!("cannot start chromium: {error}; install it: sudo apt-get install chromium")
    });
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let console: Vec<&str> = log
        .lines()
        .filter(|line| line.contains(":CONSOLE"))
        .collect();
    Seen {
        dom: String::from_utf8_lossy(&output.stdout).into_owned(),
        console: console.join("\n"),
    }
}
