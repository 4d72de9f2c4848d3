//! What one request costs in each part of the measured path, without the system calls: codec, template, answer, recorder, pacer.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use telemload::engine::{Rendered, Source};
use telemload::metrics::{Outcome, Recorder, Times, Window};
use telemload::pacer::{Pacer, Schedule};
use telemload::scenario::{Arrivals, Overrides, Pace, Stage, parse};
use telemload::traffic::fleet::Roster;
use telemload::traffic::json::Pointers;
use telemload::traffic::template::Secrets;
use telemload::transport::answer::ExpectBody;
use telemload::transport::http1::{Decoder, Limits};
use telemload::units::Rate;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 05:00:00 GMT\r\n\
Content-Type: text/plain\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok";

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
1a\r\n{\"accepted\":true,\"seq\":123}\r\n0\r\n\r\n";

fn decode(decoder: &mut Decoder, answer: &[u8]) {
    decoder.start(ExpectBody::Yes, 256);
    decoder.spare()[..answer.len()].copy_from_slice(answer);
    black_box(decoder.filled(answer.len())).expect("the answer is well-formed");
}

fn codec(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(1));
    let mut decoder = Decoder::new(Limits::default());
    group.bench_function("the same header block again", |bencher| {
        bencher.iter(|| decode(&mut decoder, black_box(ANSWER)));
    });
    let mut other = ANSWER.to_vec();
    let mut turn = 0;
    group.bench_function("a new header block each time", |bencher| {
        bencher.iter(|| {
            turn = (turn + 1) % 10;
            // A digit of the Date.
            other[b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 2".len()] = b'0' + turn;
            decode(&mut decoder, black_box(&other));
        });
    });
    group.bench_function("chunked", |bencher| {
        bencher.iter(|| decode(&mut decoder, black_box(CHUNKED)));
    });
    group.finish();
}

fn source(request: &str) -> Source {
    let text = format!(
        "name = \"bench\"\ntarget.url = \"http://127.0.0.1:1\"\n[fleet.cars]\ndevices = 32\n\
         [load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\n{request}"
    );
    let plan = parse("bench.toml", &text, Path::new("."), &Overrides::default())
        .expect("the scenario is valid");
    let variant = &plan.variants[0];
    let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
    Source::new(
        variant.requests.clone().into(),
        rosters.into(),
        "127.0.0.1:1",
        1,
        Secrets::Sent,
    )
}

fn template(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("template");
    group.throughput(Throughput::Elements(1));
    let requests = [
        (
            "static",
            "[[request]]\nname = \"get\"\npath = \"/\"\nheaders = { Accept = \"*/*\" }\n",
        ),
        (
            "fixed width",
            "[[request]]\nname = \"telemetry\"\nfleet = \"cars\"\npath = \"/v1/telemetry\"\nheaders = { X-Device-Id = \"{{device.id}}\", X-Device-Token = \"{{device.secret}}\", X-Trace = \"{{uuid}}\" }\n",
        ),
        (
            "telemetry",
            "[[request]]\nname = \"telemetry\"\nfleet = \"cars\"\npath = \"/v1/telemetry\"\nheaders = { X-Device-Id = \"{{device.id}}\", X-Device-Token = \"{{device.secret}}\" }\nbody = '{\"device\":\"{{device.id}}\",\"seq\":{{seq}},\"speed\":{{int 0 180}},\"at\":{{now unix_ms}}}'\n",
        ),
    ];
    for (name, request) in requests {
        let (mut source, mut out, mut n) = (source(request), Rendered::default(), 0);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                n += 1;
                source.render(0, n, &mut out);
                black_box(out.bytes());
            });
        });
    }
    group.finish();
}

fn answer(criterion: &mut Criterion) {
    let item =
        r#"{"id":17,"value":21.5,"unit":"km\/h","tags":["a","b"],"at":"2026-11-21T05:00:00Z"}"#;
    let list = vec![item; 100].join(",");
    let mut group = criterion.benchmark_group("answer");
    for (name, body) in [
        (
            "100 bytes",
            format!(r#"{{"accepted":true,"items":[{item}]}}"#),
        ),
        ("8 KB", format!(r#"{{"items":[{list}],"accepted":true}}"#)),
    ] {
        group.throughput(Throughput::Bytes(body.len() as u64));
        let mut pointers = Pointers::new(["/accepted", "/items/0/id", "/items/0/unit"]);
        let expected = serde_json::Value::Bool(true);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let found = pointers.find(black_box(body.as_bytes()));
                let found = found.expect("the answer is JSON");
                black_box(found.get(0).map(|value| value.is(&expected)));
            });
        });
    }
    group.finish();
}

fn recorder(criterion: &mut Criterion) {
    let window = Window {
        start: 0,
        end: u64::MAX,
    };
    let mut recorder = Recorder::new(window, 1_000_000_000, 1, 1);
    let mut at = 0;
    criterion.bench_function("recorder", |bencher| {
        bencher.iter(|| {
            at += 50_000;
            let times = Times {
                intended: at,
                startable: at + 100,
                sent: at + 7_000,
                done: at + 7_000 + at % 90_000,
            };
            recorder.record(0, Outcome::Ok { status: 200 }, black_box(times));
        });
    });
}

fn pacer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pacer");
    group.throughput(Throughput::Elements(1));
    let constant = Pace::Constant(Rate::new(20_000.0).expect("the rate is valid"));
    let ramp = Pace::Staged {
        begin: 0.0,
        stages: [Stage {
            to: 20_000.0,
            over: Duration::from_secs(3_600),
        }]
        .into(),
    };
    for (name, pace, arrivals) in [
        ("constant", &constant, Arrivals::Constant),
        ("poisson", &constant, Arrivals::Poisson),
        ("ramp", &ramp, Arrivals::Constant),
    ] {
        let schedule = Schedule::new(pace, Duration::ZERO);
        let mut pacer = Pacer::new(schedule, arrivals, 1, telemload::shard::Lane::new(0, 1));
        group.bench_function(name, |bencher| bencher.iter(|| black_box(pacer.take())));
    }
    group.finish();
}

criterion_group!(hot_path, codec, template, answer, recorder, pacer);
criterion_main!(hot_path);
