//! Certificates for tests, and a TLS server that behaves and misbehaves.
//!
//! The server is a thread with a runtime of its own; dropping the [`Server`] ends it. HTTP is read by hand: the head up to
//! its empty line, and as many bytes as its Content-Length says.

// Each test binary uses its part of this.
#![allow(dead_code)]
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on fails"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair, date_time_ymd,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS12;
use rustls::{ALL_VERSIONS, RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// No connection takes longer to end.
const LONG: Duration = Duration::from_secs(120);

/// An authority with a directory for what it issues.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    home: TempDir,
}

/// Files of a certificate with its chain and of its key.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Authority {
    /// A new one; all have the same name.
    pub fn generate() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority of a test");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("ca.pem"), certificate.pem()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            home,
        }
    }

    /// File with the authority's own certificate.
    pub fn file(&self) -> PathBuf {
        self.home.path().join("ca.pem")
    }

    /// A certificate for these names and addresses.
    pub fn issue(&self, names: &[&str]) -> Pair {
        self.write(&params(names))
    }

    /// One that has expired long ago.
    pub fn issue_expired(&self, names: &[&str]) -> Pair {
        let mut params = params(names);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.write(&params)
    }

    /// One that is signed with its own key and is an authority too, as `openssl req -x509` makes them.
    pub fn issue_own(&self, names: &[&str]) -> Pair {
        let mut params = params(names);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        self.store(&certificate, &key)
    }

    fn write(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.store(&certificate, &key)
    }

    fn store(&self, certificate: &Certificate, key: &KeyPair) -> Pair {
        let number = std::fs::read_dir(self.home.path()).unwrap().count();
        let file = |kind: &str| self.home.path().join(format!("{number}.{kind}"));
        let pair = Pair {
            cert: file("cert"),
            key: file("key"),
        };
        std::fs::write(&pair.cert, certificate.pem()).unwrap();
        std::fs::write(&pair.key, key.serialize_pem()).unwrap();
        pair
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

/// What the server does with each connection.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// Answers every request.
    Serve(&'static [u8]),
    /// The same, and changes its keys after each answer: the socket becomes readable and holds no plain text.
    ServeAndRekey(&'static [u8]),
    /// Answers one request, says that it closes, and closes.
    Close(&'static [u8]),
    /// Answers one request and closes without saying so.
    Abandon(&'static [u8]),
    /// Answers one request, reads another one, works on it for so long, and closes without a word.
    Work(&'static [u8], Duration),
    /// Answers every request once its head is there, and reads its body only then.
    Early(&'static [u8]),
    /// Of TLS 1.2: reads a request, and begins to ask for another handshake.
    AskAnew,
    /// Reads nothing and says nothing.
    Stall,
    /// Reads the beginning of the handshake and answers in plain HTTP.
    Plain,
    /// Reads the beginning of the handshake and closes.
    Vanish,
}

/// How the server is set up.
#[derive(Debug, Clone)]
pub struct Spec<'a> {
    pub address: &'a str,
    pub pair: &'a Pair,
    /// Who must have signed clients' certificates.
    pub clients: Option<&'a Path>,
    pub act: Act,
}

/// What the server saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub connections: u64,
    /// Those of which nothing more will come.
    pub ended: u64,
    pub handshakes: u64,
    pub resumed: u64,
    pub requests: u64,
    /// Connections that the client ended with close_notify.
    pub farewells: u64,
    pub names: Vec<Option<String>>,
    /// The first heads.
    pub heads: Vec<String>,
}

/// A running server on a port of its own.
pub struct Server {
    pub addr: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves a certificate for 127.0.0.1.
    pub fn start(pair: &Pair, act: Act) -> Self {
        Self::with(&Spec {
            address: "127.0.0.1:0",
            pair,
            clients: None,
            act,
        })
    }

    pub fn with(spec: &Spec<'_>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind(spec.address)).unwrap();
        let addr = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config(spec)));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stop, stopped) = oneshot::channel();
        let (act, shared) = (spec.act, seen.clone());
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(&listener, &acceptor, act, &shared) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            addr,
            seen,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// What was seen once every connection has ended.
    pub fn ended(&self) -> Seen {
        let started = Instant::now();
        loop {
            let seen = self.seen();
            if seen.ended == seen.connections {
                return seen;
            }
            assert!(started.elapsed() < LONG, "connections stay open: {seen:?}");
            std::thread::yield_now();
        }
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(
            matches!(ended, Some(Ok(()))) || std::thread::panicking(),
            "the TLS server panicked"
        );
    }
}

fn config(spec: &Spec<'_>) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(&spec.pair.cert)
        .unwrap()
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_file(&spec.pair.key).unwrap();
    let provider = Arc::new(default_provider());
    let old = [&TLS12];
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(match spec.act {
            Act::AskAnew => &old[..],
            _ => ALL_VERSIONS,
        })
        .unwrap();
    let builder = match spec.clients {
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_file(ca).unwrap())
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    // Whatever the certificate is.
    let key = default_provider().key_provider.load_private_key(key);
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key.unwrap()));
    let mut config = builder.with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

async fn accept(listener: &TcpListener, acceptor: &TlsAcceptor, act: Act, seen: &Arc<Mutex<Seen>>) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        seen.lock().unwrap().connections += 1;
        let (acceptor, seen) = (acceptor.clone(), seen.clone());
        // An error is the client's end of the connection.
        tokio::spawn(async move {
            let _ = serve(stream, &acceptor, act, &seen).await;
            seen.lock().unwrap().ended += 1;
        });
    }
}

async fn serve(
    mut stream: TcpStream,
    acceptor: &TlsAcceptor,
    act: Act,
    seen: &Mutex<Seen>,
) -> std::io::Result<()> {
    match act {
        Act::Stall => {
            std::future::pending::<()>().await;
        }
        Act::Plain | Act::Vanish => {
            let mut hello = [0; 4096];
            let _ = stream.read(&mut hello).await?;
            if matches!(act, Act::Plain) {
                stream
                    .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                    .await?;
            }
            return Ok(());
        }
        _ => {}
    }
    let mut stream = acceptor.accept(stream).await?;
    {
        let session = stream.get_ref().1;
        let mut seen = seen.lock().unwrap();
        seen.handshakes += 1;
        let resumed = session.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        seen.resumed += u64::from(resumed);
        seen.names.push(session.server_name().map(str::to_owned));
        assert_eq!(session.alpn_protocol(), Some(b"http/1.1".as_slice()));
    }
    let mut unread = Vec::new();
    let mut answers = 0;
    loop {
        let length = read_head(&mut stream, &mut unread, seen).await?;
        if let Act::Early(answer) = act {
            stream.write_all(answer).await?;
            stream.flush().await?;
        }
        while unread.len() < length {
            if stream_ended(&mut stream, &mut unread).await? {
                return Ok(());
            }
        }
        unread.drain(..length);
        match act {
            Act::Serve(answer) => stream.write_all(answer).await?,
            Act::ServeAndRekey(answer) => {
                stream.write_all(answer).await?;
                stream.flush().await?;
                stream.get_mut().1.refresh_traffic_keys().unwrap();
            }
            Act::Close(answer) => {
                stream.write_all(answer).await?;
                return stream.shutdown().await;
            }
            Act::Abandon(answer) => {
                stream.write_all(answer).await?;
                return stream.flush().await;
            }
            Act::Work(_, work) if answers == 1 => {
                tokio::time::sleep(work).await;
                return Ok(());
            }
            Act::Work(answer, _) => {
                answers += 1;
                stream.write_all(answer).await?;
            }
            Act::AskAnew => stream.get_mut().0.write_all(&[22, 3, 3, 0, 40]).await?,
            Act::Early(_) | Act::Stall | Act::Plain | Act::Vanish => {}
        }
        stream.flush().await?;
    }
}

/// Reads a request's head and returns the length of its body.
async fn read_head(
    stream: &mut TlsStream<TcpStream>,
    unread: &mut Vec<u8>,
    seen: &Mutex<Seen>,
) -> std::io::Result<usize> {
    let end = loop {
        match unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            Some(at) => break at + 4,
            None if stream_ended(stream, unread).await? => {
                seen.lock().unwrap().farewells += 1;
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            None => {}
        }
    };
    let head: Vec<u8> = unread.drain(..end).collect();
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| *name == "Content-Length")
        .map_or(0, |(_, length)| length.parse().unwrap());
    let mut seen = seen.lock().unwrap();
    seen.requests += 1;
    if seen.heads.len() < 100 {
        seen.heads.push(head);
    }
    Ok(length)
}

/// Reads more; whether the client said that nothing will come.
async fn stream_ended(
    stream: &mut TlsStream<TcpStream>,
    unread: &mut Vec<u8>,
) -> std::io::Result<bool> {
    let mut buffer = [0; 16 * 1024];
    let n = stream.read(&mut buffer).await?;
    unread.extend_from_slice(&buffer[..n]);
    Ok(n == 0)
}
