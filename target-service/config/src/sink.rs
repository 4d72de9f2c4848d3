//! Where payloads are kept, as a value. Nothing here opens a sink.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What a real object store does and a directory does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StandIn {
    /// Added to every upload.
    pub latency: Duration,
    /// Concurrent uploads beyond which it answers 503 SlowDown.
    pub capacity: Option<usize>,
}

/// A sink's address, not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the process: it ends with its gateway.
    Memory,
    /// A directory.
    File(PathBuf),
    /// A bucket.
    S3(Bucket),
}

/// Where a bucket is. Credentials are not part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Of the bucket.
    pub name: String,
    /// Of every object, without a slash at either end.
    pub prefix: String,
    /// Of an S3 other than Amazon's.
    pub endpoint: Option<String>,
    /// Of the bucket, where the environment's is not meant.
    pub region: Option<String>,
}

impl Location {
    /// Reads `memory`, `file:///directory` or `s3://bucket/prefix`.
    ///
    /// # Errors
    ///
    /// What it is not, and what may be written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = || {
            // Behind these a URL has a password or a signature.
            let shown = match text.contains(['@', '?', '#']) {
                true => "this".to_owned(),
                false => format!("{text:?}"),
            };
            format!(
                "{shown} is not a sink; use \"memory\", \"file:///directory\" or \"s3://bucket/prefix\""
            )
        };
        if text == "memory" {
            return Ok(Self::Memory);
        }
        if let Some(path) = text.strip_prefix("file://") {
            // Two slashes would make the first directory a host name.
            return if path.starts_with('/') {
                Ok(Self::File(path.into()))
            } else {
                Err(refuse())
            };
        }
        let rest = text.strip_prefix("s3://").ok_or_else(refuse)?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if name.is_empty() || !name.chars().all(known) {
            return Err(refuse());
        }
        let prefix = key_prefix(prefix).ok_or_else(refuse)?;
        Ok(Self::S3(Bucket {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            ..Bucket::default()
        }))
    }

    /// Adds what leads to a bucket; the other sinks need nothing.
    ///
    /// # Errors
    ///
    /// An endpoint that is none, or that has credentials.
    pub fn with_access(
        mut self,
        endpoint: Option<&str>,
        region: Option<&str>,
    ) -> Result<Self, String> {
        if let Some(endpoint) = endpoint {
            check_endpoint(endpoint)?;
        }
        if let Self::S3(bucket) = &mut self {
            bucket.endpoint = endpoint.map(str::to_owned);
            bucket.region = region.map(str::to_owned);
        }
        Ok(self)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::File(path) => write!(f, "file://{}", path.display()),
            Self::S3(bucket) => write!(f, "s3://{}/{}", bucket.name, bucket.prefix),
        }
    }
}

/// The prefix without the slash at either end; nothing if an object below it could not be named.
fn key_prefix(text: &str) -> Option<&str> {
    let text = text.strip_prefix('/').unwrap_or(text);
    if text.is_empty() {
        return Some(text);
    }
    let text = text.strip_suffix('/').unwrap_or(text);
    let names = |segment: &str| {
        !matches!(segment, "" | "." | "..") && !segment.contains(|c: char| c.is_ascii_control())
    };
    text.split('/').all(names).then_some(text)
}

/// Refuses what is not an endpoint, and credentials in one.
///
/// # Errors
///
/// What is wrong with it, and the remedy.
pub fn check_endpoint(endpoint: &str) -> Result<(), String> {
    let rest = endpoint
        .strip_prefix("http://")
        .or_else(|| endpoint.strip_prefix("https://"));
    let authority = rest
        .unwrap_or_default()
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
    if authority.contains('@') {
        return Err(
            "credentials do not belong in a URL; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
                .to_owned(),
        );
    }
    if authority.is_empty() {
        return Err(format!(
            "{endpoint:?} is not an endpoint; write one such as \"http://127.0.0.1:9000\""
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        for good in [
            "http://127.0.0.1:9000",
            "https://s3.example/path",
            "http://[::1]:9000",
        ] {
            assert_eq!(check_endpoint(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:9000",
            "ftp://host",
            "http://",
            "https:///x",
            "http://u:p@host",
            "http://u@host/x",
        ] {
            assert!(check_endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sinks_are_parsed() {
        for (text, shown) in [
            ("memory", "memory"),
            ("file:///tmp/x y", "file:///tmp/x y"),
            ("s3://bucket", "s3://bucket/"),
            ("s3://bucket/a/b/", "s3://bucket/a/b"),
            ("s3://bucket//a", "s3://bucket/a"),
            ("s3://bucket//", "s3://bucket/"),
        ] {
            assert_eq!(Location::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            "disk",
            "file://tmp",
            "file:/tmp",
            "s3://",
            "s3:///x",
            "s3://u@b",
            "s3://b/a//b",
            "s3://b/a/../b",
            "s3://b/a//",
            "s3://b/./a",
            "s3://b///",
            "s3://b/a\nb",
        ] {
            let error = Location::parse(text).unwrap_err();
            assert!(
                error.contains("use \"memory\", \"file:///directory\" or \"s3://bucket/prefix\""),
                "{text}: {error}"
            );
        }
        for text in [
            "s3://user:hush@b",
            "s3://user:a#hush/b",
            "s3:/b?Signature=hush",
        ] {
            let error = Location::parse(text).unwrap_err();
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
