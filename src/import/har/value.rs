//! Values of an archive as producers write them.

use serde_json::Value;

/// A whole number that may be written as any number, or as a text.
pub(super) fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => {
            let float = || number.as_f64().filter(|float| *float >= 0.0);
            number
                .as_u64()
                .or_else(|| float().map(|float| float as u64))
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The text under a key.
pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}
