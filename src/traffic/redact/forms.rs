//! How a secret that is known looks when it is written in other ways: percent-encoded, escaped in JSON, in base64 and in
//! hexadecimal digits. Pure.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::REDACTED;

/// Shorter forms would blank out ordinary text.
const SHORTEST: usize = 6;
/// Longer texts are no credentials; what they hold is looked for in its plain form.
const LONGEST: usize = 8 << 10;

/// The other ways in which a secret may be written; none that is the secret itself.
pub(crate) fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    if secret.len() > LONGEST {
        return Vec::new();
    }
    let mut forms = Vec::new();
    for case in [Case::Upper, Case::Lower] {
        for plain in PLAIN {
            let form = percent_but(secret, plain, case);
            // As forms of pages have it.
            forms.push(form.replace("%20", "+").into_bytes());
            forms.push(form.into_bytes());
        }
        let every = secret
            .iter()
            .map(|&byte| format!("%{}", digits(byte, case)));
        forms.push(every.collect::<String>().into_bytes());
        let hex = secret.iter().map(|&byte| digits(byte, case));
        forms.push(hex.collect::<String>().into_bytes());
    }
    if let Ok(text) = std::str::from_utf8(secret) {
        let quoted = serde_json::Value::from(text).to_string();
        let quoted = &quoted[1..quoted.len() - 1];
        forms.push(quoted.into());
        forms.push(quoted.replace('/', "\\/").into_bytes());
        let careful = [('&', "\\u0026"), ('<', "\\u003c"), ('>', "\\u003e")];
        forms.push(replaced(quoted, &careful).into_bytes());
        for apostrophe in ["'", "&#39;", "&#x27;", "&apos;"] {
            for quote in ["&quot;", "&#34;"] {
                let entities = [
                    ('&', "&amp;"),
                    ('<', "&lt;"),
                    ('>', "&gt;"),
                    ('"', quote),
                    ('\'', apostrophe),
                ];
                forms.push(replaced(text, &entities).into_bytes());
            }
        }
    }
    for before in 0..3 {
        // Beside other bytes, such as a user's name: the digits that the secret alone decides.
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret);
        let skipped = (before * 8).div_ceil(6);
        let whole = bytes.len() * 8 / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let digits = engine.encode(&bytes);
            forms.extend(digits.get(skipped..whole).map(Vec::from));
        }
    }
    forms.retain(|form| form.len() >= SHORTEST && form != secret);
    forms.sort();
    forms.dedup();
    forms
}

/// A text without secrets, however they are written in it.
pub(crate) fn without_known<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let mut shown = text.to_owned();
    for secret in secrets.into_iter().filter(|secret| secret.len() >= 4) {
        shown = shown.replace(secret, REDACTED);
        for form in forms(secret.as_bytes()) {
            shown = shown.replace(&*String::from_utf8_lossy(&form), REDACTED);
        }
    }
    shown
}

/// Percent-encoded but for letters, digits and `-._~` (RFC 3986 2.3).
pub(crate) fn percent(bytes: &[u8]) -> String {
    percent_but(bytes, PLAIN[0], Case::Upper)
}

/// Of hexadecimal digits.
#[derive(Clone, Copy)]
enum Case {
    Upper,
    Lower,
}

/// What encoders leave as it is beside letters and digits: RFC 3986; the same in a path; forms of pages; `encodeURIComponent`; `encodeURI`.
const PLAIN: [&[u8]; 5] = [
    b"-._~",
    b"-._~/",
    b"-._*",
    b"-._~!'()*",
    b"-._~!'()*;,/?:@&=+$#",
];

fn percent_but(bytes: &[u8], plain: &[u8], case: Case) -> String {
    bytes.iter().fold(String::new(), |mut text, &byte| {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push_str(&digits(byte, case));
        }
        text
    })
}

fn digits(byte: u8, case: Case) -> String {
    match case {
        Case::Upper => format!("{byte:02X}"),
        Case::Lower => format!("{byte:02x}"),
    }
}

/// A text with other words for some characters.
fn replaced(text: &str, instead: &[(char, &str)]) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match instead.iter().find(|(of, _)| *of == c) {
            Some((_, word)) => out.push_str(word),
            None => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let secret = "Hush \"4711\"/+?";
        for said in [
            "Hush \"4711\"/+?",
            "Hush%20%224711%22%2F%2B%3F",
            "Hush%20%224711%22%2f%2b%3f",
            "Hush%20%224711%22/%2B%3F",
            "Hush%20%224711%22/+?",
            "Hush+%224711%22%2F%2B%3F",
            "%48%75%73%68%20%22%34%37%31%31%22%2F%2B%3F",
            "Hush \\\"4711\\\"/+?",
            "Hush \\\"4711\\\"\\/+?",
            "Hush &quot;4711&quot;/+?",
            "4875736820223437313122 2F2B3F".replace(' ', "").as_str(),
            "48757368202234373131222f2b3f",
        ] {
            let shown = without_known(&format!("before {said} behind"), [secret]);
            assert_eq!(shown, format!("before {REDACTED} behind"), "{said}");
        }
    }

    proptest! {
        #[test]
        fn base64_hides_it_beside_anything(before in "[a-z:]{0,9}", secret in "[a-z0-9!]{8,20}", behind in "[a-z]{0,9}") {
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let said = engine.encode(format!("{before}{secret}{behind}"));
                let shown = without_known(&said, [secret.as_str()]);
                prop_assert!(shown.contains(REDACTED), "{} in {}", said, shown);
                // What is left is less than one whole character of the secret at each end.
                let left: usize = shown.split(REDACTED).map(str::len).sum();
                prop_assert!(left <= (before.len() + behind.len()).div_ceil(3) * 4 + 8);
            }
        }

        #[test]
        fn any_bytes_have_forms(secret in proptest::collection::vec(any::<u8>(), 0..40)) {
            let forms = forms(&secret);
            prop_assert!(forms.iter().all(|form| form.len() >= SHORTEST && *form != secret));
        }
    }
}
