//! Endpoints whose TLS ends before they answer, or whose certificates nobody trusts.

use crate::bed::{TestBed, url_scenario};
use crate::hostile::{self, Behaviour, OK};
use crate::secure::{self, Act, Authority};

#[test]
fn an_end_of_tls_has_one_name_whoever_meets_it() {
    let authority = Authority::generate();
    let pair = authority.issue(&["127.0.0.1"]);
    let nobody = Authority::generate();
    let stranger = nobody.issue(&["127.0.0.1"]);
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx";
    let cases = [
        (
            "handshake",
            &pair,
            Act::Vanish,
            "the server closed the connection in the handshake; check that it serves TLS",
        ),
        (
            "no TLS",
            &pair,
            Act::Plain,
            "what answers there does not speak TLS; check the port",
        ),
        (
            "not trusted",
            &stranger,
            Act::Close(b""),
            "the server's certificate is signed by another authority of the name",
        ),
        (
            "without a notice",
            &pair,
            Act::Abandon(half),
            "the connection ended without TLS's close_notify, so that",
        ),
        (
            "without an answer",
            &pair,
            Act::Close(b""),
            "the connection was closed without a response: look for a crash",
        ),
        (
            "within the body",
            &pair,
            Act::Close(half),
            "the server closed the connection before the body was complete: look for a crash",
        ),
    ];
    let plain = hostile::Server::start(Behaviour::Canned(OK));
    for (case, pair, act, words) in cases {
        let server = secure::Server::start(pair, act);
        let url = format!("https://{}/p", server.addr);
        let bed = || TestBed::new().env("SSL_CERT_FILE", authority.file().to_str().unwrap());
        let capture = ["flame", "capture", "-d", "1", "--url", &url];
        bed()
            .args(capture)
            .run()
            .expect(4, &["no profile from", words]);
        let load = ["run", "--out", "out", "-n", "1", "-c", "1", &url];
        let outcome = bed().args(load).run().expect(4, &[]);
        assert!(outcome.stderr.contains(words), "{case}: {}", outcome.stderr);
        let scenario = url_scenario(plain.addr, "300ms", "")
            .replace("[target]", &format!("[target]\nmetrics = \"{url}\""));
        let outcome = bed().scenario(&scenario).run().expect(0, &[]);
        let told = format!("cannot scrape {url}: {words}");
        // A busy machine takes longer for a handshake than readings are waited for.
        let is_late = outcome.stdout.contains("its metrics took more than 500ms");
        let is_told = outcome.stdout.contains(&told);
        assert!(is_told || is_late, "{case}: {}", outcome.stdout);
    }
}

#[test]
fn a_capture_trusts_whom_it_is_told_to() {
    let authority = Authority::generate();
    let server = secure::Server::start(&authority.issue(&["127.0.0.1"]), Act::Close(OK));
    let url = format!("https://{}/p", server.addr);
    let capture = |url: &str, more: &[&str]| {
        let bed = TestBed::new().args(["flame", "capture", "-d", "1", "--url", url]);
        bed.args(more.iter().copied()).run()
    };
    let untrusted = "is signed by nobody that is trusted";
    capture(&url, &[]).expect(4, &["no profile from", untrusted]);
    let file = authority.file();
    let trusted = ["--cacert", file.to_str().unwrap()];
    for (flags, says) in [
        (&trusted[..], "answers with plain text instead of a profile"),
        (
            &["--insecure"],
            "note: the endpoint's certificate is not checked (--insecure)",
        ),
        (&["-k"], "what answers may be anyone"),
    ] {
        // It answers, although not with a profile.
        let outcome = capture(&url, flags).expect(4, &[says]);
        assert!(
            !outcome.stderr.contains("is signed by"),
            "{}",
            outcome.stderr
        );
    }
    let plain = "http://127.0.0.1:1/p";
    for (url, flags, says) in [
        (plain, &["-k"][..], "--insecure goes with an https:// URL"),
        (plain, &trusted, "--cacert goes with an https:// URL"),
        (&url, &["--cacert", "none.pem"], "--cacert: "),
        (&url, &["-k", "--cacert", "none.pem"], "cannot be used with"),
    ] {
        capture(url, flags).expect(2, &[says]);
    }
}
