//! `/admin/` and `/debug/`: for who knows the key of the start, and for no page, proxy or other user of this machine.

use reqwest::{Method, RequestBuilder, StatusCode};

use crate::gateway::{CHEAP, Gateway, device, parts, quick};

const PATHS: [(&str, Method); 3] = [
    ("/admin/revoke/car", Method::POST),
    ("/debug/pprof/profile?seconds=1", Method::GET),
    ("/debug/pprof/flamegraph?seconds=1", Method::GET),
];

async fn refused(
    gateway: &Gateway,
    what: &str,
    request: RequestBuilder,
    status: StatusCode,
    says: &str,
) {
    let (found, body) = parts(request.send().await.unwrap()).await;
    assert_eq!(found, status, "{what}: {body}");
    assert!(body.contains(says), "{what}: {body}");
    let alive = gateway.telemetry("car", "car").send().await.unwrap();
    assert_eq!(alive.status(), StatusCode::OK, "{what} revoked the device");
}

#[tokio::test]
async fn who_does_not_know_the_key_is_refused() {
    let gateway = Gateway::start(quick(), vec![device("car", CHEAP)]).await;
    let key = gateway.key();
    let zeros = "0".repeat(64);
    for (path, method) in PATHS {
        let ask = || {
            let url = format!("http://{}{path}", gateway.addr);
            gateway.client.request(method.clone(), url)
        };
        for (what, request) in [
            ("nothing", ask()),
            ("no password", ask().basic_auth("admin", None::<&str>)),
            ("another key", ask().basic_auth("admin", Some(&zeros))),
            ("another user", ask().basic_auth("root", Some(&key))),
            (
                "upper case",
                ask().basic_auth("admin", Some(key.to_uppercase() + "A")),
            ),
            ("half of it", ask().basic_auth("admin", Some(&key[..32]))),
            ("bearer", ask().bearer_auth(&key)),
            (
                "twice",
                ask()
                    .basic_auth("admin", Some(&zeros))
                    .basic_auth("admin", Some(&key)),
            ),
        ] {
            let says = "ask for the key of this start";
            refused(&gateway, what, request, StatusCode::UNAUTHORIZED, says).await;
        }
    }
}

#[tokio::test]
async fn pages_and_proxies_are_refused_whatever_they_know() {
    let gateway = Gateway::start(quick(), vec![device("car", CHEAP)]).await;
    let key = gateway.key();
    for (path, method) in PATHS {
        for (header, value, says) in [
            ("Origin", "http://attacker.example", "an Origin"),
            ("Origin", "null", "an Origin"),
            ("Origin", "http://127.0.0.1:8080", "an Origin"),
            ("Sec-Fetch-Site", "cross-site", "a Sec-Fetch-Site"),
            ("Sec-Fetch-Site", "same-site", "a Sec-Fetch-Site"),
            ("Sec-Fetch-Site", "same-origin", "a Sec-Fetch-Site"),
            ("Forwarded", "for=192.0.2.1", "a header of a proxy"),
            ("X-Forwarded-For", "192.0.2.1", "a header of a proxy"),
            ("X-Forwarded-Host", "a.example", "a header of a proxy"),
            ("X-Forwarded-Proto", "https", "a header of a proxy"),
            ("X-Forwarded-Prefix", "/a", "a header of a proxy"),
            ("X-Real-IP", "192.0.2.1", "a header of a proxy"),
            ("Via", "1.1 proxy", "a header of a proxy"),
            ("Host", "attacker.example", "another Host"),
            ("Host", "localhost.attacker.example:80", "another Host"),
            ("Host", "10.0.0.1", "another Host"),
            ("Host", "0.0.0.0", "another Host"),
        ] {
            let url = format!("http://{}{path}", gateway.addr);
            let request = gateway
                .client
                .request(method.clone(), url)
                .basic_auth("admin", Some(&key))
                .header(header, value);
            let what = format!("{path} {header}: {value}");
            refused(&gateway, &what, request, StatusCode::FORBIDDEN, says).await;
        }
    }
    // The tool is none of them.
    let revoked = gateway.revoke("car").send().await.unwrap();
    assert_eq!(revoked.status(), StatusCode::OK);
    let gone = gateway.telemetry("car", "car").send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::UNAUTHORIZED);
}
