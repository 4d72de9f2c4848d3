//! A gateway on a free port, and a client for it.

use std::net::SocketAddr;
use std::time::Duration;

use gateway_config::{Config, Device, Key};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use target_service::{Error, run};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

/// Bounds every wait: a test that would hang fails.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);
pub(crate) const CHEAP: u32 = 4;

pub(crate) struct Gateway {
    pub(crate) addr: SocketAddr,
    pub(crate) client: Client,
    key: Key,
    stop: oneshot::Sender<()>,
    done: JoinHandle<Result<(), Error>>,
}

/// A device whose secret is its id.
pub(crate) fn device(id: &str, cost: u32) -> Device {
    Device {
        id: id.into(),
        hash: bcrypt::hash(id, cost).unwrap(),
    }
}

/// A configuration that starts and answers quickly.
pub(crate) fn quick() -> Config {
    Config {
        bcrypt_cost: CHEAP,
        user_kib: 4,
        ..Config::default()
    }
}

impl Gateway {
    pub(crate) async fn start(config: Config, devices: Vec<Device>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let key = Key::random().unwrap();
        let done = tokio::spawn(run(listener, config, devices, Some(key.clone()), shutdown));
        let client = Client::builder().no_proxy().build().unwrap();
        Self {
            addr,
            client,
            key,
            stop,
            done,
        }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.addr))
    }

    /// The key of the start.
    pub(crate) fn key(&self) -> String {
        self.key.digits()
    }

    /// A request with the key of the start.
    pub(crate) fn debug(&self, path: &str) -> RequestBuilder {
        self.get(path).basic_auth("admin", Some(self.key()))
    }

    pub(crate) fn revoke(&self, id: &str) -> RequestBuilder {
        self.client
            .post(format!("http://{}/admin/revoke/{id}", self.addr))
            .basic_auth("admin", Some(self.key()))
    }

    pub(crate) fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client
            .post(format!("http://{}/v1/telemetry", self.addr))
            .body(body)
    }

    pub(crate) fn telemetry(&self, id: &str, token: &str) -> RequestBuilder {
        self.get("/v1/telemetry")
            .header("X-Device-Id", id)
            .header("X-Device-Token", token)
    }

    /// A handshake for a session.
    pub(crate) fn handshake(&self, id: &str, secret: &str) -> RequestBuilder {
        self.client
            .post(format!("http://{}/v1/session", self.addr))
            .header("X-Device-Id", id)
            .header("X-Device-Token", secret)
    }

    /// The token of a handshake that succeeds.
    pub(crate) async fn session(&self, id: &str, secret: &str) -> String {
        let response = self.handshake(id, secret).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let reply: serde_json::Value = response.json().await.unwrap();
        assert_eq!(reply["token_type"], "Bearer");
        assert!(reply["expires_in"].as_u64().unwrap() >= 1);
        reply["token"].as_str().unwrap().to_owned()
    }

    /// Sends the request in a task of its own.
    pub(crate) fn send(&self, request: RequestBuilder) -> JoinHandle<Response> {
        tokio::spawn(async move { request.send().await.unwrap() })
    }

    /// The value of a metric that has this very name and labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self
            .get("/metrics")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value
            .unwrap_or_else(|| panic!("{name} is not in\n{text}"))
            .parse()
            .unwrap()
    }

    /// Waits until a metric has reached a value.
    pub(crate) async fn until(&self, name: &str, value: f64) {
        let reached = async {
            while self.metric(name).await < value {
                yield_now().await;
            }
        };
        timeout(LIMIT, reached)
            .await
            .unwrap_or_else(|_| panic!("{name} never reached {value}"));
    }

    /// Asks the gateway to stop; the handle ends when it has.
    pub(crate) fn stop(self) -> JoinHandle<Result<(), Error>> {
        self.stop.send(()).unwrap();
        self.done
    }
}

/// Status and body of a response.
pub(crate) async fn parts(response: Response) -> (StatusCode, String) {
    (response.status(), response.text().await.unwrap())
}
