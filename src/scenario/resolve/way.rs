//! The way that connections take: through a forward proxy, and from which addresses of this machine. Keys and flags →
//! [`Proxy`], [`Sources`]. Nothing is read from the environment but what `{{env.NAME}}` names.

use super::reach::{Access, host_and_port};
use super::resolver::Resolver;
use super::secret::filled;
use crate::scenario::plan::{BaseUrl, Route};
use crate::scenario::read::error::Error;
use crate::scenario::read::file;
use crate::transport::proxy::Proxy;
use crate::transport::sources::{Block, Sources};

impl Resolver<'_> {
    /// The proxy that connections to the host of a URL go through.
    pub(super) fn proxy(
        &self,
        access: Access<'_>,
        base: &BaseUrl,
        route: &Route,
    ) -> Result<Option<Proxy>, Error> {
        let Some(text) = access.proxy else {
            return Ok(None);
        };
        let refused = |message: String| self.error(text.span(), &access.key("proxy"), message);
        match route {
            Route::Unix(_) => return Err(refused("connections go to a unix socket or to a proxy, not to both; remove one".to_owned())),
            Route::Host { .. } if base.tls.is_none() => return Err(refused("a proxy is asked for the URL's own host where there is no TLS; remove `connect_to` (--connect-to), or change the URL".to_owned())),
            _ => {}
        }
        proxy(text.get_ref()).map(Some).map_err(refused)
    }

    /// The addresses that connections of a load come from.
    pub(super) fn sources(&self, target: &file::Target) -> Result<Option<Sources>, Error> {
        let Some(text) = &target.bind else {
            return Ok(None);
        };
        let blocks = text.get_ref().split(',');
        let blocks: Result<Vec<Block>, String> =
            blocks.map(|block| Block::parse(block.trim())).collect();
        let blocks = blocks.map_err(|message| self.error(text.span(), "target.bind", message))?;
        Ok(Some(Sources::new(blocks)))
    }
}

/// A proxy as it is written; no message quotes it, for it may hold a password.
fn proxy(text: &str) -> Result<Proxy, String> {
    let wrong =
        || "a proxy is named as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT".to_owned();
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
        Some((scheme, _)) => {
            let scheme: String = scheme
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .take(16)
                .collect();
            return Err(format!(
                "a proxy of the kind `{scheme}` is not supported; telemload speaks to proxies over http, and to targets behind them over https too"
            ));
        }
        None => text,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, rest),
    };
    let Some(Route::Host { host, port }) = host_and_port(place) else {
        return Err(wrong());
    };
    let Some(user) = user else {
        return Ok(Proxy::new(host, port, None));
    };
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let (user, password) = (filled(user)?, filled(password)?);
    if user.contains(&b':') {
        return Err("the user of a proxy has no `:` in it; see its documentation".to_owned());
    }
    Ok(Proxy::new(host, port, Some((&user, &password))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_has_a_host_a_port_and_perhaps_credentials() {
        for (text, shown, basic) in [
            ("http://127.0.0.1:3128", "127.0.0.1:3128", None),
            ("127.0.0.1:3128", "127.0.0.1:3128", None),
            ("HTTP://[::1]:3128/", "[::1]:3128", None),
            (
                "http://ann:hush@proxy.test:8080",
                "proxy.test:8080",
                Some("Basic YW5uOmh1c2g="),
            ),
            ("http://ann:p%40ss@h:1", "h:1", Some("Basic YW5uOnBAc3M=")),
            ("http://ann@h:1", "h:1", Some("Basic YW5uOg==")),
        ] {
            let found = proxy(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (found.to_string().as_str(), found.authorization.as_deref()),
                (shown, basic)
            );
        }
        for (text, says) in [
            ("socks5://ann:hush@h:1", "`socks5` is not supported"),
            ("https://h:1", "`https` is not supported"),
            ("http://ann:hush@h", "named as http://HOST:PORT"),
            ("http://ann:hush@h:1/path", "named as"),
            ("http://ann:{{seq}}hush@h:1", "{{env.NAME}} alone"),
            (
                "http://ann:{{env.TELEMLOAD_NOT_SET}}hush@h:1",
                "TELEMLOAD_NOT_SET",
            ),
            ("", "named as"),
        ] {
            let words = proxy(text).unwrap_err();
            assert!(
                words.contains(says) && !words.contains("hush"),
                "{text}: {words}"
            );
        }
    }
}
