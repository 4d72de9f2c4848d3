//! What users of other tools type: flags that mean something else here, or one thing in one tool and another thing in the next.
//! Each is refused with the flag that does it. Flags of one meaning alone are taken: hidden ones, and aliases in `run`.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, Error};

use super::values::{cookie, method_or_time};

/// What users of other tools type, of one meaning in all of them. Not in the help.
#[derive(Debug, clap::Args)]
pub(super) struct Typed {
    /// The URL to load, as a flag of curl.
    #[arg(long, hide = true)]
    pub(super) url: Option<String>,
    #[arg(short = 'm', hide = true, value_parser = method_or_time)]
    pub(super) method_or_time: Option<String>,
    #[arg(long, hide = true)]
    pub(super) head: bool,
    /// Any certificate in curl, kept connections in ab.
    #[arg(short = 'k', hide = true)]
    pub(super) k: bool,
    #[arg(long, hide = true, value_parser = cookie)]
    pub(super) cookie: Option<String>,
    #[arg(long, hide = true)]
    pub(super) user_agent: Option<String>,
    #[arg(long, hide = true)]
    pub(super) referer: Option<String>,
    #[arg(long, hide = true)]
    pub(super) compressed: bool,
    /// Redirects are followed in curl; in wrk2 percentiles are printed.
    #[arg(short = 'L', long, alias = "location-trusted", hide = true)]
    pub(super) location: bool,
    /// What telemload does anyway, and what nothing here depends on.
    #[arg(long, aliases = ["latencies", "u_latency", "no-tui", "no-color", "disable-color", "http1", "http1.1", "fail", "show-error", "globoff", "path-as-is", "progress-bar", "headless", "disable-redirects", "disable-compression"], short = 'l', hide = true, action = clap::ArgAction::Count)]
    pub(super) latency: u8,
}

/// Flags that are not taken over: their letter or name, and what to write instead.
const REFUSED: &[(&str, &str)] = &[
    (
        "t",
        "it is the threads of wrk (here --workers), the time-out of hey, oha and bombardier (-T), and how long ab and locust load (-d)",
    ),
    (
        "s",
        "it is a script in wrk (here a scenario file), a time-out in ab (-T), and silence in curl (-q)",
    ),
    (
        "A",
        "it is the user agent in curl (-H 'User-Agent: …'), what is accepted in hey and oha (-H 'Accept: …'), and credentials in ab (--user)",
    ),
    (
        "b",
        "it is a cookie in curl (--cookie) and the body in bombardier (--body)",
    ),
    ("D", "the file of a body is --body @FILE"),
    ("p", "the file of a body is --body @FILE"),
    (
        "f",
        "the file of a body is --body @FILE; that a status is a failure needs no flag",
    ),
    ("C", "a cookie is --cookie NAME=VALUE"),
    ("I", "for HEAD write -M HEAD"),
    (
        "i",
        "it is HEAD in ab (-M HEAD), iterations in k6 (-n), and headers on the terminal in curl (--dry-run shows those of the request)",
    ),
    ("r", "a rate is -R, and redirects are not followed"),
    ("G", "write the query into the URL"),
    ("get", "write the query into the URL"),
    (
        "o",
        "the run directory is --out DIR, and --json prints the result",
    ),
    (
        "output",
        "the run directory is --out DIR, and --json prints the result",
    ),
    (
        "v",
        "--dry-run shows what would be sent, --version the version",
    ),
    (
        "w",
        "the generator's threads are --workers N, and a warm-up is `warmup` of a scenario; it is what curl writes out (--json prints the result)",
    ),
    ("http2", "telemload speaks HTTP/1.1 alone; leave it out"),
    (
        "http2-prior-knowledge",
        "telemload speaks HTTP/1.1 alone; leave it out",
    ),
    ("http3", "telemload speaks HTTP/1.1 alone; leave it out"),
    (
        "latency-correction",
        "in an open loop (-R) latency always counts from the intended start; leave it out",
    ),
    ("vus", "virtual users are connections here: -c N"),
    ("users", "users are connections here: -c N"),
    ("iterations", "the number of requests is -n N"),
    ("run-time", "how long the load lasts is -d DURATION"),
    (
        "spawn-rate",
        "all connections are opened before the load; a rate that rises is `stages` of a scenario",
    ),
    ("script", "a script is a scenario file here"),
    (
        "host",
        "the URL names the host; to send another one write -H 'Host: …'",
    ),
    (
        "resolve",
        "where connections go is --connect-to ADDRESS:PORT",
    ),
    (
        "max-time",
        "the longest that a request may take is -T with a unit, such as -T 5s",
    ),
    (
        "connect-timeout",
        "opening a connection has as long as a request: -T with a unit, such as -T 5s",
    ),
    ("upload-file", "to send a file write -M PUT --body @FILE"),
    ("next", "one URL at a time; several requests are a scenario"),
    ("body-file", "the file of a body is --body @FILE"),
    (
        "e",
        "it is the referrer in curl (-H 'Referer: …') and an output in ab (--out DIR)",
    ),
    ("E", "a client certificate is --cert FILE"),
    ("B", "the source address is --bind ADDRESS"),
    ("interface", "the source address is --bind ADDRESS"),
    (
        "P",
        "credentials of a proxy stand in its URL: --proxy http://USER:PASSWORD@HOST:PORT",
    ),
    (
        "proxy-user",
        "credentials of a proxy stand in its URL: --proxy http://USER:PASSWORD@HOST:PORT",
    ),
    (
        "noproxy",
        "no proxy is taken from the environment; leave it out",
    ),
    ("4", ADDRESS),
    ("6", ADDRESS),
    ("ipv4", ADDRESS),
    ("ipv6", ADDRESS),
    (
        "retry",
        "a failure is a result here, and nothing is tried again because of it; leave it out",
    ),
    ("N", "nothing of an answer waits in a buffer; leave it out"),
    (
        "limit-rate",
        "a slow upload is `body_chunks` of a request in a scenario",
    ),
    (
        "cookie-jar",
        "what an answer sets is kept with `extract` of a request in a scenario",
    ),
    ("0", CLOSED),
    ("http1.0", CLOSED),
    (
        "digest",
        "telemload answers no challenge; -u sends `Authorization: Basic …`, and -H any other",
    ),
    ("oauth2-bearer", "a token is -H 'Authorization: Bearer …'"),
    ("range", "a range is -H 'Range: bytes=FIRST-LAST'"),
    ("url-query", "write the query into the URL"),
    (
        "request-target",
        "the target of a request is the path of the URL",
    ),
    (
        "aws-sigv4",
        "telemload signs nothing; a signature that was made is -H 'Authorization: …'",
    ),
    ("form-string", "a field of a form is --form NAME=TEXT"),
    ("S", QUIET),
    ("Z", PARALLEL),
    ("parallel", PARALLEL),
    ("parallel-max", PARALLEL),
    ("K", OPTIONS),
    ("config", OPTIONS),
    ("O", NOWHERE),
    ("remote-name", NOWHERE),
    ("tlsv1.2", TLS),
    ("tlsv1.3", TLS),
    ("tls-max", TLS),
    (
        "g",
        "brackets and braces in a URL are sent as they are; leave it out. The output of ab is --out DIR",
    ),
    ("post-data", "a body is --body, or --data as in curl"),
    ("burst-delay", BURSTS),
    ("burst-rate", BURSTS),
    (
        "rand-regex-url",
        "what differs between requests is a placeholder in the URL, such as {{int 1 9}} or {{uuid}}",
    ),
    (
        "urls-from-file",
        "several URLs are requests of a scenario, with a weight each",
    ),
    (
        "j",
        "--json prints the result; it is the file of cookies in curl (--cookie NAME=VALUE)",
    ),
    ("output-format", "--json prints the result"),
    (
        "http-version",
        "telemload speaks HTTP/1.1 alone; leave it out",
    ),
    ("redirect", "redirects are not followed; leave it out"),
    (
        "fps",
        "how often progress is told is not settable; --quiet tells none",
    ),
    ("qps", "a rate is -R"),
    (
        "stage",
        "a rate that changes is `stages` of a load in a scenario",
    ),
];

const QUIET: &str = "no progress and no messages but errors is --quiet";
const PARALLEL: &str = "how many requests are under way at once is -c N";
const OPTIONS: &str = "options are read from no file; what stays the same is a scenario";
const NOWHERE: &str = "what an answer holds is not kept; leave it out";
const TLS: &str =
    "telemload speaks TLS 1.2 and 1.3, and the result names the version; leave it out";
const BURSTS: &str = "bursts are `arrivals` of a load in a scenario";
const ADDRESS: &str =
    "all addresses of the name are tried in turn; one is chosen with --connect-to ADDRESS:PORT";
const CLOSED: &str =
    "telemload speaks HTTP/1.1 alone; a connection for each request is --no-keepalive";

/// Takes the flags of [`REFUSED`], of which the first that was typed is refused in words.
#[derive(Debug)]
pub(super) struct Foreign {
    pub(super) refused: Option<String>,
}

impl clap::Args for Foreign {
    fn augment_args(command: Command) -> Command {
        command.args(REFUSED.iter().map(|(flag, _)| {
            let arg = Arg::new(*flag)
                .hide(true)
                .num_args(0..=1)
                .action(ArgAction::Append)
                .allow_hyphen_values(false);
            match flag.as_bytes() {
                [letter] => arg.short(char::from(*letter)),
                _ => arg.long(*flag),
            }
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Foreign {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let typed = |(flag, _): &&(&str, &str)| {
            matches.value_source(flag) == Some(ValueSource::CommandLine)
        };
        let refused = REFUSED.iter().find(typed).map(|(flag, words)| {
            let dashes = if flag.len() == 1 { "-" } else { "--" };
            format!("{dashes}{flag} is not taken: {words}")
        });
        Ok(Self { refused })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A flag that Go's tools take with one dash, such as `-rate`: letters of their own otherwise, which would mean anything.
pub(super) fn one_dash(command: &Command, args: &[OsString]) -> Option<String> {
    let args = args.iter().skip(2).filter_map(|arg| arg.to_str());
    let mut words = args.take_while(|arg| *arg != "--").filter_map(|arg| {
        let name = arg.strip_prefix('-')?.split('=').next()?;
        (name.len() > 1 && !name.starts_with('-')).then_some(name)
    });
    let is_long = |name: &str| {
        command.get_arguments().any(|arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || aliases.contains(&name)
        })
    };
    let other = |name: &str| ONE_DASH.iter().find(|(flag, _)| *flag == name);
    let found = words.find(|name| is_long(name) || other(name).is_some())?;
    Some(match other(found) {
        Some((_, words)) => format!("-{found} is not taken: {words}"),
        None => format!("-{found} begins with two dashes here: --{found}"),
    })
}

/// Words with one dash that would be read as a letter and its value: `-more` as the method `ore`.
const ONE_DASH: &[(&str, &str)] = &[
    ("more", "the summary has the percentiles; leave it out"),
    ("h2", "telemload speaks HTTP/1.1 alone; leave it out"),
    ("h2c", "telemload speaks HTTP/1.1 alone; leave it out"),
    ("cpus", "the generator's threads are --workers N"),
    (
        "chunked",
        "a body in chunks is -H 'Transfer-Encoding: chunked'",
    ),
    (
        "max-workers",
        "how many connections there are at most is -c N",
    ),
    ("laddr", "the source address is --bind ADDRESS"),
    ("lazy", "targets are requests of a scenario; leave it out"),
    ("name", "the name of a run is that of its scenario"),
    (
        "keepalive",
        "connections are kept unless --no-keepalive says otherwise",
    ),
    ("root-certs", "authorities are --cacert FILE"),
    ("redirects", "redirects are not followed; leave it out"),
    (
        "resolvers",
        "where connections go is --connect-to ADDRESS:PORT",
    ),
];

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;

    #[test]
    fn no_flag_is_refused_twice() {
        // clap's own checks: a letter or name that two arguments have is a panic.
        Foreign::augment_args(Command::new("run")).debug_assert();
        for (flag, words) in REFUSED {
            assert!(!words.is_empty() && !words.ends_with('.'), "{flag}");
        }
    }
}
