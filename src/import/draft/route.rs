//! A path → the route that it belongs to: segments that name a thing become `*`. Pure.

use crate::import::mark;
use crate::traffic::route::{self, names_a_thing};

/// The route of a path; what stands for a secret names a thing, too.
pub(super) fn route(path: &str) -> String {
    route::route(path, |segment| {
        names_a_thing(segment) || mark::is_in(segment)
    })
}

/// Names of a query's parameters, in their order.
pub(super) fn keys(query: &str) -> String {
    let keys: Vec<&str> = query
        .split('&')
        .map(|pair| pair.split('=').next().unwrap_or_default())
        .collect();
    keys.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_query_are_its_names() {
        assert_eq!(keys("a=1&b&c=2=3"), "a&b&c");
    }
}
