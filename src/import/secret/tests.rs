//! No credential stays, as many different values stay as there were, and what is none is left alone.

use proptest::prelude::*;

use super::*;
use crate::import::sample::Header;

fn exchange(headers: &[(&str, &str)], target: &str, body: &str) -> Exchange {
    let mut exchange = Exchange {
        method: "POST".to_owned(),
        body: if body.is_empty() {
            Body::Absent
        } else {
            Body::Bytes(body.into())
        },
        headers: headers
            .iter()
            .map(|(name, value)| Header {
                name: (*name).to_owned(),
                value: Some((*value).to_owned()),
            })
            .collect(),
        ..Exchange::default()
    };
    set_target(&mut exchange, target);
    exchange
}

/// All texts of an exchange, as they are shown.
fn shown(secrets: &Secrets, exchange: &Exchange) -> String {
    let mut all = secrets.shown(&exchange.path);
    all += &format!(
        "?{}",
        secrets.shown(exchange.query.as_deref().unwrap_or_default())
    );
    for header in &exchange.headers {
        all += &format!(
            "\n{}: {}",
            header.name,
            secrets.shown(header.value.as_deref().unwrap_or_default())
        );
    }
    if let Body::Bytes(bytes) = &exchange.body {
        all += "\n\n";
        all += &secrets.shown(&String::from_utf8_lossy(bytes));
    }
    all
}

/// Credentials, and requests that hold them.
fn of_credentials() -> Vec<(&'static str, Exchange)> {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";
    vec![
        (
            "hush-4711-hush",
            exchange(&[("Authorization", "Bearer hush-4711-hush")], "/", ""),
        ),
        (
            "aHVzaDpodXNo",
            exchange(&[("Authorization", "Basic aHVzaDpodXNo")], "/", ""),
        ),
        (
            "hush4711",
            exchange(&[("X-Device-Token", "hush4711")], "/", ""),
        ),
        (
            "hush4711",
            exchange(&[("Cookie", "theme=dark; any=hush4711")], "/", ""),
        ),
        (
            "hush4711",
            exchange(&[("Cookie", "any=\"hush4711\"")], "/", ""),
        ),
        (
            "CJW2yQEIprbJAQ",
            exchange(&[("X-Client-Data", "CJW2yQEIprbJAQ==")], "/", ""),
        ),
        (
            "hush4711",
            exchange(
                &[("Referer", "https://a.test/?access_token=hush4711&x=1")],
                "/",
                "",
            ),
        ),
        ("hush4711", exchange(&[], "/x?api_key=hush4711&page=2", "")),
        ("hush4711", exchange(&[], "/cb?code=hush4711", "")),
        (
            "aB3dE5fG7hJ9kL1mN3pQ5rS7",
            exchange(
                &[
                    ("Ocp-Subscription-Key", "x"),
                    ("X-Key", "key=aB3dE5fG7hJ9kL1mN3pQ5rS7"),
                ],
                "/",
                "",
            ),
        ),
        (
            "aB3dE5fG7hJ9kL1m",
            exchange(&[], "/users/reset/aB3dE5fG7hJ9kL1m/form", ""),
        ),
        (jwt, exchange(&[], &format!("/x/{jwt}"), "")),
        (
            "AKIAIOSFODNN7EXAMPLE",
            exchange(&[], "/x?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F2024", ""),
        ),
        (
            "hush4711",
            exchange(&[], "/", "{\"user\":1,\"password\":\"hush4711\"}"),
        ),
        (
            "hush4711",
            exchange(&[], "/", "a=1&client_secret=hush4711&b=2"),
        ),
        (
            "hush 4711",
            exchange(
                &[],
                "/",
                "--B\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhush 4711\r\n--B--\r\n",
            ),
        ),
    ]
}

#[test]
fn a_random_word_under_a_header_that_may_name_a_credential_is_one() {
    for (name, value, stays) in [
        (
            "Ocp-Apim-Subscription-Key",
            "a3f09b2c4d5e6f708192a3b4c5d6e7f8",
            false,
        ),
        ("X-Functions-Key", "Hu5hHu5h-Qw3rtz_Uiop+Asdf==", false),
        (
            "Idempotency-Key",
            "7f3c9a52-0a1b-4c3d-9e8f-001122334455",
            true,
        ),
        ("X-Country-Code", "DE", true),
        ("X-State", "waiting-for-the-second-payment", true),
        ("authority", "api-eu-1.shop.example.com", true),
    ] {
        let mut sample = Sample {
            exchanges: vec![exchange(&[(name, value)], "/", "")],
            ..Sample::default()
        };
        let secrets = take(&mut sample, |_| true);
        let all = shown(&secrets, &sample.exchanges[0]);
        assert_eq!(all.contains(value), stays, "{all}");
    }
}

/// What tells of a person, and requests that hold it.
fn of_persons() -> Vec<(&'static str, Exchange)> {
    vec![
        (
            "ann.lee@mail.example",
            exchange(&[], "/", "{\"to\":\"ann.lee@mail.example\"}"),
        ),
        (
            "ann.lee%40mail.example",
            exchange(&[], "/x?to=ann.lee%40mail.example", ""),
        ),
        (
            "+49 170 1234567",
            exchange(&[], "/", "{\"call\":\"+49 170 1234567\"}"),
        ),
        (
            "4111 1111 1111 1111",
            exchange(&[], "/", "{\"n\":\"4111 1111 1111 1111\"}"),
        ),
        (
            "Ann Lee",
            exchange(&[], "/", "{\"firstName\":\"Ann Lee\",\"n\":1}"),
        ),
        (
            "203.0.113.77",
            exchange(&[("X-Forwarded-For", "203.0.113.77, 10.0.0.1")], "/", ""),
        ),
    ]
}

#[test]
fn no_credential_and_no_person_stays_wherever_it_stands() {
    for (secret, exchange) in of_credentials().into_iter().chain(of_persons()) {
        let mut sample = Sample {
            exchanges: vec![exchange],
            ..Sample::default()
        };
        let before = sample.exchanges[0].clone();
        let secrets = take(&mut sample, |_| true);
        let after = shown(&secrets, &sample.exchanges[0]);
        assert!(!after.contains(secret), "{secret} in {after}");
        assert!(!secrets.report().is_empty());
        assert!(!format!("{:?} {:?}", secrets, secrets.report()).contains(secret));
        // What was recorded comes back, for the file that was asked for.
        assert_eq!(secrets.real(&sample.exchanges[0].path), before.path);
    }
}

#[test]
fn a_value_is_found_again_where_no_name_stands_before_it() {
    let mut sample = Sample {
        exchanges: vec![
            exchange(&[("X-Device-Token", "hush-4711/x")], "/", ""),
            exchange(
                &[("X-Other", "see hush-4711/x")],
                "/a/hush-4711%2Fx",
                "{\"z\":\"hush-4711/x\"}",
            ),
        ],
        ..Sample::default()
    };
    let secrets = take(&mut sample, |_| true);
    let after = shown(&secrets, &sample.exchanges[1]);
    assert!(!after.contains("4711"), "{after}");
}

#[test]
fn of_many_values_each_is_found_again() {
    let token = |n: usize| format!("hush-{n:06}-x/y");
    let mut exchanges: Vec<Exchange> = (0..1500)
        .map(|n| exchange(&[("X-Device-Token", &token(n))], "/", ""))
        .collect();
    exchanges.push(exchange(&[("X-Other", &token(7))], "/a", ""));
    let mut sample = Sample {
        exchanges,
        ..Sample::default()
    };
    let secrets = take(&mut sample, |_| true);
    let last = sample.exchanges.last().expect("there are some");
    assert!(!shown(&secrets, last).contains("000007"), "{last:?}");
}

#[test]
fn one_value_at_two_places_is_one_variable() {
    let both = exchange(
        &[("X-Csrf-Token", "hush-4711-a"), ("X-Other", "hush-4711-a")],
        "/",
        "",
    );
    let other = exchange(
        &[
            ("Authorization", "Bearer hush-0815-b"),
            ("X-Third", "hush-0815-b"),
        ],
        "/",
        "",
    );
    let mut sample = Sample {
        exchanges: vec![both, other],
        ..Sample::default()
    };
    let names: Vec<_> = (take(&mut sample, |_| true).report().into_iter())
        .map(|replaced| replaced.variable)
        .collect();
    assert_eq!(
        names,
        [
            Some("AUTHORIZATION".to_owned()),
            Some("X_CSRF_TOKEN".to_owned())
        ]
    );
}

#[test]
fn what_is_no_secret_stays() {
    let kept = exchange(
        &[
            ("X-Device-Id", "device-17"),
            ("User-Agent", "Mozilla/5.0 (X11; Linux) Chrome/111.0"),
            ("Accept-Encoding", "gzip, br"),
            ("Cookie", "l=en; v=1"),
        ],
        "/v1/items/4711?page=2&sort=asc",
        "{\"speed\":17,\"token_type\":\"none\"}",
    );
    let mut sample = Sample {
        exchanges: vec![kept.clone()],
        ..Sample::default()
    };
    let secrets = take(&mut sample, |_| true);
    assert_eq!(sample.exchanges[0], kept, "{:?}", secrets.report());
}

#[test]
fn as_many_values_stay_as_there_were() {
    let tokens = ["hush-0001", "hush-0002", "hush-0001", "hush-0003"];
    let exchanges = tokens.map(|token| exchange(&[("X-Token", token)], "/", ""));
    let mut sample = Sample {
        exchanges: exchanges.to_vec(),
        ..Sample::default()
    };
    let secrets = take(&mut sample, |_| true);
    let shown: Vec<String> = (sample.exchanges.iter())
        .map(|exchange| secrets.shown(exchange.header("x-token").unwrap_or_default()))
        .collect();
    assert_eq!(shown[0], shown[2]);
    assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), 3);
    assert!(
        shown
            .iter()
            .all(|text| text.len() == 9 && text.contains('-')),
        "{shown:?}"
    );
    let report = secrets.report();
    assert_eq!(
        (report[0].distinct, report[0].count, &report[0].variable),
        (3, 4, &None)
    );
    let mut sample = Sample {
        exchanges: vec![exchange(&[("X-Token", "hush-0001")], "/", "")],
        ..Sample::default()
    };
    assert_eq!(
        take(&mut sample, |_| true).report()[0].variable.as_deref(),
        Some("X_TOKEN")
    );
}

#[test]
fn a_variable_of_the_environment_is_left_in_its_place() {
    let value = format!("Bearer {}", mark::variable("TOKEN"));
    let mut sample = Sample {
        exchanges: vec![exchange(&[("Authorization", &value)], "/", "")],
        ..Sample::default()
    };
    let secrets = take(&mut sample, |_| true);
    assert_eq!(
        sample.exchanges[0].header("authorization"),
        Some(value.as_str())
    );
    assert!(secrets.report().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_request_has_its_token_replaced(token in "[A-Za-z0-9]{8,40}", noise in ".{0,40}", key in "[a-z]{1,8}") {
        let noise: String = noise.replace(&token, "");
        let body = format!("{{\"{key}\":\"{noise}\",\"access_token\":\"{token}\"}}");
        let mut sample = Sample { exchanges: vec![exchange(&[("X-Auth-Token", &token), ("X-Noise", &noise)], "/", &body)], ..Sample::default() };
        let secrets = take(&mut sample, |_| true);
        let after = shown(&secrets, &sample.exchanges[0]);
        prop_assert!(!after.contains(&token), "{}", after);
    }
}
