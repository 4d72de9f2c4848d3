//! A path → the route that it belongs to: segments that name a thing become `*`. Pure.

/// The route of a path, by what tells segments that name a thing, such as [`names_a_thing`].
pub fn route(path: &str, names_a_thing: impl Fn(&str) -> bool) -> String {
    let segments = path.split('/');
    let segments: Vec<&str> = segments
        .map(|segment| if names_a_thing(segment) { "*" } else { segment })
        .collect();
    segments.join("/")
}

/// Whether a segment names one thing of many: a number, an identifier, a long or an encoded text.
pub fn names_a_thing(segment: &str) -> bool {
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
            assert_eq!(route(path, names_a_thing), is, "{path}");
        }
    }
}
