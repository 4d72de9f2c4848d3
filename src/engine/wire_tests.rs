//! What a connection makes of bytes that come when no request is under way.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;
use crate::traffic::template::Secrets;
use crate::transport::stream::Place;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn rendered() -> Rendered {
    let text = "name = \"t\"\ntarget.url = \"http://127.0.0.1:1\"\n[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\n[[request]]\nname = \"r\"\npath = \"/\"\n";
    let directory = std::path::Path::new(".");
    let overrides = crate::scenario::Overrides::default();
    let plan = crate::scenario::parse("t.toml", text, directory, &overrides).unwrap();
    let requests = plan.variants[0].requests.clone().into();
    let no_rosters = Vec::new().into();
    let mut source = super::super::source::Source::new(requests, no_rosters, "a", 7, Secrets::Sent);
    let mut out = Rendered::default();
    source.render(0, 0, &mut out);
    out
}

#[tokio::test]
async fn a_second_answer_is_not_taken_for_that_of_the_next_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint {
        place: Place::Tcp(listener.local_addr().unwrap()),
        tls: None,
    };
    let slot = Slot::of(0, 0);
    let mut wire = Wire::new(Reuse::KeepAlive);
    wire.open(&endpoint, &slot).await.unwrap();
    wire.out = rendered();
    let (mut peer, _) = listener.accept().unwrap();
    let length = wire.out.bytes().len();
    let served = std::thread::spawn(move || {
        peer.read_exact(&mut vec![0; length]).unwrap();
        peer.write_all(ANSWER).unwrap();
        peer
    });
    let begin = Begin { sent: 0, free: 0 };
    let first = wire.exchange(&slot, begin, ExpectBody::Yes, 0).await;
    assert!(matches!(first, Ended::Response(_)), "{first:?}");
    wire.settle().await;
    let mut peer = served.join().unwrap();
    peer.write_all(ANSWER).unwrap();
    // Loopback has handed it over by then, and the runtime was not asked since.
    while !wire.stream.as_ref().unwrap().has_input() {}
    let next = wire.exchange(&slot, begin, ExpectBody::Yes, 0).await;
    assert!(matches!(next, Ended::Stale), "{next:?}");
    assert!(wire.take_surplus());
    peer.set_nonblocking(true).unwrap();
    let unsent = peer.read(&mut [0; 1]).unwrap_err();
    assert_eq!(unsent.kind(), io::ErrorKind::WouldBlock);
}
