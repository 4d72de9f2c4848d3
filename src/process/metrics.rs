//! Counters that a target publishes as Prometheus text or OpenMetrics.
//!
//! The text comes from a process that telemload does not trust: lines that make no sense are passed over and counted,
//! size and number are bounded. Types, help texts, times and exemplars are ignored.

use std::time::Duration;

use reqwest::Client;
use thiserror::Error;

use super::client::{cause, shown};

const MAX_BODY: usize = 1 << 20;
const MAX_SAMPLES: usize = 50_000;
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why no metrics could be had.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ScrapeError {
    /// The request failed.
    #[error("cannot scrape {url}: {cause}; check that the target publishes metrics there")]
    Request {
        /// The URL without credentials.
        url: String,
        /// What went wrong.
        cause: String,
    },
    /// The answer is not a success.
    #[error("{url} answered with status {status}; check that the target publishes metrics there")]
    Status {
        /// The URL without credentials.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer is larger than 1 MiB.
    #[error("{0} answered with more than 1 MiB; name an endpoint with fewer metrics")]
    TooLarge(String),
}

/// One value with its name and labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Name of the metric, with suffixes such as `_total`.
    pub name: String,
    /// Labels in the order of the text.
    pub labels: Vec<(String, String)>,
    /// The value; can be infinite or not a number.
    pub value: f64,
}

/// All that a target published at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// In the order of the text; at most 50,000.
    pub samples: Vec<Sample>,
    /// Lines that were neither a sample nor a comment, or one sample too many.
    pub skipped: usize,
}

impl Metrics {
    /// The sum of all samples called `name`, or `None` if there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.get_labelled(name, &[])
    }

    /// The sum of the samples called `name` that have at least these labels, or `None` if there is none.
    #[must_use]
    pub fn get_labelled(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &Sample, (key, value): &(&str, &str)| {
            sample
                .labels
                .iter()
                .any(|(found, text)| found == key && text == value)
        };
        let of_name = self.samples.iter().filter(|sample| sample.name == name);
        let matching = of_name.filter(|sample| labels.iter().all(|label| has(sample, label)));
        matching
            .map(|sample| sample.value)
            .reduce(|sum, value| sum + value)
    }
}

/// Fetches `url` and reads what is `wanted` of it by name, in at most five seconds.
///
/// # Errors
/// [`ScrapeError`].
pub async fn scrape(
    client: &Client,
    url: &str,
    wanted: fn(&str) -> bool,
) -> Result<Metrics, ScrapeError> {
    let failed = |error| ScrapeError::Request {
        url: shown(url),
        cause: cause(&error),
    };
    let mut answer = client
        .get(url)
        .timeout(SCRAPE_TIMEOUT)
        .send()
        .await
        .map_err(failed)?;
    if !answer.status().is_success() {
        return Err(ScrapeError::Status {
            url: shown(url),
            status: answer.status().as_u16(),
        });
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(ScrapeError::TooLarge(shown(url)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(parse_only(&String::from_utf8_lossy(&body), wanted))
}

/// Reads Prometheus text or OpenMetrics.
#[must_use]
pub fn parse(text: &str) -> Metrics {
    parse_only(text, |_| true)
}

/// Reads the samples that are `wanted` by name; a target may publish thousands of others.
#[must_use]
pub fn parse_only(text: &str, wanted: fn(&str) -> bool) -> Metrics {
    let mut metrics = Metrics::default();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        // A name in quotes stands behind the brace.
        let name = line.split(|c: char| c == '{' || c.is_whitespace()).next();
        if name.is_some_and(|name| !name.is_empty() && !wanted(name)) {
            continue;
        }
        match parse_sample(line) {
            Some(sample) if metrics.samples.len() < MAX_SAMPLES => metrics.samples.push(sample),
            _ => metrics.skipped += 1,
        }
    }
    metrics
}

/// `name value`, `name{key="text",…} value`, and `{"any name",key="text"} value`; more may follow the value.
fn parse_sample(line: &str) -> Option<Sample> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at(end);
    let mut name = name.to_owned();
    let mut labels = Vec::new();
    let mut rest = rest.trim_start();
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            inner = inner.trim_start_matches([',', ' ', '\t']);
            if let Some(after) = inner.strip_prefix('}') {
                rest = after;
                break;
            }
            if inner.starts_with('"') {
                let (text, after) = quoted(inner)?;
                inner = after;
                match inner.trim_start().strip_prefix('=') {
                    Some(after) => {
                        let (value, after) = quoted(after.trim_start())?;
                        labels.push((text, value));
                        inner = after;
                    }
                    None if name.is_empty() => name = text,
                    None => return None,
                }
            } else {
                let (key, after) = inner.split_once('=')?;
                let (value, after) = quoted(after.trim_start())?;
                labels.push((key.trim().to_owned(), value));
                inner = after;
            }
        }
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    (!name.is_empty()).then_some(Sample {
        name,
        labels,
        value,
    })
}

/// Reads a quoted text with `\\`, `\"` and `\n`, and returns what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut found = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((found, &inner[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => found.push('\n'),
                other => found.push(other),
            },
            other => found.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Expected<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

    fn check(line: &str, expected: Option<Expected<'_>>) {
        let expected = expected.map(|(name, labels, value)| Sample {
            name: name.to_owned(),
            labels: labels
                .iter()
                .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
                .collect(),
            value,
        });
        assert_eq!(parse(line).samples.pop(), expected, "{line}");
    }

    #[test]
    fn what_nobody_wants_is_passed_over() {
        let text =
            "a_total 1\nb{x=\"a_total\"} 2\na_total{x=\"1\"} 3\n{\"a_total\"} 4\na_totals 5\n";
        let read = parse_only(text, |name| name == "a_total");
        assert_eq!((read.get("a_total"), read.get("b")), (Some(8.0), None));
        assert_eq!((read.get("a_totals"), read.skipped), (None, 0));
    }

    #[test]
    fn samples_of_both_formats_are_read() {
        check("up 1", Some(("up", &[], 1.0)));
        check(
            "x_total 1.5e3 1700000000000",
            Some(("x_total", &[], 1500.0)),
        );
        check("x{} -2", Some(("x", &[], -2.0)));
        check(
            r#"x { a = "1" , b="2", } 3"#,
            Some(("x", &[("a", "1"), ("b", "2")], 3.0)),
        );
        check(
            r#"x{a="q\"\\\n}{,"} +Inf"#,
            Some(("x", &[("a", "q\"\\\n}{,")], f64::INFINITY)),
        );
        check(
            r#"x_bucket{le="0.1"} 8 # {trace="ab"} 0.05"#,
            Some(("x_bucket", &[("le", "0.1")], 8.0)),
        );
        check(
            r#"{"my.name","a.b"="c"} 4"#,
            Some(("my.name", &[("a.b", "c")], 4.0)),
        );
        check("# HELP x y", None);
        check("# EOF", None);
        for wrong in [
            "x",
            "x y",
            r#"x{a="1} 2"#,
            r#"x{a=1} 2"#,
            "x{a 2",
            "{} 1",
            r#"x{a="\"#,
            "{",
            "x{,",
        ] {
            check(wrong, None);
            assert_eq!(parse(wrong).skipped, 1, "{wrong}");
        }
    }

    #[test]
    fn a_name_is_summed_over_its_labels() {
        let metrics = parse(
            "r{m=\"a\",s=\"1\"} 1\nr{m=\"b\",s=\"1\"} 2\nr{m=\"b\",s=\"2\"} 4\nr_total 100\n",
        );
        assert_eq!(metrics.get("r"), Some(7.0));
        assert_eq!(metrics.get_labelled("r", &[("m", "b")]), Some(6.0));
        assert_eq!(
            metrics.get_labelled("r", &[("s", "1"), ("m", "b")]),
            Some(2.0)
        );
        assert_eq!(metrics.get_labelled("r", &[("m", "c")]), None);
        assert_eq!(metrics.get("absent"), None);
    }

    #[test]
    fn the_number_of_samples_is_bounded() {
        let metrics = parse(&"a 1\n".repeat(MAX_SAMPLES + 10));
        assert_eq!((metrics.samples.len(), metrics.skipped), (MAX_SAMPLES, 10));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in r#"[a-z{}"=,\\ 0-9\n.#+é-]{0,120}"#) {
            let metrics = parse(&text);
            prop_assert!(metrics.samples.len() + metrics.skipped <= text.lines().count());
        }

        #[test]
        fn what_is_written_is_read_back(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
            labels in prop::collection::vec(("[a-zA-Z_][a-zA-Z0-9_]{0,10}", ".{0,20}"), 0..4),
            value in prop::num::f64::NORMAL | prop::num::f64::ZERO,
        ) {
            let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            // A carriage return is no line break in this format, but `lines` takes one before a line feed; none is here.
            let written: Vec<_> = labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escape(text))).collect();
            let metrics = parse(&format!("{name}{{{}}} {value:e}\n", written.join(",")));
            prop_assert_eq!(metrics.samples, vec![Sample { name, labels, value }]);
        }
    }
}
