//! Names of HTTP: of methods and header fields.

/// Fields of which a server takes one (RFC 9110 and RFC 6265).
const ONCE: [&str; 16] = [
    "authorization",
    "content-encoding",
    "content-location",
    "content-range",
    "content-type",
    "date",
    "expect",
    "from",
    "host",
    "if-modified-since",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "proxy-authorization",
    "referer",
    "user-agent",
];

/// Whether a text is a token (RFC 9110, 5.6.2), as methods and names of headers are.
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Whether a server takes one field of this name; `Cookie` is another matter, for a request may have several of its pairs.
pub fn is_once(name: &str) -> bool {
    ONCE.iter().any(|once| once.eq_ignore_ascii_case(name))
}
