//! The flags of other tools that are refused, and the words that say what to write instead.

/// Flags that are not taken over: their letters and names, with blanks between them, and what to write instead.
pub(super) const REFUSED: &[(&str, &str)] = &[
    (
        "t",
        "it is the threads of wrk (here --workers) and of h2load, the time-out of hey, oha, bombardier and autocannon (-T), and how long ab, siege and locust load (-d)",
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
        "it is a cookie in curl (--cookie), the body in bombardier and autocannon (--body), and what siege does is done without it",
    ),
    (
        "D",
        "it is the file of a body in hey and oha (--body @FILE), how long h2load loads (-d), and a file of headers in curl (leave it out)",
    ),
    (
        "p",
        "it is the file of a body in ab (--body @FILE), requests at once on a connection in autocannon and oha (more connections: -c N), and what is printed in bombardier (leave it out)",
    ),
    (
        "f",
        "it is the file of a body in bombardier (--body @FILE) and of URLs in siege (a scenario); that a status is a failure needs no flag",
    ),
    ("C", "a cookie is --cookie NAME=VALUE"),
    ("I", "for HEAD write -M HEAD"),
    (
        "i",
        "it is HEAD in ab (-M HEAD), iterations in k6 (-n), the file of a body in autocannon (--body @FILE), of URLs in h2load (a scenario), and headers on the terminal in curl (--dry-run shows those of the request)",
    ),
    (
        "r",
        "a rate is -R; it is repetitions in siege (-n), a range in curl (-H 'Range: bytes=FIRST-LAST'), and what ab does anyway; redirects are not followed",
    ),
    ("G get url-query", "write the query into the URL"),
    (
        "o output",
        "the run directory is --out DIR, and --json prints the result",
    ),
    (
        "v",
        "--dry-run shows what would be sent, --version the version",
    ),
    (
        "w",
        "the generator's threads are --workers N, and a warm-up is `warmup` of a scenario; it is what curl writes out (--json prints the result), and what is under way at the end is waited for as oha's does",
    ),
    (
        "http2 http2-prior-knowledge http3 http-version http3-only h1 npn-list alpn-list no-tls-proto",
        "telemload speaks HTTP/1.1 alone; leave it out",
    ),
    (
        "latency-correction",
        "in an open loop (-R) latency always counts from the intended start; leave it out",
    ),
    ("vus", "virtual users are connections here: -c N"),
    ("users", "users are connections here: -c N"),
    (
        "iterations amount maxOverallRequests maxRequests",
        "the number of requests is -n N",
    ),
    (
        "run-time time maxSeconds",
        "how long the load lasts is -d DURATION",
    ),
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
        "it is the referrer in curl (-H 'Referer: …'), an output in ab (--out DIR), and a variable in k6 ({{env.NAME}} in a scenario)",
    ),
    ("E", "a client certificate is --cert FILE"),
    ("B interface", "the source address is --bind ADDRESS"),
    (
        "P proxy-user",
        "credentials of a proxy stand in its URL: --proxy http://USER:PASSWORD@HOST:PORT",
    ),
    (
        "noproxy",
        "no proxy is taken from the environment; leave it out",
    ),
    ("4 6 ipv4 ipv6 happy-eyeballs-timeout-ms", ADDRESS),
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
    ("0 http1.0 http0.9", CLOSED),
    (
        "digest",
        "telemload answers no challenge; -u sends `Authorization: Basic …`, and -H any other",
    ),
    ("oauth2-bearer", "a token is -H 'Authorization: Bearer …'"),
    ("range", "a range is -H 'Range: bytes=FIRST-LAST'"),
    (
        "request-target",
        "the target of a request is the path of the URL",
    ),
    (
        "aws-sigv4",
        "telemload signs nothing; a signature that was made is -H 'Authorization: …'",
    ),
    ("form-string", "a field of a form is --form NAME=TEXT"),
    (
        "S # no-print no-progress loglevel logfile skip-log stderr",
        QUIET,
    ),
    ("Z parallel parallel-max", PARALLEL),
    ("K config", OPTIONS),
    (
        "O",
        "what an answer holds is not kept; leave it out. The number of requests, as in autocannon, is -n N",
    ),
    (
        "remote-name J dump-header include output-dir create-dirs remote-name-all remote-time remote-header-name no-clobber remove-on-error xattr",
        NOWHERE,
    ),
    (
        "tlsv1.2 tlsv1.3 tls-max 1 2 3 ciphers tls13-ciphers sslv2 sslv3 tlsv1 tlsv1.0 tlsv1.1 curves ssl ssl-reqd",
        TLS,
    ),
    (
        "g",
        "brackets and braces in a URL are sent as they are; leave it out. The output of ab is --out DIR",
    ),
    (
        "post-data postBody patchBody",
        "a body is --body, or --data as in curl",
    ),
    ("burst-delay burst-rate", BURSTS),
    (
        "rand-regex-url",
        "what differs between requests is a placeholder in the URL, such as {{int 1 9}} or {{uuid}}",
    ),
    (
        "urls-from-file internet file input-file targets",
        "several URLs are requests of a scenario, with a weight each",
    ),
    (
        "j",
        "--json prints the result; it is the file of cookies in curl (--cookie NAME=VALUE)",
    ),
    ("output-format write-out format", "--json prints the result"),
    (
        "redirect max-redirs max-redirects post301 post302 post303 proto proto-default proto-redir",
        "redirects are not followed; leave it out",
    ),
    (
        "fps",
        "how often progress is told is not settable; --quiet tells none",
    ),
    ("qps", "a rate is -R"),
    (
        "stage",
        "a rate that changes is `stages` of a load in a scenario",
    ),
    (
        "U",
        "credentials of a proxy stand in its URL (--proxy http://USER:PASSWORD@HOST:PORT), and the user agent, as in hey, is --user-agent NAME",
    ),
    (
        "W warm-up-time warmup reset-stats",
        "a warm-up is `warmup` of a load in a scenario",
    ),
    ("y Y speed-limit speed-time", NO_SPEED),
    (
        "trace trace-ascii",
        "--dry-run shows what would be sent; an answer that is not as expected is quoted in the summary",
    ),
    ("netrc netrc-file", "credentials are -u USER:PASSWORD"),
    (
        "retry-delay retry-max-time retry-all-errors retry-connrefused",
        RETRY,
    ),
    (
        "keepalive-time tcp-fastopen no-parser no-follow print stream fasthttp u-latency fail-early expect100-timeout no-alpn tr-encoding forever excludeErrorStats",
        LEFT,
    ),
    (
        "socks5 socks5-hostname socks4 socks4a preproxy proxy1.0 proxy-insecure proxy-cacert proxy-cert proxy-key proxy-ntlm proxy-digest proxy-negotiate proxy-anyauth",
        PROXY,
    ),
    (
        "proxytunnel",
        "a tunnel is what https through --proxy is; over http the proxy is asked in each request",
    ),
    (
        "proxy-header",
        "a proxy is told no headers but the credentials in its URL",
    ),
    ("capath ca", "authorities are --cacert FILE"),
    (
        "cert-type key-type",
        "certificates and keys are PEM files (--cert, --key)",
    ),
    ("ntlm negotiate anyauth", CHALLENGE),
    (
        "local-port",
        "the source address is --bind ADDRESS, and its port is chosen late",
    ),
    (
        "dns-servers doh-url dns-ttl dns-interface dns-ipv4-addr dns-ipv6-addr",
        NAMES,
    ),
    (
        "abstract-unix-socket socketPath",
        "a unix socket is --unix-socket PATH",
    ),
    (
        "max-filesize expectBody",
        "what an answer must be like is `expect` of a request in a scenario",
    ),
    (
        "rps overallRate connectionRate",
        "a rate is -R N, of all connections together",
    ),
    (
        "reps",
        "the number of requests is -n N, of all connections together",
    ),
    (
        "pipelining",
        "a connection carries one request at a time; more at once are more connections: -c N",
    ),
    (
        "delay",
        "pauses of users are a rate here: 100 users that each send every 5 s are -R 20/s",
    ),
    (
        "benchmark",
        "a connection sends again as soon as it is answered; leave it out",
    ),
    (
        "content-type contentType",
        "a header is -H 'Content-Type: TYPE'",
    ),
    (
        "max-workers max-connections concurrent clients",
        "how many connections there are at most is -c N",
    ),
    (
        "keepalive",
        "connections are kept unless --no-keepalive says otherwise",
    ),
    (
        "disableKeepAlives no-connection-reuse",
        "a connection for each request is --no-keepalive",
    ),
    (
        "insecure-skip-tls-verify",
        "any certificate is accepted with -k",
    ),
    (
        "time-unit",
        "the summary chooses its units, and --json has microseconds",
    ),
    ("http-debug", "--dry-run shows what would be sent"),
    (
        "summary-export",
        "the result is result.json in the run directory, and --json prints it",
    ),
    (
        "csv",
        "series.csv and result.json are in the run directory (--out DIR)",
    ),
    ("html", "report.html is in the run directory (--out DIR)"),
    (
        "tag title mark",
        "the name of a run is that of its scenario",
    ),
    (
        "bailout",
        "what ends a run early is a threshold with `abort_on_fail` in a scenario",
    ),
    (
        "renderStatusCodes",
        "the summary has the status codes; leave it out",
    ),
    (
        "no-sessionid",
        "sessions are not resumed with --no-resumption",
    ),
    (
        "servername",
        "the name that a certificate is for is --server-name NAME",
    ),
    (
        "tls-cert tls-key",
        "a client certificate is --cert FILE with --key FILE",
    ),
    ("cookies", "a cookie is --cookie NAME=VALUE"),
    ("agent", "the user agent is --user-agent NAME"),
    (
        "input postFile putFile patchFile",
        "the file of a body is --body @FILE",
    ),
    (
        "reconnectRate maxConnectionRequests",
        "a connection is kept for as long as the server keeps it, or for one request (--no-keepalive)",
    ),
    (
        "master worker processes expect-workers master-host",
        "the generator's threads are --workers N; on several machines telemload runs as shards (docs/how-to/more-than-one-machine.md)",
    ),
    (
        "web-port web-host autostart autoquit",
        "a run is followed on the terminal and with --live [HOST:]PORT, and its page is report.html",
    ),
    (
        "tags exclude-tags",
        "what is loaded is chosen with variants of a scenario (--variant)",
    ),
    ("locustfile", "a script is a scenario file here"),
    (
        "pass",
        "a passphrase is `tls.passphrase` or `tls.passphrase_file` of a scenario: a flag would show it to all processes",
    ),
    (
        "haproxy-protocol",
        "telemload does not speak the PROXY protocol; load a port without it",
    ),
    (
        "pinnedpubkey crlfile cert-status",
        "whom to trust is --cacert FILE",
    ),
];

const RETRY: &str =
    "a failure is a result here, and nothing is tried again because of it; leave it out";
const LEFT: &str = "it changes nothing here; leave it out";
const PROXY: &str = "telemload goes through HTTP proxies alone: --proxy http://HOST:PORT";
const CHALLENGE: &str =
    "telemload answers no challenge; -u sends `Authorization: Basic …`, and -H any other";
const NAMES: &str = "where connections go is --connect-to ADDRESS:PORT";
const NO_SPEED: &str =
    "how long an answer may take is -T with a unit, such as -T 5s; speeds are not watched";
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

/// Words with one dash that would be read as a letter and its value: `-more` as the method `ore`.
pub(super) const ONE_DASH: &[(&str, &str)] = &[
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
    ("body", "the file of a body is --body @FILE"),
    (
        "workers",
        "how many connections there are at most is -c N; --workers are the generator's threads",
    ),
    (
        "max-connections",
        "how many connections there are at most is -c N",
    ),
    (
        "targets",
        "targets are requests of a scenario, with a weight each",
    ),
    (
        "format",
        "targets are requests of a scenario, with a weight each",
    ),
    (
        "max-body",
        "of a body no more is kept than `expect` and `extract` look at; leave it out",
    ),
    (
        "dns-ttl",
        "a name is looked up once, before the load; leave it out",
    ),
    (
        "session-tickets",
        "TLS sessions are resumed unless --no-resumption says otherwise",
    ),
    (
        "prometheus-addr",
        "live figures for Prometheus are --live [HOST:]PORT",
    ),
    (
        "proxy-header",
        "a proxy is told no headers but the credentials in its URL",
    ),
    (
        "host",
        "the URL names the host; to send another one write -H 'Host: …'",
    ),
    (
        "output",
        "the run directory is --out DIR, and --json prints the result",
    ),
    ("http2", "telemload speaks HTTP/1.1 alone; leave it out"),
    (
        "Jthreads",
        "plans of JMeter are not read; how many connections there are is -c N",
    ),
];

/// How names of scripts and plans of other tools end.
pub(super) const PLANS: [&str; 8] = [
    ".js", ".ts", ".lua", ".py", ".jmx", ".scala", ".yml", ".yaml",
];

/// What may stand before such a name: `-t` of JMeter, `-s` of wrk, `-f` of locust, and what has no value in JMeter, k6 or locust.
pub(super) const BEFORE_PLANS: [&str; 7] = ["-t", "-s", "-f", "-n", "--script", "--headless", "-q"];
