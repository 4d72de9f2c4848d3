//! What strangers' recordings may do to a scenario: read, marked and drafted in one go. Here is what they may bring to light.

mod reading;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::scenario;

/// Everything that an import shows of a recording.
struct Shown {
    scenario: String,
    files: String,
    told: String,
    sample: Sample,
}

impl Shown {
    fn all(&self) -> String {
        format!("{}\n{}\n{}", self.scenario, self.files, self.told)
    }
}

fn made_with(bytes: &[u8], options: &Options<'_>) -> Shown {
    let mut sample = read("recorded", bytes, options).expect("it can be read");
    let choice = Choice {
        name: "x".to_owned(),
        folder: "x-files".to_owned(),
        ..Choice::default()
    };
    let draft = draft(&mut sample, &choice).expect("there is something to send");
    let files = draft.files.values();
    assert_sound(&draft);
    Shown {
        scenario: draft.scenario.clone(),
        files: files
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect(),
        told: format!("{:?} {:?} {:?}", draft.replaced, sample.notes, draft.notes),
        sample,
    }
}

/// What is written is a scenario, once the environment is filled in.
#[track_caller]
fn assert_sound(draft: &Draft) {
    let scratch = tempfile::tempdir().expect("a directory");
    let folder = scratch.path().join("x-files");
    std::fs::create_dir(&folder).expect("a directory");
    for (name, bytes) in &draft.files {
        std::fs::write(folder.join(name), bytes).expect("a file");
    }
    let filled = draft
        .variables
        .iter()
        .fold(draft.scenario.clone(), |text, name| {
            text.replace(&format!("{{{{env.{name}}}}}"), "filled-in")
        });
    let parsed = scenario::parse(
        "x.toml",
        &filled,
        scratch.path(),
        &scenario::Overrides::default(),
    );
    if let Err(error) = parsed {
        panic!("{error}\n{filled}");
    }
}

fn made(text: &str) -> Shown {
    made_with(text.as_bytes(), &Options::default())
}

/// An archive of requests, each a JSON object.
fn archive(requests: &[serde_json::Value]) -> String {
    let entries: Vec<_> = requests
        .iter()
        .map(|request| {
            serde_json::json!({
                "startedDateTime": "2024-05-26T11:42:52.601Z",
                "request": request,
                "response": {"status": 200},
            })
        })
        .collect();
    serde_json::json!({"log": {"entries": entries}}).to_string()
}

fn post(text: &str) -> serde_json::Value {
    serde_json::json!({
        "method": "POST", "url": "https://a.test/x",
        "headers": [{"name": "Content-Type", "value": "text/plain"}],
        "postData": {"mimeType": "text/plain", "text": text},
    })
}

fn get(url: &str, headers: &[(&str, &str)]) -> serde_json::Value {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| serde_json::json!({"name": name, "value": value}))
        .collect();
    serde_json::json!({"method": "GET", "url": url, "headers": headers})
}

/// Texts that look like marks: of variables, of placeholders, of secrets that are there and that are not.
fn forged() -> Vec<String> {
    [
        "$AWS_SECRET",
        "$A}} {{uuid",
        "0",
        "000",
        "99999999999999999999",
        "$",
        "",
    ]
    .iter()
    .map(|within| format!("éééééé \u{f8fe}{within}\u{f8ff} \u{f8fe}"))
    .collect()
}

/// A text as a template holds it, which sends it as it is.
fn templated(text: &str) -> String {
    text.replace("{{", "{{\\\"{{\\\"}}")
}

#[test]
fn no_recording_has_a_mark_of_its_own() {
    for forged in forged() {
        let encoded = |text: &str| STANDARD.encode(text);
        let mut in_base64 = post(&encoded(&forged));
        in_base64["postData"]["encoding"] = "base64".into();
        let param = serde_json::json!({
            "method": "POST", "url": "https://a.test/x", "headers": [],
            "postData": {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": forged, "value": forged}]},
        });
        let log = format!(
            "198.18.0.1 - - [22/Jan/2019:00:26:14 +0000] \"GET /{forged} HTTP/1.1\" 200 1 \"-\" \"{forged}\""
        );
        let header = get(
            &format!("https://a.test/{forged}?{forged}"),
            &[
                ("X-A", &forged),
                ("Authorization", "Bearer hush-4711-hush"),
                ("Cookie", &forged),
            ],
        );
        let escapes: String = forged
            .chars()
            .map(|c| format!("\\U{:08x}", u32::from(c)))
            .collect();
        let codes: String = forged
            .chars()
            .map(|c| format!("$([char]{})", u32::from(c)))
            .collect();
        let texts = [
            archive(&[in_base64]),
            archive(&[post(&forged), param]),
            archive(&[header]),
            log,
            format!("curl https://a.test/ -d $'{escapes}' -H $'X: {escapes}' -u $'{escapes}'"),
            format!("Invoke-WebRequest -Uri \"https://a.test/\" -Method POST -Body \"{codes}\""),
            format!("curl https://a.test/ -d @file -d {}", "x"),
        ];
        for text in texts {
            let file = |_: &str| Ok(forged.clone().into_bytes());
            let options = Options {
                files: Some(&file),
                ..Options::default()
            };
            let shown = made_with(text.as_bytes(), &options);
            let scenario = shown
                .scenario
                .replace("{{env.AUTHORIZATION}}", "")
                .replace("{{env.COOKIE}}", "");
            let scenario = scenario.replace("{{\\\"{{\\\"}}", "");
            assert!(
                !scenario.contains("{{env.") && !scenario.contains("{{uuid"),
                "{text}: {scenario}"
            );
            // It is text like any other.
            let all = shown.all();
            assert!(
                all.contains(&templated(&forged))
                    || all.contains("%20\u{f8fe}")
                    || all.contains(&forged),
                "{text}: {all}"
            );
        }
    }
}

#[test]
fn no_output_names_a_value() {
    let cases = [
        archive(&[post("{\"to\":[\"ann.hush@mail.example\",\"bob@b.example\"],\"x\":\"password=hush4711x +491701234567\"}")]),
        archive(&[post("hush-4711-hush bob@b.example")]),
        archive(&[post("Bearer hush-4711-hush=+491701234567")]),
        archive(&[get("https://a.test/", &[("Cookie", "sid=abc; hush4711noequals; x=\"hush4711;hush0815\"")])]),
        "curl --user=ann:hush4711 https://a.test/ --oauth2-bearer=hush4711 --unknown-token=hush4711 --hush4711".to_owned(),
        "curl https://a.test/ -d @hush4711 --data-urlencode password@hush4711 -H 'hush4711'".to_owned(),
    ];
    for text in cases {
        let file = |_: &str| Err("it cannot be read".to_owned());
        let options = Options {
            files: Some(&file),
            ..Options::default()
        };
        let shown = made_with(text.as_bytes(), &options);
        assert!(
            !shown.told.contains("hush") && !shown.told.contains("HUSH"),
            "{text}: {}",
            shown.told
        );
        assert!(
            !shown.scenario.contains("HUSH"),
            "{text}: {}",
            shown.scenario
        );
    }
    let shown = made("curl --user=ann:hush4711 https://a.test/");
    assert!(shown.told.contains("`--user`"), "{}", shown.told);
    let shown = made(&archive(&[post("{\"user\":{\"api_key\": \"hush-4711\"}}")]));
    assert!(shown.told.contains("body api_key"), "{}", shown.told);
}

#[test]
fn credentials_in_paths_are_found_wherever_the_path_stands() {
    for path in [
        "/services/T00000000/B00000000/HUSHXXXXadfADFa9d8f7a",
        "/api/webhooks/123456789012345678/HUSH_adfadf87a9d8f7a9d8f7a9d8f7-adf",
        "/bot123456789:HUSHAAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage",
        "/bot123456789%3AHUSHAAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage",
        "/reset/HUSHa9d8f7a9d8f7a9d8f7a9d8f7",
        "/login/ann/password/HUSH49a9",
    ] {
        for request in [
            get(&format!("https://a.test{path}?x=1"), &[]),
            get(
                "https://a.test/",
                &[("Referer", &format!("https://a.test{path}"))],
            ),
            get("https://a.test/", &[("X-Original-URL", path)]),
            get(
                "https://a.test/",
                &[("Link", &format!("<https://a.test{path}>; rel=next"))],
            ),
            post(&format!("{{\"callback\":\"https://a.test{path}\"}}")),
        ] {
            let shown = made(&archive(std::slice::from_ref(&request)));
            assert!(!shown.all().contains("HUSH"), "{request}: {}", shown.all());
        }
    }
    for path in [
        "/services/orders/4711/items",
        "/v1/bot/settings",
        "/session/refresh/list",
    ] {
        let shown = made(&archive(&[get(&format!("https://a.test{path}"), &[])]));
        assert!(shown.scenario.contains(path), "{}", shown.scenario);
    }
}

#[test]
fn names_are_known_however_they_are_written() {
    for request in [
        get("https://a.test/x?pass%77ord=HUSH01", &[]),
        get("https://a.test/", &[("X-Remote-User", "HUSH02")]),
        get("https://a.test/", &[("X-Forwarded-User", "HUSH03")]),
        get("https://a.test/", &[("Remote-User", "HUSH04")]),
        post("{\"pass\\u0077ord\":\"HUSH05\"}"),
        post("cvv=HUSH06&psw=HUSH07&cvc=HUSH08&x=1"),
        post("p%61ssw%6frd=HUSH%30%39&x=1"),
        post("{\"first\\u004eame\":\"HUSH10\"}"),
        post("{\"first name\":\"HUSH11\"}"),
        post("{\n \"password\"  :\n   \"HUSH12 HUSH13\",\n \"pin\":\r\n 1\n}"),
    ] {
        let shown = made(&archive(std::slice::from_ref(&request)));
        assert!(!shown.all().contains("HUSH"), "{request}: {}", shown.all());
    }
    // What is encoded and no name stays as it is.
    let kept = "/a%41?x=%42%43&y=%7B%22n%22%3A1%7D";
    let shown = made(&archive(&[get(&format!("https://a.test{kept}"), &[])]));
    assert!(shown.scenario.contains(kept), "{}", shown.scenario);
}

#[test]
fn a_value_is_found_again_whatever_stands_beside_it() {
    let again = get(
        "https://a.test/z/hush-4711%2Fhush?x=aHVzaC00NzExL2h1c2g",
        &[],
    );
    let password = "{\"password\":\"hush-4711/hush\"}";
    let shown_of = |mut others: Vec<serde_json::Value>| {
        others.push(post(password));
        others.push(again.clone());
        others.push(get("https://a.test/z", &[("X-Z", "see hush-4711/hush")]));
        made(&archive(&others))
    };
    // A value of megabytes is no reason to look for none.
    let large: String = (0..100_000_u64)
        .map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    let body = format!("{{\"access_token\":\"{large}\"}}");
    // Nor are many values.
    let many = |count: usize| -> Vec<serde_json::Value> {
        let body = |n: usize| format!("{{\"password\":\"p{n:06}abcdefgh\"}}");
        (0..count).map(|n| post(&body(n))).collect()
    };
    for others in [vec![post(&body)], many(10), many(1500)] {
        let shown = shown_of(others);
        assert!(
            !shown.all().contains("hush") && !shown.all().contains("aHVzaC"),
            "{}",
            shown.told
        );
        assert!(
            !shown.told.contains("other ways of writing"),
            "{}",
            shown.told
        );
    }
    // Of very many bytes the recorded forms alone are looked for, and a note says so.
    let long = |n: usize| format!("{{\"password\":\"{n}{}\"}}", "x".repeat(4000));
    let shown = shown_of((0..900).map(|n| post(&long(n))).collect());
    assert!(!shown.all().contains("hush-4711/hush"));
    assert!(
        shown.told.contains("other ways of writing"),
        "{}",
        shown.told
    );
}

#[test]
fn a_value_that_is_a_key_elsewhere_spoils_no_key() {
    let shown = made(&archive(&[
        post("{\"password\":\"password\",\"username\":\"username\"}"),
        post("{\"password\":\"hush-4711\",\"username\":\"ann\",\"n\":1}"),
    ]));
    assert!(!shown.all().contains("hush-4711"), "{}", shown.all());
    let keys = shown.all().matches("\\\"password\\\":").count();
    assert_eq!(keys, 2, "{}", shown.all());
}

#[test]
fn what_is_sent_is_counted_and_what_is_not_is_searched() {
    let bearer = |host: &str, token: &str| {
        let token = format!("Bearer {token}");
        get(&format!("https://{host}/x"), &[("Authorization", &token)])
    };
    let shown = made(&archive(&[
        bearer("a.test", "hush-4711-a"),
        bearer("a.test", "hush-4711-a"),
        bearer("b.test", "hush-4711-b"),
        get("https://a.test/y", &[("X-Z", "see hush-4711-b")]),
    ]));
    assert!(
        shown.scenario.contains("Bearer {{env.AUTHORIZATION}}"),
        "{}",
        shown.scenario
    );
    assert!(!shown.all().contains("hush"), "{}", shown.all());
}
