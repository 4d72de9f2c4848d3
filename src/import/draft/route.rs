//! A path → the route that it belongs to: segments that name a thing become `*`. Pure.

use crate::import::mark;

/// The route of a path.
pub(super) fn route(path: &str) -> String {
    let segments: Vec<&str> = path
        .split('/')
        .map(|segment| if is_variable(segment) { "*" } else { segment })
        .collect();
    segments.join("/")
}

/// Names of a query's parameters, in their order.
pub(super) fn keys(query: &str) -> String {
    let keys: Vec<&str> = query
        .split('&')
        .map(|pair| pair.split('=').next().unwrap_or_default())
        .collect();
    keys.join("&")
}

/// Whether a segment names one thing of many: a number, an identifier, a long or an encoded text.
fn is_variable(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = segment.len() >= 8
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_number = digits > 0 && digits == segment.len();
    is_number
        || digits >= 3
        || (is_hex && digits > 0)
        || segment.len() > 40
        || segment.contains(['%', '|', ',', '{', ' '])
        || mark::is_in(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_that_name_a_thing_are_told_from_names() {
        for (path, is) in [
            ("/", "/"),
            ("/v1/items/4711", "/v1/items/*"),
            (
                "/users/7f3c9a52-0a1b-4c3d-9e8f-001122334455/orders",
                "/users/*/orders",
            ),
            (
                "/image/60844/productModel/200x200",
                "/image/*/productModel/*",
            ),
            ("/static/css/style.min.css", "/static/css/style.min.css"),
            ("/filter/27|13%20x,p53", "/filter/*"),
            ("/api/v2/cafe", "/api/v2/cafe"),
        ] {
            assert_eq!(route(path), is, "{path}");
        }
        assert_eq!(keys("a=1&b&c=2=3"), "a&b&c");
    }
}
