//! Which names stand before a credential: of headers, keys, fields of forms, parameters of a query and flags. Pure.

/// What a name of a credential holds, without regard to case and to what stands between its words.
const WITHIN: [&str; 30] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "pwd",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "accountkey",
    "subscriptionkey",
    "functionskey",
    "masterkey",
    "appkey",
    "encryptionkey",
    "signingkey",
    "sharedkey",
    "signature",
    "session",
    "sessid",
    "authorization",
    "authorisation",
    "cookie",
    "bearer",
    "jwt",
    "csrf",
    "xsrf",
];

/// Words of a name that are too short to be looked for within others.
const WORDS: [&str; 15] = [
    "auth",
    "xauth",
    "authentication",
    "pass",
    "pw",
    "sid",
    "sig",
    "otp",
    "pin",
    "hmac",
    "nonce",
    "psw",
    "cvv",
    "cvv2",
    "cvc",
];

/// Last words of names that tell something about a credential and hold none.
const ABOUT: [&str; 18] = [
    "type",
    "ttl",
    "expiry",
    "expires",
    "expiration",
    "in",
    "at",
    "url",
    "uri",
    "endpoint",
    "count",
    "length",
    "size",
    "policy",
    "error",
    "status",
    "description",
    "cost",
];

/// Whether what stands under this name usually is a credential.
pub fn is_sensitive_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut words = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let flat: String = words.clone().collect();
    let is_about = words
        .clone()
        .nth(1)
        .and_then(|_| words.clone().next_back())
        .is_some_and(|last| ABOUT.contains(&last));
    !is_about
        && (WITHIN.iter().any(|part| flat.contains(part))
            || words.any(|word| WORDS.contains(&word)))
}

/// Whether a whole line belongs to a header of this name, as of those whose values have several words.
pub(super) fn has_long_value(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("authorization") || name.ends_with("cookie")
}

/// Whether a parameter of this name is a credential in the query of a URL, but may be anything elsewhere.
pub(super) fn is_sensitive_in_query(name: &str) -> bool {
    ["key", "code", "state", "assertion"]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word))
}

/// Whether a number under this name counts credentials and is none.
pub(super) fn counts(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with('s')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials_are_told_from_names_about_them() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "Cookie",
            "Set-Cookie",
            "X-Session-Id",
            "sessionId",
            "PHPSESSID",
            "connect.sid",
            "access_token",
            "refreshToken",
            "client_secret",
            "X-Api-Key",
            "Ocp-Apim-Subscription-Key",
            "X-App-Key",
            "apikey",
            "X-Auth",
            "user.password",
            "pwd",
            "db-pass",
            "X-Amz-Signature",
            "X-Amz-Credential",
            "jwt",
            "csrfmiddlewaretoken",
            "otp",
            "psw",
            "card[cvv]",
        ] {
            assert!(is_sensitive_name(name), "{name}");
        }
        for name in [
            "X-Device-Id",
            "Content-Type",
            "author",
            "path",
            "token_type",
            "token_ttl",
            "expires_in",
            "passenger",
            "keyboard",
            "map_key",
            "id",
            "secret-size",
            "spin",
            "",
        ] {
            assert!(!is_sensitive_name(name), "{name}");
        }
    }
}
