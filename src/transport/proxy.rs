//! A forward proxy: asking it for a tunnel (RFC 9110 9.3.6). No deadline; it waits for what the proxy answers, which is
//! untrusted and bounded. No error and no `Debug` output holds a credential.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most bytes of an answer to CONNECT that are read, and header lines.
const MAX_ANSWER: usize = 16 << 10;
const MAX_LINES: usize = 100;

/// A proxy as it is named.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Host name or address; an IPv6 address without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// What it is told of who asks: the value of a Proxy-Authorization header.
    pub authorization: Option<String>,
}

impl Proxy {
    /// One that wants these credentials, if there are any.
    pub fn new(host: String, port: u16, user: Option<(&[u8], &[u8])>) -> Self {
        let basic = |(user, password): (&[u8], &[u8])| {
            let code = STANDARD.encode([user, b":", password].concat());
            format!("Basic {code}")
        };
        Self {
            host,
            port,
            authorization: user.map(basic),
        }
    }

    /// What is sent to it for a tunnel to `authority`, a host and a port.
    pub fn tunnel(&self, authority: &str) -> Tunnel {
        let authorization = self.authorization.as_ref();
        let authorization = authorization.map_or(String::new(), |value| {
            format!("Proxy-Authorization: {value}\r\n")
        });
        Tunnel {
            to: authority.to_owned(),
            has_credentials: self.authorization.is_some(),
            request: format!(
                "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n"
            ),
        }
    }
}

// By hand: it may hold a credential.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// The way through a proxy to one host and port.
#[derive(Clone, PartialEq, Eq)]
pub struct Tunnel {
    to: String,
    has_credentials: bool,
    request: String,
}

// By hand: it may hold a credential.
impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tunnel({})", self.to)
    }
}

impl Tunnel {
    /// Asks for it; afterwards the connection is one to the host behind the proxy.
    ///
    /// # Errors
    /// Why there is none, with the remedy.
    pub(super) async fn open(&self, stream: &mut TcpStream) -> Result<(), String> {
        let broken = |error: std::io::Error| {
            format!(
                "the connection to the proxy broke before it answered CONNECT: {error}; see its log"
            )
        };
        stream
            .write_all(self.request.as_bytes())
            .await
            .map_err(broken)?;
        let mut answer = Vec::with_capacity(1_024);
        loop {
            let read = stream.read_buf(&mut answer).await.map_err(broken)?;
            if let Some(end) = self.judge(&answer)? {
                // TLS is begun by the client: nothing follows by right.
                return if end == answer.len() {
                    Ok(())
                } else {
                    Err(no_proxy())
                };
            }
            if read == 0 {
                return Err("the proxy closed the connection before it answered CONNECT; check that it is an HTTP proxy, and see its log".to_owned());
            }
            if answer.len() > MAX_ANSWER {
                return Err(no_proxy());
            }
        }
    }

    /// Where the head of an answer ends that lets us through; `None` if there is more to come.
    fn judge(&self, answer: &[u8]) -> Result<Option<usize>, String> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_LINES];
        let mut head = httparse::Response::new(&mut lines);
        match head.parse(answer) {
            Ok(httparse::Status::Complete(end)) => match head.code {
                Some(200..=299) => Ok(Some(end)),
                code => Err(self.refusal(code.unwrap_or_default())),
            },
            Ok(httparse::Status::Partial) => Ok(None),
            Err(_) => Err(no_proxy()),
        }
    }

    fn refusal(&self, status: u16) -> String {
        let to = &self.to;
        match status {
            // Some say 401 to wrong credentials.
            401 | 407 if self.has_credentials => format!("the proxy refused the credentials ({status}); check user and password in --proxy or `target.proxy`"),
            407 => "the proxy wants credentials (407); write --proxy http://USER:PASSWORD@HOST:PORT, or `target.proxy` with {{env.NAME}} for the password".to_owned(),
            403 | 405 => format!("the proxy lets nobody through to {to} ({status}); allow that host and port for CONNECT in its settings"),
            // 500 is what some say of a name or port that is not there.
            500 | 502..=504 => format!("the proxy cannot reach {to} ({status}); check host and port, and whether the proxy may go there"),
            _ => format!("the proxy answered CONNECT to {to} with status {status}; see its log, and whether it is a forward proxy"),
        }
    }
}

fn no_proxy() -> String {
    "what answers there is no HTTP proxy; check host and port of --proxy or `target.proxy`"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tunnel(user: Option<(&[u8], &[u8])>) -> Tunnel {
        Proxy::new("proxy.test".to_owned(), 3128, user).tunnel("shop.test:443")
    }

    #[test]
    fn a_tunnel_is_asked_for_with_credentials_that_nobody_else_sees() {
        let with = tunnel(Some((b"ann", b"hush")));
        assert_eq!(
            with.request,
            "CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\nProxy-Authorization: Basic YW5uOmh1c2g=\r\n\r\n"
        );
        let shown = format!(
            "{with:?} {:?}",
            Proxy::new("h".to_owned(), 1, Some((b"ann", b"hush")))
        );
        assert!(
            !shown.contains("YW5u") && !shown.contains("hush"),
            "{shown}"
        );
    }

    #[test]
    fn every_answer_has_words() {
        let plain = tunnel(None);
        assert_eq!(
            plain.judge(b"HTTP/1.1 200 Connection established\r\n\r\n"),
            Ok(Some(39))
        );
        assert_eq!(plain.judge(b"HTTP/1.0 200 OK\r\nVia: x\r\n"), Ok(None));
        for (answer, says) in [
            (
                "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                "wants credentials (407)",
            ),
            (
                "HTTP/1.1 403 Filtered\r\n\r\n",
                "lets nobody through to shop.test:443 (403)",
            ),
            (
                "HTTP/1.1 502 Bad Gateway\r\n\r\n",
                "cannot reach shop.test:443 (502)",
            ),
            ("HTTP/1.1 301 Moved\r\n\r\n", "with status 301"),
            ("SSH-2.0-OpenSSH_9\r\n", "no HTTP proxy"),
        ] {
            let words = plain.judge(answer.as_bytes()).unwrap_err();
            assert!(words.contains(says), "{words}");
        }
        let refused = tunnel(Some((b"a", b"b"))).refusal(407);
        assert!(
            refused.contains("refused the credentials (407)"),
            "{refused}"
        );
    }

    proptest! {
        #[test]
        fn any_answer_is_taken(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = tunnel(None).judge(&bytes);
            let _ = tunnel(None).judge(&[b"HTTP/1.1 200 OK\r\n", &bytes[..]].concat());
        }
    }
}
