//! Formats that have a name.

use super::format::Format;

/// Names and lines; of those that fit as well the first is taken, so the longer ones stand first. What stands before the time of
/// `combined` is one column: a user's name may have blanks, and collectors of logs write words of their own in front.
const FORMATS: [(&str, &str); 8] = [
    (
        "apache with hosts",
        r#"%v %h %l %u [%t] "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#,
    ),
    ("apache with hosts", r#"%v %h %l %u [%t] "%r" %>s %b"#),
    (
        "combined",
        r#"%h [%t] "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#,
    ),
    ("common", r#"%h [%t] "%r" %>s %b"#),
    (
        "envoy",
        r#"[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%""#,
    ),
    (
        "envoy",
        r#"[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%""#,
    ),
    // Its two sizes hold the headers, so neither is that of a body.
    (
        "alb",
        r#"$type $time_iso8601 $elb $remote_addr $target $processing $target_time $response_time $status $target_status $received $sent "$request" "$http_user_agent""#,
    ),
    (
        "elb",
        r#"$time_iso8601 $elb $remote_addr $backend $processing $backend_time $response_time $status $backend_status $received $sent "$request" "$http_user_agent""#,
    ),
];

/// All of them.
pub(super) fn all() -> Vec<Format> {
    let formats = FORMATS
        .iter()
        .filter_map(|(name, line)| Format::named(name, line).ok());
    formats.collect()
}

/// Those of a name.
pub(super) fn named(name: &str) -> Vec<Format> {
    let mut all = all();
    all.retain(|format| format.name() == name);
    all
}
