//! One object after another into each kind of sink, and what a lost or a false answer leads to.

use std::collections::VecDeque;
use std::fs;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use axum::http::{Method, Response, StatusCode};
use gateway_config::{Batching, Mode, Settings};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::ingest::answer::Answer;
use crate::ingest::metrics::IngestMetrics;
use crate::ingest::scratch::Scratch;
use crate::ingest::verify::{self, Address, Report};
use crate::ingest::{Ingest, Voucher, document};

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
    serving: JoinSet<()>,
}

impl Server {
    async fn start() -> Self {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("bucket")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut server = Self {
            addr: listener.local_addr().unwrap(),
            scratch,
            faults: Arc::default(),
            uploads: Arc::default(),
            serving: JoinSet::new(),
        };
        server.serve(listener);
        server
    }

    /// Ends it in the middle of whatever it does: connections are gone, nobody listens.
    async fn kill(&mut self) {
        self.serving.shutdown().await;
    }

    /// Starts it again where it was, with what it has stored.
    async fn restart(&mut self) {
        let listener = TcpListener::bind(self.addr).await.unwrap();
        self.serve(listener);
    }

    fn serve(&mut self, listener: TcpListener) {
        let root = s3s_fs::FileSystem::new(self.scratch.path("")).unwrap();
        let mut builder = S3ServiceBuilder::new(root);
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let s3 = builder.build();
        let (queue, count) = (Arc::clone(&self.faults), Arc::clone(&self.uploads));
        self.serving.spawn(async move {
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

/// A pool with a small queue in front of the server, as a gateway has it.
async fn ingest(server: &Server, ack: Ack) -> (Arc<Ingest>, Arc<IngestMetrics>) {
    let settings = Settings {
        mode: Mode::Pool {
            workers: 3,
            payloads: 100,
            bytes: 1 << 20,
            batching: Batching {
                payloads: 5,
                bytes: 1 << 20,
                age: Duration::from_millis(1),
            },
        },
        ack,
        location: server.location("s3://bucket"),
        stand_in: StandIn::default(),
        drain: Duration::from_secs(60),
    };
    let metrics = Arc::new(IngestMetrics::register(
        &mut prometheus_client::registry::Registry::default(),
    ));
    let ingest = Ingest::start(&settings, Arc::clone(&metrics), &credentials).await;
    (Arc::new(ingest.unwrap()), metrics)
}

fn credentials(name: &str) -> Option<String> {
    match name {
        "AWS_ACCESS_KEY_ID" => Some(KEY.to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(SECRET.to_owned()),
        _ => None,
    }
}

/// A document of two payloads.
async fn take(ingest: &Ingest, id: &str) -> Answer {
    let body = format!(r#"{{"payloads":[{{"id":"{id}-a"}},{{"id":"{id}-b"}}]}}"#);
    let document = document::decode(body.as_bytes()).unwrap();
    ingest.take(&document, Voucher::Secret("car")).await
}

/// Holds what is stored against the acknowledged documents.
async fn verify(server: &Server, acknowledged: &[String]) -> Report {
    let lines = acknowledged.iter().map(|id| format!("{id}-a\n{id}-b\n"));
    let list = server.scratch.path("acknowledged");
    fs::write(&list, lines.collect::<String>()).unwrap();
    let address = Address {
        sink: "s3://bucket".to_owned(),
        s3_endpoint: Some(format!("http://{}", server.addr)),
        s3_region: None,
    };
    verify::verify(&address, &[list], &credentials)
        .await
        .unwrap()
}

#[tokio::test]
async fn faults_of_s3_lose_nothing_that_was_acknowledged() {
    let server = Server::start().await;
    let (ingest, metrics) = ingest(&server, Ack::Stored).await;
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
        replies.spawn(async move { (n.to_string(), take(&ingest, &n.to_string()).await) });
    }
    let mut acknowledged = Vec::new();
    while let Some(reply) = replies.join_next().await {
        let (id, answer) = reply.unwrap();
        assert_eq!(answer, Answer::Stored);
        acknowledged.push(id);
    }
    assert!(metrics.sink_errors.get() >= faults.len() as u64);
    assert_eq!(metrics.sink_retries.get(), metrics.sink_errors.get());
    ingest.drain(pending()).await.unwrap();
    let report = verify(&server, &acknowledged).await;
    assert!(report.holds(), "{report:?}");
    assert_eq!(
        (report.stored_once, report.duplicated, report.unacknowledged),
        (80, 0, 0)
    );
}

#[tokio::test]
async fn an_s3_that_is_killed_and_comes_back_costs_refusals_and_nothing_that_was_acknowledged() {
    for ack in [Ack::Queued, Ack::Stored] {
        let mut server = Server::start().await;
        let (ingest, metrics) = ingest(&server, ack).await;
        let enough = CancellationToken::new();
        let mut clients = JoinSet::new();
        // More documents at once than the queue has room for.
        for client in 0..80 {
            let (ingest, enough) = (Arc::clone(&ingest), enough.clone());
            clients.spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0.. {
                    if enough.is_cancelled() {
                        break;
                    }
                    let id = format!("{client}-{n}");
                    match take(&ingest, &id).await {
                        Answer::Queued | Answer::Stored => acknowledged.push(id),
                        // As a client does that was asked to come back.
                        Answer::QueueFull => tokio::time::sleep(Duration::from_millis(2)).await,
                        Answer::NotStoredYet => {}
                        other => panic!("{other:?}"),
                    }
                }
                acknowledged
            });
        }
        let until = async |what: &str, reached: &(dyn Fn() -> bool + Sync)| {
            let waiting = async {
                while !reached() {
                    tokio::task::yield_now().await;
                }
            };
            let waited = timeout(Duration::from_secs(60), waiting).await;
            waited.unwrap_or_else(|_| panic!("waited in vain for {what}"));
        };
        until("objects", &|| metrics.stored.get() > 200).await;
        server.kill().await;
        let (errors, refused) = (metrics.sink_errors.get(), metrics.rejected.get());
        until("back-pressure", &|| {
            metrics.sink_errors.get() >= errors + 3 && metrics.rejected.get() > refused
        })
        .await;
        let stored = metrics.stored.get();
        server.restart().await;
        until("the recovery", &|| metrics.stored.get() > stored + 200).await;
        enough.cancel();
        let mut acknowledged = Vec::new();
        while let Some(client) = clients.join_next().await {
            acknowledged.extend(client.unwrap());
        }
        ingest.drain(pending()).await.unwrap();
        let report = verify(&server, &acknowledged).await;
        assert!(report.holds(), "{ack:?}: {report:?}");
        assert_eq!(report.acknowledged, 2 * acknowledged.len() as u64);
        // An upload whose answer the kill took is recognised, not repeated.
        assert_eq!((report.duplicated, report.unreadable), (0, 0), "{report:?}");
    }
}
