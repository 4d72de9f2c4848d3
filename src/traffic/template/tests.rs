//! What placeholders become, what is hidden of them, and which are refused.

use std::sync::Arc;

use super::*;
use crate::traffic::feeds::{Feed, Format, RowOrder};
use crate::traffic::fleet::Device;
use crate::traffic::variable::Variables;
use proptest::prelude::*;

const CSV: &[u8] = b"vin,note\nA1,x\nB2,yy\n";

fn feed() -> Arc<Feed> {
    let feed = Feed::read("cars", CSV, Format::Csv, RowOrder::RoundRobin).unwrap();
    Arc::new(feed)
}

fn compile(text: &str, has_fleet: bool) -> Result<Template, TemplateError> {
    let scope = Scope {
        has_fleet,
        feeds: &[feed()],
        variables: &["token".to_owned()],
    };
    Template::compile(text, 1, &scope)
}

/// Variable 0 of device 0 is `t0k`.
fn rendered(text: &str, seq: u64) -> String {
    let mut variables = Variables::new([1]);
    variables.set(0, 0, b"t0k", 1);
    let values = Values {
        seq,
        seed: 42,
        device: Some(Device::fixed(b"car-0007", b"hunter2")),
        variables: &variables,
    };
    let mut out = Vec::new();
    compile(text, true).unwrap().append(&values, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn stretches_of_load_share_their_values_but_no_identifiers() {
    let sent = |text: &str, stretch: u32| {
        let mut template = compile(text, false).unwrap();
        template.stamp(Stamp { run: 1, stretch });
        let values = Values {
            seq: 3,
            seed: 42,
            device: None,
            variables: &Variables::new([]),
        };
        let mut out = Vec::new();
        template.append(&values, &mut out);
        out
    };
    for unique in ["{{uuid}}", "{{base64 uuid}}"] {
        assert_eq!(sent(unique, 0), sent(unique, 0));
        assert_ne!(sent(unique, 0), sent(unique, 1));
    }
    let drawn = "{{int 0 1000000}} {{choice a b c d e f g h}}";
    assert_eq!(sent(drawn, 0), sent(drawn, 1));
}

#[test]
fn placeholders_become_values() {
    for (text, expected) in [
        ("plain {x} }}", "plain {x} }}"),
        ("{{device.id}}/{{ device.secret }}", "car-0007/hunter2"),
        (r#"{"seq":{{seq}}}"#, r#"{"seq":5}"#),
        ("{{int 7 7}}", "7"),
        ("{{int -3 -3}}", "-3"),
        ("{{float 1.5 1.5}}", "1.500"),
        ("{{float -0.25 -0.25 2}}", "-0.25"),
        ("{{choice only}}", "only"),
        ("{{cars.vin}} {{cars.note}}", "B2 yy"),
        ("{{token}}", "t0k"),
        // car-0007:hunter2
        (
            r#"{{base64 device.id ":" device.secret}}"#,
            "Y2FyLTAwMDc6aHVudGVyMg==",
        ),
        ("x{{base64 token}}y", "xdDBry"),
        ("{{base64 'a b'   seq \"\"}}", "YSBiNQ=="),
        ("{{base64 \"\"}}", ""),
        (r#"{{"{{"}}seq}}{{ '"' }}"#, r#"{{seq}}""#),
    ] {
        assert_eq!(rendered(text, 5), expected, "{text}");
    }
}

#[test]
fn a_path_holds_nothing_that_ends_it() {
    for (text, expected) in [
        ("/a%20b", "/a%20b"),
        ("/ä b#\u{7f}", "/%C3%A4%20b%23%7F"),
        ("/{{token}}/{{cars.note}}/{{choice ü ü}}", "/t0k/yy/%C3%BC"),
    ] {
        let mut variables = Variables::new([1]);
        variables.set(0, 0, b"t0k", 1);
        let values = Values {
            seq: 5,
            seed: 42,
            device: Some(Device::fixed(b"car-0007", b"hunter2")),
            variables: &variables,
        };
        let mut out = b"GET ".to_vec();
        let template = compile(text, true).unwrap().percent_encoded();
        template.append(&values, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("GET {expected}"));
    }
    let hidden = compile("/{{token}}{{cars.vin}}", true)
        .unwrap()
        .percent_encoded();
    let shown = hidden
        .parts()
        .iter()
        .filter_map(|part| part.literal(Secrets::Redacted));
    let shown: Vec<u8> = shown.flatten().copied().collect();
    assert_eq!(shown, b"/[extracted][redacted]");
}

proptest! {
    #[test]
    fn what_is_typed_is_sent_as_it_is_but_for_placeholders(text in "[a-z{} \"'.]{0,40}") {
        let template = literal_unless_known(&text, &[], &mut Vec::new());
        let known = ["seq", "stretch", "run", "uuid", "now", "int", "float", "choice", "base64", "device.", "env.", "'", "\""];
        if !known.iter().any(|word| text.contains(word)) {
            prop_assert_eq!(rendered(&template, 0), text);
        }
    }
}

#[test]
fn random_values_depend_on_seed_and_number_alone_and_stay_in_range() {
    for n in 0..500 {
        let value: i64 = rendered("{{int 0 180}}", n).parse().unwrap();
        assert!((0..=180).contains(&value));
        let value: f64 = rendered("{{float -1 1}}", n).parse().unwrap();
        assert!((-1.0..=1.0).contains(&value));
    }
    assert_eq!(
        rendered("{{uuid}} {{int 0 1000000}}", 3),
        rendered("{{uuid}} {{int 0 1000000}}", 3)
    );
    assert_ne!(rendered("{{uuid}}", 3), rendered("{{uuid}}", 4));
    assert_ne!(
        rendered("{{int 0 1000000000}}", 3),
        rendered(" {{int 0 1000000000}}", 3).trim()
    );
}

#[test]
fn secrets_are_replaced_where_people_read() {
    let text = "a{{device.secret}}{{cars.vin}}{{base64 device.secret}}{{token}}{{device.id}}";
    let template = compile(text, true).unwrap();
    let literals = |secrets| -> Vec<Option<String>> {
        let literal = |part: &Part| {
            part.literal(secrets)
                .map(String::from_utf8_lossy)
                .map(String::from)
        };
        template.parts().iter().map(literal).collect()
    };
    let shown = literals(Secrets::Redacted);
    let shown: Vec<Option<&str>> = shown.iter().map(Option::as_deref).collect();
    let hidden = Some("[redacted]");
    assert_eq!(
        shown,
        [Some("a"), hidden, hidden, hidden, Some("[extracted]"), None]
    );
    assert_eq!(literals(Secrets::Sent)[1..], [const { None }; 5]);
}

#[test]
fn every_secret_is_told_encoded_and_plain() {
    let template = compile("{{cars.vin}} {{base64 token device.secret}} {{seq}}", true).unwrap();
    let mut variables = Variables::new([1]);
    variables.set(0, 0, b"t0k", 1);
    let values = Values {
        seq: 0,
        seed: 42,
        device: Some(Device::fixed(b"car-0007", b"hunter2")),
        variables: &variables,
    };
    let mut told = Vec::new();
    template.each_secret(&values, &mut |secret| told.push(secret.to_vec()));
    let told: Vec<_> = told
        .iter()
        .map(|secret| std::str::from_utf8(secret).unwrap())
        .collect();
    assert_eq!(told, ["A1", "t0k", "hunter2", "A1", "dDBraHVudGVyMg=="]);
}

#[test]
fn a_width_that_is_told_is_that_of_every_value() {
    for text in [
        "{{int 100 999}}",
        "{{int -99 -10}}",
        "{{float 10 99.9 1}}",
        "{{uuid}}",
        "{{now}}",
        "{{now unix}}",
        "{{now unix_ms}}",
        "{{now unix_ns}}",
        "{{choice ab cd}}",
        "{{base64 uuid \"x\"}}",
    ] {
        let template = compile(text, true).unwrap();
        let [part] = template.parts() else {
            panic!("{text} is one part");
        };
        let width = part.width(None).unwrap();
        for n in 0..200 {
            assert_eq!(rendered(text, n).len(), width, "{text}");
        }
    }
    for text in [
        "{{seq}}",
        "{{int 0 180}}",
        "{{int -9 9}}",
        "{{float -1 1}}",
        "{{int -9223372036854775808 9223372036854775807}}",
        "{{choice a bc}}",
        "{{token}}",
        "{{cars.vin}}",
        "{{base64 seq}}",
        "{{device.id}}",
    ] {
        assert_eq!(
            compile(text, true).unwrap().parts()[0].width(None),
            None,
            "{text}"
        );
    }
}

#[test]
fn bad_placeholders_are_refused_with_place_and_remedy() {
    for (text, offset, part) in [
        (
            "ab {{nope}}",
            3,
            "unknown placeholder `{{nope}}`; known are device.id",
        ),
        ("{{int 5}}", 0, "unknown placeholder"),
        ("{{int 5 1}}", 0, "A <= B"),
        ("{{int 1.5 2}}", 0, "integers"),
        ("x{{seq", 1, "without `}}`"),
        ("{{}}", 0, "empty placeholder"),
        (
            "{{env.TELEMLOAD_NOT_SET}}",
            0,
            "TELEMLOAD_NOT_SET is not set",
        ),
        ("{{now later}}", 0, "unknown placeholder"),
        ("{{float 0 1 10}}", 0, "at most 9 decimals"),
        ("{{cars.nope}}", 0, "no column `nope`; it has vin, note"),
        ("{{vans.vin}}", 0, "unknown placeholder"),
        ("{{tokn}}", 0, "what requests extract (token)"),
        ("{{base64}}", 0, "write `base64` and then"),
        ("{{base64 \"a}}", 0, "texts in quotes"),
        ("{{base64 \"a\"seq}}", 0, "spaces between them"),
        ("{{base64 nope}}", 0, "unknown placeholder `{{nope}}`"),
        ("{{base64 int 1 2}}", 0, "unknown placeholder `{{int}}`"),
    ] {
        let error = compile(text, true).unwrap_err();
        assert_eq!(error.offset, offset, "{text}");
        assert!(error.message.contains(part), "{text}: {}", error.message);
    }
    for text in ["{{device.id}}", "{{token}}", "{{base64 device.secret}}"] {
        let error = compile(text, false).unwrap_err();
        assert!(error.message.contains("needs a fleet"), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_compiles_or_is_refused(text in "[ -~{}]{0,60}") {
        let _ = compile(&text, true);
    }

    #[test]
    fn text_without_braces_is_sent_as_it_is(text in "[^{}]{0,60}") {
        prop_assert_eq!(rendered(&text, 0), text);
    }
}
