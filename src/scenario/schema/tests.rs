//! The schema and what reads scenarios agree: on scenarios, on words, and on what is refused.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use super::*;
use crate::scenario::{Overrides, parse};

/// The least that a scenario says.
const BASE: [(&str, &str); 3] = [
    ("target", "[target]\nurl = \"http://127.0.0.1:1\"\n"),
    (
        "load",
        "[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\n",
    ),
    ("request", "[[request]]\nname = \"get\"\npath = \"/\"\n"),
];

/// A scenario of these lines and of the tables that they lack; the first of them may be keys of the root.
fn scenario(lines: &str) -> String {
    let (root, tables) = match lines.find('[') {
        Some(0) => ("", lines),
        Some(at) if lines[..at].ends_with('\n') => lines.split_at(at),
        _ => (lines, ""),
    };
    let lacking = BASE.iter().filter(|(table, _)| {
        let is_there = |mark: &str| tables.contains(&format!("{mark}{table}"));
        !(is_there("[") || is_there("[["))
    });
    let lacking: String = lacking.map(|(_, text)| *text).collect();
    format!("name = \"x\"\n{root}{lacking}{tables}")
}

/// What telemload says to it.
fn refused(text: &str) -> Option<String> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("rows.csv"), "a\n1\n").unwrap();
    let plan = parse("x.toml", text, directory.path(), &Overrides::default());
    plan.err().map(|error| error.to_string())
}

/// What an editor says to it.
fn shown(text: &str) -> Vec<String> {
    static SCHEMA: LazyLock<jsonschema::Validator> =
        LazyLock::new(|| jsonschema::draft4::new(&schema()).unwrap());
    let value: Value = toml::from_str(text).unwrap();
    let errors = SCHEMA.iter_errors(&value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn the_committed_schema_is_that_of_the_types_and_of_the_documentation() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenario.schema.json");
    let made = format!("{:#}\n", schema());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/scenario.schema.json is not what the types say; write it anew: UPDATE_SCHEMA=1 cargo test --lib scenario::schema"
    );
    assert!(jsonschema::draft4::meta::is_valid(&schema()));
}

#[test]
fn shipped_scenarios_name_the_schema_and_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for entry in fs::read_dir(root.join("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("#:schema ../docs/scenario.schema.json\n"),
            "{}",
            path.display()
        );
        assert_eq!(shown(&text), Vec::<String>::new(), "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 9, "{seen}");
}

/// The one key that has no value of its own would be the one that nobody tries.
#[test]
fn every_table_of_the_mirror_is_in_the_schema() {
    let schema = schema();
    let tables = schema["definitions"].as_object().unwrap();
    for table in [
        "Target",
        "Tls",
        "Config",
        "Service",
        "Host",
        "Fleet",
        "Feed",
        "Phase",
        "Load",
        "Stage",
        "StopWhen",
        "Request",
        "Chunks",
        "Expect",
        "ExpectBody",
        "Profile",
        "Compare",
        "Threshold",
        "Cost",
        "Gate",
        "Metric",
        "Variant",
    ] {
        assert!(tables.contains_key(table), "{table}");
    }
    let keys = tables
        .values()
        .filter_map(|table| table["properties"].as_object());
    for (key, value) in keys.flatten() {
        assert!(
            value["description"]
                .as_str()
                .is_some_and(|words| !words.is_empty()),
            "{key}"
        );
    }
}

/// Telemload and an editor agree on each of these lines, of which the first of a pair is right and the second is not.
#[test]
fn an_editor_and_telemload_agree() {
    let pairs = [
        ("rounds = 2\n", "round = 2\n"),
        ("rounds = 2\n", "rounds = -2\n"),
        ("interval = \"1s\"\n", "interval = 1\n"),
        ("interval = \"1s\"\n", "interval = \"1\"\n"),
        ("seed = 3\n", "seed = \"3\"\n"),
        ("allow_untrusted = true\n", "allow_untrusted = \"true\"\n"),
        (
            "[target]\nurl = \"http://127.0.0.1:1\"\npid = 1\n",
            "[target]\nurls = \"http://127.0.0.1:1\"\n",
        ),
        (
            "[target]\nurl = \"https://127.0.0.1:1\"\ntls = { resumption = false }\n",
            "[target]\nurl = \"https://127.0.0.1:1\"\ntls = { resumption = 3 }\n",
        ),
        (
            "[target]\nurl = \"https://127.0.0.1:1\"\ntls = { resumption = \"30%\" }\n",
            "[target]\nurl = \"https://127.0.0.1:1\"\ntls = { resume = true }\n",
        ),
        (
            "[target]\ncommand = \"x {port}\"\nport = 8080\n",
            "[target]\ncommand = \"x {port}\"\nport = 80800\n",
        ),
        (
            "[load]\nmodel = \"open\"\nrate = \"10/s\"\nconnections = 1\nduration = \"1m 30s\"\n",
            "[load]\nmodel = \"open\"\nrate = 10\nconnections = 1\nduration = \"1s\"\n",
        ),
        (
            "[load]\nmodel = \"open\"\nrate = \"10/min\"\narrivals = \"poisson\"\nconnections = 1\nduration = \"1.5s\"\n",
            "[load]\nmodel = \"open\"\nrate = \"10\"\nconnections = 1\nduration = \"1s\"\n",
        ),
        (
            "[load]\nmodel = \"open\"\nrate = \"10/s\"\narrivals = { burst = 3 }\nconnections = 1\nduration = \"1s\"\n",
            "[load]\nmodel = \"open\"\nrate = \"10/s\"\narrivals = { bursts = 3 }\nconnections = 1\nduration = \"1s\"\n",
        ),
        (
            "[load]\nmodel = \"open\"\nstages = [{ to = \"10/s\", over = \"1s\" }, { hold = \"1s\" }]\nconnections = 1\n",
            "[load]\nmodel = \"open\"\nstages = [{ to = \"10/s\", during = \"1s\" }]\nconnections = 1\n",
        ),
        (
            "[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\nstop_when = { silent_for = \"1s\" }\n",
            "[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\nstop_when = { silence = \"1s\" }\n",
        ),
        (
            "[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\nweights = { get = 1 }\n",
            "[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\nweights = { get = \"1\" }\n",
        ),
        (
            "[fleet.cars]\ndevices = 3\norder = { zipf = 1.1 }\n[[request]]\nname = \"get\"\npath = \"/\"\nfleet = \"cars\"\n",
            "[fleet.cars]\ndevices = 3\norder = { zipf = 11 }\n[[request]]\nname = \"get\"\npath = \"/\"\nfleet = \"cars\"\n",
        ),
        (
            "[fleet.cars]\ndevices = 3\norder = \"uniform\"\n[[request]]\nname = \"get\"\npath = \"/\"\nfleet = \"cars\"\n",
            "[fleet.cars]\ndevices = 3\norder = \"unifrm\"\n[[request]]\nname = \"get\"\npath = \"/\"\nfleet = \"cars\"\n",
        ),
        (
            "[[request]]\nname = \"get\"\npath = \"/\"\nheaders = { a = \"b\", c = [\"d\", \"e\"] }\n",
            "[[request]]\nname = \"get\"\npath = \"/\"\nheaders = { a = 1 }\n",
        ),
        (
            "[[request]]\nname = \"get\"\npath = \"/\"\nexpect = { status = [200, 201], headers = { a = { matches = \"b\" } }, body = { json = { \"/a\" = [1] } } }\n",
            "[[request]]\nname = \"get\"\npath = \"/\"\nexpect = { status = \"200\" }\n",
        ),
        (
            "[[request]]\nname = \"get\"\npath = \"/\"\nexpect = { status = 200, headers = { a = \"b\" } }\n",
            "[[request]]\nname = \"get\"\npath = \"/\"\nexpect = { headers = { a = { match = \"b\" } } }\n",
        ),
        (
            "[[request]]\nname = \"get\"\npath = \"/\"\nform = { a = [\"b\", { value = \"c\" }] }\n",
            "[[request]]\nname = \"get\"\npath = \"/\"\nform = { a = { text = \"c\" } }\n",
        ),
        (
            "[[request]]\nname = \"get\"\npath = \"/\"\nbody = \"x\"\nbody_chunks = { size = \"1KiB\", pause = \"1ms\" }\n",
            "[[request]]\nname = \"get\"\npath = \"/\"\nbody = \"x\"\nbody_chunks = { size = 1024 }\n",
        ),
        (
            "[[threshold]]\nexpr = \"latency.p99 < 1s\"\nabort_on_fail = { after = \"200ms\" }\n",
            "[[threshold]]\nexpr = \"latency.p99 < 1s\"\nabort_on_fail = { before = \"200ms\" }\n",
        ),
        (
            "[[threshold]]\nexpr = \"latency.p99 < 1s\"\nabort_on_fail = true\nfor = \"200ms\"\n",
            "[[threshold]]\nexp = \"latency.p99 < 1s\"\n",
        ),
        (
            "[cost]\nvcpus = 4\nutilisation = \"70%\"\n",
            "[cost]\nvcpus = 4\nutilisation = 70\n",
        ),
        (
            "[gate]\nrelaunch = \"never\"\n",
            "[gate]\nrelaunch = \"always\"\n",
        ),
        (
            "[gate]\nrelaunch = 3\n[[gate.metric]]\nname = \"capacity\"\ncatch = \"5%\"\n",
            "[gate]\nrelaunch = 0\n",
        ),
        (
            "[[variant]]\nname = \"a\"\nload.connections = 2\n[[variant]]\nname = \"b\"\nrequest.get.path = \"/b\"\n",
            "[[variant]]\nname = \"a\"\ncost.vcpus = 2\n",
        ),
        (
            "[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\nrequest.get.headers.x = \"y\"\n[[compare]]\nbase = \"a\"\nhead = \"b\"\n",
            "[[variant]]\nname = \"a\"\nrequest.get.header.x = \"y\"\n",
        ),
        (
            "[target]\ngateway = { auth = \"cached\", cache_ttl = \"PT30S\", queue_size = \"1MiB\" }\n",
            "[target]\ngateway = { auth = \"cashed\" }\n",
        ),
    ];
    for (right, wrong) in pairs {
        let (right, wrong) = (scenario(right), scenario(wrong));
        let is_built = cfg!(feature = "gateway") || !right.contains("gateway");
        assert_eq!(refused(&right).filter(|_| is_built), None, "{right}");
        assert_eq!(shown(&right), Vec::<String>::new(), "{right}");
        assert!(refused(&wrong).is_some(), "{wrong}");
        assert!(!shown(&wrong).is_empty(), "{wrong}");
    }
}

#[test]
fn words_are_those_that_telemload_takes_and_the_documentation_names() {
    for (table, key, words, lines) in words::WORDS {
        let described = words::description(table, key);
        for word in words {
            let text = scenario(&lines.replace("WORD", word));
            let said = refused(&text).filter(|said| said.contains(&format!("`{word}`")));
            assert_eq!(said, None, "{text}");
            assert_eq!(shown(&text), Vec::<String>::new(), "{text}");
            assert!(
                described.contains(&format!("\"{word}\"")),
                "{table}.{key}: {described} has no {word}"
            );
        }
        let text = scenario(&lines.replace("WORD", "nonsense"));
        assert!(refused(&text).unwrap().contains("nonsense"), "{text}");
        assert!(!shown(&text).is_empty(), "{text}");
    }
    for (_, key) in words::REFUSED {
        let digits = "0".repeat(64);
        let text = scenario(&format!("[target]\ngateway = {{ {key} = \"{digits}\" }}\n"));
        assert!(refused(&text).is_some(), "{key}");
        assert!(!shown(&text).is_empty(), "{key}");
    }
}

/// What a scenario leaves to its variants is no mistake.
#[test]
fn variants_may_supply_what_the_scenario_lacks() {
    let text = scenario(
        "[load]\nmodel = \"closed\"\nduration = \"1s\"\n[[variant]]\nname = \"few\"\nload.connections = 1\n[[variant]]\nname = \"many\"\nload.connections = 9\n",
    );
    assert_eq!(refused(&text), None, "{text}");
    assert_eq!(shown(&text), Vec::<String>::new(), "{text}");
}
