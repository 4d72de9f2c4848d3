//! How a secret that is known looks when it is written in other ways: percent-encoded, escaped in JSON, in base64 and in
//! hexadecimal digits. Pure.

use std::fmt::Write;

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
    for encode in [percent as fn(&[u8]) -> String, every_percent, hex] {
        let form = encode(secret);
        forms.push(form.to_ascii_lowercase().into_bytes());
        forms.push(form.into_bytes());
    }
    if let Ok(text) = std::str::from_utf8(secret) {
        let quoted = serde_json::Value::from(text).to_string();
        forms.push(quoted[1..quoted.len() - 1].into());
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
    bytes.iter().fold(String::new(), |mut text, &byte| {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if is_plain {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string takes all that is written");
        }
        text
    })
}

fn every_percent(secret: &[u8]) -> String {
    let bytes = secret.iter().map(|byte| format!("%{byte:02X}"));
    bytes.collect()
}

fn hex(secret: &[u8]) -> String {
    let bytes = secret.iter().map(|byte| format!("{byte:02X}"));
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let secret = "hush \"4711\"/+?";
        for said in [
            "hush \"4711\"/+?",
            "hush%20%224711%22%2F%2B%3F",
            "hush%20%224711%22%2f%2b%3f",
            "%68%75%73%68%20%22%34%37%31%31%22%2F%2B%3F",
            "hush \\\"4711\\\"/+?",
            "6875736820223437313122 2F2B3F".replace(' ', "").as_str(),
            "68757368202234373131222f2b3f",
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
