//! What the schema says beside the kinds of values: the words of the documentation, which values a text may have, and what the
//! values are that have several kinds.

use serde_json::{Value, json};

const PAGE: &str = include_str!("../../../docs/reference/scenario.md");

/// The heading under which the keys of a table stand.
fn heading(table: &str) -> &'static str {
    match table {
        "File" => "## Keys",
        "Target" => "### `[target]`",
        "Tls" => "#### `target.tls`",
        "Config" => "#### `target.gateway`",
        "Service" => "### `[[service]]`",
        "Host" => "### `[[host]]`",
        "Fleet" => "### `[fleet.NAME]`",
        "Feed" => "### `[feed.NAME]`",
        "Phase" => "### `[[phase]]`",
        "Load" => "### `[load]`",
        "Stage" => "#### `stages`",
        "StopWhen" => "#### `stop_when`",
        "Request" => "### `[[request]]`",
        "Chunks" => "#### `body_chunks`",
        "Expect" | "ExpectBody" => "#### `expect`",
        "Profile" => "### `[profile]`",
        "Variant" => "### `[[variant]]`",
        "Compare" => "### `[[compare]]`",
        "Threshold" => "### `[[threshold]]`",
        "Gate" => "### `[gate]`",
        "Metric" => "#### `[[gate.metric]]`",
        "Cost" => "### `[cost]`",
        other => panic!("say in schema/words.rs under which heading the keys of {other} stand"),
    }
}

/// What the documentation says of a key: the row of the table under its heading.
pub(super) fn description(table: &str, key: &str) -> String {
    let heading = heading(table);
    let wanted = match table {
        "ExpectBody" => format!("body.{key}"),
        _ => key.to_owned(),
    };
    let mut lines = PAGE.lines().skip_while(|line| !line.starts_with(heading));
    assert!(
        lines.next().is_some(),
        "docs/reference/scenario.md has no {heading}"
    );
    let row = lines
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'))
        .map(|row| row.split(" | ").map(str::trim).collect::<Vec<_>>())
        .find(|cells| names(cells[0]).any(|name| name == wanted));
    let Some(row) = row else {
        panic!("docs/reference/scenario.md has no row for `{wanted}` under {heading}");
    };
    let meaning = plain(row[1]);
    match row.get(2).map(|default| plain(default)) {
        None => meaning,
        Some(default) if default.is_empty() => meaning,
        Some(default) if default.starts_with("required") => format!("{meaning} ({default})"),
        Some(default) => format!("{meaning} (default: {default})"),
    }
}

/// The keys of a row's first cell: `` `[[service]]` `` is `service`.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.map(|name| {
        name.trim_matches(['[', ']'])
            .trim_end_matches(".NAME")
            .trim_start_matches("gate.")
    })
}

/// Without the targets of links, which lead nowhere in an editor.
fn plain(cell: &str) -> String {
    let mut plain = String::new();
    let mut rest = cell.trim();
    while let Some(at) = rest.find("](") {
        let open = rest[..at].rfind('[').unwrap_or(at);
        let end = rest[at..].find(')').map_or(rest.len(), |end| at + end + 1);
        plain += &rest[..open];
        plain += rest[..at].get(open + 1..).unwrap_or_default();
        rest = &rest[end..];
    }
    plain + rest
}

/// Keys whose texts are words, the words, and a scenario's lines with `WORD` in the place of one.
pub(super) const WORDS: [(&str, &str, &[&str], &str); 9] = [
    (
        "File",
        "judge",
        &["interval", "value"],
        "judge = \"WORD\"\n",
    ),
    (
        "File",
        "order",
        &["turns", "one-by-one"],
        "order = \"WORD\"\n",
    ),
    (
        "Threshold",
        "judge",
        &["interval", "value"],
        "[[threshold]]\nexpr = \"latency.p99 < 1s\"\njudge = \"WORD\"\n",
    ),
    (
        "Load",
        "model",
        &["closed", "open"],
        "[load]\nmodel = \"WORD\"\nconnections = 1\nduration = \"1s\"\n",
    ),
    (
        "Feed",
        "order",
        &["round-robin", "random"],
        "[feed.rows]\nfile = \"rows.csv\"\norder = \"WORD\"\n",
    ),
    (
        "Profile",
        "cpu",
        &["pprof", "perf"],
        "[profile]\ncpu = \"WORD\"\n",
    ),
    (
        "Profile",
        "also",
        &["block", "mutex", "heap", "goroutine", "off-cpu"],
        "[profile]\ncpu = \"pprof\"\nurl = \"http://127.0.0.1:1/profile\"\nalso = [\"WORD\"]\n",
    ),
    (
        "Gate",
        "on_inconclusive",
        &["exit", "pass", "fail"],
        "[gate]\non_inconclusive = \"WORD\"\n",
    ),
    (
        "Gate",
        "answers",
        &["alike", "may-differ"],
        "[gate]\nanswers = \"WORD\"\n",
    ),
];

/// Keys of tables that a program hands over and that no scenario may have.
pub(super) const REFUSED: [(&str, &str); 2] = [("Config", "digest_key"), ("Config", "token_key")];

/// What a text is like. Never narrower than what reads it.
pub(super) fn text(expected: &str) -> Value {
    let pattern = match expected.split(';').next().unwrap_or_default() {
        "a duration" => r"[0-9].*[A-Za-zµμ:]",
        "a rate" => r"[0-9].*/",
        "a share" => "[0-9]",
        "a string" => return json!({ "type": "string" }),
        other => panic!("say in schema/words.rs what {other:?} is like"),
    };
    json!({ "type": "string", "pattern": pattern })
}

/// What a value of several kinds is, by what its reader expects.
pub(super) fn either(expected: &str) -> Value {
    let table = |key: &str, value: Value| json!({ "type": "object", "properties": { key: value }, "required": [key], "additionalProperties": false });
    let text = || json!({ "type": "string" });
    let duration = || self::text("a duration");
    let texts = |one: Value| json!({ "anyOf": [one, { "type": "array", "items": one }] });
    let whole = |most: u64| json!({ "type": "integer", "minimum": 0, "maximum": most });
    match expected {
        "any valid JSON value" => json!({}),
        "a string, or a list of strings" => texts(text()),
        "a status such as 200, or a list such as [200, 201]" => texts(whole(u16::MAX.into())),
        "a text, or { matches = \"PATTERN\" }" => {
            json!({ "anyOf": [text(), table("matches", text())] })
        }
        "\"constant\", \"poisson\" or { burst = 100 }" => {
            json!({ "anyOf": [{ "enum": ["constant", "poisson"] }, table("burst", whole(u32::MAX.into()))] })
        }
        "\"round-robin\", \"uniform\" or { zipf = 1.1 }" => {
            let exponent =
                json!({ "type": "number", "minimum": 0, "exclusiveMinimum": true, "maximum": 10 });
            json!({ "anyOf": [{ "enum": ["round-robin", "uniform"] }, table("zipf", exponent)] })
        }
        "use true, false or a share such as \"30%\"" => {
            json!({ "anyOf": [{ "type": "boolean" }, self::text("a share")] })
        }
        "use true, false or { after = \"10s\" }" => {
            json!({ "anyOf": [{ "type": "boolean" }, table("after", duration())] })
        }
        "use a number of blocks such as 1, or \"never\"" => {
            json!({ "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 20 }, { "enum": ["never"] }] })
        }
        "a text, or { file = \"photo.jpg\", type = \"image/jpeg\" }, or a list of these" => {
            let keys = ["value", "file", "filename", "type"].map(|key| (key.to_owned(), text()));
            let keys: serde_json::Map<_, _> = keys.into_iter().collect();
            texts(
                json!({ "anyOf": [text(), { "type": "object", "properties": keys, "additionalProperties": false }] }),
            )
        }
        other => panic!("say in schema/words.rs what {other:?} is"),
    }
}
