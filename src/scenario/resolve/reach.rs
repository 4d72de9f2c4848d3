//! How a target is reached: its URL, the way that connections take to it, and TLS. Keys and flags → [`BaseUrl`], [`Route`],
//! [`Tls`]. Files that `tls` names are read here; nothing is connected.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::resolver::Resolver;
use crate::scenario::plan::{BaseUrl, Route};
use crate::scenario::read::error::Error;
use crate::scenario::read::file::{self, Text};
use crate::transport::tls::{Tls, TlsError};
use crate::units::parse_share;

/// The longest path of a unix socket, without the zero byte at its end (unix(7)).
const LONGEST_SOCKET: usize = 107;

impl Resolver<'_> {
    /// A URL target's origin, with TLS if its scheme is https.
    pub(super) fn base(&self, target: &file::Target, url: &Text) -> Result<BaseUrl, Error> {
        let origin = origin(url.get_ref())
            .map_err(|message| self.error(url.span(), "target.url", message))?;
        let tls = if origin.is_secure {
            let given = target.tls.as_ref().map(Spanned::get_ref);
            Some(self.tls(given.unwrap_or(&file::Tls::default()))?)
        } else {
            self.refuse_tls(target, "an https:// URL")?;
            None
        };
        Ok(BaseUrl {
            tls,
            host: origin.host,
            port: origin.port,
            authority: origin.authority,
        })
    }

    /// The way that connections to a URL target take.
    pub(super) fn route(&self, target: &file::Target) -> Result<Route, Error> {
        // A flag takes the place of either key.
        let flags = (&self.overrides.connect_to, &self.overrides.unix_socket);
        let (host, socket) = match flags {
            (None, None) => (
                target
                    .connect_to
                    .as_ref()
                    .map(|text| text.get_ref().clone()),
                target
                    .unix_socket
                    .as_ref()
                    .map(|text| self.directory.join(text.get_ref())),
            ),
            (host, socket) => (host.clone(), socket.clone()),
        };
        let is_flag = flags.0.is_some() || flags.1.is_some();
        let refused = |text: &Option<Text>, key: &str, flag: &str, message: String| {
            let span = text.as_ref().map(Spanned::span).filter(|_| !is_flag);
            let key = if is_flag { flag } else { key };
            self.source.error(span, key, message)
        };
        let refused_socket = |message: String| {
            refused(
                &target.unix_socket,
                "target.unix_socket",
                "--unix-socket",
                message,
            )
        };
        match (host, socket) {
            (None, None) => Ok(Route::Url),
            (Some(_), Some(_)) => {
                let (one, other) = if is_flag {
                    ("--connect-to", "--unix-socket")
                } else {
                    ("connect_to", "unix_socket")
                };
                Err(refused_socket(format!(
                    "connections go to `{one}` or to `{other}`, not to both; remove one"
                )))
            }
            (Some(text), None) => host_and_port(&text).ok_or_else(|| {
                let message = format!(
                    "`{}` is not HOST:PORT; write one such as \"127.0.0.1:8443\" or \"[::1]:8443\"",
                    text.escape_debug()
                );
                refused(
                    &target.connect_to,
                    "target.connect_to",
                    "--connect-to",
                    message,
                )
            }),
            (None, Some(path)) => {
                let length = path.as_os_str().len();
                if (1..=LONGEST_SOCKET).contains(&length) {
                    Ok(Route::Unix(path.into()))
                } else {
                    Err(refused_socket(format!(
                        "the path of a unix socket has 1 to {LONGEST_SOCKET} bytes, and this one {length}; use a shorter one"
                    )))
                }
            }
        }
    }

    /// Refuses keys and flags that say where connections go.
    pub(super) fn refuse_route(&self, target: &file::Target, with: &str) -> Result<(), Error> {
        self.refuse_proxy(target)?;
        let overrides = self.overrides;
        self.refuse_all(
            with,
            &[
                ("--connect-to", overrides.connect_to.is_some()),
                ("--unix-socket", overrides.unix_socket.is_some()),
            ],
            &[
                ("connect_to", target.connect_to.as_ref().map(Spanned::span)),
                (
                    "unix_socket",
                    target.unix_socket.as_ref().map(Spanned::span),
                ),
            ],
        )
    }

    /// Refuses keys and flags of TLS.
    pub(super) fn refuse_tls(&self, target: &file::Target, with: &str) -> Result<(), Error> {
        let flags = &self.overrides.tls;
        self.refuse_all(
            with,
            &[
                ("--cacert", flags.ca.is_some()),
                ("--cert", flags.cert.is_some()),
                ("--key", flags.key.is_some()),
                ("--server-name", flags.server_name.is_some()),
                ("--insecure", flags.insecure),
                ("--no-resumption", flags.no_resumption),
            ],
            &[("tls", target.tls.as_ref().map(Spanned::span))],
        )
    }

    fn refuse_all(
        &self,
        with: &str,
        flags: &[(&str, bool)],
        keys: &[(&str, Option<std::ops::Range<usize>>)],
    ) -> Result<(), Error> {
        let message = format!("it goes only with {with}");
        if let Some((flag, _)) = flags.iter().find(|(_, given)| *given) {
            return Err(self.source.error(None, flag, message));
        }
        for (key, span) in keys {
            if let Some(span) = span {
                return Err(self.error(span.clone(), &format!("target.{key}"), message));
            }
        }
        Ok(())
    }

    /// TLS as keys and flags say, each flag in the place of its key. `--insecure` puts the scenario's `ca` out of use.
    pub(super) fn tls(&self, keys: &file::Tls) -> Result<Tls, Error> {
        let tls = self.identity(self.trust(keys)?, keys)?;
        let tls = tls.resuming(self.resumption(keys)?);
        let flag = self.overrides.tls.server_name.as_ref();
        let key = keys.server_name.as_ref();
        match flag.or(key.map(Spanned::get_ref)) {
            Some(name) => tls.named(name).map_err(|error| {
                let flag = flag.map(|_| "--server-name");
                self.tls_error(flag, key, "server_name", &error)
            }),
            None => Ok(tls),
        }
    }

    fn trust(&self, keys: &file::Tls) -> Result<Tls, Error> {
        let flags = &self.overrides.tls;
        let by_key = keys
            .insecure
            .as_ref()
            .is_some_and(|insecure| *insecure.get_ref());
        let refused = |error: &dyn Display| {
            let flag = flags.ca.as_ref().map(|_| "--cacert");
            self.tls_error(flag, keys.ca.as_ref(), "ca", error)
        };
        let ca = self
            .file(flags.ca.as_ref(), keys.ca.as_ref())
            .filter(|_| !flags.insecure || flags.ca.is_some());
        match ca {
            Some(_) if flags.insecure || (by_key && flags.ca.is_none()) => Err(refused(
                &"`ca` says whom to trust and `insecure` trusts anyone; remove one",
            )),
            Some(ca) => Tls::system().trusting(&ca).map_err(|error| refused(&error)),
            None if flags.insecure || by_key => Ok(Tls::system().unchecked()),
            None => Ok(Tls::system()),
        }
    }

    /// Share of connections that may go on with an earlier session.
    fn resumption(&self, keys: &file::Tls) -> Result<f64, Error> {
        if self.overrides.tls.no_resumption {
            return Ok(0.0);
        }
        let Some(given) = &keys.resumption else {
            return Ok(1.0);
        };
        let share = match given.get_ref() {
            file::Resumption::All(all) => Ok(f64::from(u8::from(*all))),
            file::Resumption::Share(text) => parse_share(text),
        };
        share.map_err(|error| self.error(given.span(), "target.tls.resumption", error.to_string()))
    }

    fn identity(&self, tls: Tls, keys: &file::Tls) -> Result<Tls, Error> {
        let flags = &self.overrides.tls;
        let of_cert = |error: &dyn Display| {
            let flag = flags.cert.as_ref().map(|_| "--cert");
            self.tls_error(flag, keys.cert.as_ref(), "cert", error)
        };
        let of_key = |error: &dyn Display| {
            let flag = flags.key.as_ref().map(|_| "--key");
            self.tls_error(flag, keys.key.as_ref(), "key", error)
        };
        let cert = self.file(flags.cert.as_ref(), keys.cert.as_ref());
        let key = self.file(flags.key.as_ref(), keys.key.as_ref());
        match (cert, key) {
            (None, None) => Ok(tls),
            (Some(cert), Some(key)) => tls.identified(&cert, &key).map_err(|error| match error {
                TlsError::NoKey(_)
                | TlsError::EncryptedKey(_)
                | TlsError::BadKey { .. }
                | TlsError::KeyMismatch { .. } => of_key(&error),
                _ if is_about(&error, &key) && cert != key => of_key(&error),
                _ => of_cert(&error),
            }),
            (Some(_), None) => Err(of_cert(
                &"a client certificate needs its private key; add `key` (--key)",
            )),
            (None, Some(_)) => Err(of_key(
                &"a private key needs its certificate; add `cert` (--cert)",
            )),
        }
    }

    /// A flag's file as it is, a key's beside the scenario.
    fn file(&self, flag: Option<&PathBuf>, key: Option<&Text>) -> Option<PathBuf> {
        flag.cloned()
            .or(key.map(|key| self.directory.join(key.get_ref())))
    }

    /// At the flag if it was given, else at the key.
    fn tls_error(
        &self,
        flag: Option<&str>,
        text: Option<&Text>,
        key: &str,
        error: &dyn Display,
    ) -> Error {
        match flag {
            Some(flag) => self.source.error(None, flag, error.to_string()),
            None => {
                let span = text.map(Spanned::span);
                let key = format!("target.tls.{key}");
                self.source.error(span, &key, error.to_string())
            }
        }
    }
}

/// Whether an error of reading speaks of this file.
fn is_about(error: &TlsError, file: &Path) -> bool {
    match error {
        TlsError::Unreadable { path, .. } | TlsError::BrokenPem(path) => path == file,
        _ => false,
    }
}

/// What a URL says of a target.
struct Origin {
    is_secure: bool,
    host: String,
    port: u16,
    authority: String,
}

fn origin(text: &str) -> Result<Origin, String> {
    let url = reqwest::Url::parse(text).map_err(|error| {
        format!("it is not a URL: {error}; write one such as \"http://127.0.0.1:8080\"")
    })?;
    let is_secure = match url.scheme() {
        "http" => false,
        "https" => true,
        other => {
            return Err(format!(
                "the scheme `{other}` cannot be loaded; use http:// or https://"
            ));
        }
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "credentials do not belong in a URL; send them in a header, from {{env.NAME}}"
                .to_owned(),
        );
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("a target is an origin such as \"http://127.0.0.1:8080\"; the path belongs to the request".to_owned());
    }
    let host = url.host_str().ok_or("the URL has no host")?;
    let default = if is_secure { 443 } else { 80 };
    let authority = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    Ok(Origin {
        is_secure,
        host: without_brackets(host).to_owned(),
        port: url.port_or_known_default().unwrap_or(default),
        authority,
    })
}

pub(super) fn host_and_port(text: &str) -> Option<Route> {
    // What a URL may have between its slashes and its path, and nothing but that.
    let url = reqwest::Url::parse(&format!("http://{text}/")).ok()?;
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok().filter(|&port| port > 0)?;
    let plain = url.path() == "/" && url.username().is_empty() && url.password().is_none();
    let is_host = plain && !host.is_empty() && !host.contains(['/', '@', '?', '#', '\\']);
    is_host.then(|| Route::Host {
        host: without_brackets(url.host_str().unwrap_or(host)).to_owned(),
        port,
    })
}

fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_taken_for_a_host_and_a_port_is_one(text in "[a-z0-9:.@/\\[\\]#? %-]{0,20}", any in ".{0,20}") {
            for text in [text, any] {
                if let Some(Route::Host { host, port }) = host_and_port(&text) {
                    prop_assert!(port > 0 && !host.is_empty());
                    prop_assert!(!host.contains(['@', '/', '[', ']', '?', '#', ' ']), "{text}: {host}");
                    let shown = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
                    prop_assert_eq!(host_and_port(&shown), Some(Route::Host { host, port }));
                }
                let _ = origin(&text);
            }
        }
    }

    #[test]
    fn an_origin_has_a_port_and_a_name_as_it_was_written() {
        let check = |url: &str, host: &str, port: u16, authority: &str| {
            let origin = origin(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(
                (origin.host.as_str(), origin.port, origin.authority.as_str()),
                (host, port, authority),
                "{url}"
            );
            assert_eq!(origin.is_secure, url.starts_with("https"), "{url}");
        };
        check("http://a.test", "a.test", 80, "a.test");
        check("https://a.test", "a.test", 443, "a.test");
        check("https://a.test:8443", "a.test", 8443, "a.test:8443");
        check("http://[::1]:81", "::1", 81, "[::1]:81");
        check("https://127.0.0.1", "127.0.0.1", 443, "127.0.0.1");
        for (url, says) in [
            ("ftp://a.test", "use http:// or https://"),
            ("https://a.test/x", "belongs to the request"),
            ("https://u:p@a.test", "credentials do not belong"),
            ("a.test", "not a URL"),
        ] {
            let error = origin(url).err().unwrap_or_default();
            assert!(error.contains(says), "{url}: {error}");
        }
    }

    #[test]
    fn connections_go_to_a_host_and_a_port() {
        let check = |text: &str, expected: Option<(&str, u16)>| {
            let found = host_and_port(text);
            let expected = expected.map(|(host, port)| Route::Host {
                host: host.to_owned(),
                port,
            });
            assert_eq!(found, expected, "{text}");
        };
        check("127.0.0.1:8443", Some(("127.0.0.1", 8443)));
        check("[::1]:8443", Some(("::1", 8443)));
        check("host.test:80", Some(("host.test", 80)));
        for text in [
            "",
            ":80",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "::1:80",
            "http://h:80",
            "u@h:80",
            "h:80/x",
            "h ost:80",
        ] {
            check(text, None);
        }
    }
}
