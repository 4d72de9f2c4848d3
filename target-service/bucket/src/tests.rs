use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const TOKEN: &str = "hush-session-token";

/// Reads one request and answers it, again and again.
async fn serve<F: Fn(&str) -> Vec<u8>>(listener: TcpListener, answer: F) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        while let Some(request) = request(&mut stream).await {
            if stream.write_all(&answer(&request)).await.is_err() {
                break;
            }
        }
    }
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    while !read.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read_buf(&mut read).await.ok()?;
        if count == 0 {
            return None;
        }
    }
    Some(String::from_utf8_lossy(&read).into_owned())
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"1\"\r\nLast-Modified: Mon, 30 Nov 2026 14:00:00 GMT\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn bucket(endpoint: &str) -> Arc<dyn ObjectStore> {
    let guard = Guard {
        timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(5),
        way: Way::Direct,
    };
    let retry = RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    };
    let store = AmazonS3Builder::new()
        .with_bucket_name("bucket")
        .with_region("eu-central-1")
        .with_access_key_id("AKIDEXAMPLE")
        .with_secret_access_key("hush-secret")
        .with_token(TOKEN)
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_retry(retry)
        .with_http_connector(guard)
        .build();
    Arc::new(store.unwrap())
}

/// What a server's answers come to: the words of a list and of a read.
async fn asked(respond: impl Fn(&str) -> Vec<u8>) -> (String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let store = bucket(&format!("http://{}", listener.local_addr().unwrap()));
    let asking = async {
        let told = |error: object_store::Error| words(&error, &[TOKEN.to_owned()]);
        let list = store.list_with_delimiter(None).await.map(|_| ());
        let read = async { store.get(&Path::from("a")).await?.bytes().await };
        (
            list.map_err(told).err().unwrap_or_default(),
            read.await.map_err(told).err().unwrap_or_default(),
        )
    };
    tokio::select! {
        found = asking => found,
        () = serve(listener, respond) => unreachable!("it serves without an end"),
    }
}

#[test]
fn endpoints_of_this_machine_are_known() {
    for (endpoint, way) in [
        ("http://127.0.0.1:9000", Way::Direct),
        ("http://localhost", Way::Direct),
        ("http://[::1]:9000/x", Way::Direct),
        ("https://s3.example:443", Way::Usual),
        ("http://127.0.0.1.example", Way::Usual),
        ("127.0.0.1", Way::Usual),
    ] {
        assert_eq!(Way::to(endpoint), way, "{endpoint}");
    }
}

#[tokio::test]
async fn a_redirect_takes_no_token_elsewhere() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("Location: http://{}/\r\n", elsewhere.local_addr().unwrap());
    let (list, read) = tokio::select! {
        found = asked(|_| answer("307 Temporary Redirect", &place, b"")) => found,
        _ = elsewhere.accept() => panic!("the redirect was followed"),
    };
    for words in [list, read] {
        assert!(words.contains("307 Temporary Redirect"), "{words}");
    }
}

#[tokio::test]
async fn an_answer_has_a_bound() {
    let body = vec![b' '; MAX_ANSWER + 1];
    let (list, read) = asked(|_| answer("200 OK", "", &body)).await;
    for words in [list, read] {
        assert!(words.contains("an answer has more than 4 MiB"), "{words}");
    }
    // Neither has what a server says of its refusal, nor its words.
    let (list, _) = asked(|_| answer("403 Forbidden", "", &body)).await;
    assert!(!list.is_empty() && list.chars().count() <= MAX_WORDS);
}

#[tokio::test]
async fn a_list_has_an_end() {
    let page = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>";
    let (list, _) = asked(|_| answer("200 OK", "", page.as_bytes())).await;
    assert!(list.contains("a list has more than 100 pages"), "{list}");
}

#[tokio::test]
async fn what_a_server_says_is_one_line_without_credentials() {
    let body = format!("<Error>\r\n::error::{TOKEN}\n</Error>");
    let (list, _) = asked(|_| answer("403 Forbidden", "", body.as_bytes())).await;
    assert!(list.contains("::error::…"), "{list}");
    assert!(!list.contains(['\n', '\r']), "{list}");
    assert_eq!(
        bounded("a hush b", &["a".to_owned(), "hush".to_owned()]),
        "a … b"
    );
}
