//! The architecture's rules that a machine can check.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up; a module may use those of lower layers and of its own.
const LAYERS: [&[&str]; 7] = [
    &["units"],
    &["metrics", "traffic", "transport"],
    &["scenario", "pacer"],
    &["engine", "profile", "process"],
    &["experiment", "compare"],
    &["gate", "report", "selftest"],
    &["cli"],
];

fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut pending = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty());
    found.sort();
    found
}

/// The top-level module that a file belongs to.
fn module(path: &Path) -> String {
    let below = path
        .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .unwrap();
    let first = below
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn dependencies_point_one_way() {
    let mut seen = 0;
    for (path, text) in sources("src") {
        let Some(own) = layer(&module(&path)) else {
            continue;
        };
        for (at, _) in text.match_indices("crate::") {
            let used: String = text[at + "crate::".len()..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if let Some(other) = layer(&used) {
                seen += 1;
                assert!(
                    other <= own,
                    "{} uses {used}, which is above it",
                    path.display()
                );
            }
        }
    }
    assert!(seen > 50, "only {seen} uses were seen");
}

#[test]
fn every_module_is_in_a_layer_and_opens_with_what_it_is() {
    for (path, text) in sources("src")
        .into_iter()
        .chain(sources("target-service/src"))
    {
        assert!(
            text.starts_with("//!"),
            "{} does not say what it is",
            path.display()
        );
        if path.starts_with(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
            let module = module(&path);
            assert!(
                ["lib", "main"].contains(&module.as_str()) || layer(&module).is_some(),
                "{module} is in no layer"
            );
        }
    }
}

#[test]
fn libraries_stay_where_they_belong() {
    for (path, text) in sources("src") {
        let module = module(&path);
        for (library, home) in [
            ("clap::", "cli"),
            ("anyhow::", "cli"),
            ("inferno::", "profile"),
            ("httparse::", "transport"),
            ("rustls::", "transport"),
        ] {
            // Names of functions in quotes are no use of a library.
            let mut uses = text.match_indices(library);
            let is_used = uses.any(|(at, _)| {
                let before = text[..at].trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
                !before.ends_with('"')
            });
            assert!(
                module == home || !is_used,
                "{} uses {library}",
                path.display()
            );
        }
    }
}

#[test]
fn the_gateway_does_not_know_the_load_generator() {
    for (path, text) in sources("target-service/src") {
        assert!(!text.contains("telemload::"), "{}", path.display());
    }
    let manifest = fs::read_to_string("target-service/Cargo.toml").unwrap();
    assert!(!manifest.lines().any(|line| line.starts_with("telemload")));
}
