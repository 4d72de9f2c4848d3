//! What a scenario may say of requests, feeds and what devices are given; what it may not; and what a dry run shows of it.

use std::fs;

use crate::bed::{TestBed, echo, url_scenario};
use crate::rejected::rejected_in;

/// A scenario with this behind its load, and files beside it.
fn bed(more: &str, files: &[(&str, &[u8])]) -> TestBed {
    let head = "name = \"t\"\ntarget.url = \"http://127.0.0.1:1\"\nload = { model = \"closed\", connections = 1, duration = \"1s\" }\n[fleet.cars]\ndevices = 2\n[fleet.vans]\ndevices = 2\n";
    let bed = TestBed::new().file("s.toml", format!("{head}{more}"));
    files
        .iter()
        .fold(bed, |bed, (name, bytes)| bed.file(name, bytes))
}

/// `request.NAME`-tables behind line 7.
#[track_caller]
fn rejected(more: &str, files: &[(&str, &[u8])], place: &str, says: &[&str]) {
    let bed = bed(more, files);
    let text = fs::read_to_string(bed.path("s.toml")).unwrap();
    rejected_in(&bed.path(""), &text, place, says);
}

fn request(name: &str, more: &str) -> String {
    format!("[[request]]\nname = \"{name}\"\npath = \"/{name}\"\n{more}\n")
}

const LOGIN: &str = "[[request]]\nname = \"login\"\nfleet = \"cars\"\nweight = 0\npath = \"/login\"\nextract = { token = \"json:/token\" }\n";

#[test]
fn expectations_that_cannot_be_met_or_read() {
    for (expect, place, says) in [
        (
            "expect.status = 99",
            "11:17: request.r.expect.status: ",
            "between 200 and 599",
        ),
        (
            "expect.status = []",
            "11:17: request.r.expect.status: ",
            "give one or a list",
        ),
        (
            "expect.status = \"ok\"",
            "11:17: request.r.expect.status: ",
            "expected a status such as 200, or a list",
        ),
        (
            "expect.status = -1",
            "11:17: request.r.expect.status: ",
            "expected a status such as 200",
        ),
        (
            "expect.state = 200",
            "11:8: request.r.expect.state: ",
            "unknown key `state`",
        ),
        (
            "expect.headers.X = { matches = \"(\" }",
            "11:20: request.r.expect.headers.X: ",
            "not a regular expression: unclosed group",
        ),
        (
            "expect.headers.X = { equals = \"a\" }",
            "11:20: request.r.expect.headers.X: ",
            "{ matches = \"PATTERN\" }",
        ),
        (
            "expect.body.matches = \"[\"",
            "11:23: request.r.expect.body.matches: ",
            "not a regular expression",
        ),
        (
            "expect.body.json.ok = true",
            "11:18: request.r.expect.body.json: ",
            "`ok` is not a JSON pointer; write one such as",
        ),
        (
            "expect.body.json.\"/a~2\" = true",
            "11:18: request.r.expect.body.json: ",
            "not a JSON pointer",
        ),
        (
            "expect.body.size = 3",
            "11:13: request.r.expect.body.size: ",
            "unknown key `size`",
        ),
        (
            "method = \"HEAD\"\nexpect.body.contains = \"a\"",
            "9:8: request.r.method: ",
            "an answer to HEAD has no body to look at; use GET",
        ),
    ] {
        rejected(&request("r", expect), &[], place, &[says]);
    }
}

#[test]
fn variables_that_nobody_could_have() {
    let uses = "fleet = \"cars\"\nheaders = { X-T = \"{{token}}\" }";
    let good = LOGIN.to_owned() + &request("r", uses);
    bed(&good, &[])
        .args(["run", "s.toml", "--dry-run"])
        .run()
        .expect(0, &[]);
    let swap = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let mixed = |weights: &str| {
        request("q", "")
            + &request("r", "weight = 0")
            + &format!("[[variant]]\nname = \"v\"\nload.weights = {weights}\n")
    };
    for (text, place, says) in [
        (
            swap("{{token}}", "{{tokn}}"),
            "18:20: request.r.headers.X-T: ",
            "unknown placeholder `{{tokn}}`; known are",
        ),
        (
            swap("token = \"json", "seq = \"json"),
            "13:13: request.login.extract.seq: ",
            "`seq` is a placeholder of its own",
        ),
        (
            swap("token = \"json", "\"to ken\" = \"json"),
            "13:13: request.login.extract.to ken: ",
            "is not a name",
        ),
        (
            swap("json:/token", "body:/token"),
            "13:21: request.login.extract.token: ",
            "write \"json:/POINTER\" or \"header:NAME\"",
        ),
        (
            swap("json:/token", "json:token"),
            "13:21: request.login.extract.token: ",
            "not a JSON pointer",
        ),
        (
            swap("json:/token", "header:a b"),
            "13:21: request.login.extract.token: ",
            "no place in an answer",
        ),
        (
            swap("fleet = \"cars\"\nweight", "weight"),
            "12:13: request.login.extract.token: ",
            "belongs to a device; add `fleet",
        ),
        (
            good.clone()
                + "[[request]]\nname = \"z\"\nfleet = \"cars\"\npath = \"/\"\nextract = { token = \"header:T\" }\n",
            "23:13: request.z.extract.token: ",
            "extracted by `login` already",
        ),
        (
            LOGIN.to_owned() + &request("r", &uses.replace("cars", "vans")),
            "17:9: request.r: ",
            "`login` extracts for another fleet",
        ),
        (
            LOGIN.to_owned() + &request("r", "headers = { X-T = \"{{token}}\" }"),
            "17:20: request.r.headers.X-T: ",
            "`token` needs a fleet; add",
        ),
        (
            LOGIN.to_owned() + &request("r", ""),
            "11:10: request.login.weight: ",
            "none does; use a weight of 1 or more, or remove it",
        ),
        (
            request("r", "weight = 0"),
            "3:8: load: ",
            "this load sends nothing; give a request a weight of 1 or more",
        ),
        (
            mixed("{ a = 1 }"),
            "18:18: load.weights.a: ",
            "there is no request `a`; there is",
        ),
        (
            mixed("{ r = 0 }"),
            "15:10: request.r.weight: ",
            "sent only by loads that give it one in their `weights`",
        ),
        (
            mixed("{ r = 1000001 }"),
            "18:22: load.weights.r: ",
            "use a weight from 0 to 1000000",
        ),
        (
            request("r", "weight = 1000001"),
            "11:10: request.r.weight: ",
            "use a weight from 0 to 1000000",
        ),
        (
            swap("path = \"/login\"", "path = \"/login/{{token}}\""),
            "9:8: request.login: ",
            "circle: `login` needs `login`",
        ),
    ] {
        rejected(&text, &[], place, &[says]);
    }
    let circle = "fleet = \"cars\"\nbody = \"{{b}}\"\nextract = { a = \"json:/a\" }";
    let other = "fleet = \"cars\"\nbody = \"{{a}}\"\nextract = { b = \"json:/b\" }";
    rejected(
        &(request("one", circle) + &request("two", other)),
        &[],
        "15:8: request.two: ",
        &["`one` needs `two` needs `one`; let one of them do without"],
    );
    let chain: String = (0..20)
        .map(|i| {
            let fields = format!(
                "fleet = \"cars\"\nbody = \"{{{{v{}}}}}\"\nextract = {{ v{i} = \"json:/v\" }}",
                i + 1
            );
            request(
                &format!("r{i}"),
                &if i == 19 {
                    fields.replace("{{v20}}", "")
                } else {
                    fields
                },
            )
        })
        .collect();
    rejected(
        &chain,
        &[],
        "",
        &["more than 16 requests need each other in a row"],
    );
}

#[test]
fn feeds_that_cannot_be_read() {
    let feed = |file: &str| format!("[feed.trips]\nfile = \"{file}\"\n");
    let uses = request("r", "headers = { X-Vin = \"{{trips.vin}}\" }");
    let with = |file: &str| feed(file) + &uses;
    let place = "9:8: feed.trips.file: ";
    let good: (&str, &[u8]) = ("t.csv", b"vin,n\nA1,1\n");
    rejected(
        &with("none.csv"),
        &[],
        place,
        &["none.csv: No such file", "looked for beside the scenario"],
    );
    rejected(
        &with("t.txt"),
        &[],
        place,
        &["`t.txt` is neither .csv nor .jsonl"],
    );
    rejected(
        &with("t.csv"),
        &[("t.csv", b"vin,n\nA1\n")],
        place,
        &["t.csv:2: 1 values where the header has 2 names"],
    );
    rejected(
        &with("t.csv"),
        &[("t.csv", b"vin\n")],
        place,
        &["t.csv: it has no rows"],
    );
    rejected(
        &with("t.csv"),
        &[("t.csv", b"vin\n\xe9\n")],
        place,
        &["t.csv:2: not UTF-8 text"],
    );
    rejected(
        &with("t.jsonl"),
        &[("t.jsonl", b"{\"vin\":1}\n{\"vin\":[]}\n")],
        place,
        &["t.jsonl:2: `vin` is neither"],
    );
    rejected(
        &with("t.csv").replace("trips.vin", "trips.win"),
        &[good],
        "13:22: request.r.headers.X-Vin: ",
        &["no column `win`; it has vin, n"],
    );
    rejected(
        &with("t.csv").replace("[feed.trips]", "[feed.env]"),
        &[good],
        "8:7: feed.env: ",
        &["`env` is a placeholder of its own; choose another name"],
    );
    rejected(
        &with("t.csv").replace("file", "order = \"zipf\"\nfile"),
        &[good],
        "9:9: feed.trips.order: ",
        &["use \"round-robin\" or \"random\""],
    );
    rejected(
        &with("t.csv").replace("file", "flie"),
        &[good],
        "9:1: feed.trips.flie: ",
        &["unknown key `flie`"],
    );
    rejected(
        &with("t.csv"),
        &[("t.csv", b"vin\nA\n\"B\r\nX-Admin: 1\"\n")],
        "11:8: request.r.headers: ",
        &["`trips.vin` holds a line break or a control character on line 3 of its file"],
    );
    let path = feed("t.csv") + &request("r", "").replace("/r", "/{{trips.vin}}");
    rejected(
        &path,
        &[("t.csv", b"vin\nA B\n")],
        "11:8: request.r.path: ",
        &["holds a space", "on line 2"],
    );
    let sparse = bed(&with("big.csv"), &[("big.csv", b"vin\n")]);
    let big = fs::OpenOptions::new()
        .write(true)
        .open(sparse.path("big.csv"))
        .unwrap();
    big.set_len((64 << 20) + 1).unwrap();
    sparse.args(["run", "s.toml"]).run().expect(
        2,
        &["big.csv: it has more than 67108864 bytes, which is the limit; use a sample of its rows"],
    );
}

#[test]
fn bodies_from_files() {
    let raw = request("r", "body_raw = \"b.bin\"\nexpect.status = 204");
    let bytes: &[u8] = b"\xff{{nope}}\x00end";
    let shown = bed(&raw, &[("b.bin", bytes)])
        .args(["run", "s.toml", "--dry-run"])
        .run()
        .expect(0, &[]);
    for words in ["POST /r HTTP/1.1", "Content-Length: 13", "{{nope}}\\0end"] {
        assert!(shown.stdout.contains(words), "{words}: {}", shown.stdout);
    }
    let template = request("r", "body_file = \"b.json\"");
    let shown = bed(&template, &[("b.json", b"n={{seq}}")])
        .args(["run", "s.toml", "--dry-run"])
        .run()
        .expect(0, &[]);
    assert!(shown.stdout.contains("    n=1\n"), "{}", shown.stdout);
    // What is no text has no placeholders.
    let shown = bed(&template, &[("b.json", bytes)])
        .args(["run", "s.toml", "--dry-run"])
        .run()
        .expect(0, &[]);
    for words in ["Content-Length: 13", "{{nope}}\\0end"] {
        assert!(shown.stdout.contains(words), "{words}: {}", shown.stdout);
    }
    rejected(
        &template,
        &[("b.json", b"{{nope}}")],
        "11:13: request.r.body_file: ",
        &["b.json: unknown placeholder", "name it in `body_raw`"],
    );
    let both = request("r", "body = \"x\"\nbody_raw = \"b.bin\"");
    rejected(
        &both,
        &[("b.bin", bytes)],
        "12:12: request.r.body: ",
        &["one of `body`, `body_file`, `body_raw` and `form`"],
    );
}

const SECRET: &str = "row-secret-8842";

/// A login, and a request that carries a secret of each kind.
fn carrying() -> String {
    let carries = "fleet = \"cars\"\nheaders = { X-Key = \"{{trips.key}}\", Authorization = 'Basic {{base64 device.id \":\" device.secret}}', X-T = \"{{token}}\" }\nbody = '{{token}} {{base64 device.id}}'";
    LOGIN.to_owned() + &request("r", carries) + "[feed.trips]\nfile = \"t.csv\"\n"
}

#[test]
fn a_dry_run_shows_what_is_sent_and_no_secret() {
    let file: (&str, &[u8]) = ("t.csv", b"key\nrow-secret-8842\n");
    let dry = |more: &[&str]| {
        let run = bed(&carrying(), &[file]).args(["run", "s.toml", "--dry-run"]);
        run.args(more).run().expect(0, &[]).stdout
    };
    let hidden = dry(&[]);
    for words in [
        "  before the first r of a device, login:\n    GET /login HTTP/1.1\n",
        "  request 0, r:\n    POST /r HTTP/1.1\n    Host: 127.0.0.1:1\n    X-Key: [redacted]\n    Authorization: Basic [redacted]\n    X-T: [extracted]\n",
        // cars-0000
        "    [extracted] Y2Fycy0wMDAw\n",
        "  request 1, r:\n",
    ] {
        assert!(hidden.contains(words), "{words}: {hidden}");
    }
    assert_eq!(hidden.matches(", login:").count(), 1, "{hidden}");
    assert!(!hidden.contains(SECRET), "{hidden}");
    let shown = dry(&["--show-secrets"]);
    for words in [
        "X-Key: row-secret-8842",
        "Authorization: Basic Y2Fy",
        "X-T: [extracted]",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn what_failures_say_shows_secrets_only_to_who_asks() {
    let address = echo("500 No", str::to_owned);
    let more = "headers = { X-Key = \"{{trips.key}}\" }\n[feed.trips]\nfile = \"t.csv\"\n";
    let scenario = url_scenario(address, "200ms", more);
    for (flags, is_shown) in [(&[][..], false), (&["--show-secrets"][..], true)] {
        let outcome = TestBed::new()
            .file("t.csv", "key\nrow-secret-8842\n")
            .scenario(&scenario)
            .args(flags)
            .run()
            .expect(4, &["status 500"]);
        let words = &outcome.only_phase()["exemplars"]["status"];
        let words = words.as_str().unwrap();
        assert_eq!(words.contains(SECRET), is_shown, "{words}");
        assert_eq!(words.contains("X-Key: [redacted]"), !is_shown, "{words}");
    }
}

#[test]
fn a_run_counts_handshakes_under_their_own_name() {
    let address = echo("200 OK", |head| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        if path == "/login" {
            "{\"token\":\"t1\"}".to_owned()
        } else {
            "{}".to_owned()
        }
    });
    let requests = "fleet = \"cars\"\nheaders = { X-T = \"{{token}}\" }\nexpect = { status = 200, body = { json = { \"/ok\" = true } } }";
    let text = LOGIN.to_owned() + &request("r", requests);
    let scenario = format!(
        "name = \"t\"\ntarget.url = \"http://{address}\"\nload = {{ model = \"closed\", connections = 2, requests = 10, workers = 1 }}\n[fleet.cars]\ndevices = 2\n{text}"
    );
    let outcome = TestBed::new()
        .scenario(&scenario)
        .run()
        .expect(1, &["a threshold failed"]);
    let phase = outcome.only_phase();
    let of = |name: &str| phase["per_request"][name]["requests"].clone();
    assert_eq!(
        (&of("login")["ok"], &of("r")["due"]),
        (&2.into(), &10.into()),
        "{phase:#}"
    );
    assert_eq!(phase["errors"]["body"], 10);
    assert_eq!(
        phase["exemplars"]["body"],
        "/ok is missing and should be true: {}"
    );
}
