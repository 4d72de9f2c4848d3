//! What a capture gives the user for each kind of answer, from a server that sends canned bytes.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::super::pprof as reader;
use super::super::tests::{encode, gzip, small_profile};
use super::endpoint::{Ask, Endpoint};
use super::*;

/// A server that answers one connection after the other; ends with the request heads that it saw.
async fn serve(answers: Vec<Vec<u8>>, endless: Ending) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("bound");
    let heads = tokio::spawn(async move {
        let mut heads = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("accepts");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a whole request"));
            }
            heads.push(String::from_utf8(head).expect("text"));
            stream.write_all(&answer).await.expect("writes");
            match endless {
                Ending::Close => {}
                Ending::Endless => while stream.write_all(&[0x0a; 4096]).await.is_ok() {},
                Ending::Hang => std::future::pending().await,
            }
        }
        heads
    });
    (format!("http://{address}/debug/pprof/profile"), heads)
}

#[derive(Clone, Copy)]
enum Ending {
    Close,
    Endless,
    Hang,
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn client() -> Client {
    Client::builder().no_proxy().build().expect("builds")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime
        .enable_all()
        .build()
        .expect("builds")
        .block_on(future)
}

fn profile_bytes() -> Vec<u8> {
    gzip(&encode(&small_profile()))
}

fn sliced(duration: Duration, slice_seconds: u32, hz: Option<u32>) -> Request {
    Request {
        slice_seconds,
        ..Request::in_slices(duration, hz)
    }
}

/// One slice and what it gives.
async fn pprof(
    client: &Client,
    url: &str,
    seconds: u32,
    hz: Option<u32>,
) -> Result<Profile, CaptureError> {
    let request = sliced(Duration::from_secs(u64::from(seconds)), seconds, hz);
    let mut slices = Slices::new(client, &[url], request)?;
    slices.take().await?;
    Ok(slices.finish()?.expect("a slice was taken").profile)
}

/// All slices until one fails, and why it did; an error if none succeeded.
async fn in_slices(
    url: &str,
    duration: Duration,
    slice_seconds: u32,
) -> Result<(Capture, Option<CaptureError>), CaptureError> {
    let client = client();
    let request = sliced(duration, slice_seconds, None);
    let mut slices = Slices::new(&client, &[url], request)?;
    let mut failed = None;
    while slices.next_seconds().is_some() && failed.is_none() {
        failed = slices.take().await.err();
    }
    match (slices.finish()?, failed) {
        (Some(capture), failed) => Ok((capture, failed)),
        (None, failed) => Err(failed.expect("a plan has at least one slice")),
    }
}

#[test]
fn a_profile_is_asked_for_as_written() {
    block_on(async {
        for bytes in [profile_bytes(), encode(&small_profile())] {
            let (url, heads) = serve(vec![answer("200 OK", "", &bytes)], Ending::Close).await;
            let got = pprof(
                &client(),
                &format!("{url}?group=a%2Fb&seconds=9"),
                3,
                Some(99),
            )
            .await;
            assert_eq!(got.expect("a profile").samples(), 4);
            let heads = heads.await.expect("served");
            let line = "GET /debug/pprof/profile?group=a%2Fb&seconds=3&hz=99 HTTP/1.1";
            assert_eq!(heads[0].lines().next(), Some(line));
        }
    });
}

#[test]
fn what_a_server_packs_a_profile_in_is_undone() {
    use flate2::{Compression, read::ZlibEncoder};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use std::io::Read;
    let raw = encode(&small_profile());
    let mut deflated = Vec::new();
    let mut encoder = ZlibEncoder::new(&*raw, Compression::default());
    encoder.read_to_end(&mut deflated).expect("packs");
    let zstd = compress_to_vec(&*profile_bytes(), CompressionLevel::Fastest);
    for (headers, body, expected) in [
        ("Content-Encoding: gzip\r\n", profile_bytes(), Ok(4)),
        ("content-encoding: GZIP\r\n", gzip(&profile_bytes()), Ok(4)),
        ("", gzip(&profile_bytes()), Ok(4)),
        ("Content-Encoding: deflate\r\n", deflated.clone(), Ok(4)),
        ("Content-Encoding: zstd\r\n", zstd, Ok(4)),
        (
            "Content-Encoding: deflate\r\nContent-Encoding: gzip\r\n",
            gzip(&deflated),
            Ok(4),
        ),
        ("Content-Encoding: identity\r\n", raw.clone(), Ok(4)),
        (
            "Content-Encoding: gzip\r\n",
            raw,
            Err("says `Content-Encoding: gzip`, and its bytes are not"),
        ),
        (
            "Content-Encoding: lzma\r\n",
            profile_bytes(),
            Err("says `Content-Encoding: lzma`, which is not one of gzip"),
        ),
        (
            "Content-Encoding: gzip\r\n",
            gzip(b"<html>Log in"),
            Err("answers with an HTML page instead"),
        ),
    ] {
        block_on(async {
            let (url, _heads) = serve(vec![answer("200 OK", headers, &body)], Ending::Close).await;
            let got = pprof(&client(), &url, 1, None).await;
            match (got, expected) {
                (Ok(profile), Ok(samples)) => assert_eq!(profile.samples(), samples, "{headers}"),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{error}");
                }
                (got, expected) => panic!("{headers}: {got:?} instead of {expected:?}"),
            }
        });
    }
    block_on(async {
        let bomb = answer(
            "200 OK",
            "Content-Encoding: gzip\r\n",
            &gzip(&vec![0; 2 << 20]),
        );
        let (url, _heads) = serve(vec![bomb], Ending::Close).await;
        let endpoint = Endpoint::new(&url, Ask::Cpu { hz: None }).expect("a url");
        let asks = client();
        let fetched = endpoint.fetch(&asks, 1, Duration::from_secs(11), 1 << 20);
        let shown = fetched.await.expect_err("too much").to_string();
        assert!(shown.contains("larger than 1 MiB"), "{shown}");
        let packed = gzip(b"profiling is\noff");
        let busy = answer("403 Forbidden", "Content-Encoding: gzip\r\n", &packed);
        let (url, _heads) = serve(vec![busy], Ending::Close).await;
        let error = pprof(&client(), &url, 1, None).await.expect_err("refused");
        let shown = error.to_string();
        assert!(
            shown.contains("403 Forbidden: profiling is off;"),
            "{shown}"
        );
    });
}

#[test]
fn slices_are_captured_one_by_one_and_merged() {
    block_on(async {
        let ok = answer("200 OK", "", &profile_bytes());
        let (url, heads) = serve(vec![ok.clone(), ok.clone(), ok], Ending::Close).await;
        let capture = in_slices(&url, Duration::from_millis(5_900), 2).await;
        let (capture, error) = capture.expect("captures");
        assert!(error.is_none());
        let one = reader::decode(&profile_bytes()).expect("reads");
        assert_eq!(capture.profile.samples(), 3 * one.samples());
        assert_eq!(capture.profile.duration_ns(), 3 * one.duration_ns());
        assert_eq!(capture.profile.slices(), [one.samples(); 3]);
        assert_eq!(capture.seconds, 5);
        // What is stored gives the same again, slices included.
        let stored = reader::decode(&capture.bytes).expect("reads");
        assert_eq!(stored.slices(), capture.profile.slices());
        assert!(stored.stacks().eq(capture.profile.stacks()));
        assert_eq!(stored.duration_ns(), capture.profile.duration_ns());
        let heads = heads.await.expect("served");
        let asked: Vec<_> = heads
            .iter()
            .filter_map(|head| head.split([' ', '?']).nth(2))
            .collect();
        assert_eq!(asked, ["seconds=2", "seconds=2", "seconds=1"]);
    });
}

#[test]
fn slices_of_a_heap_are_of_what_was_allocated() {
    let heap = |in_use: i64| {
        let mut heap = small_profile();
        let at = heap.string_table.len() as i64;
        let names = ["inuse_space", "bytes", "alloc_space"].map(str::to_owned);
        heap.string_table.extend(names);
        let of = |name| pprof_format::ValueType {
            r#type: name,
            unit: at + 1,
        };
        heap.sample_type = vec![of(at), of(at + 2)];
        heap.default_sample_type = at;
        for sample in &mut heap.sample {
            sample.value = vec![in_use, 512];
        }
        answer("200 OK", "", &gzip(&encode(&heap)))
    };
    block_on(async {
        let (url, _heads) = serve(vec![heap(512), heap(-512)], Ending::Close).await;
        let capture = in_slices(&url, Duration::from_secs(2), 1).await;
        let (capture, error) = capture.expect("captures");
        assert!(error.is_none(), "{error:?}");
        let stored = reader::decode(&capture.bytes).expect("reads");
        for profile in [capture.profile, stored] {
            assert_eq!(profile.sample_type(), "alloc_space");
            assert_eq!(profile.value(), 2 * 3 * 512);
        }
    });
}

#[test]
fn processes_that_are_sampled_at_once_are_one_profile() {
    block_on(async {
        let ok = || answer("200 OK", "", &profile_bytes());
        let (first, _first) = serve(vec![ok(), ok()], Ending::Close).await;
        let (second, _second) = serve(vec![ok(), ok()], Ending::Close).await;
        let client = client();
        let request = sliced(Duration::from_secs(2), 1, None);
        let mut slices = Slices::new(&client, &[first, second], request).expect("valid");
        while slices.next_seconds().is_some() {
            slices.take().await.expect("both answer");
        }
        let capture = slices.finish().expect("it is written").expect("two slices");
        assert_eq!(capture.profile.slices(), [8; 2]);
        assert_eq!(capture.profile.samples(), 16);
        // What is stored gives the same again, slices included.
        let stored = reader::decode(&capture.bytes).expect("valid");
        assert_eq!(stored.slices(), capture.profile.slices());
        assert_eq!(stored.duration_ns(), capture.profile.duration_ns());
    });
}

#[test]
fn slices_before_a_failure_are_kept() {
    block_on(async {
        for broken in [
            answer("503 Service Unavailable", "", b"over"),
            answer("200 OK", "", &[0x1f, 0x8b, 8]),
        ] {
            let answers = vec![answer("200 OK", "", &profile_bytes()), broken.clone()];
            let (url, _) = serve(answers, Ending::Close).await;
            let capture = in_slices(&url, Duration::from_secs(3), 1).await;
            let (capture, error) = capture.expect("a part");
            assert_eq!((capture.seconds, capture.profile.samples()), (1, 4));
            assert!(error.is_some());

            let (url, _) = serve(vec![broken], Ending::Close).await;
            assert!(in_slices(&url, Duration::from_secs(3), 1).await.is_err());
        }
    });
}

#[test]
fn answers_that_are_no_profile_are_explained() {
    let go = "X-Go-Pprof: 1\r\n";
    let busy = b"Could not enable CPU profiling: cpu profiling already in use\n";
    let too_long = b"profile duration exceeds server's WriteTimeout\n";
    for (bytes, expected) in [
        (
            answer("500 Internal Server Error", go, busy),
            "is busy: Could not enable CPU profiling: cpu profiling already in use; stop the other",
        ),
        (
            answer("409 Conflict", "", b"one capture at a time"),
            "is busy: one capture at a time; stop",
        ),
        (
            answer("400 Bad Request", go, too_long),
            "refuses 5 s: profile duration exceeds server's WriteTimeout; capture shorter slices",
        ),
        (
            answer("404 Not Found", "", b"404 page\nnot\x1b[31m found"),
            "answers 404 Not Found: 404 page not [31m found; check the path",
        ),
        (
            answer("500 Internal Server Error", "", b""),
            "answers 500 Internal Server Error: no explanation; check",
        ),
        (
            answer("200 OK", "", b"<?xml version=\"1.0\"?><svg/>"),
            "answers with an SVG picture instead of a profile",
        ),
        (
            answer("200 OK", "", b"  <!DOCTYPE HTML><p>Log in"),
            "answers with an HTML page instead",
        ),
        (
            answer("200 OK", "", b"heap profile: 1: 2 [3: 4]"),
            "answers with a heap profile as text instead",
        ),
        (
            answer("200 OK", "", b"{\"error\":1}"),
            "answers with JSON instead",
        ),
        (
            answer("200 OK", "", b""),
            "answers with an empty body instead",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x0a\x04".to_vec(),
            "is the target up",
        ),
        (b"SSH-2.0\r\n\r\n".to_vec(), "is the target up"),
    ] {
        block_on(async {
            let (url, _) = serve(vec![bytes], Ending::Close).await;
            let with_secrets =
                url.replace("http://", "http://user:hunter2@") + "?token=hunter3#hunter4";
            let error = pprof(&client(), &with_secrets, 5, None)
                .await
                .expect_err(expected);
            let shown = error.to_string();
            assert!(shown.contains(expected), "{shown}");
            assert!(shown.contains(&url), "{shown}");
            assert!(!format!("{shown}{error:?}").contains("hunter"), "{shown}");
        });
    }
}

#[test]
fn an_endless_body_stops_at_the_limit() {
    block_on(async {
        let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        let (url, heads) = serve(vec![head], Ending::Endless).await;
        let endpoint = Endpoint::new(&url, Ask::Cpu { hz: None }).expect("a url");
        let error = endpoint
            .fetch(&client(), 1, Duration::from_secs(11), 3 << 20)
            .await
            .expect_err("never ends");
        assert!(
            matches!(
                error,
                CaptureError::TooLarge {
                    limit: 3_145_728,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("larger than 3 MiB"), "{error}");
        // The connection is given up, so the server's writing ends.
        heads.await.expect("served");
    });
}

#[test]
fn an_endless_error_text_is_cut() {
    block_on(async {
        let head = b"HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\nlong".to_vec();
        let (url, _) = serve(vec![head], Ending::Endless).await;
        let error = pprof(&client(), &url, 1, None).await.expect_err("an error");
        assert!(
            matches!(error, CaptureError::Status { ref message, .. } if message == "long"),
            "{error}"
        );
    });
}

#[test]
fn a_server_that_hangs_is_given_up() {
    block_on(async {
        for answer in [
            Vec::new(),
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x0a".to_vec(),
        ] {
            let (url, heads) = serve(vec![answer], Ending::Hang).await;
            let endpoint = Endpoint::new(&url, Ask::Cpu { hz: None }).expect("a url");
            let error = endpoint
                .fetch(&client(), 1, Duration::from_millis(50), 1 << 20)
                .await
                .expect_err("hangs");
            assert!(matches!(error, CaptureError::Timeout { .. }), "{error}");
            heads.abort();
        }
    });
}

#[test]
fn a_closed_port_is_explained() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let error = pprof(&client(), &format!("http://u:hunter2@{address}/p"), 1, None)
            .await
            .expect_err("closed");
        let shown = error.to_string();
        assert!(
            shown.contains(&format!(
                "no profile from http://{address}/p: connection refused"
            )),
            "{shown}"
        );
        assert!(!format!("{error:?}").contains("hunter"));
    });
}

#[test]
fn what_cannot_be_asked_for_is_refused_first() {
    block_on(async {
        for (url, seconds, hz, expected) in [
            ("127.0.0.1:6060/p", 1, None, "the profile url is not usable"),
            (
                "http://u:hunter2@ho st/p",
                1,
                None,
                "the profile url is not usable",
            ),
            ("ftp://h/p", 1, None, "its scheme is `ftp`"),
            (
                "http://h/debug/pprof/goroutine?x=1",
                1,
                None,
                "http://h/debug/pprof/goroutine serves what there is at one time",
            ),
            ("http://h/p", 0, None, "at least 1 s"),
            ("http://h/p", 1, Some(0), "at least 1 s at 1 hz"),
        ] {
            let shown = pprof(&client(), url, seconds, hz)
                .await
                .expect_err(expected)
                .to_string();
            assert!(shown.contains(expected), "{shown}");
            assert!(!shown.contains("hunter"), "{shown}");
        }
        for (duration, slice, expected) in [(1, 0, "at least 1 s"), (65, 1, "at most 64 slices")] {
            let refused = in_slices("http://h/p", Duration::from_secs(duration), slice).await;
            let shown = refused.expect_err(expected).to_string();
            assert!(shown.contains(expected), "{shown}");
        }
    });
}
