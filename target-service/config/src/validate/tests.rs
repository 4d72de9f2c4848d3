//! What the configuration accepts, and what it says of the rest.

use proptest::prelude::*;

use jiff::SignedDuration;

use super::*;
use crate::auth::{Auth, DigestKind, Rbac};
use crate::key::Key;
use crate::store::StoreKind;

fn parse(json: &str) -> Result<Config, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn an_empty_object_is_the_default() {
    assert_eq!(parse("{}"), Ok(Config::default()));
    assert_eq!(Config::default().validate(), Ok(()));
}

#[test]
fn what_is_written_is_read_again() {
    let config = Config {
        cache_ttl: SignedDuration::from_millis(1500),
        local_ttl: Some(SignedDuration::from_secs(1)),
        digest: Some(DigestKind::HmacSha256),
        digest_key: Some(Key::random().unwrap()),
        ..Config::default()
    };
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(parse(&json), Ok(config));
}

#[test]
fn a_shared_store_has_keyed_digests() {
    for (json, digest) in [
        ("{}", DigestKind::Sha256),
        (r#"{"store":"redis://h"}"#, DigestKind::HmacSha256),
        (
            r#"{"store":"redis://h","digest":"sha256"}"#,
            DigestKind::Sha256,
        ),
        (r#"{"digest":"hmac-sha256"}"#, DigestKind::HmacSha256),
    ] {
        assert_eq!(parse(json).unwrap().digest(), digest, "{json}");
    }
}

#[test]
fn words_and_units() {
    let config =
        parse(r#"{"auth":"cached","rbac":"bitmask","store":"memory","cache_ttl":"250ms"}"#)
            .unwrap();
    assert_eq!(
        (config.auth, config.rbac, config.store),
        (Auth::Cached, Rbac::Bitmask, StoreKind::Memory)
    );
    assert_eq!(config.cache_ttl, SignedDuration::from_millis(250));
}

#[test]
fn unknown_keys_and_words_are_named() {
    for (json, named) in [
        (r#"{"cash_ttl":"30s"}"#, "cash_ttl"),
        (r#"{"auth":"magic"}"#, "magic"),
        (r#"{"store":"floppy"}"#, "floppy"),
        (r#"{"cache_ttl":30}"#, "30"),
    ] {
        let error = parse(json).unwrap_err();
        assert!(error.contains(named), "{json}: {error}");
    }
}

#[test]
fn refusals_name_the_key_and_the_remedy() {
    let check = |json: &str, key: &str, text: &str| {
        let error = parse(json).unwrap().validate().unwrap_err();
        assert_eq!(
            (error.key(), error.to_string().as_str()),
            (key, text),
            "{json}"
        );
    };
    check(
        r#"{"bcrypt_cost":3}"#,
        "bcrypt_cost",
        "bcrypt_cost = 3 is out of range, use 4 to 14",
    );
    check(
        r#"{"bcrypt_cost":32}"#,
        "bcrypt_cost",
        "bcrypt_cost = 32 is out of range, use 4 to 14",
    );
    check(
        r#"{"bcrypt_cost":20}"#,
        "bcrypt_cost",
        "bcrypt_cost: 20 would hold a CPU for seconds at every check (each step doubles it), use 4 to 14",
    );
    check(
        r#"{"cpus":0}"#,
        "cpus",
        "cpus = 0 is out of range, use 1 to 1024",
    );
    check(
        r#"{"cache_ttl":"-1s"}"#,
        "cache_ttl",
        "cache_ttl = \"1s ago\" is out of range, use \"1ms\" to \"24h\"",
    );
    for key in [
        "store_timeout",
        "cache_ttl",
        "token_ttl",
        "refusal_ttl",
        "body_timeout",
        "header_timeout",
        "idle_timeout",
    ] {
        check(
            &format!(r#"{{"{key}":"25h"}}"#),
            key,
            &format!("{key} = \"25h\" is out of range, use \"1ms\" to \"24h\""),
        );
    }
    for key in ["drain_requests", "drain_payloads"] {
        for (value, written) in [("-1s", "1s ago"), ("11m", "11m")] {
            check(
                &format!(r#"{{"{key}":"{value}"}}"#),
                key,
                &format!("{key} = \"{written}\" is out of range, use \"0s\" to \"10m\""),
            );
        }
    }
    check(
        r#"{"token_ttl":"1500ms"}"#,
        "token_ttl",
        "token_ttl: tokens count whole seconds; use one such as \"5m\"",
    );
    check(
        r#"{"local_ttl":"1s"}"#,
        "local_ttl",
        "local_ttl: the memory store is local already; leave it out, or use a redis store",
    );
    check(
        r#"{"store_prefix":"a b"}"#,
        "store_prefix",
        "store_prefix: use 1 to 64 letters, digits, `-`, `_`, `.` and `:`",
    );
    check(
        r#"{"store":"redis://h","store_prefix":"run:","digest":"hmac-sha256"}"#,
        "digest_key",
        "digest_key: instances that share a store_prefix need one key, or they evict each other's digests; give all the same, or leave store_prefix out",
    );
    check(
        r#"{"cache_jitter_percent":51}"#,
        "cache_jitter_percent",
        "cache_jitter_percent = 51 is out of range, use 0 to 50",
    );
    check(
        r#"{"extra_work":10000001}"#,
        "extra_work",
        "extra_work = 10000001 is out of range, use 0 to 10000000",
    );
    for (alone, lacks) in [
        (r#"{"slow_one_in":100}"#, "slow_by"),
        (r#"{"slow_by":"5ms"}"#, "slow_one_in"),
    ] {
        let why = "`slow_one_in` says which requests are slow, and `slow_by` how slow; give both or neither";
        check(alone, lacks, &format!("{lacks}: {why}"));
    }
    check(
        r#"{"header_limit_kib":4}"#,
        "header_limit_kib",
        "header_limit_kib = 4 is out of range, use 8 to 1024",
    );
    for (key, high) in [
        ("bcrypt_queue", "65536"),
        ("refusals", "1000000"),
        ("device_checks", "60000"),
        ("device_burst", "60000"),
        ("unproven_threads", "1024"),
        ("unproven_queue", "65536"),
        ("max_connections", "1000000"),
    ] {
        check(
            &format!(r#"{{"{key}":0}}"#),
            key,
            &format!("{key} = 0 is out of range, use 1 to {high}"),
        );
    }
    check(
        r#"{"user_kib":0}"#,
        "user_kib",
        "user_kib = 0 is out of range, use 1 to 65536",
    );
    check(
        r#"{"memory_limit":"1MiB"}"#,
        "memory_limit",
        "memory_limit: 1MiB is too little to start, use \"32MiB\" or more",
    );
    check(
        r#"{"body_limit_kib":0}"#,
        "body_limit_kib",
        "body_limit_kib = 0 is out of range, use 1 to 65536",
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".*") {
        if let Ok(config) = serde_json::from_str::<Config>(&text) {
            let _ = config.validate();
        }
    }

    #[test]
    fn any_duration_is_read_or_refused(text in "\\PC{0,20}") {
        let json = serde_json::json!({ "cache_ttl": text }).to_string();
        if let Ok(config) = serde_json::from_str::<Config>(&json) {
            let _ = config.validate();
        }
    }
}
