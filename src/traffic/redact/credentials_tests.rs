//! Secrets of every kind at every place, and what looks like one and is none.

use super::*;
use proptest::prelude::*;

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";

#[test]
fn every_kind_of_secret_is_hidden_at_every_place() {
    let secrets = ["hunter2", "Zm9v+/=", "a.b_c-d", "9f86d081884c7d65", "4711"];
    let places = [
        "{\"user\":\"ann\",\"password\":\"{}\",\"n\":1}",
        "{\"access_token\": \"{}\"}",
        "{\"session\":{\"id\":\"{}\",\"n\":[1]},\"n\":1}",
        "{\"m\":\"{\\\"api_key\\\":\\\"{}\\\",\\\"n\\\":1}\"}",
        "{\"name\":\"password\",\"value\":\"{}\"}",
        "{'client_secret': '{}'}",
        "a=1&token={}&b=2",
        "/cb?code={}&x=1",
        "/v1?key={} HTTP/1.1",
        "user%5Bpassword%5D={}&b=2",
        "x=%7B%22password%22%3A%22{}%22%7D",
        "x=%7B%22password%22%3A%20%22{}%22%7D",
        "x=%7B%22password%22%3A+%22{}%22%7D",
        "Set-Cookie: sid={}; Path=/; HttpOnly\r\nServer: x",
        "X-Session-Id: {}\r\nServer: x",
        "HTTP/1.1 200 OK\\r\\nX-Auth: {}\\r\\nServer: x",
        "\\r\\nSet-Cookie: a={}; b={}\\r\\nServer: x",
        "<password>{}</password><n>1</n>",
        "<wsse:Password Type=\"t\">{}</wsse:Password>",
        "<input name=\"csrf_token\" value=\"{}\">",
        "login failed: password={}, user=ann",
        "login failed (password: {}) for ann",
        "serve --api-key {} --port 80",
        "DB_PASSWORD={} serve",
        "password: \"{}\"",
        "Authorization: Basic {}",
        "Authorization: Digest username=\"ann\", response=\"{}\"",
        "postgres://ann:{}@db/x",
        "{\"refresh_token\":\"{}",
        "secret => '{}'",
        "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{}\r\n--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nb=2\r\n--b--",
    ];
    for place in places {
        for secret in secrets {
            // Without a code for it a slash ends the authority of a URL.
            let secret = &secret.replace('/', if place.contains("://") { "-" } else { "/" });
            let text = place.replace("{}", secret);
            let shown = without_credentials(&text);
            assert!(!shown.contains(secret.as_str()), "{text}: {shown}");
            assert!(shown.contains(REDACTED), "{text}: {shown}");
            for kept in [
                "ann\",\"p",
                "\"n\":1",
                "b=2",
                "Server: x",
                "<n>1</n>",
                "--port 80",
                " serve",
            ] {
                assert!(
                    !text.contains(kept) || shown.contains(kept),
                    "{kept}: {shown}"
                );
            }
            assert_eq!(without_credentials(&shown), shown, "again");
        }
    }
}

#[test]
fn shapes_are_hidden_wherever_they_stand() {
    for secret in [
        JWT,
        &JWT[..30],
        "sk-proj-0123456789abcdefghij",
        "sk_live_0123456789abcdefghij",
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "github_pat_11AAAAAAA0123456789abcdef",
        "glpat-0123456789abcdefghij",
        "xoxb-123456789012-abcdefghijkl",
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyA0123456789abcdefghijklmnopqrstuv",
        "ya29.a0AfH6SMBx0123456789",
        "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    ] {
        for text in [
            secret.to_owned(),
            format!("got {secret}."),
            format!("{{\"x\":\"{secret}\"}}"),
            format!("a={secret}&b=1"),
        ] {
            let shown = without_credentials(&text);
            assert!(!shown.contains(&secret[..10]), "{text}: {shown}");
            assert_eq!(without_known_shapes(&text), shown);
        }
    }
    for (text, shown) in [
        (
            "no match for Bearer abc.def",
            "no match for Bearer [redacted]",
        ),
        ("Basic YW5uOmh1c2g= is wrong", "Basic [redacted] is wrong"),
        ("see http://ann:pw@h/x", "see http://[redacted]@h/x"),
        (
            "url = \"http://ann:p@ss@h:9/\"",
            "url = \"http://[redacted]@h:9/\"",
        ),
        ("http://u:pw@h:1/x@y", "http://[redacted]@h:1/x@y"),
        ("url = \"http://u@h\"", "url = \"http://[redacted]@h\""),
        ("no url @", "no url @"),
        ("http://a@b@c:d@h/?m=a@b", "http://[redacted]@h/?m=a@b"),
        ("http://ann:hu/sh@h:9", "http://[redacted]@h:9"),
        ("http://ann:hu?s#h@h:9/x", "http://[redacted]@h:9/x"),
        (
            "'http://a:p@h' 'http://b:q@@h'",
            "'http://[redacted]@h' 'http://[redacted]@h'",
        ),
    ] {
        assert_eq!(without_credentials(text), shown);
    }
}

#[test]
fn what_stands_between_a_name_and_its_value_hides_no_credential() {
    for (text, shown) in [
        (
            "<session token=\"hush\" n=\"1\">hush</session>",
            "<session token=\"[redacted]\" n=\"1\">[redacted]</session>",
        ),
        (
            "a:authorisation\npassword=hush\nb>hush",
            "a:authorisation\npassword=[redacted]\nb>[redacted]",
        ),
    ] {
        assert_eq!(without_credentials(text), shown);
    }
}

#[test]
fn elements_without_an_end_take_linear_time() {
    let text = "<token ".repeat(200_000);
    assert_eq!(without_credentials(&text), text);
}

#[test]
fn what_is_no_credential_stays() {
    for text in [
        "",
        "status 401: invalid token",
        "Bearer token is missing; Basic auth is off",
        "WWW-Authenticate: Bearer realm=\"x\", error=\"invalid_token\"",
        "{\"token_type\":\"bearer\",\"expires_in\":3600,\"tokens\":12,\"password\":null,\"token\":\"\"}",
        "Authorization: Bearer {{env.TOKEN}}",
        "Authorization: [redacted]",
        "http://ann:{{env.PASSWORD}}@proxy:3128",
        "Basic {{base64 device.id \":\" device.secret}}",
        "{\"token\":\"{{token}}\",\"seq\":{{seq}}}",
        "{\"token\":{{token}},\"seq\":{{seq}}}",
        "/v1?token={{env.TOKEN}}&x=1",
        "json:/token",
        "the key is 5",
        "a::Token<u8>",
        "http://h/x?mail=a@b",
        "http://h:80/x?mail=a@b",
        "http://[::1]:80/x@b",
        "http://127.0.0.1:{port}/x@b",
        "http://{host}/x@b",
    ] {
        assert_eq!(without_credentials(text), text);
    }
}

proptest! {
    #[test]
    fn any_text_is_taken_and_a_second_time_changes_nothing(
        text in "(token|\"|'|\\\\|:|=| |a|\\{\\{|\\}\\}|<|>|/|&|\\[redacted\\]|%22|\n|Bearer |eyJ|é|[a-zA-Z0-9]{1,12}){0,24}"
    ) {
        let shown = without_credentials(&text);
        let again = without_credentials(&shown);
        // Only what is hidden may grow: nothing comes back.
        prop_assert!(again.matches(REDACTED).count() <= shown.matches(REDACTED).count() + 8);
        prop_assert!(shown.len() <= text.len() + REDACTED.len() * (text.len() + 1));
    }
}
