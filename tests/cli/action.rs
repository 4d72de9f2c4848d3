//! The steps of `action.yml`, run by bash with a program in telemload's place that writes down what it is given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const ACTION: &str = include_str!("../../action.yml");

/// The script of a step, by its name.
fn script(step: &str) -> String {
    let begin = ACTION.find(&format!("- name: {step}\n")).unwrap();
    let rest = &ACTION[begin..];
    let begin = rest.find("run: |\n").unwrap() + "run: |\n".len();
    let lines = rest[begin..].lines();
    let of_script = lines.take_while(|line| line.is_empty() || line.starts_with("        "));
    of_script.map(|line| format!("{}\n", line.trim())).collect()
}

/// Runs a step with these inputs; telemload ends with `code`.
fn run(home: &TempDir, step: &str, inputs: &[(&str, &str)], code: i32) -> Output {
    let path = |name: &str| home.path().join(name);
    let write = |name: &str, text: &str| {
        let path = path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let told = path("told");
    let program = format!(
        "#!/bin/sh\nfor word; do echo \"$word\"; done > '{}'\nexit {code}\n",
        told.display()
    );
    write("bin/telemload", &program);
    write("cargo/cargo", &program);
    let mut bash = Command::new("bash");
    // As GitHub starts it.
    bash.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c"]);
    bash.arg(script(step));
    let search = format!(
        "{}:{}",
        path("cargo").display(),
        std::env::var("PATH").unwrap()
    );
    bash.env("PATH", search)
        .env("ROOT", home.path())
        .env("RUNNER_TEMP", home.path())
        .env("GITHUB_ACTION", "gate")
        .env("GITHUB_ACTION_PATH", Path::new(env!("CARGO_MANIFEST_DIR")))
        .env("GITHUB_OUTPUT", path("output"));
    for name in [
        "SCENARIO",
        "BASE_REF",
        "BUILD",
        "BASE",
        "HEAD",
        "BASE_VARIANT",
        "HEAD_VARIANT",
        "BUDGET",
    ] {
        bash.env(name, "");
    }
    bash.envs(inputs.iter().copied());
    bash.output().unwrap()
}

#[test]
fn the_gate_has_the_flags_of_the_inputs_and_its_exit_code() {
    let home = tempfile::tempdir().unwrap();
    let inputs = [
        ("SCENARIO", "load/a b.toml"),
        ("BASE_REF", "origin/main"),
        ("BUILD", "make $(echo no) 'x y'"),
    ];
    let output = run(&home, "Gate", &inputs, 3);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = fs::read_to_string(home.path().join("told")).unwrap();
    let out = format!("{}/telemload-gate-gate", home.path().display());
    let expected = [
        "gate",
        "load/a b.toml",
        "--out",
        &out,
        "--junit",
        &format!("{out}/junit.xml"),
        "--base-ref",
        "origin/main",
        "--build",
        "make $(echo no) 'x y'",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    let outputs = fs::read_to_string(home.path().join("output")).unwrap();
    assert_eq!(outputs, format!("exit-code=3\ndirectory={out}\n"));
}

#[test]
fn telemload_is_built_where_it_is_not_installed() {
    let home = tempfile::tempdir().unwrap();
    let told = || fs::read_to_string(home.path().join("told"));
    run(&home, "Install telemload", &[], 0);
    assert!(told().is_err(), "it was there");
    let root = home.path().join("other").display().to_string();
    let output = run(&home, "Install telemload", &[("ROOT", &root)], 0);
    assert!(output.status.success(), "{output:?}");
    let told = told().unwrap();
    assert!(told.starts_with("install\n--locked\n"), "{told}");
    assert!(told.ends_with(&format!("--root\n{root}\n")), "{told}");
}

/// A program from the cache of a newer runner would not start, and 1 is what that ends with.
#[test]
fn the_cache_is_that_of_this_system() {
    let home = tempfile::tempdir().unwrap();
    let runner = [
        ("RUNNER_OS", "Linux"),
        ("RUNNER_ARCH", "X64"),
        ("ACTION_REF", "v0.1.0"),
    ];
    let output = run(&home, "Find what is installed", &runner, 0);
    assert!(output.status.success(), "{output:?}");
    let outputs = fs::read_to_string(home.path().join("output")).unwrap();
    let key = outputs.lines().next().unwrap();
    assert!(key.starts_with("key=telemload-Linux-X64-"), "{key}");
    assert!(key.contains("-v0.1.0-") && !key.contains(' '), "{key}");
    let libc = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    if let Ok(libc) = libc.map(|of| String::from_utf8(of.stdout).unwrap()) {
        assert!(key.contains(&libc.trim().replace(' ', "-")), "{key}");
    }
}

#[test]
fn no_input_is_part_of_a_script() {
    for line in ACTION.lines() {
        let is_of_script = line.starts_with("        ") && line.contains("${{");
        let is_value = line.trim_start().split_once(": ${{").is_some();
        assert!(!is_of_script || is_value, "{line}");
    }
}
