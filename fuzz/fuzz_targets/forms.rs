//! Whatever the fields of a form hold, a reader of multipart/form-data finds them again, byte for byte; and what a credential's name
//! stands before is shown neither of that form nor of a text that has it somewhere.
//!
//! An input is lines: an odd one names a field, the line behind it is its value. `\n` in them is a line's end.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use telemload::engine::{Rendered, Source};
use telemload::scenario::{Overrides, parse};
use telemload::traffic::fleet::Roster;
use telemload::traffic::redact::{visible, without_credentials};
use telemload::traffic::template::Secrets;

const HIDDEN: &str = "Q7w8Hunter2zKx9";

fuzz_target!(|text: &str| {
    if text.contains(HIDDEN) || text.contains("{{") {
        return;
    }
    hides(text);
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.replace("\\n", "\r\n"))
        .collect();
    let mut fields: Vec<(String, String)> = Vec::new();
    for pair in lines.chunks_exact(2).take(8) {
        // A key stands once in a table.
        if fields.iter().all(|(name, _)| *name != pair[0]) {
            fields.push((pair[0].clone(), pair[1].clone()));
        }
    }
    fields.retain(|(name, _)| name != "password");
    fields.push(("password".to_owned(), HIDDEN.to_owned()));
    // A scenario may refuse a name.
    let Some(request) = rendered(&fields) else {
        return;
    };
    let (boundary, found) = read(&request);
    assert_eq!(found.len(), fields.len());
    for ((head, content), (name, value)) in found.iter().zip(&fields) {
        let name = name
            .replace('"', "%22")
            .replace('\r', "%0D")
            .replace('\n', "%0A");
        assert_eq!(
            *head,
            format!("Content-Disposition: form-data; name=\"{name}\"\r\n")
        );
        assert_eq!(*content, value);
        assert!(!value.contains(&boundary));
    }
    assert!(!without_credentials(&request).contains(HIDDEN));
});

/// A credential behind any text, cut off anywhere.
fn hides(text: &str) {
    let after = [
        format!("\npassword={HIDDEN}\n"),
        format!("\n{{\"api_key\":\"{HIDDEN}\"}}\n"),
        format!("\r\nAuthorization: Bearer {HIDDEN}\r\n"),
        format!(
            "\r\n--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{HIDDEN}\r\n--b--"
        ),
    ];
    for credential in after {
        for whole in [
            format!("{text}{credential}"),
            format!("{text}{credential}{text}"),
        ] {
            let shown = without_credentials(&whole);
            assert!(!shown.contains(HIDDEN), "{whole:?} is shown as {shown:?}");
        }
    }
    assert!(!visible(text).chars().any(char::is_control));
}

/// The request that a scenario with this form sends.
fn rendered(fields: &[(String, String)]) -> Option<String> {
    // Strings of JSON are such of TOML, but for one character.
    let quoted = |text: &str| {
        let text = serde_json::to_string(text).expect("text");
        text.replace('\u{7f}', "\\u007f")
    };
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{} = {}", quoted(name), quoted(value)))
        .collect();
    let scenario = format!(
        "name = \"f\"\ntarget.url = \"http://127.0.0.1:1\"\nload = {{ model = \"closed\", connections = 1, duration = \"1s\" }}\n[[request]]\nname = \"r\"\nmethod = \"POST\"\npath = \"/\"\nform = {{ {} }}\n",
        fields.join(", ")
    );
    let plan = parse("f.toml", &scenario, Path::new("."), &Overrides::default()).ok()?;
    let variant = &plan.variants[0];
    let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
    let requests = variant.requests.clone().into();
    let mut source = Source::new(requests, rosters.into(), "h", 1, Secrets::Sent);
    let mut out = Rendered::default();
    source.render(0, 0, &mut out);
    Some(String::from_utf8(out.bytes().to_vec()).expect("fields are text"))
}

/// The boundary, and the head and content of each field, as RFC 2046 says.
fn read(request: &str) -> (String, Vec<(&str, &str)>) {
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    let (_, boundary) = head.split_once("boundary=").expect("a boundary");
    let boundary = boundary.lines().next().expect("a line").to_owned();
    let body = body
        .strip_prefix(&format!("--{boundary}\r\n"))
        .expect("a first line");
    let body = body
        .strip_suffix(&format!("\r\n--{boundary}--\r\n"))
        .expect("a last line");
    let fields = body
        .split(&format!("\r\n--{boundary}\r\n"))
        .map(|field| {
            let end = field.find("\r\n\r\n").expect("a blank line");
            (&field[..end + 2], &field[end + 4..])
        })
        .collect();
    (boundary, fields)
}
