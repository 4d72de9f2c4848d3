//! The architecture's rules that a machine can check.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod circles;
mod known;
mod links;
mod sizes;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up; a module may use those of lower layers and of its own.
const LAYERS: [&[&str]; 11] = [
    &["units", "statistics"],
    &["metrics", "traffic", "transport"],
    &["shard"],
    &["scenario", "pacer", "import"],
    &["engine", "profile", "process"],
    &["parity"],
    &["tenant", "tap"],
    &["result"],
    &["experiment", "compare"],
    &["ablation", "gate", "report", "selftest"],
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

/// The texts of a folder by their paths within the repository.
fn texts(directory: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let relative = |path: &Path| {
        path.strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    sources(directory)
        .into_iter()
        .map(|(path, text)| (relative(&path), text))
        .collect()
}

/// Fails if anything was found that is not known, and if anything known is gone: the list of what is known only shrinks.
#[track_caller]
fn assert_known<T: Ord + Debug>(
    what: &str,
    found: &BTreeSet<T>,
    known: &BTreeSet<T>,
    show: impl Fn(&T) -> String,
) {
    let list = |of: &BTreeSet<T>, but: &BTreeSet<T>| -> String {
        of.difference(but)
            .map(|one| format!("\n  {}", show(one)))
            .collect()
    };
    let (new, gone) = (list(found, known), list(known, found));
    assert!(new.is_empty(), "{what}:{new}");
    assert!(
        gone.is_empty(),
        "{what} is gone, take it off the list in tests/tidy/known.rs:{gone}"
    );
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

#[test]
fn no_files_import_each_other_in_a_circle() {
    for (directory, known) in [
        ("src", known::CIRCLES),
        ("target-service/src", &[]),
        ("target-service/config/src", &[]),
    ] {
        let graph = circles::graph(&format!("{directory}/lib.rs"), &texts(directory));
        let uses: usize = graph.values().map(BTreeSet::len).sum();
        assert!(uses > 10, "only {uses} uses were seen in {directory}");
        let known = known.iter().map(|circle| {
            let files = circle.iter();
            files.map(|file| format!("{directory}/{file}")).collect()
        });
        assert_known(
            "files that import each other in a circle",
            &circles::circles(&graph),
            &known.collect(),
            |circle| {
                let files: Vec<&str> = circle.iter().map(String::as_str).collect();
                format!(
                    "{}, among {}",
                    circles::way_round(&graph, circle),
                    files.join(", ")
                )
            },
        );
    }
}

/// Lines of a file, its unit tests included.
const LONGEST_FILE: usize = 500;
/// Lines of a file of tests.
const LONGEST_TEST_FILE: usize = 600;
/// Lines of a function, from `fn` to its closing brace.
const LONGEST_FUNCTION: usize = 80;

#[test]
fn files_and_functions_are_short() {
    let mut files = BTreeSet::new();
    let mut functions = BTreeSet::new();
    for (file, text) in texts("src") {
        for (name, lines) in sizes::functions(&text).unwrap() {
            if lines > LONGEST_FUNCTION {
                functions.insert(format!("{file}: {name}"));
            }
        }
        if text.lines().count() > LONGEST_FILE {
            files.insert(file);
        }
    }
    let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
    let show = |one: &String| one.clone();
    assert_known(
        "a file of more than 500 lines",
        &files,
        &owned(known::LONG_FILES),
        show,
    );
    assert_known(
        "a function of more than 80 lines",
        &functions,
        &owned(known::LONG_FUNCTIONS),
        show,
    );
}

/// `scripts/test` leaves tests in documentation out, for a build of each library that finds none takes long.
#[test]
fn documentation_holds_no_tests() {
    for directory in ["src", "target-service"] {
        for (file, text) in texts(directory) {
            let mut lines = text.lines().map(str::trim_start);
            let is_fence = |line: &str| {
                let documented = line.strip_prefix("///").or(line.strip_prefix("//!"));
                documented.is_some_and(|text| text.trim_start().starts_with("```"))
            };
            assert!(
                !lines.any(is_fence),
                "{file}: a block of code in documentation is a test that nobody runs; write a unit test"
            );
        }
    }
}

#[test]
fn files_of_tests_are_short() {
    for (file, text) in texts("tests")
        .into_iter()
        .chain(texts("target-service/tests"))
    {
        let lines = text.lines().count();
        assert!(
            lines <= LONGEST_TEST_FILE,
            "{file} has {lines} lines, and a file of tests at most {LONGEST_TEST_FILE}: cut it by subject"
        );
    }
}

#[test]
fn lists_of_what_is_known_only_shrink() {
    let set = |list: &[&'static str]| -> BTreeSet<&'static str> { list.iter().copied().collect() };
    let outcome = |found: &[&'static str], known: &[&'static str]| {
        let (found, known) = (set(found), set(known));
        let held = std::panic::catch_unwind(|| {
            assert_known("a fault", &found, &known, |one| (*one).to_owned());
        });
        held.map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
    };
    assert_eq!(outcome(&["a"], &["a"]), Ok(()));
    assert_eq!(
        outcome(&["a", "b"], &["a"]),
        Err("a fault:\n  b".to_owned())
    );
    let gone = outcome(&[], &["a"]).unwrap_err();
    assert!(
        gone.ends_with("take it off the list in tests/tidy/known.rs:\n  a"),
        "{gone}"
    );
}
