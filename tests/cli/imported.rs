//! Recorded traffic as scenarios: what is written, what is said, what never leaves its file, and what is refused.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::bed::{Outcome, TestBed};
use crate::scripted::{Scripted, say};

const HUSH: &str = "hush-4711-hush-0815";

/// An archive of a shop with credentials at every place.
fn archive(origin: &str) -> String {
    let entry = |second: u32, method: &str, path: &str, headers: &str, more: &str| {
        format!(
            r#"{{"startedDateTime":"2024-05-26T11:42:{second:02}.000Z","time":5,"request":{{"method":"{method}","url":"{origin}{path}","httpVersion":"HTTP/1.1","headers":[{{"name":"User-Agent","value":"shop/1"}}{headers}]{more}}},"response":{{"status":200,"content":{{"size":2,"mimeType":"text/plain","text":"ok"}}}}}}"#
        )
    };
    let secret = format!(
        r#",{{"name":"Authorization","value":"Bearer {HUSH}"}},{{"name":"Cookie","value":"sid={HUSH}; theme=lit"}}"#
    );
    let body = format!(
        r#","bodySize":60,"postData":{{"mimeType":"application/json","text":"{{\"password\":\"{HUSH}\",\"mail\":\"ann.lee@mail.example\",\"n\":1}}"}}"#
    );
    let entries = [
        entry(0, "GET", "/items/4711?page=1", "", ""),
        entry(1, "GET", "/items/4712?page=2", "", ""),
        entry(2, "GET", &format!("/me?api_key={HUSH}"), &secret, ""),
        entry(
            3,
            "POST",
            "/login",
            r#",{"name":"Content-Type","value":"application/json"},{"name":"X-Tag","value":"a"},{"name":"X-Tag","value":"b"}"#,
            &body,
        ),
    ];
    format!(
        r#"{{"log":{{"version":"1.2","creator":{{"name":"shop","version":"1"}},"entries":[{}]}}}}"#,
        entries.join(",")
    )
}

fn import(bed: TestBed, args: &[&str]) -> Outcome {
    bed.args(["import"]).args(args).run()
}

/// Everything that was written, but for a file of this name.
fn written(outcome: &Outcome, but: &str) -> String {
    let mut all = String::new();
    let mut pending = vec![outcome.home().to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                pending.push(path);
            } else if name != but
                && !name.ends_with(".har")
                && !name.ends_with(".sh")
                && !name.ends_with(".log")
            {
                all += &String::from_utf8_lossy(&fs::read(path).unwrap());
            }
        }
    }
    all
}

#[test]
fn an_imported_scenario_sends_what_was_recorded() {
    let server = Scripted::start(|_| say("200 OK", "", "ok"));
    let origin = format!("http://{}", server.addr);
    let bed = TestBed::new().file("shop.har", archive(&origin));
    let made = import(bed, &["shop.har", "-o", "shop.toml"]).expect(0, &[]);
    for words in [
        "4 requests: GET 3, POST 1; 1 with a body",
        "cannot hold clients",
        "export AUTHORIZATION",
        "shop.toml",
    ] {
        assert!(made.stdout.contains(words), "{words}: {}", made.stdout);
    }
    let everything = format!("{}{}{}", made.stdout, made.stderr, written(&made, ""));
    assert!(
        !everything.contains(HUSH) && !everything.contains("ann.lee"),
        "{everything}"
    );

    let home = made.home().to_owned();
    let scenario = fs::read_to_string(home.join("shop.toml")).unwrap();
    let feed = fs::read(home.join("shop-files/get-items-x.jsonl")).unwrap();
    let mut bed = TestBed::new()
        .file("scenario.toml", &scenario)
        .file("shop-files/get-items-x.jsonl", feed);
    for name in ["AUTHORIZATION", "COOKIE_SID", "API_KEY", "PASSWORD"] {
        bed = bed.env(name, "filled-in");
    }
    bed.args([
        "run",
        "scenario.toml",
        "--out",
        "out",
        "-R",
        "100",
        "-d",
        "1s",
        "-c",
        "2",
        "--seed",
        "1",
    ])
    .run()
    .expect(0, &[]);
    let asked = server.asked();
    let me = asked
        .iter()
        .find(|asked| asked.path.starts_with("/me"))
        .expect("it is in the mix");
    assert_eq!(
        (
            me.path.as_str(),
            me.header("authorization"),
            me.header("cookie")
        ),
        (
            "/me?api_key=filled-in",
            "Bearer filled-in",
            "sid=filled-in; theme=lit"
        )
    );
    let login = asked
        .iter()
        .find(|asked| asked.path == "/login")
        .expect("it is in the mix");
    assert!(
        String::from_utf8_lossy(&login.body).contains("\"password\":\"filled-in\""),
        "{:?}",
        login.body
    );
    assert_eq!(login.head.matches("X-Tag: ").count(), 2);
    for path in ["/items/4711?page=1", "/items/4712?page=2"] {
        assert!(
            asked
                .iter()
                .any(|asked| asked.path == path && asked.header("user-agent") == "shop/1"),
            "{path}"
        );
    }
}

#[test]
fn what_was_secret_goes_to_the_file_that_is_named_and_nowhere_else() {
    let bed = TestBed::new().file("shop.har", archive("http://127.0.0.1:9"));
    let made = import(
        bed,
        &[
            "shop.har",
            "-o",
            "shop.toml",
            "--keep-secrets",
            "hushed.jsonl",
        ],
    )
    .expect(0, &[]);
    let path = made.home().join("hushed.jsonl");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(fs::read_to_string(&path).unwrap().contains(HUSH));
    let everything = format!(
        "{}{}{}",
        made.stdout,
        made.stderr,
        written(&made, "hushed.jsonl")
    );
    assert!(!everything.contains(HUSH), "{everything}");
    let scenario = fs::read_to_string(made.home().join("shop.toml")).unwrap();
    let bed = TestBed::new()
        .file("scenario.toml", &scenario)
        .file("hushed.jsonl", fs::read(&path).unwrap())
        .file(
            "shop-files/get-items-x.jsonl",
            fs::read(made.home().join("shop-files/get-items-x.jsonl")).unwrap(),
        );
    // It needs nothing else, and shows nothing.
    let dry = bed
        .args(["run", "scenario.toml", "--dry-run"])
        .run()
        .expect(0, &[]);
    assert!(!dry.stdout.contains(HUSH), "{}", dry.stdout);
}

#[test]
fn nothing_is_written_over_without_being_told() {
    let bed = || {
        TestBed::new()
            .file("a.sh", "curl http://127.0.0.1:9/")
            .file("s.toml", "mine")
    };
    let refused = import(bed(), &["a.sh", "-o", "s.toml"]).expect(
        2,
        &["s.toml exists; name another file with --out, or write over it with --force"],
    );
    assert_eq!(
        fs::read_to_string(refused.home().join("s.toml")).unwrap(),
        "mine"
    );
    let forced = import(bed(), &["a.sh", "-o", "s.toml", "--force"]).expect(0, &[]);
    assert!(
        fs::read_to_string(forced.home().join("s.toml"))
            .unwrap()
            .contains("127.0.0.1:9")
    );
    let kept = || {
        TestBed::new()
            .file("a.sh", "curl -u a:b http://127.0.0.1:9/")
            .file("k.jsonl", "mine")
    };
    import(kept(), &["a.sh", "--keep-secrets", "k.jsonl"]).expect(2, &["k.jsonl exists"]);
    import(kept(), &["a.sh", "--keep-secrets", "k.txt"]).expect(2, &["name a .jsonl file"]);
    import(TestBed::new(), &["-", "-", "-o", "s.toml"]).expect(2, &["standard input"]);
}

#[test]
fn what_cannot_be_read_is_refused_in_words() {
    for (bytes, words) in [
        (b"".as_slice(), "it is empty"),
        (b"\0\x01\x02\x03", "it is no text"),
        (b"PK\x03\x04", "zip archive"),
        (b"\x28\xb5\x2f\xfdaaaa", "packed with zstd, bzip2 or xz"),
        (b"BZh91AY&SYaaaa", "packed with zstd, bzip2 or xz"),
        (b"wget http://a.test/", "write it as one of curl"),
        (b"fetch(\"https://a.test/\", {})", "a call of fetch"),
        (b"GET http://a.test/\n", "a list of requests of another tool"),
        (b"$r = Invoke-RestMethod 'http://a.test/'", "PowerShell of another shape"),
        (b"import http from 'k6/http';", "a script of k6"),
        (b"<?xml version=\"1.0\"?>\n<jmeterTestPlan>", "a plan of JMeter"),
        (
            b"{\"info\":{\"schema\":\"https://schema.getpostman.com/json/collection\"},\n\"item\":[]}",
            "a collection of Postman",
        ),
        (b"{\"openapi\":\"3.0.0\",\"paths\":{}}", "what may be sent to an API"),
        (b"\x1f\x8bx", "its gzip is broken"),
        (b"{\"log\":{\"entries\":[{", "its JSON is broken: EOF"),
        (b"{\"headers\":[[\"Content-Type\"]]}", "neither a HAR"),
        (
            b"some words\nof a text",
            "give the log's format with --log-format",
        ),
        (b"curl \"$(id)\"", "needs a shell, and telemload runs none"),
        (
            b"10.0.0.1 - - [15/Feb/2013:06:00:31 +0000] \"-\" 400 0 \"-\" \"-\"",
            "left out: 1 no request line",
        ),
    ] {
        let outcome = import(TestBed::new().file("a", bytes), &["a"]).expect(2, &[words]);
        assert!(!outcome.home().join("scenario.toml").exists(), "{words}");
    }
    let bed = TestBed::new().file("a.sh", "curl http://a.test/");
    import(bed, &["a.sh", "--origin", "https://b.test"])
        .expect(2, &["requests went to http://a.test"]);
    import(TestBed::new(), &["gone.har"]).expect(2, &["cannot read gone.har"]);
}

#[test]
fn logs_are_read_packed_and_out_of_order() {
    let line = |second: u32, path: &str| {
        format!(
            "198.18.0.{second} - - [22/Jan/2019:03:56:{second:02} +0330] \"GET {path} HTTP/1.1\" 200 5 \"-\" \"Googlebot\" \"-\"\n"
        )
    };
    let later: String = (30..40)
        .map(|second| line(second, &format!("/item/{second}00")))
        .collect();
    let sooner: String = (10..30)
        .map(|second| line(second, &format!("/item/{second}00")))
        .collect();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(later.as_bytes()).unwrap();
    let bed = TestBed::new()
        .file("b.log.gz", packed.finish().unwrap())
        .file("a.log", sooner);
    let made = import(
        bed,
        &[
            "b.log.gz",
            "a.log",
            "--origin",
            "https://shop.test",
            "--target",
            "http://127.0.0.1:9",
            "--timing",
            "--speed",
            "2",
            "--json",
        ],
    )
    .expect(0, &[]);
    let told: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(told["read"]["requests"], 30);
    assert_eq!(told["read"]["methods"]["GET"], 30);
    let scenario = fs::read_to_string(made.home().join("scenario.toml")).unwrap();
    assert!(
        scenario.contains("rate = \"2/s\"") && scenario.contains("{ hold = \"15000ms\" }"),
        "{scenario}"
    );
    assert!(scenario.contains("Host = \"shop.test\""), "{scenario}");
    // In the order of times, whatever the files' was.
    let feed = fs::read_to_string(made.home().join("scenario-files/get-item-x.jsonl")).unwrap();
    assert!(
        feed.starts_with("{\"item\":\"1000\"}") && feed.trim_end().ends_with("{\"item\":\"3900\"}"),
        "{feed}"
    );
    let held = told["sources"][0]["cannot_hold"].to_string();
    assert!(
        held.contains("whole seconds") && held.contains("but Referer, User-Agent"),
        "{held}"
    );
}

#[test]
fn every_format_makes_a_scenario_that_is_sound() {
    for (name, text) in [
        ("bash.sh", "curl 'http://127.0.0.1:9/a?b={{c' -H 'X: {{y}}' -H \"Z: $HOME\" --data-raw '{\"a\":{{\"b\":1}}}' --compressed".to_owned()),
        ("cmd.sh", "curl ^\"http://127.0.0.1:9/a^\" ^\r\n  -H ^\"accept: */*^\" ^\r\n  --data-raw ^\"^{^\\^\"a^\\^\":1^}^\"".to_owned()),
        ("ps.sh", "Invoke-WebRequest -UseBasicParsing -Uri \"http://127.0.0.1:9/a\" `\n-Headers @{\n\"x-a\"=\"1\"\n} -Body \"a=1\" -Method POST".to_owned()),
        ("w3c.log", "#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status\n2002-05-02 17:42:15 198.18.0.1 GET /images/picture.jpg - 200\n".to_owned()),
        ("caddy.log", "{\"ts\":1716723772.6,\"request\":{\"method\":\"PUT\",\"host\":\"a.test\",\"uri\":\"/x\",\"headers\":{\"Cookie\":[\"REDACTED\"],\"X-B\":[\"1\",\"2\"]}},\"bytes_read\":70,\"status\":404}".to_owned()),
        ("shop.har", archive("https://shop.test")),
    ] {
        let made = import(TestBed::new().file(name, &text), &[name, "-o", "made.toml"]).expect(0, &[]);
        let mut bed = TestBed::new().file("made.toml", fs::read(made.home().join("made.toml")).unwrap());
        if let Ok(files) = fs::read_dir(made.home().join("made-files")) {
            for file in files {
                let path = file.unwrap().path();
                bed = bed.file(&format!("made-files/{}", path.file_name().unwrap().to_string_lossy()), fs::read(&path).unwrap());
            }
        }
        for variable in ["HOME", "COOKIE", "AUTHORIZATION", "COOKIE_SID", "API_KEY", "PASSWORD"] {
            bed = bed.env(variable, "filled-in");
        }
        bed.args(["run", "made.toml", "--dry-run"]).run().expect(0, &[]);
    }
}

/// Runs with files below and beside the directory of the commands.
fn with_neighbours(commands: &str) -> TestBed {
    let bed = TestBed::new()
        .file("below/c.sh", commands)
        .file("below/part/body.txt", "fine")
        .file("hush.txt", HUSH);
    let below = bed.home().join("below");
    std::os::unix::fs::symlink("../hush.txt", below.join("link.txt")).unwrap();
    std::os::unix::fs::symlink("..", below.join("up")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, below.join("fifo"), rustix::fs::Mode::RUSR).unwrap();
    bed
}

#[test]
fn files_of_commands_are_read_from_below_their_directory_alone() {
    let refused = "does not lie below the directory of the commands";
    let no_file = "is behind a link, or no regular file";
    for (name, words) in [
        ("/etc/hostname", refused),
        ("../hush.txt", refused),
        ("part/../../hush.txt", refused),
        ("link.txt", no_file),
        ("up/hush.txt", no_file),
        ("fifo", no_file),
        ("part", no_file),
        ("gone-4711", "cannot be read"),
    ] {
        let commands = format!("curl http://127.0.0.1:9/ --data-binary @{name}");
        let made = import(with_neighbours(&commands), &["below/c.sh", "--read-files"]);
        let made = made.expect(0, &[]);
        assert!(made.stdout.contains(words), "{name}: {}", made.stdout);
        assert!(!made.stdout.contains("4711"), "{name}: {}", made.stdout);
        let scenario = fs::read_to_string(made.home().join("scenario.toml")).unwrap();
        assert!(!scenario.contains("body"), "{name}: {scenario}");
    }
    let commands = "curl http://127.0.0.1:9/ --data-binary @./part/body.txt";
    let made = import(with_neighbours(commands), &["below/c.sh", "--read-files"]).expect(0, &[]);
    let scenario = fs::read_to_string(made.home().join("scenario.toml")).unwrap();
    assert!(scenario.contains("body = \"fine\""), "{scenario}");
}

#[test]
fn no_two_files_of_an_import_are_one_and_none_is_a_directory() {
    let bed = || {
        TestBed::new()
            .file("a.sh", "curl -u a:b http://127.0.0.1:9/")
            .file("folder/x", "x")
            .file("taken-files", "a file")
    };
    for (args, words) in [
        (
            ["-o", "s.jsonl", "--keep-secrets", "s.jsonl"],
            "the scenario is written there",
        ),
        (
            ["-o", "./s.jsonl", "--keep-secrets", "folder/../s.jsonl"],
            "the scenario is written there",
        ),
        (
            ["-o", "s.toml", "--keep-secrets", "s-files/k.jsonl"],
            "feeds and bodies are written there",
        ),
        (
            ["-o", "folder", "--keep-secrets", "k.jsonl"],
            "folder is a directory; name a file in it",
        ),
        (
            ["-o", "taken.toml", "--keep-secrets", "k.jsonl"],
            "taken-files is no directory",
        ),
    ] {
        let all: Vec<&str> = ["a.sh", "--force"].into_iter().chain(args).collect();
        // The directory has to be there for what leads through it to be known.
        let outcome = import(bed().file("s-files/x", "x"), &all).expect(2, &[words]);
        assert!(!outcome.home().join("k.jsonl").exists(), "{args:?}");
        assert!(!outcome.home().join("s.jsonl").exists(), "{args:?}");
    }
}

#[test]
fn what_was_secret_stays_out_of_a_repository_whatever_its_name_is() {
    for name in [
        "k[1].jsonl",
        "k*?.jsonl",
        "k\\ .jsonl",
        "!k#.jsonl",
        " .jsonl",
    ] {
        let bed = TestBed::new()
            .file("a.sh", "curl -u a:b http://127.0.0.1:9/")
            .file(".gitignore", "mine");
        let git = |args: &[&str], home: &std::path::Path| {
            let out = std::process::Command::new("git")
                .args(args)
                .current_dir(home)
                .output();
            String::from_utf8_lossy(&out.unwrap().stdout).into_owned()
        };
        git(&["init", "-q"], bed.home());
        let made = import(bed, &["a.sh", "--keep-secrets", name]).expect(0, &[]);
        assert!(made.home().join(name).exists());
        let known = git(&["status", "--porcelain", "-z", "-uall"], made.home());
        assert!(
            known.contains("a.sh") && !known.contains("jsonl"),
            "{name}: {known}"
        );
        let lines = fs::read_to_string(made.home().join(".gitignore")).unwrap();
        assert!(lines.starts_with("mine\n/"), "{lines}");
    }
    let bed = TestBed::new()
        .file("a.sh", "curl -u a:b http://127.0.0.1:9/")
        .file(".git/x", "x")
        .file(".gitignore/x", "x");
    let made = import(bed, &["a.sh", "--keep-secrets", "k.jsonl"]).expect(0, &[]);
    assert!(
        made.stdout.contains("could not be added to .gitignore"),
        "{}",
        made.stdout
    );
}

#[test]
fn one_bad_entry_is_told_and_the_rest_runs() {
    let entries = archive("http://127.0.0.1:9").replacen("\"GET\"", "\"GE T\\n[evil]\"", 1);
    let entries = entries.replacen(
        "http://127.0.0.1:9/items/4712",
        "http://127.0.0.1:99999/items/4712",
        1,
    );
    let made = import(TestBed::new().file("a.har", entries), &["a.har"]).expect(0, &[]);
    for words in [
        "left out    2 cannot be sent as it was recorded",
        "entry 2: a URL whose host or port is none",
    ] {
        assert!(made.stdout.contains(words), "{words}: {}", made.stdout);
    }
    let mut bed = TestBed::new().file(
        "scenario.toml",
        fs::read(made.home().join("scenario.toml")).unwrap(),
    );
    for variable in ["AUTHORIZATION", "COOKIE_SID", "API_KEY", "PASSWORD"] {
        bed = bed.env(variable, "filled-in");
    }
    bed.args(["run", "scenario.toml", "--dry-run"])
        .run()
        .expect(0, &[]);
}
