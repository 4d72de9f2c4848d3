//! What stands between a gateway and its Redis: a network that falls silent, or garbles a reply.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gateway_config::StoreKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Passes bytes on; what is done to its connections is done to those that are open then.
pub(crate) struct Relay {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Connections that were made.
    made: AtomicU64,
    /// Those up to this number pass nothing on any more, and stay open.
    silent: AtomicU64,
    /// The next answer to those up to this number is garbled, once each.
    garbled: AtomicU64,
}

impl Relay {
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let relay = Self {
            address,
            state: Arc::clone(&state),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = state.made.fetch_add(1, Ordering::SeqCst) + 1;
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let state = &state;
                tokio::spawn(pass(
                    Arc::clone(state),
                    number,
                    from_client,
                    to_server,
                    false,
                ));
                tokio::spawn(pass(
                    Arc::clone(state),
                    number,
                    from_server,
                    to_client,
                    true,
                ));
            }
        });
        relay
    }

    pub(crate) fn store(&self) -> StoreKind {
        serde_json::from_value(format!("redis://{}", self.address).into()).unwrap()
    }

    pub(crate) fn made(&self) -> u64 {
        self.state.made.load(Ordering::SeqCst)
    }

    pub(crate) fn fall_silent(&self) {
        self.state.silent.store(self.made(), Ordering::SeqCst);
    }

    pub(crate) fn garble(&self) {
        self.state.garbled.store(self.made(), Ordering::SeqCst);
    }
}

async fn pass(
    state: Arc<State>,
    number: u64,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    is_answer: bool,
) {
    let mut bytes = vec![0; 1 << 16];
    let mut was_garbled = false;
    loop {
        let read = match from.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(read) => read,
        };
        if number <= state.silent.load(Ordering::SeqCst) {
            continue;
        }
        let garbles = number <= state.garbled.load(Ordering::SeqCst);
        let written = if is_answer && garbles && !was_garbled {
            was_garbled = true;
            to.write_all(b"?no reply\r\n").await
        } else {
            to.write_all(&bytes[..read]).await
        };
        if written.is_err() {
            return;
        }
    }
}
