//! Where requests go: to the target, or to another host that their `url` names. Keys of `[[request]]` and `[[host]]` →
//! [`Host`], [`Destination`].

use toml::Spanned;

use super::reach::{Access, Origin, origin};
use super::resolver::Resolver;
use crate::scenario::plan::Host;
use crate::scenario::read::error::Error;
use crate::scenario::read::file::{self, Text};

/// Where one request goes.
pub(super) struct Destination {
    /// Index of the host, if it is not the target.
    pub(super) host: Option<usize>,
    /// Path and query, with the place of the text that holds them.
    pub(super) path: Text,
    /// The key of that text.
    pub(super) key: &'static str,
    /// What the URL says of who asks: a header's value.
    pub(super) authorization: Option<String>,
}

/// All hosts but the target, and where each request goes.
#[derive(Default)]
pub(super) struct Hosts {
    pub(super) list: Vec<Host>,
    origins: Vec<Origin>,
    /// Indices of the `[[host]]` tables of hosts in the list.
    pub(super) ways: Vec<usize>,
    pub(super) destinations: Vec<Destination>,
}

impl Resolver<'_> {
    /// Resolves where all requests go.
    pub(super) fn hosts(&self, file: &file::File) -> Result<Hosts, Error> {
        let target = file.target.get_ref().url.as_ref();
        let target = target.and_then(|url| origin(url.get_ref()).ok());
        let ways = self.ways(&file.host, target.as_ref())?;
        let mut hosts = Hosts::default();
        for request in &file.request {
            let (name, url) = (request.name.get_ref(), request.url.as_ref());
            let destination = match (&request.path, url) {
                (Some(path), None) => Destination {
                    host: None,
                    path: path.clone(),
                    key: "path",
                    authorization: target.as_ref().and_then(Origin::authorization),
                },
                (None, Some(url)) => {
                    self.elsewhere(name, url, target.as_ref(), &ways, &mut hosts)?
                }
                (Some(_), Some(url)) => {
                    let key = format!("request.{name}.url");
                    return Err(self.error(url.span(), &key, "a request has the `path` that it has at the target, or the `url` of another host; remove one"));
                }
                (None, None) => {
                    let key = format!("request.{name}.path");
                    return Err(self.error(request.name.span(), &key, "a request has a `path`, or the `url` of another host than the target's; add one"));
                }
            };
            hosts.destinations.push(destination);
        }
        Ok(hosts)
    }

    /// What is said of the way to each host.
    fn ways<'a>(
        &self,
        given: &'a [file::Host],
        target: Option<&Origin>,
    ) -> Result<Vec<(Origin, &'a file::Host)>, Error> {
        let mut ways: Vec<(Origin, &file::Host)> = Vec::new();
        for host in given {
            let refused = |message: &str| Err(self.error(host.url.span(), "host.url", message));
            let named = match origin(host.url.get_ref()) {
                Ok(named) => named,
                Err(message) => return refused(&message),
            };
            if named.authorization().is_some() {
                return refused(
                    "who asks stands in the `url` of a request; leave user and password out",
                );
            }
            if target.is_some_and(|target| target.is(&named)) {
                return refused(
                    "this is the target; what belongs to the way there stands in [target]",
                );
            }
            if ways.iter().any(|(other, _)| other.is(&named)) {
                return refused("two tables are of this host; remove one");
            }
            ways.push((named, host));
        }
        Ok(ways)
    }

    fn elsewhere(
        &self,
        name: &str,
        url: &Text,
        target: Option<&Origin>,
        ways: &[(Origin, &file::Host)],
        hosts: &mut Hosts,
    ) -> Result<Destination, Error> {
        let key = format!("request.{name}.url");
        let refused = |message: String| self.error(url.span(), &key, message);
        let (base, path) = split(url.get_ref());
        if base.contains('{') {
            return Err(refused("the host of a request is a fixed one; write it out, placeholders go into path and query".to_owned()));
        }
        let named = origin(base).map_err(refused)?;
        let mut destination = Destination {
            host: None,
            path: Spanned::new(url.span(), path),
            key: "url",
            authorization: named.authorization(),
        };
        if target.is_some_and(|target| target.is(&named)) {
            return Ok(destination);
        }
        let known = hosts.origins.iter().position(|other| other.is(&named));
        let at = match known {
            Some(at) => at,
            None => {
                let way = ways.iter().position(|(other, _)| other.is(&named));
                hosts.ways.extend(way);
                let access = way.map_or(Access::NONE, |at| Access::to_host(ways[at].1));
                let (base, route) = (self.base(access, &named)?, self.route(access)?);
                hosts.list.push(Host {
                    proxy: self.proxy(access, &base, &route)?,
                    base,
                    route,
                });
                hosts.origins.push(named);
                hosts.list.len() - 1
            }
        };
        destination.host = Some(at);
        Ok(destination)
    }

    /// A way to a host to which no variant sends anything is a mistake.
    pub(super) fn check_ways(&self, given: &[file::Host], ways: &[usize]) -> Result<(), Error> {
        let unused = given.iter().enumerate().find(|(at, _)| !ways.contains(at));
        match unused {
            None => Ok(()),
            Some((_, host)) => Err(self.error(
                host.url.span(),
                "host.url",
                "no request goes to this host; name it in the `url` of one, with the same scheme, host and port, or remove the table",
            )),
        }
    }
}

/// What a URL says of its host, and the path and query behind that.
fn split(url: &str) -> (&str, String) {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find(['/', '?', '#']);
    let (base, rest) = url.split_at(end.map_or(url.len(), |at| authority + at));
    let slash = if rest.starts_with('/') { "" } else { "/" };
    (base, format!("{slash}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_url_is_a_host_and_a_path() {
        for (url, base, path) in [
            (
                "https://a.test:1/t?x={{seq}}",
                "https://a.test:1",
                "/t?x={{seq}}",
            ),
            ("https://a.test", "https://a.test", "/"),
            ("https://a.test?x=1", "https://a.test", "/?x=1"),
            ("/x", "", "/x"),
            ("a.test", "a.test", "/"),
        ] {
            assert_eq!(split(url), (base, path.to_owned()), "{url}");
        }
    }
}
