//! What is a document, what is not and why, and what is stored of it.

use proptest::collection::{hash_set, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn refused(body: impl AsRef<[u8]>) -> String {
    decode(body.as_ref()).unwrap_err().to_string()
}

#[test]
fn documents_are_decoded_as_they_came() {
    let body =
        r#" {"payloads" : [ {"speed":1e3, "id":"a"} ,{"id":"\u0062\/"}], "device":"car-1"} "#;
    let document = decode(body.as_bytes()).unwrap();
    assert_eq!(document.device.as_deref(), Some("car-1"));
    let found: Vec<_> = document
        .payloads
        .iter()
        .map(|one| (&*one.id, one.raw))
        .collect();
    assert_eq!(
        found,
        [
            ("a", r#"{"speed":1e3, "id":"a"}"#),
            ("b/", r#"{"id":"\u0062\/"}"#)
        ]
    );
    let without = decode(br#"{"payloads":[{"id":"a"}]}"#).unwrap();
    assert_eq!(without.device, None);
}

#[test]
fn hostile_bodies_are_refused_in_words() {
    let deep = format!(
        r#"{{"payloads":[{{"id":"a","x":{}1{}}}]}}"#,
        "[".repeat(40),
        "]".repeat(40)
    );
    let bottomless = format!(r#"{{"payloads":[{{"id":"a","x":{}"#, "[".repeat(60_000));
    let many = |count: usize| {
        let ids: Vec<Value> = (0..count).map(|n| json!({ "id": n.to_string() })).collect();
        json!({ "payloads": ids }).to_string()
    };
    let payload = |text: &str| format!(r#"{{"payloads":[{{"id":"ok"}},{text}]}}"#);
    let long = payload(&format!(r#"{{"id":"{}"}}"#, "x".repeat(MAX_ID + 1)));
    let digits = payload(&format!(r#"{{"id":"a","x":{}}}"#, "9".repeat(400)));
    let twenty = many(20).replacen("\"19\"", "\"4\"", 1);
    let malformed =
        "body is not a document such as {\"device\":\"d\",\"payloads\":[{\"id\":\"p\"}]}: ";
    let table: Vec<(Vec<u8>, String)> = vec![
        (b"{\"payloads\":[{\"id\":\"\xff\"}]}".to_vec(), "body is not utf-8: it goes wrong at byte 20".into()),
        ("".into(), format!("{malformed}EOF while parsing a value at line 1 column 0")),
        ("[]".into(), format!("{malformed}invalid type: sequence, expected an object at line 1 column 0")),
        ("{}".into(), format!("{malformed}missing field `payloads` at line 1 column 2")),
        (r#"{"payloads":7}"#.into(), format!("{malformed}invalid type: integer `7`, expected an array of payloads at line 1 column 13")),
        (r#"{"payloads":[],"payloads":[]}"#.into(), format!("{malformed}duplicate field `payloads` at line 1 column 25")),
        (r#"{"payloads":[],"x":1}"#.into(), format!("{malformed}unknown field `x`, expected `device` or `payloads` at line 1 column 18")),
        (r#"{"payloads":[{"id":"a"}]} x"#.into(), format!("{malformed}trailing characters at line 1 column 27")),
        (r#"{"payloads":[]}"#.into(), "payloads is empty, send at least one".into()),
        (r#"{"device":"","payloads":[{"id":"a"}]}"#.into(), "device id is empty".into()),
        (many(MAX_PAYLOADS + 1).into(), "more than 1000 payloads, send them in several documents".into()),
        (payload("7").into(), "payload 1: invalid type: integer `7`, expected an object with an \"id\" at line 1 column 1".into()),
        (payload("{}").into(), "payload 1: missing field `id` at line 1 column 2".into()),
        (payload(r#"{"id":7}"#).into(), "payload 1: invalid type: integer `7`, expected a string at line 1 column 7".into()),
        (payload(r#"{"id":"a","id":"b"}"#).into(), "payload 1: duplicate field `id` at line 1 column 19".into()),
        (payload(r#"{"id":""}"#).into(), "payload 1: id is empty".into()),
        (long.into(), "payload 1: id is longer than 128 bytes".into()),
        (payload(r#"{"id":"a\nb"}"#).into(), "payload 1: id has a control character".into()),
        (payload(r#"{"id":"a","x":1e999}"#).into(), "payload 1: number out of range at line 1 column 19".into()),
        (digits.into(), "payload 1: number out of range at line 1 column 414".into()),
        (payload(r#"{"id":"a","x":"\ud800"}"#).into(), "payload 1: unexpected end of hex escape at line 1 column 22".into()),
        (deep.into(), "payload 0: nested deeper than 32 levels at line 1 column 46".into()),
        (bottomless.into(), format!("{malformed}EOF while parsing a list at line 1 column 60027")),
        (payload(r#"{"id":"ok"}"#).into(), "payloads 0 and 1 have the same id \"ok\", give each its own".into()),
        (twenty.into(), "payloads 4 and 19 have the same id \"4\", give each its own".into()),
    ];
    for (body, expected) in table {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert_eq!(refused(body), expected, "{shown}");
    }
    assert!(decode(many(MAX_PAYLOADS).as_bytes()).is_ok());
}

#[test]
fn nesting_is_allowed_up_to_the_limit() {
    let nested = |levels: usize| {
        let inner = levels - 1;
        format!(
            r#"{{"payloads":[{{"id":"a","x":{}1{}}}]}}"#,
            "[".repeat(inner),
            "]".repeat(inner)
        )
    };
    assert!(decode(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(refused(nested(MAX_DEPTH + 1)).contains("nested deeper than 32 levels"));
}

#[test]
fn a_line_stays_a_line() {
    let body = "{\"payloads\":[{\r\n \"id\": \"a\",\n \"t\": \"x\\ny\"\n}]}";
    let document = decode(body.as_bytes()).unwrap();
    let mut stored = Vec::new();
    let voucher = Voucher::Secret("car \"1\"");
    for voucher in [voucher, Voucher::Token("bus"), Voucher::Nobody] {
        let lines = Lines::of(voucher);
        let before = stored.len();
        lines.append(&document.payloads[0], &mut stored);
        assert_eq!(stored.len() - before, lines.length(&document.payloads[0]));
    }
    let stored = String::from_utf8(stored).unwrap();
    let lines: Vec<Value> = stored
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            json!({"device": "car \"1\"", "vouched": "secret", "payload": {"id": "a", "t": "x\ny"}}),
            json!({"device": "bus", "vouched": "token", "payload": {"id": "a", "t": "x\ny"}}),
            json!({"vouched": "nobody", "payload": {"id": "a", "t": "x\ny"}}),
        ]
    );
    assert!(
        stored
            .lines()
            .all(|line| id_of_line(line.as_bytes()).as_deref() == Some("a"))
    );
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((".*", inner), 0..5).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(body in vec(any::<u8>(), 0..200)) {
        let _ = decode(&body);
    }

    #[test]
    fn any_mutation_is_decoded_or_refused(at in 0_usize..60, with in any::<u8>()) {
        let mut body = br#"{"device":"d","payloads":[{"id":"a","x":[1,{"y":"\u0041"}]}]}"#.to_vec();
        body[at] = with;
        if let Ok(document) = decode(&body) {
            prop_assert_eq!(document.payloads.len(), 1);
        }
    }

    #[test]
    fn what_is_accepted_is_stored_and_found_again(
        ids in hash_set("[^\\p{Cc}]{1,30}", 1..24),
        rest in value(),
        device in proptest::option::of("[a-z\"\\\\]{1,9}"),
        pretty: bool,
    ) {
        let payloads: Vec<Value> = ids.iter().map(|id| json!({"id": id, "rest": rest})).collect();
        let body = match &device {
            Some(device) => json!({"device": device, "payloads": payloads}),
            None => json!({"payloads": payloads}),
        };
        let body = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) }.unwrap();
        // Floating-point numbers may change in their last digit when they are read.
        let sent: Value = serde_json::from_str(&body).unwrap();
        let document = decode(body.as_bytes()).unwrap();
        let voucher = document.device.as_deref().map_or(Voucher::Nobody, Voucher::Secret);
        let lines = Lines::of(voucher);
        let mut stored = Vec::new();
        document.payloads.iter().for_each(|payload| lines.append(payload, &mut stored));
        let stored = String::from_utf8(stored).unwrap();
        let found: Vec<&str> = stored.split_terminator('\n').collect();
        prop_assert_eq!(found.len(), payloads.len());
        for (line, payload) in found.iter().zip(sent["payloads"].as_array().unwrap()) {
            let line_value: Value = serde_json::from_str(line).unwrap();
            prop_assert_eq!(&line_value["payload"], payload);
            prop_assert_eq!(line_value.get("device").and_then(Value::as_str), device.as_deref());
            let id = id_of_line(line.as_bytes());
            prop_assert_eq!(id.as_deref(), payload["id"].as_str());
        }
    }
}
