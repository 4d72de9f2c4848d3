//! One object after another into each kind of sink, and what a lost or a false answer leads to.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;

use axum::http::{Method, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::ingest::scratch::Scratch;

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI-hush";

/// What happens to the next upload.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It is done, and the connection ends without an answer.
    AnswerLost,
    /// It is not done, and the answer is this status.
    Status(u16),
}

/// An S3 server over real sockets, whose uploads fail as the test says.
struct Server {
    addr: SocketAddr,
    scratch: Scratch,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    uploads: Arc<Mutex<usize>>,
    _serving: JoinSet<()>,
}

impl Server {
    async fn start() -> Self {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("bucket")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (faults, uploads) = (
            Arc::<Mutex<VecDeque<_>>>::default(),
            Arc::<Mutex<usize>>::default(),
        );
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(scratch.path("")).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let s3 = builder.build();
        let mut serving = JoinSet::new();
        let (queue, count) = (Arc::clone(&faults), Arc::clone(&uploads));
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (s3, faults, uploads) = (s3.clone(), Arc::clone(&queue), Arc::clone(&count));
                let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let fault = if request.method() == Method::PUT {
                        *uploads.lock().unwrap() += 1;
                        faults.lock().unwrap().pop_front()
                    } else {
                        None
                    };
                    let s3 = s3.clone();
                    async move {
                        if let Some(Fault::Status(status)) = fault {
                            let mut response = Response::new(s3s::Body::empty());
                            *response.status_mut() = StatusCode::from_u16(status).unwrap();
                            return Ok(response);
                        }
                        let response = Service::call(&s3, request)
                            .await
                            .map_err(|_| io::Error::other("no answer"))?;
                        match fault {
                            Some(Fault::AnswerLost) => Err(io::Error::other("lost")),
                            _ => Ok(response),
                        }
                    }
                });
                connections.spawn(async move {
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            addr,
            scratch,
            faults,
            uploads,
            _serving: serving,
        }
    }

    fn fail(&self, faults: &[Fault]) {
        self.faults.lock().unwrap().extend(faults);
    }

    fn uploads(&self) -> usize {
        *self.uploads.lock().unwrap()
    }

    fn location(&self, address: &str) -> Location {
        let endpoint = format!("http://{}", self.addr);
        Location::parse(address)
            .unwrap()
            .with_access(Some(&endpoint), Some("us-east-1"))
            .unwrap()
    }

    async fn open(&self, address: &str, secret: &str) -> Result<Sink, SinkError> {
        let secret = secret.to_owned();
        let environment = move |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some(KEY.to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some(secret.clone()),
            _ => None,
        };
        Sink::open(
            &self.location(address),
            Ack::Stored,
            StandIn::default(),
            &environment,
        )
        .await
    }
}

fn object(text: &'static str) -> PutPayload {
    PutPayload::from_static(text.as_bytes())
}

async fn names(sink: &Sink) -> Vec<(String, u64)> {
    let (mut found, mut pending) = (Vec::new(), vec![None]);
    while let Some(directory) = pending.pop() {
        let (below, objects) = sink.list(directory.as_ref()).await.unwrap();
        pending.extend(below.into_iter().map(Some));
        found.extend(
            objects
                .into_iter()
                .map(|(name, size)| (name.to_string(), size)),
        );
    }
    found.sort();
    found
}

async fn is_a_sink(sink: &Sink, prefix: &str) {
    let (a, b) = (Path::from("run/000/a.jsonl"), Path::from("run/001/b.jsonl"));
    sink.put(&a, object("one\n")).await.unwrap();
    sink.put(
        &b,
        ["two\n", "three\n"]
            .map(axum::body::Bytes::from)
            .into_iter()
            .collect(),
    )
    .await
    .unwrap();
    sink.put(&a, object("one\n")).await.unwrap();
    let (a, b) = (format!("{prefix}{a}"), format!("{prefix}{b}"));
    assert_eq!(
        names(sink).await,
        [(a.clone(), 4), (b.clone(), 10)],
        "an object put twice is there once"
    );
    assert_eq!(
        &sink.read(&Path::from(b), 2..6).await.unwrap()[..],
        b"o\nth"
    );
    let error = sink
        .put(&Path::from("run/000/a.jsonl"), object("other\n"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{a} is there with 4 bytes instead of 6"),
        "nothing is replaced"
    );
}

#[tokio::test]
async fn every_sink_creates_objects_once() {
    let memory = Sink::open(&Location::Memory, Ack::Stored, StandIn::default(), &|_| {
        None
    })
    .await
    .unwrap();
    is_a_sink(&memory, "").await;
    for ack in [Ack::Queued, Ack::Stored] {
        let scratch = Scratch::new();
        let location = Location::File(scratch.path("new/sink"));
        is_a_sink(
            &Sink::open(&location, ack, StandIn::default(), &|_| None)
                .await
                .unwrap(),
            "",
        )
        .await;
    }
    let server = Server::start().await;
    is_a_sink(&server.open("s3://bucket", SECRET).await.unwrap(), "").await;
    is_a_sink(
        &server
            .open("s3://bucket/some/prefix", SECRET)
            .await
            .unwrap(),
        "some/prefix/",
    )
    .await;
}

#[tokio::test]
async fn memory_keeps_the_newest_objects() {
    let sink = Sink::open(&Location::Memory, Ack::Queued, StandIn::default(), &|_| {
        None
    })
    .await
    .unwrap();
    let large: axum::body::Bytes = vec![b'x'; 20 << 20].into();
    for n in 0..5 {
        sink.put(&Path::from(format!("{n}")), large.clone().into())
            .await
            .unwrap();
    }
    let names: Vec<String> = names(&sink)
        .await
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["2", "3", "4"]);
}

#[tokio::test]
async fn an_upload_whose_answer_was_lost_counts_when_it_is_tried_again() {
    let server = Server::start().await;
    let sink = server.open("s3://bucket", SECRET).await.unwrap();
    server.fail(&[Fault::AnswerLost]);
    let name = Path::from("run/a.jsonl");
    assert!(
        sink.put(&name, object("one\n")).await.is_err(),
        "nobody can know yet"
    );
    sink.put(&name, object("one\n")).await.unwrap();
    assert_eq!(names(&sink).await, [("run/a.jsonl".to_owned(), 4)]);
    assert_eq!(
        server.uploads(),
        2,
        "the library itself tries nothing again"
    );
}

#[tokio::test]
async fn a_conflict_is_not_taken_for_a_stored_object() {
    let server = Server::start().await;
    let sink = server.open("s3://bucket", SECRET).await.unwrap();
    server.fail(&[Fault::Status(409), Fault::Status(503), Fault::Status(412)]);
    let name = Path::from("run/a.jsonl");
    for _ in 0..3 {
        assert!(sink.put(&name, object("one\n")).await.is_err());
        assert_eq!(names(&sink).await, []);
    }
    sink.put(&name, object("one\n")).await.unwrap();
    assert_eq!(names(&sink).await, [("run/a.jsonl".to_owned(), 4)]);
}

#[tokio::test]
async fn a_bucket_that_cannot_be_used_is_known_at_the_start() {
    let server = Server::start().await;
    for (address, secret, words) in [
        ("s3://none", SECRET, "NoSuchBucket"),
        ("s3://bucket", "wrong-hush", "SignatureDoesNotMatch"),
    ] {
        let error = server
            .open(address, secret)
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(words), "{address}: {error}");
        assert!(!error.contains("hush") && !error.contains(KEY), "{error}");
    }
    let nobody = Location::parse("s3://bucket")
        .unwrap()
        .with_access(Some("http://127.0.0.1:1"), None)
        .unwrap();
    let environment = |name: &str| {
        name.starts_with("AWS_")
            .then(|| "hush".to_owned())
            .filter(|_| SECRETS.contains(&name))
    };
    let error = Sink::open(&nobody, Ack::Stored, StandIn::default(), &environment)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("127.0.0.1:1") && !error.contains("hush"),
        "{error}"
    );
}

const SECRETS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

#[tokio::test]
async fn an_outage_of_s3_loses_nothing_that_was_acknowledged() {
    use crate::config::ingest::{Batching, Mode, Settings};
    use crate::ingest::endpoint::Answer;
    use crate::ingest::metrics::IngestMetrics;
    use crate::ingest::{Ingest, document};

    let server = Server::start().await;
    let settings = Settings {
        mode: Mode::Pool {
            workers: 3,
            payloads: 1_000,
            bytes: 1 << 20,
            batching: Batching {
                payloads: 5,
                bytes: 1 << 20,
                age: std::time::Duration::from_millis(1),
            },
        },
        ack: Ack::Stored,
        location: server.location("s3://bucket"),
        stand_in: StandIn::default(),
        drain: std::time::Duration::from_secs(60),
    };
    let environment = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some(KEY.to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(SECRET.to_owned()),
        _ => None,
    };
    let metrics = Arc::new(IngestMetrics::register(
        &mut prometheus_client::registry::Registry::default(),
    ));
    let ingest = Arc::new(
        Ingest::start(&settings, Arc::clone(&metrics), &environment)
            .await
            .unwrap(),
    );
    let faults = [
        Fault::AnswerLost,
        Fault::Status(503),
        Fault::Status(409),
        Fault::Status(403),
        Fault::AnswerLost,
    ];
    server.fail(&faults);
    let mut replies = JoinSet::new();
    for n in 0..40 {
        let ingest = Arc::clone(&ingest);
        replies.spawn(async move {
            let body = format!(r#"{{"payloads":[{{"id":"{n}-a"}},{{"id":"{n}-b"}}]}}"#);
            let answer = ingest
                .take(&document::decode(body.as_bytes()).unwrap(), Some("car"))
                .await;
            (n, answer)
        });
    }
    let mut acknowledged = String::new();
    while let Some(reply) = replies.join_next().await {
        let (n, answer) = reply.unwrap();
        assert_eq!(answer, Answer::Stored);
        acknowledged.push_str(&format!("{n}-a\n{n}-b\n"));
    }
    assert!(metrics.sink_errors.get() >= faults.len() as u64);
    assert_eq!(metrics.sink_retries.get(), metrics.sink_errors.get());
    ingest.drain().await.unwrap();
    let list = server.scratch.path("acknowledged");
    fs::write(&list, acknowledged).unwrap();
    let address = crate::ingest::verify::Address {
        sink: "s3://bucket".to_owned(),
        s3_endpoint: Some(format!("http://{}", server.addr)),
        s3_region: None,
    };
    let report = crate::ingest::verify::verify(&address, &[list], &environment)
        .await
        .unwrap();
    assert!(report.holds(), "{report:?}");
    assert_eq!(
        (report.stored_once, report.duplicated, report.unacknowledged),
        (80, 0, 0)
    );
}
