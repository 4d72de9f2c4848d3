//! When a target is ready, what is said of one that is not, and the metrics that it publishes.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use telemload::process::client::control_client;
use telemload::process::metrics::{ScrapeError, scrape};
use telemload::process::ready::{Probe, wait_ready};
use telemload::transport::stream::{Endpoint, Place};

use crate::{LONG, Stage};

/// Answers each connection with the next response and keeps to the last; `None` takes it and stays silent.
fn server(responses: Vec<Option<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://ann:hush@{}/healthz?token=hush",
        listener.local_addr().unwrap()
    );
    thread::spawn(move || {
        let mut silent = Vec::new();
        for n in 0.. {
            let Ok((mut stream, _)) = listener.accept() else {
                return;
            };
            match &responses[n.min(responses.len() - 1)] {
                Some(response) => {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    while lines
                        .next()
                        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
                    {
                    }
                    let _ = stream.write_all(response.as_bytes());
                }
                None => silent.push(stream),
            }
        }
    });
    url
}

/// What asks for a URL of the form `http://ADDRESS/PATH`.
fn probe(url: &str) -> Probe {
    let (authority, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .unwrap();
    let authority = authority.rsplit('@').next().unwrap();
    Probe {
        endpoint: Endpoint {
            place: Place::Tcp(authority.parse().unwrap()),
            tls: None,
        },
        authority: authority.to_owned(),
        path: Some(format!("/{path}")),
    }
}

fn response(status: &str, body: &str) -> Option<String> {
    let len = body.len();
    Some(format!(
        "HTTP/1.1 {status}\r\nContent-Length: {len}\r\nConnection: close\r\nLocation: /elsewhere\r\n\r\n{body}"
    ))
}

#[tokio::test]
async fn readiness_is_the_first_2xx_answer() {
    let probe = probe(&server(vec![
        response("503 x", ""),
        response("302 x", ""),
        response("204 x", ""),
    ]));
    wait_ready(&probe, LONG, std::future::pending())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_was_seen_last_is_said() {
    let refused = format!(
        "http://127.0.0.1:{}/x",
        telemload::process::port::free_port().unwrap()
    );
    for (url, last) in [
        (refused, "connection refused"),
        (server(vec![response("503 Unavailable", "")]), "status 503"),
        (server(vec![None]), "timeout"),
    ] {
        let deadline = Duration::from_millis(300);
        let error = wait_ready(&probe(&url), deadline, std::future::pending())
            .await
            .unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(&format!("within 300ms, last seen: {last};")),
            "{message}"
        );
        assert!(!message.contains("hush"), "{message}");
    }
}

#[tokio::test]
async fn a_target_that_dies_ends_the_wait_with_its_last_words() {
    let stage = Stage::new();
    let mut handle = stage
        .start("echo starting; echo 'no such table' >&2; exit 3")
        .await;
    let url = format!(
        "http://127.0.0.1:{}/",
        telemload::process::port::free_port().unwrap()
    );
    // Much later than the test would be given up.
    let deadline = Duration::from_secs(100_000);
    let error = handle.wait_ready(&probe(&url), deadline).await.unwrap_err();
    let expected = format!(
        "`svc` is not ready: it ended with status 3 before {url} answered; its last lines:\n  starting\n  no such table"
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn metrics_are_scraped_and_bounded() {
    let client = control_client(None).unwrap();
    let url = server(vec![response(
        "200 OK",
        "process_cpu_seconds_total 1.5\n# EOF\n",
    )]);
    assert_eq!(
        scrape(&client, &url, |_| true)
            .await
            .unwrap()
            .get("process_cpu_seconds_total"),
        Some(1.5)
    );
    let check = async |answer, expected: &str| {
        let error: ScrapeError = scrape(&client, &server(vec![answer]), |_| true)
            .await
            .unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(expected) && !message.contains("hush"),
            "{message}"
        );
    };
    check(response("404 x", ""), "status 404").await;
    check(response("302 x", ""), "status 302").await;
    check(
        response("200 OK", &"a 1\n".repeat(300_000)),
        "more than 1 MiB",
    )
    .await;
    check(Some("nonsense\r\n\r\n".to_owned()), "cannot scrape").await;
}
