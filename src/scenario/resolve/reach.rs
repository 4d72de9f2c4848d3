//! How a target or another host is reached: its URL, the way that connections take to it, and TLS. Keys → [`BaseUrl`], [`Route`],
//! [`Tls`]. Files that `tls` names are read here; nothing is connected.

use std::fmt::Display;
use std::path::Path;

use toml::Spanned;

use super::resolver::Resolver;
use super::secret::from_environment;
use crate::scenario::plan::{BaseUrl, Route};
use crate::scenario::read::error::Error;
use crate::scenario::read::file::{self, Text};
use crate::scenario::read::flags::basic;
use crate::traffic::redact::without_user;
use crate::transport::tls::{self, Tls, TlsError};
use crate::units::{parse_share, percent_decoded};

/// The longest path of a unix socket, without the zero byte at its end (unix(7)).
const LONGEST_SOCKET: usize = 107;

/// What a table says of the way to a host.
#[derive(Clone, Copy)]
pub(super) struct Access<'a> {
    /// Its name, for errors.
    pub(super) table: &'a str,
    pub(super) tls: Option<&'a Spanned<file::Tls>>,
    pub(super) connect_to: Option<&'a Text>,
    pub(super) unix_socket: Option<&'a Text>,
    pub(super) proxy: Option<&'a Text>,
}

impl<'a> Access<'a> {
    /// Nothing is said.
    pub(super) const NONE: Self = Self {
        table: "host",
        tls: None,
        connect_to: None,
        unix_socket: None,
        proxy: None,
    };

    pub(super) fn to_target(target: &'a file::Target) -> Self {
        Self {
            table: "target",
            tls: target.tls.as_ref(),
            connect_to: target.connect_to.as_ref(),
            unix_socket: target.unix_socket.as_ref(),
            proxy: target.proxy.as_ref(),
        }
    }

    pub(super) fn to_host(host: &'a file::Host) -> Self {
        Self {
            table: "host",
            tls: host.tls.as_ref(),
            connect_to: host.connect_to.as_ref(),
            unix_socket: host.unix_socket.as_ref(),
            proxy: host.proxy.as_ref(),
        }
    }

    pub(super) fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.table)
    }
}

impl Resolver<'_> {
    /// What a URL says of its host, with TLS if its scheme is https.
    pub(super) fn base(&self, access: Access<'_>, origin: &Origin) -> Result<BaseUrl, Error> {
        let tls = if origin.is_secure {
            let given = access.tls.map(Spanned::get_ref);
            Some(self.tls(access.table, given.unwrap_or(&file::Tls::default()))?)
        } else {
            self.refuse(access.tls, &access.key("tls"), "an https:// URL")?;
            None
        };
        Ok(BaseUrl {
            tls,
            host: origin.host.clone(),
            port: origin.port,
            authority: origin.authority.clone(),
        })
    }

    /// The way that connections take to the host of a URL.
    pub(super) fn route(&self, access: Access<'_>) -> Result<Route, Error> {
        let refused_socket = |socket: &Text, message: String| {
            Err(self.error(socket.span(), &access.key("unix_socket"), message))
        };
        match (access.connect_to, access.unix_socket) {
            (None, None) => Ok(Route::Url),
            (Some(_), Some(socket)) => refused_socket(
                socket,
                "connections go to `connect_to` (--connect-to) or to `unix_socket` (--unix-socket), not to both; remove one".to_owned(),
            ),
            (Some(text), None) => host_and_port(text.get_ref()).ok_or_else(|| {
                let message = format!(
                    "`{}` is not HOST:PORT; write one such as \"127.0.0.1:8443\" or \"[::1]:8443\"",
                    without_user(text.get_ref()).escape_debug()
                );
                self.error(text.span(), &access.key("connect_to"), message)
            }),
            (None, Some(socket)) => {
                let path = self.path(socket);
                let length = path.as_os_str().len();
                if (1..=LONGEST_SOCKET).contains(&length) {
                    return Ok(Route::Unix(path.into()));
                }
                refused_socket(socket, format!(
                    "the path of a unix socket has 1 to {LONGEST_SOCKET} bytes, and this one {length}; use a shorter one"
                ))
            }
        }
    }

    /// Refuses what says where connections go.
    pub(super) fn refuse_route(&self, target: &file::Target, with: &str) -> Result<(), Error> {
        self.refuse(target.proxy.as_ref(), "target.proxy", "`url`")?;
        self.refuse(target.connect_to.as_ref(), "target.connect_to", with)?;
        self.refuse(target.unix_socket.as_ref(), "target.unix_socket", with)
    }

    /// Refuses what is said of TLS.
    pub(super) fn refuse_tls(&self, target: &file::Target, with: &str) -> Result<(), Error> {
        self.refuse(target.tls.as_ref(), "target.tls", with)
    }

    /// TLS as it is said.
    pub(super) fn tls(&self, table: &str, keys: &file::Tls) -> Result<Tls, Error> {
        let keys = Keys {
            resolver: self,
            table,
            keys,
        };
        keys.tls()
    }
}

/// The keys of one `tls`.
struct Keys<'a> {
    resolver: &'a Resolver<'a>,
    table: &'a str,
    keys: &'a file::Tls,
}

impl Keys<'_> {
    fn tls(&self) -> Result<Tls, Error> {
        let tls = self.identity(self.trust()?)?;
        let tls = tls.resuming(self.resumption()?);
        match &self.keys.server_name {
            Some(name) => tls
                .named(name.get_ref())
                .map_err(|error| self.error(name, "server_name", &error)),
            None => Ok(tls),
        }
    }

    fn trust(&self) -> Result<Tls, Error> {
        let is_insecure = self
            .keys
            .insecure
            .as_ref()
            .is_some_and(|insecure| *insecure.get_ref());
        match &self.keys.ca {
            Some(ca) if is_insecure => Err(self.error(
                ca,
                "ca",
                &"`ca` says whom to trust and `insecure` trusts anyone; remove one",
            )),
            Some(ca) => Tls::system()
                .trusting(&self.resolver.path(ca))
                .map_err(|error| self.error(ca, "ca", &error)),
            None if is_insecure => Ok(Tls::system().unchecked()),
            None => Ok(Tls::system()),
        }
    }

    /// Share of connections that may go on with an earlier session.
    fn resumption(&self) -> Result<f64, Error> {
        let Some(given) = &self.keys.resumption else {
            return Ok(1.0);
        };
        let share = match given.get_ref() {
            file::Resumption::All(all) => Ok(f64::from(u8::from(*all))),
            file::Resumption::Share(text) => parse_share(text),
        };
        share.map_err(|error| self.error(given, "resumption", &error))
    }

    fn identity(&self, tls: Tls) -> Result<Tls, Error> {
        match (&self.keys.cert, &self.keys.key) {
            (None, None) => match (&self.keys.passphrase, &self.keys.passphrase_file) {
                (None, None) => Ok(tls),
                (Some(of), _) => Err(self.error(of, "passphrase", &NO_KEY)),
                (None, Some(of)) => Err(self.error(of, "passphrase_file", &NO_KEY)),
            },
            (Some(cert), Some(key)) => {
                let (cert_file, key_file) = (self.resolver.path(cert), self.resolver.path(key));
                let passphrase = self.passphrase()?;
                tls.identified(&cert_file, &key_file, passphrase.as_deref())
                    .map_err(|error| match error {
                        TlsError::NoKey(_)
                        | TlsError::EncryptedKey(_)
                        | TlsError::OldEncryption(_)
                        | TlsError::Passphrase(_)
                        | TlsError::BadKey { .. }
                        | TlsError::KeyMismatch { .. } => self.error(key, "key", &error),
                        _ if is_about(&error, &key_file) && cert_file != key_file => {
                            self.error(key, "key", &error)
                        }
                        _ => self.error(cert, "cert", &error),
                    })
            }
            (Some(cert), None) => Err(self.error(
                cert,
                "cert",
                &"a client certificate needs its private key; add `key` (--key)",
            )),
            (None, Some(key)) => Err(self.error(
                key,
                "key",
                &"a private key needs its certificate; add `cert` (--cert)",
            )),
        }
    }

    /// What opens an encrypted key.
    fn passphrase(&self) -> Result<Option<Vec<u8>>, Error> {
        let keys = self.keys;
        match (&keys.passphrase, &keys.passphrase_file) {
            (None, None) => Ok(None),
            (Some(_), Some(file)) => Err(self.error(
                file,
                "passphrase_file",
                &"a key has one passphrase; remove this or `passphrase`",
            )),
            (Some(text), None) => {
                let from_environment = from_environment(text.get_ref());
                let passphrase =
                    from_environment.map_err(|words| self.error(text, "passphrase", &words))?;
                Ok(Some(passphrase))
            }
            (None, Some(file)) => tls::passphrase(&self.resolver.path(file))
                .map(Some)
                .map_err(|error| self.error(file, "passphrase_file", &error)),
        }
    }

    fn error<T>(&self, at: &Spanned<T>, key: &str, error: &dyn Display) -> Error {
        let key = format!("{}.tls.{key}", self.table);
        self.resolver.error(at.span(), &key, error.to_string())
    }
}

/// What is said of a passphrase alone.
const NO_KEY: &str =
    "there is no private key that it could open; add `cert` and `key`, or remove it";

/// Whether an error of reading speaks of this file.
fn is_about(error: &TlsError, file: &Path) -> bool {
    match error {
        TlsError::Unreadable { path, .. } | TlsError::BrokenPem(path) => path == file,
        _ => false,
    }
}

/// What a URL says of whom it names.
pub(super) struct Origin {
    is_secure: bool,
    host: String,
    port: u16,
    authority: String,
    /// User and password, if there are any.
    user: Option<(String, String)>,
}

impl Origin {
    /// Whether both name the same host, at the same port and in the same way.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.is_secure == other.is_secure && self.host == other.host && self.port == other.port
    }

    /// Who asks, as the value of a header.
    pub(super) fn authorization(&self) -> Option<String> {
        let (user, password) = self.user.as_ref()?;
        Some(basic(user, password))
    }
}

pub(super) fn origin(text: &str) -> Result<Origin, String> {
    let (plain, zone) = without_zone(text);
    let url = reqwest::Url::parse(&plain).map_err(|error| {
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
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("a target is an origin such as \"http://127.0.0.1:8080\"; the path belongs to the request".to_owned());
    }
    let host = url.host_str().ok_or("the URL has no host")?;
    let default = if is_secure { 443 } else { 80 };
    let authority = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let has_user = !url.username().is_empty() || url.password().is_some();
    let decoded = |text: &str| String::from_utf8_lossy(&percent_decoded(text)).into_owned();
    Ok(Origin {
        is_secure,
        host: without_brackets(host).to_owned() + &zone,
        port: url.port_or_known_default().unwrap_or(default),
        authority,
        user: has_user.then(|| {
            let password = url.password().unwrap_or_default();
            (decoded(url.username()), decoded(password))
        }),
    })
}

/// What stands before the zone of an IPv6 address in brackets (RFC 6874) and behind it, and the zone with its `%`: it says which
/// interface of this machine leads there, and is for nobody else.
fn without_zone(text: &str) -> (String, String) {
    let zone = text.find('[').and_then(|open| {
        let close = open + text[open..].find(']')?;
        let percent = open + text[open..close].find('%')?;
        let zone = &text[percent + 1..close];
        let zone = zone.strip_prefix("25").unwrap_or(zone);
        let is_name = !zone.is_empty()
            && zone
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte));
        is_name.then(|| {
            (
                format!("{}{}", &text[..percent], &text[close..]),
                format!("%{zone}"),
            )
        })
    });
    zone.unwrap_or_else(|| (text.to_owned(), String::new()))
}

pub(super) fn host_and_port(text: &str) -> Option<Route> {
    let (plain, zone) = without_zone(text);
    // What a URL may have between its slashes and its path, and nothing but that.
    let url = reqwest::Url::parse(&format!("http://{plain}/")).ok()?;
    let (host, port) = plain.rsplit_once(':')?;
    let port: u16 = port.parse().ok().filter(|&port| port > 0)?;
    let is_plain = url.path() == "/" && url.username().is_empty() && url.password().is_none();
    let is_host = is_plain && !host.is_empty() && !host.contains(['/', '@', '?', '#', '\\']);
    is_host.then(|| Route::Host {
        host: without_brackets(url.host_str().unwrap_or(host)).to_owned() + &zone,
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
