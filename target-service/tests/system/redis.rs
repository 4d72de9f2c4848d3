//! A Redis server of the test's own, on a free port, gone at the end of the test.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use gateway_config::{Config, StoreKind};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateway::{LIMIT, quick};

pub(crate) struct Redis {
    port: u16,
    child: Option<Child>,
}

impl Redis {
    pub(crate) async fn start() -> Self {
        // The port is free until another process takes it in the moment between; then the server ends at once.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let mut redis = Self { port, child: None };
            if redis.launch().await {
                return redis;
            }
        }
        panic!("redis-server did not start on ten ports");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server without giving it time to do anything.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops the server in the middle of whatever it does; its connections stay.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// Starts it again on the same port; it has forgotten everything.
    pub(crate) async fn restart(&mut self) {
        // An outgoing connection of another test may have the port for a while.
        let again = async { while !self.launch().await {} };
        timeout(LIMIT, again)
            .await
            .expect("redis-server starts again");
    }

    async fn launch(&mut self) -> bool {
        let port = self.port.to_string();
        let child = Command::new("redis-server")
            .args([
                "--port",
                &port,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed; scripts/test does so");
        let own = format!("process_id:{}", child.id());
        self.child = Some(child);
        let ready = async {
            loop {
                if self.child.as_mut().unwrap().try_wait().unwrap().is_some() {
                    return false;
                }
                // Whoever took the port may be another test's server.
                if self
                    .try_say(&["INFO", "server"])
                    .await
                    .is_some_and(|reply| reply.lines().any(|line| line == own))
                {
                    return true;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, ready).await.unwrap()
    }

    /// The reply to a command, as it is on the wire.
    pub(crate) async fn say(&self, words: &[&str]) -> String {
        self.try_say(words).await.expect("the server answers")
    }

    /// A connection that gets the messages of a channel.
    pub(crate) async fn listen(&self, channel: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let command = format!("SUBSCRIBE {channel}\r\n");
        stream.write_all(command.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        let subscribed = async {
            while !reply.ends_with(b":1\r\n") {
                assert_ne!(stream.read_buf(&mut reply).await.unwrap(), 0);
            }
        };
        timeout(LIMIT, subscribed).await.unwrap();
        stream
    }

    async fn try_say(&self, words: &[&str]) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        let command = words.join(" ") + "\r\nQUIT\r\n";
        stream.write_all(command.as_bytes()).await.ok()?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.ok()?;
        let reply = String::from_utf8_lossy(&reply).into_owned();
        Some(reply.strip_suffix("+OK\r\n").unwrap_or(&reply).to_owned())
    }

    /// The names of all keys, sorted.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let reply = self.say(&["KEYS", "*"]).await;
        let mut keys: Vec<String> = reply
            .lines()
            .filter(|line| !line.starts_with(['*', '$']))
            .map(str::to_owned)
            .collect();
        keys.sort();
        keys
    }

    /// A configuration that keeps its data here.
    pub(crate) fn config(&self) -> Config {
        Config {
            store: self.store(),
            store_prefix: Some("run:".into()),
            ..quick()
        }
    }

    pub(crate) fn store(&self) -> StoreKind {
        serde_json::from_value(format!("redis://127.0.0.1:{}", self.port).into()).unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
