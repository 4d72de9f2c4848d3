//! A bucket. Credentials come from the environment's usual variables, else from the machine's role, and go nowhere else.

use std::sync::Arc;
use std::time::Duration;

use bucket_client::{Guard, Way};
use gateway_config::{Bucket, Environment, check_endpoint};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::error::SinkError;

/// What is read from the environment; what the configuration says goes before.
const VARIABLES: [&str; 11] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
];
const SECRETS: [&str; 3] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// Of one attempt, its body included.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the bucket; the second value is what must not appear in messages. It does not ask the server yet.
pub(super) fn open(
    bucket: &Bucket,
    environment: Environment<'_>,
) -> Result<(Arc<dyn ObjectStore>, Vec<String>), SinkError> {
    let secrets: Vec<String> = SECRETS.into_iter().filter_map(environment).collect();
    let refuse = |error: object_store::Error| SinkError::from_words(&error.to_string(), &secrets);
    let mut builder = AmazonS3Builder::new();
    for name in VARIABLES {
        if let Some(value) = environment(name) {
            let key: AmazonS3ConfigKey = name.to_ascii_lowercase().parse().map_err(refuse)?;
            builder = builder.with_config(key, value);
        }
    }
    if let Some(region) = &bucket.region {
        builder = builder.with_region(region);
    }
    let mut guard = Guard {
        timeout: TIMEOUT,
        connect_timeout: CONNECT_TIMEOUT,
        way: Way::Usual,
    };
    let mut client = ClientOptions::new();
    let endpoint = bucket
        .endpoint
        .clone()
        .or_else(|| environment("AWS_ENDPOINT_URL_S3"))
        .or_else(|| environment("AWS_ENDPOINT_URL"));
    if let Some(endpoint) = &endpoint {
        check_endpoint(endpoint).map_err(SinkError)?;
        builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
        client = client.with_allow_http(endpoint.starts_with("http://"));
        guard.way = Way::to(endpoint);
    }
    let store = builder
        .with_bucket_name(&bucket.name)
        .with_client_options(client)
        .with_http_connector(guard)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_retry(no_retries())
        .build()
        .map_err(refuse)?;
    Ok((Arc::new(store), secrets))
}

/// Retries have one place, the uploader, which counts them, ends them at the stop, and also covers time-outs, after
/// which this library would not create an object again.
fn no_retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 0,
        retry_timeout: TIMEOUT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_credential_is_refused_without_quoting_it() {
        let bucket = Bucket {
            name: "b".into(),
            ..Bucket::default()
        };
        let only = |name: &str| (name == "AWS_SECRET_ACCESS_KEY").then(|| "hush".to_owned());
        let error = open(&bucket, &only).err().unwrap().to_string();
        assert!(
            error.contains("AccessKeyId") && !error.contains("hush"),
            "{error}"
        );
    }
}
